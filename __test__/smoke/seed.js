// The smoke suite's checks of the seed's calls: init, malloc, get, free, printStats, finish.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const assert = require('assert');
const lines = require('../fixtures/seed.json');
const { api, assertCode } = require('./api.js');
const { capture: printed, quietly } = require('../helpers/console.js');

function seedExampleAddresses() {
  const mems = api();
  assert.strictEqual(mems.malloc(1000), 1000n);
  assert.strictEqual(mems.malloc(3), 2000n);
  assert.strictEqual(mems.malloc(5000), 5096n, 'no hole fits: a main block of its own');
  assert.strictEqual(mems.malloc(2000n), 2003n, 'sizes may be BigInts');
}

function printStatsText() {
  const mems = api();
  mems.malloc(1000);
  assert.deepStrictEqual(printed(mems.printStats), lines.one);
  mems.malloc(4096);
  const more = printed(mems.printStats);
  assert.strictEqual(more[2], 'MAIN[5096:9191] -> <P>[SVA:5096:EVA:9191] <-> <NULL>');
  assert.strictEqual(more[6], 'Sub-chain Length array: 2 1');
}

function getInteriorArithmetic() {
  const mems = api();
  const block = mems.malloc(1000);
  const base = mems.get(block);
  assert.ok(typeof base === 'bigint' && base > 0n, String(base));
  for (const offset of [1n, 4n, 7n, 999n]) {
    assert.strictEqual(mems.get(block + offset), base + offset);
  }
}

function firstFitReuse() {
  const mems = api();
  const blocks = [100, 200, 300, 400].map((size) => mems.malloc(size));
  mems.free(blocks[0]);
  mems.free(blocks[2]);
  assert.strictEqual(mems.malloc(250), blocks[2], 'the first hole is too small');
  assert.strictEqual(mems.malloc(60), blocks[0], 'the lowest hole that is large enough');
  assert.strictEqual(mems.malloc(40), blocks[0] + 60n, 'the rest of a hole stays a hole');
}

function coalescing() {
  const mems = api();
  const blocks = [1024, 1024, 1024, 1024].map((size) => mems.malloc(size));
  mems.free(blocks[0]);
  mems.free(blocks[2]);
  assert.strictEqual(mems.stats().counts.holes, 2);
  mems.free(blocks[1]);
  assert.strictEqual(mems.stats().counts.holes, 1, 'merged with the hole before and after');
  assert.strictEqual(mems.malloc(3072), blocks[0]);
  mems.free(blocks[3]);
  const second = mems.malloc(4096);
  mems.free(blocks[0]);
  mems.free(second);
  assert.strictEqual(mems.stats().counts.holes, 2, 'holes never merge across main blocks');
}

function errorCodes() {
  const mems = api();
  const block = mems.malloc(16);
  const freed = mems.malloc(16);
  mems.malloc(16);
  mems.free(freed);
  const before = printed(mems.printStats);
  for (const wrong of ['8', null, undefined, {}, true]) {
    assertCode('ERR_INVALID_ARG_TYPE', () => mems.malloc(wrong));
    assertCode('ERR_INVALID_ARG_TYPE', () => mems.get(wrong));
    assertCode('ERR_INVALID_ARG_TYPE', () => mems.free(wrong));
  }
  assertCode('ERR_INVALID_ARG_TYPE', () => mems.get(1000));
  assertCode('ERR_INVALID_ARG_TYPE', () => mems.free(1000));
  for (const wrong of [0, -1, 1.5, NaN, Infinity, 2 ** 53, 0n, -1n]) {
    assertCode('ERR_MEMS_INVALID_SIZE', () => mems.malloc(wrong));
  }
  assertCode('ERR_MEMS_ALREADY_INITIALIZED', () => mems.init({ minBlockSize: 65536 }));
  assertCode('ERR_MEMS_OUT_OF_RANGE', () => mems.get(5096n));
  assertCode('ERR_MEMS_OUT_OF_RANGE', () => mems.free(999n));
  assertCode('ERR_MEMS_NOT_ALLOCATED', () => mems.get(freed + 3n), '1019');
  assertCode('ERR_MEMS_NOT_ALLOCATED', () => mems.free(freed));
  assertCode('ERR_MEMS_NOT_BLOCK_START', () => mems.free(block + 1n));
  assertCode('ERR_MEMS_OUT_OF_MEMORY', () => mems.malloc(Number.MAX_SAFE_INTEGER));
  assert.deepStrictEqual(printed(mems.printStats), before, 'a failed call changes nothing');
  quietly(mems.finish);
  const calls = [() => mems.malloc(8), () => mems.get(1000n), () => mems.free(1000n)];
  for (const call of calls.concat(mems.printStats, mems.finish, mems.verify, mems.stats)) {
    assertCode('ERR_MEMS_NOT_INITIALIZED', call);
  }
}

function bigintEdgeCases() {
  const mems = api();
  const top = 2n ** 64n;
  const block = mems.malloc(4096);
  for (const wrong of [-1n, -block, 0n, top - 1n, top, top + block, top * top + block]) {
    assertCode('ERR_MEMS_OUT_OF_RANGE', () => mems.get(wrong));
    assertCode('ERR_MEMS_OUT_OF_RANGE', () => mems.free(wrong));
  }
  for (const wrong of [2n ** 53n, top, top + 8n, -top - 8n]) {
    assertCode('ERR_MEMS_INVALID_SIZE', () => mems.malloc(wrong));
  }
  mems.free(block);
}

// Numbers below a limit, the same in every run, so that a failure can be run again.
function randomNumbers(seed) {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * limit);
  };
}

function randomOperations() {
  const mems = api();
  const live = [];
  const random = randomNumbers(20240601);
  for (let step = 0; step < 10000; step += 1) {
    if (live.length === 0 || random(100) < (live.length < 150 ? 60 : 40)) {
      const size = 1 + random(random(8) === 0 ? 9000 : 300);
      const start = Number(mems.malloc(size));
      const end = start + size;
      const clash = live.find((other) => start < other.end && other.start < end);
      assert.strictEqual(clash, undefined, `step ${step}`);
      live.push({ start, end });
    } else {
      const [{ start, end }] = live.splice(random(live.length), 1);
      const span = mems.get(BigInt(end - 1)) - mems.get(BigInt(start));
      assert.strictEqual(span, BigInt(end - 1 - start), 'a block is one piece of memory');
      mems.free(BigInt(start));
    }
    if (step % 500 === 0) mems.verify();
  }
  const { bytes, counts } = mems.stats();
  const total = live.reduce((sum, block) => sum + block.end - block.start, 0);
  assert.strictEqual(Number(bytes.live), total);
  assert.strictEqual(Number(bytes.live) + Number(bytes.holes), Number(bytes.mapped));
  assert.strictEqual(Number(counts.live), live.length);
  for (const { start } of live) mems.free(BigInt(start));
  mems.verify();
  assert.strictEqual(Number(mems.stats().bytes.live), 0);
}

function finishAndInitAgain() {
  const mems = api();
  mems.malloc(5000);
  assert.deepStrictEqual(printed(mems.finish), [lines.unmapped]);
  mems.init({ minBlockSize: 65536 });
  assert.strictEqual(mems.malloc(10), 1000n, 'addresses start anew');
  assert.strictEqual(Number(mems.stats().bytes.mapped), 65536);
  mems.init({ minBlockSize: 65536 });
  assert.strictEqual(mems.malloc(10), 1010n, 'init again with the same options is a no-op');
}

module.exports = {
  seedExampleAddresses,
  printStatsText,
  getInteriorArithmetic,
  firstFitReuse,
  coalescing,
  errorCodes,
  bigintEdgeCases,
  randomOperations,
  finishAndInitAgain,
};
