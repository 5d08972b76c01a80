// Measures what process.memoryUsage() shows of MeMS memory, in a process of its own: node bench/gc/usage.js bytes
//
// Prints as JSON how far each figure has grown, in bytes: when blocks of this many bytes are written, and when there is a view of
// them as well; and how many milliseconds the first view of the heap takes, with a million live objects.

'use strict';

const { Heap } = require('@sambhav-gautam/osmemoryallocator');

const bytes = Number(process.argv[2]);
const objects = Array.from({ length: 1e6 }, (_, index) => ({ index, text: `object ${index}` }));
const heap = new Heap();
// What a heap needs once is made before.
heap.free(heap.malloc(16));

function usage() {
  global.gc();
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return { rss, heapUsed, external, arrayBuffers };
}

const before = usage();
const grown = () =>
  Object.fromEntries(Object.entries(usage()).map(([name, now]) => [name, now - before[name]]));

const block = heap.malloc(bytes);
heap.fill(block, 1);
const written = grown();
const begun = process.hrtime.bigint();
const view = heap.view(block);
const ms = Number(process.hrtime.bigint() - begun) / 1e6;
const viewed = grown();
const shared = !(view.buffer instanceof ArrayBuffer);
const { version } = process;
console.log(
  JSON.stringify({ node: version, objects: objects.length, shared, written, viewed, ms }),
);
