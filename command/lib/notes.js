// What the reader of an exercise must know about how its results came about, as sentences: which rules are not those of MeMS.

'use strict';

const { beyondLibrary } = require('./memory.js');

function notesOf({ header = 0, alignment = 1, order = 'address', coalesce = true }) {
  const rules = { header, alignment, order, coalesce };
  const said = [
    header > 0 && `Each block has a header of ${header} bytes before it.`,
    alignment > 1 && `Sizes are rounded up to multiples of ${alignment}.`,
    order !== 'address' && `The list of holes is kept by ${order}.`,
    !coalesce && 'Neighbouring holes are not coalesced.',
  ].filter(Boolean);
  if (said.length === 0) return [];
  return [
    said.join(' '),
    `Worked out by a model of a free list, not by the library: MeMS has no ${beyondLibrary(rules).join(', no ')}.`,
  ];
}

module.exports = { notesOf };
