'use strict';

// Calls in which a process dies: see deaths.test.js. As a program: node dying.js FILE CALL STORES, with the addon for tests; it makes the
// call, and kills itself before store number STORES of that to the file's bookkeeping. If it has survived, it prints how many there were.

const { Heap } = require('../..');
const { dieBeforeStore } = require('../../binding.js');

/** More stores than any call makes. */
const ENDLESS = 1e6;

/** Blocks that the file has, by the names of their roots. Behind `short` and `gone` there is a hole; `other` is in a word. */
const SIZES = {
  words: 64,
  short: 160,
  gap: 320,
  block: 160,
  other: 160,
  spare: 96,
  long: 5000,
  last: 160,
};

function prepare(heap) {
  for (const [name, size] of Object.entries(SIZES)) {
    const address = heap.malloc(size);
    heap.fill(address, 0);
    heap.roots.set(name, address);
  }
  heap.free(heap.roots.get('gap'));
  heap.roots.delete('gap');
  words(heap)[1] = BigInt(heap.roots.get('other'));
}

const words = (heap) => heap.view(heap.roots.get('words'), BigUint64Array, 8);
const word = (heap, number) => heap.roots.get('words') + 8 * number;
const block = (heap, name) => heap.roots.get(name);
const MANY = [16, 5000, 48];
const LISTED = ['block', 'long', 'last'];

/** What is called, by name; and for calls that are several operations, what has happened between two of them. */
const calls = {
  malloc: [(heap) => heap.malloc(200, { into: word(heap, 0) })],
  'aligned malloc': [(heap) => heap.malloc(200, { into: word(heap, 0), alignment: 4096 })],
  'malloc that adds an extent': [(heap) => heap.malloc(3_000_000, { into: word(heap, 0) })],
  free: [(heap) => heap.free(block(heap, 'block'))],
  'free from a word': [(heap) => heap.free({ from: word(heap, 1) })],
  replace: [(heap) => heap.replace(word(heap, 1), block(heap, 'spare'))],
  'realloc to less': [(heap) => heap.realloc(block(heap, 'long'), 1000)],
  'realloc to more': [(heap) => heap.realloc(block(heap, 'short'), 400)],
  'realloc that moves': [
    (heap) => heap.realloc(block(heap, 'block'), 9000),
    (heap) => heap.malloc(9000),
  ],
  mallocMany: [
    (heap) => heap.mallocMany(MANY),
    ...[1, 2].map((count) => (heap) => heap.mallocMany(MANY.slice(0, count))),
  ],
  freeMany: [
    (heap) => heap.freeMany(LISTED.map((name) => block(heap, name))),
    ...[1, 2].map(
      (count) => (heap) =>
        LISTED.slice(0, count).forEach((name) => {
          heap.free(block(heap, name));
        }),
    ),
  ],
  'a new root': [(heap) => heap.roots.set('new', block(heap, 'block'))],
  'a changed root': [(heap) => heap.roots.set('spare', block(heap, 'block'))],
  'a deleted root': [(heap) => heap.roots.delete('spare')],
  close: [(heap) => heap.close()],
  // The first call that takes the lock recovers what a dead process had under way.
  open: [(heap) => heap.stats()],
};

module.exports = { calls, prepare, words };

if (require.main === module) {
  const [file, name, stores] = process.argv.slice(2);
  const [run] = calls[name];
  const isOpen = name === 'open';
  if (isOpen) dieBeforeStore(Number(stores));
  const heap = Heap.open(file, { addresses: 'number' });
  if (!isOpen) dieBeforeStore(Number(stores));
  run(heap);
  console.log(stores - dieBeforeStore(-1));
}

module.exports.ENDLESS = ENDLESS;
