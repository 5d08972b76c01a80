'use strict';

// Many blocks in one call: the same addresses as single calls, and all or nothing.

const { afterEach, beforeEach, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, capture, finishQuietly } = require('../helpers/capture.js');
const { Random, reproducible } = require('../helpers/random.js');

beforeEach(() => mems.init());
afterEach(() => finishQuietly(mems));

/** What must not change when a call is refused: everything except the room that bookkeeping has grown, and that refusals are counted. */
function state() {
  const { bytes, peak, events, ...rest } = mems.stats();
  bytes.metadata = peak.metadata = 0;
  return { ...rest, bytes, peak, grow: events.grow, text: capture(mems.printStats) };
}

function assertRefusedWhole(call, code, ...mentions) {
  const before = state();
  const error = assertRefused(call, code, ...mentions);
  assert.deepEqual(state(), before);
  mems.verify();
  return error;
}

test('gives the addresses of as many single calls', (t) =>
  reproducible(t, () => {
    const random = new Random();
    const sizes = Array.from({ length: 500 }, () => random.int(1, random.pick([20, 300, 9000])));
    const singly = sizes.map((size) => mems.malloc(size));
    const text = capture(mems.printStats);
    finishQuietly(mems);
    mems.init();
    const many = mems.mallocMany(sizes);
    assert.ok(many instanceof BigUint64Array);
    assert.deepEqual([...many], singly);
    assert.deepEqual(capture(mems.printStats), text);
    mems.verify();
    mems.freeMany(many);
    assert.equal(mems.stats().bytes.live, 0);
    mems.verify();
  }));

test('takes arrays, typed arrays and BigInts, and nothing at all', () => {
  assert.deepEqual([...mems.mallocMany([1, 2n])], [1000n, 1001n]);
  assert.deepEqual([...mems.mallocMany(Uint8Array.of(1, 2))], [1003n, 1004n]);
  assert.deepEqual([...mems.mallocMany(BigInt64Array.of(5n))], [1006n]);
  assert.deepEqual([...mems.mallocMany([])], []);
  mems.freeMany([1000n, 1001n]);
  mems.freeMany(BigUint64Array.of(1006n));
  mems.freeMany([]);
  assert.equal(mems.stats().counts.live, 2);
});

test('a size that cannot be served undoes those before it, new main blocks and regions too', () => {
  mems.freeMany(mems.mallocMany([100, 200, 300]).subarray(1, 2));
  const huge = Number.MAX_SAFE_INTEGER;
  const { available } = assertRefusedWhole(() => mems.malloc(huge), 'ERR_MEMS_OUT_OF_MEMORY', huge);
  // More than the first region has left, which is at most a quarter of what there is, or a terabyte; Windows charges what
  // it maps.
  const region = process.platform === 'win32' ? 2 ** 28 : Math.floor(available * 0.75);
  const sizes = [150, 5000, 50, 1e6, region, huge];
  const error = assertRefusedWhole(() => mems.mallocMany(sizes), 'ERR_MEMS_OUT_OF_MEMORY', huge);
  assert.equal(error.size, huge);
  assert.equal(mems.malloc(150), 1100n);
});

test('thousands of blocks, which take several steps, are all or none as well', (t) =>
  reproducible(t, () => {
    const random = new Random();
    const sizes = Array.from({ length: 10_000 }, () => random.int(1, 200));
    const huge = Number.MAX_SAFE_INTEGER;
    assertRefusedWhole(() => mems.mallocMany([...sizes, huge]), 'ERR_MEMS_OUT_OF_MEMORY', huge);
    const many = mems.mallocMany(sizes);
    assert.equal(mems.stats().counts.live, 10_000);
    for (let i = many.length - 1; i > 0; i--) {
      const j = random.int(0, i);
      [many[i], many[j]] = [many[j], many[i]];
    }
    const inside = many.map((address, i) =>
      i === 9000 || i === 5000 ? address + 2n ** 40n : address,
    );
    assertRefusedWhole(() => mems.freeMany(inside), 'ERR_MEMS_OUT_OF_RANGE', inside[5000]);
    inside[5000] = inside[9000] = many[7];
    assertRefusedWhole(() => mems.freeMany(inside), 'ERR_MEMS_NOT_ALLOCATED', many[7]);
    mems.freeMany(many);
    assert.equal(mems.stats().bytes.live, 0);
    mems.verify();
  }));

test('a wrong size or type is refused before anything is allocated', () => {
  for (const size of [0, -1, 1.5, NaN, 2 ** 53, 0n, -1n]) {
    assertRefusedWhole(() => mems.mallocMany([8, size]), 'ERR_MEMS_INVALID_SIZE');
  }
  for (const sizes of [
    undefined,
    null,
    8,
    '88',
    {},
    ['8'],
    [8, undefined],
    new Array(2),
    new Set([8]),
  ]) {
    assertRefusedWhole(() => mems.mallocMany(sizes), 'ERR_INVALID_ARG_TYPE');
  }
});

test('an address that cannot be freed leaves the others live', () => {
  const [a, b, c] = mems.mallocMany([10, 20, 30]);
  mems.free(b);
  const refused = (addresses, code, mention) =>
    assertRefusedWhole(() => mems.freeMany(addresses), code, mention);
  refused([a, b], 'ERR_MEMS_NOT_ALLOCATED', b);
  refused([a, c + 1n], 'ERR_MEMS_NOT_BLOCK_START', c + 1n);
  refused([a, 1n], 'ERR_MEMS_OUT_OF_RANGE', 1n);
  refused([a, -1n], 'ERR_MEMS_OUT_OF_RANGE', -1n);
  refused([a, 2n ** 64n + a], 'ERR_MEMS_OUT_OF_RANGE', 2n ** 64n + a);
  refused([a, c, a], 'ERR_MEMS_NOT_ALLOCATED', a);
  for (const addresses of [undefined, null, a, '1000', [Number(a)], {}, new Set([a])]) {
    assertRefusedWhole(() => mems.freeMany(addresses), 'ERR_INVALID_ARG_TYPE');
  }
});

test('an address or size that is no 64-bit number is named in the error', () => {
  assertRefusedWhole(
    () => mems.mallocMany([2n ** 64n + 8n]),
    'ERR_MEMS_INVALID_SIZE',
    2n ** 64n + 8n,
  );
  assertRefusedWhole(
    () => mems.mallocMany([Infinity]),
    'ERR_MEMS_INVALID_SIZE',
    / Received Infinity$/,
  );
});

test('a list that changes while it is read frees nothing that was not checked', () => {
  const block = mems.malloc(8);
  let reads = 0;
  const list = [0n];
  Object.defineProperty(list, 0, { get: () => (reads++ === 0 ? block : block + 2n ** 64n) });
  mems.freeMany(list);
  assert.equal(reads, 1);
  assert.equal(mems.stats().counts.live, 0);
});

test('both need a heap', () => {
  finishQuietly(mems);
  assertRefused(() => mems.mallocMany([8]), 'ERR_MEMS_NOT_INITIALIZED');
  assertRefused(() => mems.freeMany([1000n]), 'ERR_MEMS_NOT_INITIALIZED');
  assertRefused(() => mems.freeMany([-1n]), 'ERR_MEMS_NOT_INITIALIZED');
});
