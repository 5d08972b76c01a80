// What holes are worth to a request: `unusable` and `lookedAt`, compared with what the chains show.

'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const fc = require('fast-check');
const mems = require('../../index.js');
const { quietly } = require('../helpers/console.js');
const { POLICIES } = require('../helpers/policies.js');
const { check } = require('../helpers/property.js');

const { Heap } = mems;

/** The sizes of all holes, in order of address. */
function holesOf(heap) {
  const holes = [];
  for (const { segments } of heap.chains()) {
    for (const { kind, size } of segments) if (kind === 'hole') holes.push(size);
  }
  return holes;
}

const sum = (sizes) => sizes.reduce((all, size) => all + size, 0);

/** A heap in which some of the blocks have been freed. */
function heapWith(options, sizes, freed) {
  const heap = new Heap(options);
  const blocks = sizes.map((size) => heap.malloc(size));
  for (const [number, block] of blocks.entries())
    if (freed[number % freed.length]) heap.free(block);
  return heap;
}

for (const policy of [...Object.keys(POLICIES), 'segregated']) {
  test(`${policy}: unusable() is the share of the holes that are smaller`, (t) => {
    const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 80 });
    const freed = fc.array(fc.boolean(), { minLength: 1, maxLength: 7 });
    const request = fc.integer({ min: 1, max: 8000 });
    const holds = ([blocks, free, size]) => {
      const heap = heapWith({ policy }, blocks, free);
      const holes = holesOf(heap);
      const small = holes.filter((hole) => hole < size);
      assert.equal(heap.unusable(size), holes.length === 0 ? 0 : sum(small) / sum(holes));
      assert.equal(heap.unusable(BigInt(size)), heap.unusable(size));
      assert.equal(heap.stats().bytes.holes, sum(holes));
      heap.close();
    };
    check(t, fc.tuple(sizes, freed, request), holds, { runs: 40 });
  });
}

test('first fit looks at the holes up to the one that it uses', () => {
  const heap = heapWith(
    { policy: 'first-fit', alignment: 1 },
    [100, 8, 300, 8, 200, 8],
    [true, false],
  );
  for (const [size, looked] of [
    [100, 1],
    [101, 2],
    [300, 2],
    [301, 4],
  ]) {
    assert.equal(heap.lookedAt(size), looked, `${size} bytes`);
  }
  const before = heap.stats();
  assert.equal(heap.lookedAt(2 ** 40), before.counts.holes);
  assert.deepEqual(heap.stats(), before);
  heap.close();
});

test('the functions are those of the default heap', () => {
  assert.throws(() => mems.unusable(1), { code: 'ERR_MEMS_NOT_INITIALIZED' });
  assert.throws(() => mems.lookedAt(1), { code: 'ERR_MEMS_NOT_INITIALIZED' });
  mems.init();
  assert.deepEqual([mems.unusable(8), mems.lookedAt(8)], [0, 0]);
  mems.malloc(4000);
  assert.deepEqual([mems.unusable(96), mems.unusable(97), mems.lookedAt(97)], [0, 1, 1]);
  for (const size of [0, -1, 0.5, 2 ** 53, Number.NaN]) {
    assert.throws(() => mems.unusable(size), { code: 'ERR_MEMS_INVALID_SIZE' });
    assert.throws(() => mems.lookedAt(size), { code: 'ERR_MEMS_INVALID_SIZE' });
  }
  for (const size of ['8', null, undefined, {}]) {
    assert.throws(() => mems.unusable(size), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => mems.lookedAt(size), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  assert.throws(() => mems.lookedAt(8, { alignment: 3 }), { code: 'ERR_MEMS_INVALID_ALIGNMENT' });
  assert.equal(mems.lookedAt(8, { alignment: 64 }), 1);
  quietly(() => mems.finish());
});
