'use strict';

// Memory that was never touched is not touched by any call, in any kind of heap; and other threads can use a heap while much of
// it is freed.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { rss } = require('../helpers/rss.js');

const MIB = 2 ** 20;
const kinds = [{}, { autoTrim: false }, { hardened: true }, { zeroOnFree: true }];
// Other systems do not say what is untouched, or charge what is reserved.
const skip = process.platform !== 'linux';

for (const options of kinds) {
  test(`a block of 100 GB that nobody uses takes none, ${JSON.stringify(options)}`, {
    skip,
  }, () => {
    const heap = new Heap(options);
    const before = rss();
    const grown = () => `${((rss() - before) / MIB).toFixed(1)} MiB`;
    const p = heap.malloc(1e11);
    heap.write(p + BigInt(5e10), 'used');
    heap.malloc(16);
    const q = heap.realloc(p, 1e11 + MIB);
    assert.equal(heap.read(q + BigInt(5e10), 4).toString(), 'used');
    assert.ok(rss() - before < 32 * MIB, `realloc: ${grown()}`);
    const half = heap.realloc(q, 5e10 + 4096);
    heap.free(half);
    assert.ok(rss() - before < 32 * MIB, `free: ${grown()}`);
    const zeros = heap.calloc(1e9, 90);
    assert.ok(heap.read(zeros, MIB).every((byte) => byte === 0));
    heap.free(zeros);
    heap.verify();
    assert.ok(rss() - before < 32 * MIB, `calloc: ${grown()}`);
    heap.close();
  });
}

test('other threads allocate while a large block is freed, and none is handed it', async () => {
  // Each of the threads frees blocks of some MiB, and checks that nothing writes to the blocks it has.
  const script = `
    const { parentPort, workerData: { id, root, mark } } = require('node:worker_threads');
    const { Heap } = require(root);
    const heap = Heap.attach(id);
    const isMine = (bytes) => bytes.equals(Buffer.alloc(bytes.length, mark));
    for (let turn = 0; turn < 30; turn++) {
      const large = heap.malloc((1 + turn % 5) << 20);
      const small = heap.malloc(100);
      heap.fill(large, mark);
      heap.fill(small, mark);
      const other = turn % 3 ? large : heap.realloc(large, 100_000);
      if (!isMine(heap.read(other))) throw new Error('somebody wrote here');
      heap.free(other);
      try {
        heap.free(other);
        throw new Error('freed twice');
      } catch ({ code, message }) {
        if (!/^ERR_MEMS_NOT_(ALLOCATED|BLOCK_START)$/.test(code)) throw new Error(message);
      }
      if (!isMine(heap.read(small))) throw new Error('somebody wrote here');
      heap.free(small);
    }
    parentPort.postMessage('done');`;
  const root = require.resolve('@sambhav-gautam/osmemoryallocator');
  // A second free() is always detected only if freed memory is not handed out at once.
  for (const options of [
    { hardened: true },
    { hardened: true, zeroOnFree: true, autoTrim: false },
  ]) {
    const heap = new Heap(options);
    const workers = [1, 2, 3].map(
      (mark) => new Worker(script, { eval: true, workerData: { id: heap.id, root, mark } }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await Promise.all(workers.map((worker) => worker.terminate()));
    heap.verify();
    assert.equal(heap.stats().counts.live, 0);
    assert.equal(heap.stats().totals.free, heap.stats().totals.malloc);
    heap.close();
  }
});
