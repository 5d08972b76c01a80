'use strict';

// What tests look at of a heap's front (lib/front.js), which programs do not see.

/** The front of a heap. */
function frontOf(heap) {
  const symbols = Object.getOwnPropertySymbols(heap);
  return heap[symbols.find(({ description }) => description === 'front')];
}

module.exports = { frontOf };
