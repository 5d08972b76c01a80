'use strict';

// Fronts of heaps that several threads use: what one thread frees another may have made, and neither calls the addon for it.
// (What happens when threads meet at one block: races.test.js.)

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const mems = require('../..');
const { codeOf } = require('../helpers/error-code.js');
const { finishQuietly } = require('../helpers/capture.js');
const { quietly } = require('../helpers/console.js');
const { frontOf } = require('../helpers/fronts.js');
const { inWorker } = require('../helpers/workers.js');

const { Heap } = mems;

/** Makes calls of a heap until it has a front. */
function useOften(heap) {
  for (let call = 0; call < 200; call++) heap.free(heap.malloc(64));
  return heap;
}

const published = (options) => {
  const heap = new Heap(options);
  assert.ok(heap.id > 0);
  return useOften(heap);
};

describe('a shared front', () => {
  test('begins after some calls, and refuses what the addon refuses', () => {
    for (const addresses of ['bigint', 'number']) {
      const heap = published({ addresses });
      assert.ok(frontOf(heap).number > 0);
      const inside = addresses === 'number' ? 1 : 1n;
      const blocks = [8, 16, 17, 100, 128, 129, 1000, 5000, 16_384, 32_768, 40_000].map((size) => {
        const block = heap.malloc(size);
        assert.equal(heap.blockOf(block).size, size);
        assert.equal(heap.view(block).length, size);
        return block;
      });
      for (const block of blocks) {
        assert.equal(
          codeOf(() => heap.free(block + inside)),
          'ERR_MEMS_NOT_BLOCK_START',
        );
        heap.free(block);
        assert.equal(
          codeOf(() => heap.free(block)),
          'ERR_MEMS_NOT_ALLOCATED',
        );
      }
      heap.verify();
      const { counts, bytes } = heap.stats();
      assert.deepEqual([counts.live, bytes.requested], [0, 0]);
      heap.close();
      for (const call of [() => heap.malloc(8), () => heap.free(blocks[0])])
        assert.equal(codeOf(call), 'ERR_MEMS_CLOSED');
    }
  });

  test('counts the bytes of all blocks that were allocated, in all threads', async () => {
    const heap = published();
    const before = heap.stats().totals;
    const CALLS = 5000;
    const work = ({ Heap }, { id, calls }) => {
      const theirs = Heap.attach(id);
      // Slots of 16, 112 and 1024 bytes, and a block of ten pages.
      for (let call = 0; call < calls; call++)
        for (const size of [1, 100, 1000, 8192 * 5]) theirs.free(theirs.malloc(size));
    };
    const given = { id: heap.id, calls: CALLS };
    await Promise.all([inWorker(work, given), inWorker(work, given)]);
    work(mems, given);
    const { totals, bytes } = heap.stats();
    assert.deepEqual(totals, {
      malloc: before.malloc + 3 * 4 * CALLS,
      free: before.free + 3 * 4 * CALLS,
      allocatedBytes: before.allocatedBytes + 3 * (16 + 112 + 1024 + 8192 * 5) * CALLS,
    });
    assert.equal(bytes.live, 0);
    heap.verify();
    heap.close();
  });

  test('is taken by no other object of the heap in its thread at the same time', () => {
    const heap = published();
    const other = useOften(Heap.attach(heap.id));
    const kept = [heap.malloc(100), other.malloc(100)];
    assert.notEqual(kept[0], kept[1]);
    useOften(heap);
    other.free(kept[0]);
    heap.free(kept[1]);
    for (const one of [heap, other])
      for (const block of kept)
        assert.equal(
          codeOf(() => one.free(block)),
          'ERR_MEMS_NOT_ALLOCATED',
        );
    heap.verify();
    heap.close();
    assert.equal(
      codeOf(() => other.malloc(8)),
      'ERR_MEMS_CLOSED',
    );
  });

  test('of a thread that only frees begins as well, and follows the heap as it grows', async () => {
    const heap = published({ addresses: 'number' });
    const blocks = Float64Array.from({ length: 100_000 }, () => heap.malloc(100));
    const first = blocks.slice(0, 1000);
    const rest = blocks.slice(1000);
    const used = await inWorker(
      ({ Heap }, { id, first, rest, helper }) => {
        const { frontOf } = require(helper);
        const heap = Heap.attach(id, { addresses: 'number' });
        for (const block of first) heap.free(block);
        const before = frontOf(heap).number;
        for (const block of rest) heap.free(block);
        return [before > 0, frontOf(heap).number === before];
      },
      { id: heap.id, first, rest, helper: require.resolve('../helpers/fronts.js') },
    );
    assert.deepEqual(used, [true, true]);
    assert.equal(heap.stats().counts.live, 0);
    heap.verify();
    // What the worker had is the heap's again.
    heap.trim();
    const { holes, mainBlocks } = heap.stats().counts;
    assert.equal(holes, mainBlocks);
    heap.close();
  });

  test('adds up with those of other threads, whoever frees', async () => {
    const heap = published({ addresses: 'number' });
    const before = heap.stats().totals;
    const blocks = Float64Array.from({ length: 5000 }, (_, number) =>
      heap.malloc(1 + (number % 500)),
    );
    const made = await inWorker(
      ({ Heap }, { id, blocks }) => {
        const heap = Heap.attach(id, { addresses: 'number' });
        return Array.from(blocks, (block, number) => {
          if (number % 2 === 0) heap.free(block);
          return heap.malloc(1 + (number % 700));
        });
      },
      { id: heap.id, blocks },
    );
    const sizes = [...made.keys()].map((number) => 1 + (number % 700));
    for (let number = 1; number < blocks.length; number += 2) sizes.push(1 + (number % 500));
    const { totals, counts, bytes } = heap.stats();
    assert.equal(totals.malloc - before.malloc, blocks.length + made.length);
    assert.equal(totals.free - before.free, blocks.length / 2);
    assert.equal(counts.live, sizes.length);
    assert.equal(
      bytes.requested,
      sizes.reduce((sum, size) => sum + size, 0),
    );
    heap.verify();
    heap.close();
  });

  test('keeps alignments, and blocks that become smaller, whoever asks', () => {
    const heap = published();
    for (let turn = 0; turn < 50; turn++) {
      const block = heap.malloc(200, { alignment: 256 });
      const plain = heap.malloc(300);
      assert.equal(heap.realloc(plain, 290), plain);
      assert.equal(heap.blockOf(plain).size, 290);
      const moved = heap.realloc(plain, 4000);
      assert.equal(heap.blockOf(moved).size, 4000);
      heap.free(block);
      heap.free(moved);
      heap.verify();
    }
    assert.equal(heap.stats().bytes.requested, 0);
    heap.close();
  });

  test('of the default heap names none of the next one', () => {
    mems.init({ policy: 'segregated', alignment: 16 });
    try {
      for (let turn = 0; turn < 5; turn++) {
        const blocks = [];
        for (let call = 0; call < 400; call++) {
          blocks.push(mems.malloc(48));
          if (call % 2 === 1) mems.free(blocks.pop());
        }
        assert.equal(new Set(blocks).size, blocks.length);
        assert.equal(mems.stats().counts.live, blocks.length);
        mems.verify();
        quietly(() => mems.finish());
        assert.equal(
          codeOf(() => mems.malloc(48)),
          'ERR_MEMS_NOT_INITIALIZED',
        );
        mems.init({ policy: 'segregated', alignment: 16 });
      }
    } finally {
      finishQuietly(mems);
    }
  });

  test('of the default heap promises no alignment in the next one', () => {
    mems.init({ policy: 'segregated', alignment: 16 });
    try {
      for (let call = 0; call < 300; call++) mems.free(mems.mallocAs(Float64Array, 2).address);
      quietly(() => mems.finish());
      mems.init({ alignment: 1 });
      mems.malloc(40_001);
      const { address, view } = mems.mallocAs(Float64Array, 2);
      assert.equal(mems.get(address) % 8n, 0n);
      assert.equal(view.length, 2);
    } finally {
      finishQuietly(mems);
    }
  });

  test('is given up by a worker that is stopped, with all that waited in it', async () => {
    const heap = published();
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const { Heap } = require(workerData.path);
       const heap = Heap.attach(workerData.id);
       const blocks = Array.from({ length: 2000 }, (_, number) => heap.malloc(1 + (number % 2000)));
       for (const block of blocks) heap.free(block);
       parentPort.postMessage('ready');
       while (true) heap.free(heap.malloc(64));`,
      { eval: true, workerData: { path: require.resolve('../..'), id: heap.id } },
    );
    await once(worker, 'message');
    await worker.terminate();
    heap.verify();
    heap.trim();
    // The worker may have been stopped in the middle of a call.
    const { live, holes, mainBlocks } = heap.stats().counts;
    assert.ok(live <= 1, `${live} live blocks`);
    assert.ok(live === 1 || holes === mainBlocks, `${holes} holes`);
    heap.close();
  });

  test('spoils its heap and nothing else if somebody writes nonsense to its memory', () => {
    const heap = published({ addresses: 'number' });
    const blocks = Array.from({ length: 50 }, (_, number) => heap.malloc(1 + number * 50));
    const { words, states } = frontOf(heap);
    words.fill(0x7fff_fff8, 64);
    states.fill(126, 0, 4096);
    const attempts = [
      () => heap.malloc(64),
      () => heap.free(blocks[3]),
      () => heap.realloc(blocks[5], 2),
      () => heap.view(blocks[7]),
      () => heap.mallocMany([1, 100, 1000]),
      () => heap.stats(),
      () => heap.verify(),
      () => heap.trim(),
    ];
    for (let turn = 0; turn < 5; turn++)
      for (const attempt of attempts) {
        const code = codeOf(attempt);
        assert.ok(code === undefined || /^ERR_(MEMS|INVALID)/.test(code), code);
      }
    heap.close();
  });
});
