'use strict';

// The malloc family: calloc, realloc, aligned blocks, and what is known of a block.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, capture, finishQuietly } = require('./helpers/capture.js');

const { malloc, calloc, realloc, alignedAlloc, free, get, read, fill, owns, blockOf } = mems;

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

  test('refuses products that are no size', () => {
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
    for (let power = 0; power <= 12; power++) {
      assert.equal(get(alignedAlloc(2 ** power, 3)) % BigInt(2 ** power), 0n);
    }
    mems.verify();
  });

  test('is refused if it is none', () => {
    for (const alignment of [0, 3, 8192, -8, 0.5, NaN]) {
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

  test('moves where it must, and takes what it holds along', () => {
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
      assert.deepEqual(blockOf(address), { start: p, size: 100, usableSize: 100 });
      assert.equal(mems.usableSize(address), 100);
      assert.equal(owns(address), true);
    }
    for (const address of [p + 100n, 0n, 999n, 5096n, -1n, 2n ** 70n])
      assert.equal(owns(address), false);
    assertRefused(() => owns(1000), 'ERR_INVALID_ARG_TYPE');
    assertRefused(() => blockOf(p + 100n), 'ERR_MEMS_NOT_ALLOCATED');
  });
});
