// What the reader of an exercise must know about how its results came about, as sentences: which rules are not those of MeMS.

'use strict';

const { beyondLibrary } = require('./memory.js');
const { plural } = require('./numbers.js');

/** How a list of holes is kept, where that is not in order of address. */
const KEPT = {
  size: 'The list of holes is sorted by size, the smallest first.',
  'size-down': 'The list of holes is sorted by size, the largest first.',
  front: 'Freed holes go to the front of the list.',
  back: 'Freed holes go to the back of the list.',
};

function notesOf({ header = 0, alignment = 1, order = 'address', coalesce = true }) {
  const rules = { header, alignment, order, coalesce };
  const said = [
    header > 0 && `Each block has a header of ${plural(header, 'byte')} before it.`,
    alignment > 1 && `Sizes are rounded up to multiples of ${alignment}.`,
    KEPT[order],
    !coalesce && 'Neighbouring holes are not coalesced.',
  ].filter(Boolean);
  if (said.length === 0) return [];
  return [
    said.join(' '),
    `Worked out by a model of a free list, not by the library: MeMS has no ${beyondLibrary(rules).join(', no ')}.`,
  ];
}

module.exports = { notesOf };
