// Kinds of events, as recordings number them: `main` and `block` say what was there at the beginning of a recording; the others are
// operations.

'use strict';

const KIND = {
  main: 0,
  block: 1,
  malloc: 2,
  free: 3,
  realloc: 4,
  refusedMalloc: 5,
  refusedRealloc: 6,
  grow: 7,
  trim: 8,
  mark: 9,
};

module.exports = { KIND };
