// Counts what a trace asks for, whatever heap serves it: calls, bytes and blocks that are live, and their peak.
//
// Costs a few ns an operation, and 8 bytes a block.

'use strict';

const { KIND } = require('./operations.js');

class Tally {
  calls = { malloc: 0, free: 0, realloc: 0 };
  live = { bytes: 0, blocks: 0 };
  /** At the operation at which the most bytes were live. */
  peak = { bytes: 0, blocks: 0, operation: 0 };
  operations = 0;
  sizes = new Float64Array(1024);

  add({ count, kind, block, size }) {
    const { calls, live, peak } = this;
    for (let at = 0; at < count; at++) {
      this.operations += 1;
      const id = block[at];
      if (id >= this.sizes.length) {
        const longer = new Float64Array(2 * id);
        longer.set(this.sizes);
        this.sizes = longer;
      }
      live.bytes += size[at] - this.sizes[id];
      this.sizes[id] = size[at];
      if (kind[at] === KIND.malloc) {
        calls.malloc += 1;
        live.blocks += 1;
      } else if (kind[at] === KIND.free) {
        calls.free += 1;
        live.blocks -= 1;
      } else calls.realloc += 1;
      if (live.bytes <= peak.bytes) continue;
      peak.bytes = live.bytes;
      peak.blocks = live.blocks;
      peak.operation = this.operations;
    }
  }
}

module.exports = { Tally };
