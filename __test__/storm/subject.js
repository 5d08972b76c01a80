'use strict';

// Blocks as what the storm is about (main.js): each worker has a table of its own, and looks at blocks that stay as they are.

const { checkAll } = require('./check.js');
const { Steps, checkStable } = require('./steps.js');
const { Table, found } = require('./table.js');

const STABLE = 40;

class Subject {
  constructor(random) {
    this.random = random;
    this.options = random.chance(0.2) ? { zeroOnFree: true } : {};
    /** How many of a hundred blocks are large. Where there are some, the file grows all the time. */
    this.large = random.pick([1, 1, 6]);
  }

  /** What workers are told. */
  get told() {
    return { stable: this.stable, large: this.large };
  }

  get shape() {
    return '';
  }

  /** Makes what the workers need. Returns the words that all have in common: the first says that they are to stop. */
  prepare(heap, owners) {
    this.owners = owners;
    const control = heap.malloc(16);
    heap.fill(control, 0);
    heap.roots.set('control', control);
    for (const owner of owners) Table.make(heap, owner);
    this.stable = Array.from({ length: STABLE }, (_, i) => {
      const size = this.random.size();
      const address = heap.malloc(size);
      heap.fill(address, i + 1, size);
      return { address, size, byte: i + 1 };
    });
    this.others = [{ address: control, size: 16 }, ...this.stable];
    return heap.view(control, Uint32Array, 4);
  }

  noteDeath() {}

  /** Checks all of the file, when all processes have ended. */
  check(heap) {
    return checkAll(heap, this.owners, this.others, this.options.zeroOnFree);
  }
}

/** Begins the work of a worker. Returns a function that does one operation. */
function begin({ heap, owner, random, options, told }) {
  const table = new Table(heap, owner);
  table.settle();
  const steps = new Steps(table, random, { clears: options.zeroOnFree, large: told.large });
  let done = 0;
  return () => {
    steps.step();
    if (done++ % 8 === 0) checkStable(heap, told.stable, random, found);
  };
}

module.exports = { Subject, begin };
