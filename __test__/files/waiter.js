'use strict';

// A process that waits for words of a heap file without sleeping: node waiter.js FILE JOB [COUNT]. The block that the root `words` names
// has two numbers of four bytes.

const { Heap } = require('@sambhav-gautam/osmemoryallocator');

const [file, job, count] = process.argv.slice(2);
const heap = Heap.open(file, { create: false });
const words = heap.roots.get('words');
const numbers = heap.view(words, Int32Array);

const JOBS = {
  /** Waits for each number of the first word in turn, and stores it in the second. */
  async answer() {
    for (let turn = 0; turn < Number(count); turn++) {
      await heap.waitAsync(words, turn);
      if (numbers[0] !== turn + 1) throw new Error(`${numbers[0]} instead of ${turn + 1}`);
      numbers[1] = turn + 1;
      heap.notify(words);
    }
  },

  /** Waits once, with nothing else to do, and says how that has ended. */
  async once() {
    console.log(await heap.waitAsync(words, 0));
  },

  /** Exits while it waits. */
  async exit() {
    heap.waitAsync(words, 0);
    process.exit(7);
  },
};

JOBS[job]();
