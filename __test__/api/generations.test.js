'use strict';

// The default heap ends and begins anew, at the same addresses: nothing that began in one heap may touch the next.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');

const root = JSON.stringify(require.resolve('@sambhav-gautam/osmemoryallocator'));

afterEach(() => finishQuietly(mems));

/** Ends the default heap and starts it anew. */
function restart() {
  finishQuietly(mems);
  mems.init();
}

describe('a block as an object, of a default heap that has ended', () => {
  const dispose = { skip: Symbol.dispose === undefined };

  test('frees no block of the next heap', () => {
    mems.init();
    const [old, longer] = [mems.allocate(8), mems.allocate(5000)];
    finishQuietly(mems);
    assertRefused(() => old.free(), 'ERR_MEMS_CLOSED', 'finish()');
    mems.init();
    const mine = mems.malloc(8);
    assert.equal(mine, old.address);
    for (const each of [old, longer])
      assertRefused(() => each.free(), 'ERR_MEMS_CLOSED', 'finish()');
    assert.ok(mems.owns(mine));
  });

  test('is disposed of without an error, at the end of a scope', dispose, () => {
    mems.init();
    const [old, longer] = [mems.allocate(8), mems.allocate(5000)];
    finishQuietly(mems);
    old[Symbol.dispose]();
    mems.init();
    const mine = mems.malloc(8);
    for (const each of [old, longer]) each[Symbol.dispose]();
    assert.ok(mems.owns(mine));
  });

  test('shows no bytes of the next heap', () => {
    mems.init();
    const [seen, unseen] = [mems.allocate(8), mems.allocate(8)];
    seen.view.fill(1);
    restart();
    mems.fill(mems.calloc(1, 16), 2);
    assert.deepEqual([...seen.view], [0, 0, 0, 0, 0, 0, 0, 0]);
    assertRefused(() => unseen.view, 'ERR_MEMS_CLOSED');
  });

  test('works as before in a heap that has not ended', () => {
    mems.init();
    const block = mems.allocate(8, { alignment: 8 });
    block.view.write('whatever');
    assert.equal(mems.read(block.address).toString(), 'whatever');
    mems.free(block.address);
    assertRefused(() => block.free(), 'ERR_MEMS_NOT_ALLOCATED');
    assertRefused(() => mems.allocate(0), 'ERR_MEMS_INVALID_SIZE');
    assertRefused(() => mems.allocate(8, { alignment: 3 }), 'ERR_MEMS_INVALID_ALIGNMENT');
  });
});

test('a realloc that moves while the heap ends and begins anew frees nothing of the next one', async () => {
  // Large, so that copying takes a while, but only its first bytes are ever touched.
  const size = 2 ** 28;
  mems.init();
  const p = mems.malloc(size);
  mems.malloc(16);
  const source = `
    const { workerData: { p, size, flag }, parentPort } = require('node:worker_threads');
    const mems = require(${root});
    Atomics.store(new Int32Array(flag), 0, 1);
    try {
      parentPort.postMessage({ address: mems.realloc(p, size + 1) });
    } catch (error) {
      parentPort.postMessage({ code: error.code });
    }
    Atomics.store(new Int32Array(flag), 0, 2);`;
  const flag = new SharedArrayBuffer(4);
  const worker = new Worker(source, { eval: true, workerData: { p, size, flag } });
  const told = once(worker, 'message');
  while (Atomics.load(new Int32Array(flag), 0) === 0) await new Promise(setImmediate);
  // The new block is there as soon as the copying begins; the realloc may also be done by now, or not begun.
  const state = new Int32Array(flag);
  while (Atomics.load(state, 0) === 1 && mems.stats().counts.live === 2);
  restart();
  const mine = mems.malloc(100);
  mems.write(mine, 'precious');
  const [{ code }] = await told;
  assert.ok(
    [undefined, 'ERR_MEMS_CLOSED', 'ERR_MEMS_NOT_INITIALIZED', 'ERR_MEMS_NOT_ALLOCATED'].includes(
      code,
    ),
    code,
  );
  assert.ok(mems.owns(mine));
  assert.equal(mems.read(mine, 8).toString(), 'precious');
  assert.equal(mems.stats().counts.live, 1);
});
