// What a thread knows of heaps, by their own ids, which a default heap has as well, so that the next default heap is another one.
//
// Another thread or C may close a heap, and nothing says so. Ended heaps are looked for when the map has twice as many as were there
// after the last search, so that the map has at most twice the open ones, or 64.
//
// Costs: amortized, a look at two heaps for each one that is added.

'use strict';

const binding = require('../binding.js');

const LEAST = 64;

class HeapMap extends Map {
  constructor() {
    super();
    this.most = LEAST;
  }

  set(id, value) {
    super.set(id, value);
    if (this.size > this.most) this.forgetEnded();
    return this;
  }

  forgetEnded() {
    for (const id of this.keys()) {
      try {
        binding.heapState(id);
      } catch (_) {
        this.delete(id);
      }
    }
    this.most = Math.max(LEAST, 2 * this.size);
  }
}

module.exports = { HeapMap };
