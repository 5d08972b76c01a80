'use strict';

// A process that allocates and frees in the heap of a file without end: argument: the file's path. Prints its id when it has begun.

const { Heap } = require('../..');

const heap = Heap.open(process.argv[2], { addresses: 'number' });
if (heap.roots.get('churn') === undefined) heap.roots.set('churn', heap.malloc(64));
process.stdout.write(`${process.pid}\n`);
const blocks = [];
for (let i = 0; ; i = (i + 1) % 1000) {
  if (i % 10 < 6) blocks.push(heap.malloc(10 + 7 * i));
  if (blocks.length > 500) for (const address of blocks.splice(100)) heap.free(address);
}
