// What the process has, and how much more of it there may be after a while.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const fs = require('fs');
const { Heap } = require('../..');
const { rss } = require('../helpers/rss.js');

/** How much more there may be at the end than after a quarter of the run: far more than noise, far less than a leak. */
const MOST_GROWTH = { rss: 512 * 2 ** 20, mappings: 3000 };

// Where buffers can be moved and foreign memory cannot be shared, the address space under a view is never unmapped: the
// heaps that end there are counted.
const keepsWindows = typeof ArrayBuffer.prototype.transfer === 'function' && windowIsArrayBuffer();
const MOST_ENDS = keepsWindows ? 4000 : Infinity;

function windowIsArrayBuffer() {
  const heap = new Heap();
  const { buffer } = heap.view(heap.malloc(1));
  heap.close();
  return buffer instanceof ArrayBuffer;
}

const collect = typeof Bun !== 'undefined' ? () => Bun.gc(true) : () => global.gc?.();

function measure() {
  let mappings = 0;
  try {
    mappings = fs.readFileSync('/proc/self/maps', 'latin1').split('\n').length;
  } catch {
    // Only Linux tells.
  }
  return { rss: rss(), mappings };
}

/** Compares what was measured after a quarter of the run with what is at the end. */
function checkGrowth(before, after) {
  for (const [name, most] of Object.entries(MOST_GROWTH)) {
    const growth = after[name] - before[name];
    const allowed = most + (name === 'mappings' && keepsWindows ? MOST_ENDS : 0);
    if (growth > allowed) throw new Error(`${name} grew from ${before[name]} to ${after[name]}`);
  }
}

module.exports = { MOST_ENDS, checkGrowth, collect, keepsWindows, measure };
