// What is in a trace: how large blocks are, how long they live, which are never freed. Costs 4 bytes a malloc and a few a block.

'use strict';

const { KIND } = require('./operations.js');
const { NO_BLOCK } = require('./recorded.js');

/** A block that lives for this many operations or fewer is temporary. */
const TEMPORARY = 10;
/** When a block was allocated that is older than its recording. */
const OLDER = -1;

/** Whole numbers, kept until their distribution is asked for. */
class Numbers {
  values = new Uint32Array(1024);
  length = 0;

  add(value) {
    if (this.length === this.values.length) {
      const longer = new Uint32Array(2 * this.length);
      longer.set(this.values);
      this.values = longer;
    }
    // Sizes and lifetimes beyond this are as good as infinite.
    this.values[this.length++] = Math.min(value, 0xffff_ffff);
  }

  sorted() {
    return this.values.subarray(0, this.length).sort();
  }
}

/** The value below or at which this share of sorted values is; 0 if there is none. */
const quantile = (sorted, share) => {
  return sorted.length === 0 ? 0 : sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
};

class Census {
  sizes = new Map();
  /** Sizes of the blocks that were there when a recording began. */
  older = new Map();
  lifetimes = new Numbers();
  born = new Float64Array(1024);
  size = new Float64Array(1024);
  operation = 0;

  add({ count, kind, block, size }) {
    for (let at = 0; at < count; at++) {
      const is = kind[at];
      if (is > KIND.block) this.operation += 1;
      const isCall = is === KIND.malloc || is === KIND.free || is === KIND.realloc;
      const id = block[at];
      if ((!isCall && is !== KIND.block) || id === NO_BLOCK) continue;
      if (id >= this.born.length) this.grow(2 * id);
      if (is === KIND.free) {
        if (this.born[id] !== OLDER) this.lifetimes.add(this.operation - this.born[id]);
        this.born[id] = 0;
        continue;
      }
      this.size[id] = size[at];
      if (is === KIND.realloc) continue;
      this.born[id] = is === KIND.block ? OLDER : this.operation;
      const sizes = is === KIND.block ? this.older : this.sizes;
      sizes.set(size[at], (sizes.get(size[at]) ?? 0) + 1);
    }
  }

  grow(length) {
    for (const name of ['born', 'size']) {
      const longer = new Float64Array(length);
      longer.set(this[name]);
      this[name] = longer;
    }
  }

  /** The size below or at which this share of mallocs is. */
  sizeAt(sorted, mallocs, share) {
    let seen = 0;
    for (const [size, times] of sorted) {
      seen += times;
      if (seen >= share * mallocs) return size;
    }
    return 0;
  }

  result() {
    // A snapshot has no malloc, and blocks.
    const sizes = this.sizes.size > 0 ? this.sizes : this.older;
    const sorted = [...sizes].sort(([a], [b]) => a - b);
    const mallocs = sorted.reduce((sum, [, times]) => sum + times, 0);
    const most = [...sorted].sort(([a, first], [b, second]) => second - first || a - b);
    const lifetimes = this.lifetimes.sorted();
    const temporary = lifetimes.findLastIndex((operations) => operations <= TEMPORARY) + 1;
    let [blocks, bytes] = [0, 0];
    for (let id = 0; id < this.born.length; id++) {
      if (this.born[id] === 0) continue;
      blocks += 1;
      bytes += this.size[id];
    }
    const at = (share) => this.sizeAt(sorted, mallocs, share);
    return {
      neverFreed: { blocks, bytes },
      sizes: {
        median: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        largest: sorted.at(-1)?.[0] ?? 0,
        different: sorted.length,
        most: most.slice(0, 3).map(([size, times]) => ({ size, times, share: times / mallocs })),
      },
      lifetimes: {
        median: quantile(lifetimes, 0.5),
        p90: quantile(lifetimes, 0.9),
        p99: quantile(lifetimes, 0.99),
        longest: lifetimes.at(-1) ?? 0,
        temporary: mallocs === 0 ? 0 : temporary / mallocs,
      },
    };
  }
}

module.exports = { Census, TEMPORARY };
