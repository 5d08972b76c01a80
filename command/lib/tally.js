// Counts what a program asks for, whatever heap serves it: calls, bytes and blocks that are live, and their peak.
//
// An operation is whatever a trace has a line for, or a recording an event: growth, trims and marks as well. Blocks that were there when
// a recording began are live from the start, and no calls. Costs a few ns an operation, and 8 bytes a block.

'use strict';

const { KIND } = require('./operations.js');
const { NO_BLOCK } = require('./recorded.js');

class Tally {
  calls = { malloc: 0, free: 0, realloc: 0, refused: 0 };
  /** Other events of a recording, and the bytes of main blocks that were appended. */
  events = { grow: 0, grown: 0, trim: 0, mark: 0 };
  /** What was there when a recording began. */
  initial = { blocks: 0, bytes: 0, mainBlocks: 0, mapped: 0 };
  live = { bytes: 0, blocks: 0 };
  /** At the operation after which the most bytes were live. */
  peak = { bytes: 0, blocks: 0, operation: 0 };
  operations = 0;
  sizes = new Float64Array(1024);

  add({ count, kind, block, size }) {
    for (let at = 0; at < count; at++) {
      const is = kind[at];
      if (is > KIND.block) this.operations += 1;
      switch (is) {
        case KIND.malloc:
          this.calls.malloc += 1;
          this.live.blocks += 1;
          this.resize(block[at], size[at]);
          break;
        case KIND.free:
          this.calls.free += 1;
          // Nothing is known of a block whose malloc is missing.
          if (block[at] === NO_BLOCK) break;
          this.live.blocks -= 1;
          this.resize(block[at], 0);
          break;
        case KIND.realloc:
          this.calls.realloc += 1;
          if (block[at] !== NO_BLOCK) this.resize(block[at], size[at]);
          break;
        default:
          this.addEvent(is, block[at], size[at]);
      }
    }
  }

  addEvent(is, block, size) {
    const { calls, events, initial } = this;
    if (is === KIND.refusedMalloc || is === KIND.refusedRealloc) calls.refused += 1;
    else if (is === KIND.trim) events.trim += 1;
    else if (is === KIND.mark) events.mark += 1;
    else if (is === KIND.grow) {
      events.grow += 1;
      events.grown += size;
    } else if (is === KIND.main) {
      initial.mainBlocks += 1;
      initial.mapped += size;
    } else if (is === KIND.block) {
      initial.blocks += 1;
      initial.bytes += size;
      this.live.blocks += 1;
      this.resize(block, size);
    }
  }

  /** Makes a block `size` bytes long. */
  resize(id, size) {
    if (id >= this.sizes.length) {
      const longer = new Float64Array(2 * id);
      longer.set(this.sizes);
      this.sizes = longer;
    }
    const { live, peak } = this;
    live.bytes += size - this.sizes[id];
    this.sizes[id] = size;
    if (live.bytes <= peak.bytes) return;
    peak.bytes = live.bytes;
    peak.blocks = live.blocks;
    peak.operation = this.operations;
  }
}

module.exports = { Tally };
