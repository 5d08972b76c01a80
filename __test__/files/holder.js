'use strict';

// A process that has a heap file open until it is killed: node holder.js FILE OPTIONS, the options as JSON.

const { Heap } = require('@sambhav-gautam/osmemoryallocator');

const [file, options] = process.argv.slice(2);
const heap = Heap.open(file, JSON.parse(options));
process.send('open');
// The channel keeps the process alive, and the heap is open as long.
process.on('message', () => heap.close());
