'use strict';

// Heap files of a test file, in a folder that is removed when its tests have ended.

const { after } = require('node:test');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-adapters-'));
const heaps = [];

after(() => {
  for (const heap of heaps) heap.close();
  fs.rmSync(folder, { recursive: true });
});

/** Opens a new heap file. */
function newHeap() {
  const heap = Heap.open(path.join(folder, `${heaps.length}.mems`));
  heaps.push(heap);
  return heap;
}

/** Waits until a condition holds: for what the passing of time brings about. */
async function until(holds) {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 1));
}

module.exports = { folder, newHeap, until };
