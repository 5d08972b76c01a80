'use strict';

// The malloc family: calloc, realloc, aligned blocks, blockOf and usableSize.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, capture, finishQuietly } = require('../helpers/capture.js');

const { Heap, malloc, calloc, realloc, alignedAlloc, free, get, read, fill, owns, blockOf } = mems;

beforeEach(() => mems.init());
afterEach(() => finishQuietly(mems));

describe('calloc', () => {
  test('gives zeros, in memory that was used before too', () => {
    const used = malloc(10_000);
    fill(used, 0xaa);
    free(used);
    const p = calloc(100, 60);
    assert.equal(p, used);
    assert.ok(read(p).every((byte) => byte === 0));
    assert.equal(mems.usableSize(p), 6000);
    const beyond = calloc(2, 10_000);
    assert.ok(read(beyond).every((byte) => byte === 0));
  });

  test('refuses products that are not valid sizes', () => {
    assertRefused(() => calloc(2 ** 30, 2 ** 30), 'ERR_MEMS_INVALID_SIZE', '1073741824');
    assertRefused(() => calloc(2 ** 53 - 1, 2 ** 53 - 1), 'ERR_MEMS_INVALID_SIZE');
    assertRefused(() => calloc(0, 8), 'ERR_MEMS_INVALID_SIZE', '0');
    assertRefused(() => calloc(8, 0), 'ERR_MEMS_INVALID_SIZE', '0');
    assertRefused(() => calloc(8), 'ERR_INVALID_ARG_TYPE', 'size');
  });
});

describe('alignment', () => {
  test('is of the physical address, and leaves the rest as holes', () => {
    malloc(10);
    const p = malloc(100, { alignment: 64 });
    assert.equal(get(p) % 64n, 0n);
    assert.equal(p, 1064n);
    assert.equal(malloc(54), 1010n, 'what was before it is a hole');
    assert.equal(malloc(10), 1164n, 'and what is after it');
    for (let power = 0; power <= 21; power++) {
      assert.equal(get(alignedAlloc(2 ** power, 3)) % BigInt(2 ** power), 0n);
    }
    mems.verify();
  });

  test('is refused if it is not valid', () => {
    for (const alignment of [0, 3, 2 ** 22, -8, 0.5, NaN]) {
      assertRefused(
        () => malloc(8, { alignment }),
        'ERR_MEMS_INVALID_ALIGNMENT',
        String(alignment),
      );
    }
    assertRefused(() => malloc(8, { alignment: '8' }), 'ERR_INVALID_ARG_TYPE', 'alignment');
    assertRefused(() => malloc(8, { align: 8 }), 'ERR_INVALID_ARG_VALUE', 'align', 'malloc()');
    assert.equal(malloc(8, {}), 1000n);
    assert.deepEqual([16, 8].map(malloc), [1008n, 1024n], 'a position is no option');
  });
});

describe('realloc keeps the alignment', () => {
  const large = 2 ** 21;
  const kinds = {
    'the default heap': () => mems,
    'a heap': () => new Heap(),
    'a heap of first fit': () => new Heap({ policy: 'first-fit' }),
    'a heap of exact sizes': () => new Heap({ alignment: 1 }),
    'a hardened heap': () => new Heap({ hardened: true }),
    'a heap that clears': () => new Heap({ zeroOnFree: true, autoTrim: false }),
    'a heap of first fit that clears': () =>
      new Heap({ policy: 'first-fit', zeroOnFree: true, autoTrim: false }),
  };
  for (const [name, make] of Object.entries(kinds)) {
    test(`that a block was allocated with, in ${name}`, () => {
      const heap = make();
      for (const alignment of [8, 64, 4096, 65_536, large]) {
        let p = heap.alignedAlloc(alignment, 10);
        heap.write(p, 'kept');
        const places = new Set();
        for (let size = 20; size <= Math.max(640, 8 * alignment); size *= 2) {
          // Until another block is behind it, so that it moves.
          while (heap.malloc(Math.max(8, alignment / 16)) < p);
          p = heap.realloc(p, size);
          places.add(p);
          assert.equal(heap.get(p) % BigInt(alignment), 0n, `${alignment}, ${size} bytes`);
        }
        assert.ok(places.size > 2, 'it has moved');
        assert.equal(heap.read(p, 4).toString(), 'kept');
        heap.free(p);
      }
      heap.verify();
      if (heap !== mems) heap.close();
    });
  }

  test('of a view’s block', () => {
    for (const heap of [mems, new Heap({ alignment: 1 })]) {
      heap.malloc(3);
      const { address, view: before } = heap.mallocAs(Float64Array, 1);
      before[0] = 0.5;
      while (heap.malloc(3) < address);
      const grown = heap.realloc(address, 8000);
      assert.notEqual(grown, address);
      assert.deepEqual([...heap.view(grown, Float64Array, 1)], [0.5]);
    }
  });

  test('or gives the block another one that is requested, and moves it if it has to', () => {
    malloc(3);
    const p = malloc(8, { alignment: 4 });
    assert.equal(p, 1004n);
    const moved = realloc(p, 8, { alignment: 64 });
    assert.equal(get(moved) % 64n, 0n);
    assert.equal(realloc(moved, 4, { alignment: 16 }), moved, 'aligned already');
    malloc(55);
    malloc(3);
    const again = realloc(moved, 1000);
    assert.equal(get(again) % 16n, 0n, 'from then on to 16');
    assert.equal(realloc(again, 1000, {}), again);
    assert.equal(realloc(again, 1000, 7), again, 'what is no object is ignored');
    const last = realloc(again, 10, { alignment: large });
    assert.equal(get(last) % BigInt(large), 0n);
    mems.verify();
  });

  test('and refuses one that is not valid, with nothing changed', () => {
    const p = malloc(8);
    const lines = mems.stats();
    for (const alignment of [0, 3, 2 ** 22]) {
      assertRefused(() => realloc(p, 16, { alignment }), 'ERR_MEMS_INVALID_ALIGNMENT');
    }
    assertRefused(() => realloc(p, 16, { alignment: 8n }), 'ERR_INVALID_ARG_TYPE', 'alignment');
    assertRefused(() => realloc(p, 16, { align: 8 }), 'ERR_INVALID_ARG_VALUE', 'realloc()');
    assert.deepEqual(mems.stats(), lines);
  });

  test('only as long as the block lives', () => {
    const p = malloc(10, { alignment: 64 });
    const { metadata } = mems.stats().bytes;
    free(p);
    assert.equal(malloc(10), p);
    malloc(1);
    const moved = realloc(p, 100);
    assert.equal(moved, 1011n, 'another block has another’s alignment');
    for (let i = 0; i < 1000; i++) free(malloc(10, { alignment: 64 }));
    assert.ok(mems.stats().bytes.metadata <= metadata + 4096, 'notes go with their blocks');
  });
});

describe('realloc', () => {
  test('grows into the hole behind, and shrinks where it is', () => {
    const p = malloc(100);
    fill(p, 7);
    assert.equal(realloc(p, 4000), p);
    assert.ok(read(p, 100).every((byte) => byte === 7));
    assert.equal(realloc(p, 50), p);
    assert.equal(mems.usableSize(p), 50);
    assert.equal(malloc(1), p + 50n);
    assert.equal(realloc(p, 50n), p);
  });

  test('moves if it has to, and keeps its contents', () => {
    const p = malloc(100);
    malloc(1);
    fill(p, 7);
    const q = realloc(p, 101);
    assert.notEqual(q, p);
    assert.ok(read(q, 100).every((byte) => byte === 7));
    assert.equal(owns(p), false);
    assert.equal(mems.stats().counts.live, 2);
  });

  test('leaves the block intact where it fails', () => {
    const p = malloc(100);
    malloc(1);
    fill(p, 7);
    const before = capture(() => mems.printStats());
    assertRefused(() => realloc(p, 2 ** 52), 'ERR_MEMS_OUT_OF_MEMORY');
    assertRefused(() => realloc(p, 0), 'ERR_MEMS_INVALID_SIZE');
    assertRefused(() => realloc(p + 1n, 10), 'ERR_MEMS_NOT_BLOCK_START');
    assertRefused(() => realloc(2000n, 10), 'ERR_MEMS_NOT_ALLOCATED');
    assertRefused(() => realloc(9000n, 10), 'ERR_MEMS_OUT_OF_RANGE');
    assertRefused(() => realloc(p), 'ERR_INVALID_ARG_TYPE');
    assert.deepEqual(
      capture(() => mems.printStats()),
      before,
    );
    assert.ok(read(p).every((byte) => byte === 7));
  });
});

describe('a block', () => {
  test('is found from any address inside it', () => {
    malloc(10);
    const p = malloc(100);
    for (const address of [p, p + 50n, p + 99n]) {
      assert.deepEqual(blockOf(address), { address: p, size: 100, usableSize: 100 });
      assert.equal(mems.usableSize(address), 100);
      assert.equal(owns(address), true);
    }
    for (const address of [p + 100n, 0n, 999n, 5096n, -1n, 2n ** 70n])
      assert.equal(owns(address), false);
    assertRefused(() => owns(1000), 'ERR_INVALID_ARG_TYPE');
    assertRefused(() => blockOf(p + 100n), 'ERR_MEMS_NOT_ALLOCATED');
  });
});
