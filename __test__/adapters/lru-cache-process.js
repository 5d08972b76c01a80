'use strict';

// Another process with a cache of lru-cache.test.js: node lru-cache-process.js FILE NAME.

const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { LRUCache } = require('@sambhav-gautam/osmemoryallocator/lru-cache');

const [file, name] = process.argv.slice(2);
const heap = Heap.open(file);
const cache = new LRUCache({ heap, name, max: 5 });
cache.set('other', { from: process.pid });
process.send(cache.get('key'), () => {
  heap.close();
  process.disconnect();
});
