// Text in HTML and SVG.

'use strict';

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** A text as an element or an attribute in double quotes has it. */
const escaped = (text) => text.replace(/[&<>"]/g, (letter) => ESCAPES[letter]);

module.exports = { escaped };
