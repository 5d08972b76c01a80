// Facts under a title, as mems inspect prints them.

'use strict';

const { wrap } = require('./text.js');

/** Facts side by side as far as the line has room, below each other after that. A fact is not broken. */
function facts(title, texts, { width, paint }) {
  const indent = ' '.repeat(13);
  // No-break spaces hold a fact together.
  const kept = texts
    .map((text) => `${text.replaceAll(' ', '\u00a0')}${text.endsWith(',') ? '' : '\u00a0\u00a0'}`)
    .join(' ');
  const lines = wrap(`  ${title.padEnd(11)}${kept}`, width, indent);
  return lines
    .map((line) => line.replaceAll('\u00a0', ' ').trimEnd())
    .map((line, at) => {
      return at === 0 ? `  ${paint.bold(title.padEnd(11))}${line.slice(13)}` : line;
    });
}

module.exports = { facts };
