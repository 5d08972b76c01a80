// MeMS: a Heap, with size classes as long as no policy is chosen, whose addresses are BigInts or numbers. Its `id` is read only if other threads are to know it:
// until then it is its thread's own.

'use strict';

const { Heap } = require('@sambhav-gautam/osmemoryallocator');

function contender(name, options, published = false) {
  const start = () => {
    const heap = new Heap(options);
    if (published && heap.id === 0) throw new Error('a heap of its own has an id of its own');
    return { heap, stop: () => heap.close() };
  };
  return { name, options, start };
}

const bigint = {};
const number = { addresses: 'number' };

module.exports = {
  bigints: contender('MeMS Heap', bigint),
  published: contender('MeMS Heap, published', bigint, true),
  numbers: contender('MeMS Heap, numbers', number),
  publishedNumbers: contender('MeMS Heap, numbers, published', number, true),
  firstFit: contender('MeMS Heap, first fit', { policy: 'first-fit' }),
};
