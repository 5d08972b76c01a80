'use strict';

// Fronts: malloc and free in JavaScript, here of heaps that only their thread knows. What they do must be what the addon does.
// (Heaps that several threads use: threads/shared-fronts.test.js.)

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { Heap } = require('../..');
const { frontOf } = require('../helpers/fronts.js');
const { Numbers } = require('../helpers/random.js');
const { inWorker } = require('../helpers/workers.js');

const POLICY = { policy: 'segregated' };

const ids = new WeakMap();

/** A heap that has a front by now, if it can have one. */
function heapWithFront(options) {
  const before = new Set(Heap.list().map(({ id }) => id));
  const heap = new Heap({ ...POLICY, ...options });
  // Reading its own id would end the front.
  ids.set(heap, Heap.list().find(({ id }) => !before.has(id)).id);
  for (let call = 0; call < 200; call++) heap.free(heap.malloc(64));
  return heap;
}

/** Allocates a block to which nothing is written. Skips the test, and returns undefined, if there are not as many addresses. */
function mallocOrSkip(t, heap, size) {
  try {
    return heap.malloc(size);
  } catch (error) {
    assert.equal(error.code, 'ERR_MEMS_OUT_OF_MEMORY');
    t.skip(error.message);
  }
}

const hasFront = (heap) => frontOf(heap).number > 0;

describe('a front', () => {
  test('begins after some calls, and only for heaps of the quick policy that take nothing more', () => {
    const plain = heapWithFront();
    assert.ok(hasFront(plain));
    plain.close();
    for (const options of [{ hardened: true }, { zeroOnFree: true }, { trackAllocations: true }]) {
      const heap = heapWithFront(options);
      assert.ok(!hasFront(heap), JSON.stringify(options));
      heap.close();
    }
    const heap = heapWithFront({ policy: 'first-fit' });
    assert.ok(!hasFront(heap));
    heap.close();
  });

  test('works in heaps that may have a few pages only', () => {
    for (const maxSize of [4096, 16_384, 65_536, 69_632]) {
      const heap = heapWithFront({ maxSize });
      assert.ok(hasFront(heap));
      const blocks = Array.from({ length: 40 }, () => heap.malloc(64));
      heap.verify();
      for (const block of blocks) heap.free(block);
      assert.throws(() => heap.free(blocks[0]), { code: 'ERR_MEMS_NOT_ALLOCATED' });
      heap.verify();
      heap.close();
    }
  });

  test('refuses what the addon refuses, by the same codes', () => {
    const heap = heapWithFront();
    const blocks = [8, 16, 17, 100, 128, 129, 1000, 5000, 16_384].map((size) => heap.malloc(size));
    for (const block of blocks) {
      for (const inside of [1n, 7n]) {
        assert.throws(() => heap.free(block + inside), { code: 'ERR_MEMS_NOT_BLOCK_START' });
      }
      heap.free(block);
      assert.throws(() => heap.free(block), { code: 'ERR_MEMS_NOT_ALLOCATED' });
    }
    const wild = [0n, 8n, 999n, 1000n - 16n, 2n ** 31n + 8n, 2n ** 35n + 8n, 2n ** 64n - 8n];
    for (const address of wild) {
      assert.throws(() => heap.free(address), { code: 'ERR_MEMS_OUT_OF_RANGE' }, `${address}`);
    }
    const block = heap.malloc(64);
    const others = [2n ** 64n + block, block - 2n ** 64n, -1n, undefined, null, '1000', {}];
    for (const address of others) {
      assert.throws(
        () => heap.free(address),
        (error) => /^ERR_/.test(error.code),
        String(address),
      );
    }
    assert.equal(heap.blockOf(block).size, 64);
    for (const size of [0, -1, 1.5, NaN, Infinity, 2 ** 53, '8', undefined, null, -(2 ** 32) + 8]) {
      assert.throws(
        () => heap.malloc(size),
        (error) => /^ERR_/.test(error.code),
        String(size),
      );
    }
    heap.verify();
    heap.close();
    assert.throws(() => heap.malloc(8), { code: 'ERR_MEMS_CLOSED' });
    assert.throws(() => heap.free(blocks[0]), { code: 'ERR_MEMS_CLOSED' });
    assert.throws(() => heap.realloc(blocks[0], 8), { code: 'ERR_MEMS_CLOSED' });
  });

  test('counts and sizes exactly', () => {
    const heap = heapWithFront();
    const random = new Numbers(7);
    const live = new Map();
    let requested = 0;
    for (let step = 0; step < 20_000; step++) {
      const size = random.int(1, [16, 200, 3000, 40_000][random.int(0, 3)]);
      if (live.size < 500 || random.int(0, 1) === 0) {
        const address = heap.malloc(size);
        assert.ok(!live.has(address));
        live.set(address, size);
        requested += size;
      } else {
        const [[address, before]] = live;
        live.delete(address);
        requested -= before;
        if (random.int(0, 3) === 0) {
          live.set(heap.realloc(address, size), size);
          requested += size;
        } else heap.free(address);
      }
      if (step % 1000 === 0) {
        heap.verify();
        const { bytes, counts, totals } = heap.stats();
        assert.equal(bytes.requested, requested);
        assert.equal(counts.live, live.size);
        assert.equal(totals.malloc - totals.free, live.size);
        assert.equal(bytes.live + bytes.holes, bytes.mapped);
      }
    }
    for (const [address, size] of live) assert.equal(heap.blockOf(address).size, size);
    heap.freeMany([...live.keys()]);
    const before = heap.stats().totals;
    heap.malloc(100);
    const { totals } = heap.stats();
    assert.deepEqual(totals, {
      malloc: before.malloc + 1,
      free: before.free,
      allocatedBytes: before.allocatedBytes + 112,
    });
    heap.close();
  });

  test('returns one address object for one address, and others for others', () => {
    const heap = heapWithFront();
    const blocks = Array.from({ length: 1000 }, () => heap.malloc(48));
    assert.equal(new Set(blocks).size, 1000);
    for (let turn = 0; turn < 3; turn++) {
      for (const block of blocks) heap.free(block);
      const again = blocks.map(() => heap.malloc(48));
      assert.equal(new Set(again).size, 1000);
      for (const block of again) assert.equal(heap.blockOf(block).address, block);
      blocks.splice(0, blocks.length, ...again);
    }
    heap.close();
  });

  test('leaves blocks with an alignment of their own to the addon, which keeps it', () => {
    const heap = heapWithFront();
    for (let turn = 0; turn < 100; turn++) {
      const block = heap.malloc(100, { alignment: 256 });
      heap.free(block);
      const plain = heap.malloc(256);
      const moved = heap.realloc(heap.realloc(plain, 3000), 200, { alignment: 512 });
      assert.equal(heap.get(moved) % 512n, 0n);
      heap.realloc(moved, 210);
      heap.verify();
      heap.free(moved);
    }
    heap.verify();
    heap.close();
  });

  test('makes views as long as their blocks, whatever became of a buffer', () => {
    const heap = heapWithFront();
    for (const size of [1, 16, 100, 129, 5000, 20_000]) {
      const block = heap.malloc(size);
      const makers = [
        (length) => heap.view(block, Uint8Array, length),
        (length) => heap.buffer(block, length),
      ];
      for (const make of makers) {
        for (const length of [0, 1, size, heap.usableSize(block)])
          assert.equal(make(length).length, length);
        assert.equal(make().length, size);
        for (const length of [heap.usableSize(block) + 1, 2 ** 32])
          assert.throws(() => make(length), { code: 'ERR_MEMS_OUT_OF_BLOCK' });
        assert.throws(() => make(-1), { code: 'ERR_MEMS_INVALID_SIZE' });
      }
      assert.equal(heap.view(block, Float64Array).length, Math.floor(size / 8));
      heap.buffer(block).fill(size % 256);
      const { buffer } = heap.buffer(block);
      if (buffer.transfer) buffer.transfer();
      assert.equal(heap.buffer(block).length, size);
      assert.ok(heap.buffer(block).every((byte) => byte === size % 256));
    }
    heap.close();
  });

  test('leaves lengths that are no number to the addon, and knows what the types are', () => {
    class Own extends Float32Array {}
    const types = [
      ...[Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int16Array, Uint32Array, Own],
      ...[Int32Array, Float32Array, Float64Array, BigUint64Array, BigInt64Array, DataView, Buffer],
    ];
    for (const options of [{}, { addresses: 'number' }]) {
      const heap = heapWithFront(options);
      for (const size of [1, 8, 100, 3000, 20_000]) {
        const block = heap.malloc(size);
        for (const Type of types) {
          const width = Type.BYTES_PER_ELEMENT ?? 1;
          const most = Math.floor(size / width);
          for (const length of [undefined, BigInt(most), most]) {
            const view = heap.view(block, Type, length);
            assert.equal(view.constructor, Type);
            assert.equal(view.byteLength, most * width);
            assert.equal(heap.view(block, Type, 0).byteLength, 0);
          }
          const inside = heap.usableSize(block) + 1;
          for (const length of [inside, BigInt(inside), 2 ** 40])
            assert.throws(() => heap.view(block, Type, length), { code: 'ERR_MEMS_OUT_OF_BLOCK' });
          for (const length of ['1', null, true, Symbol('1'), { valueOf: () => 1 }])
            assert.throws(() => heap.view(block, Type, length), { code: 'ERR_INVALID_ARG_TYPE' });
        }
        assert.equal(heap.buffer(block, BigInt(size)).length, size);
        assert.throws(() => heap.buffer(block, '1'), { code: 'ERR_INVALID_ARG_TYPE' });
        assert.throws(() => heap.view(block, Array), { code: 'ERR_INVALID_ARG_TYPE' });
        heap.free(block);
        for (const call of ['view', 'buffer', 'get', 'blockOf', 'usableSize'])
          assert.throws(() => heap[call](block), { code: 'ERR_MEMS_NOT_ALLOCATED' });
      }
      heap.close();
    }
  });

  test('shows one memory in views from before it began, from inside of blocks, and from its own', () => {
    for (const addresses of ['bigint', 'number']) {
      const heap = new Heap({ ...POLICY, addresses });
      const step = (count) => (addresses === 'number' ? count : BigInt(count));
      const early = heap.malloc(300);
      heap.view(early, Uint8Array, 100).fill(1);
      heap.buffer(early + step(5), 10).fill(2);
      for (let call = 0; call < 200; call++) heap.free(heap.malloc(64));
      const late = heap.malloc(3000);
      heap.view(late + step(1)).fill(3);
      heap.buffer(late).fill(4, 0, 7);
      const expected = Buffer.alloc(100, 1).fill(2, 5, 15);
      for (let turn = 0; turn < 3; turn++) {
        assert.deepEqual(Buffer.from(heap.view(early, Uint8Array, 100)), expected);
        assert.deepEqual(heap.read(early, 100), expected);
        assert.deepEqual(heap.read(late), Buffer.alloc(3000, 3).fill(4, 0, 7));
        assert.equal(heap.view(early).byteOffset, heap.view(early + step(0)).byteOffset);
      }
      heap.close();
    }
  });

  test('aligns what mallocAs allocates, and asks a malloc of a subclass for that', () => {
    class Own extends Float64Array {}
    const types = [Float64Array, BigInt64Array, Int32Array, Uint16Array, Uint8Array, Own, DataView];
    for (const addresses of ['bigint', 'number']) {
      const heap = heapWithFront({ addresses });
      for (let turn = 0; turn < 200; turn++) {
        for (const count of [1, 3, 100, 5000, 20_000]) {
          const Type = types[turn % types.length];
          const { address, view } = heap.mallocAs(Type, count);
          const width = Type.BYTES_PER_ELEMENT ?? 1;
          assert.equal(Number(heap.get(address)) % Math.max(width, 16), 0);
          assert.equal(view.constructor, Type);
          assert.equal(view.byteLength, count * width);
          assert.equal(typeof address, addresses);
          assert.equal(heap.blockOf(address).size, count * width);
          // A block that moves stays aligned.
          const moved = heap.realloc(address, 2 * count * width + 1);
          assert.equal(Number(heap.get(moved)) % 16, 0);
          heap.free(moved);
        }
      }
      const buffer = heap.mallocAs(Buffer, 10);
      assert.ok(Buffer.isBuffer(buffer.view) && buffer.view.buffer instanceof ArrayBuffer);
      heap.free(buffer.address);
      const { live } = heap.stats().counts;
      for (const count of [0, 2 ** 52, 2n ** 60n, -1, 1.5])
        assert.throws(() => heap.mallocAs(Float64Array, count), { code: 'ERR_MEMS_INVALID_SIZE' });
      for (const count of ['1', null, undefined, Symbol('1')])
        assert.throws(() => heap.mallocAs(Float64Array, count), { code: 'ERR_INVALID_ARG_TYPE' });
      assert.throws(() => heap.mallocAs(Array, 1), { code: 'ERR_INVALID_ARG_TYPE' });
      const tooMany = { code: 'ERR_MEMS_OUT_OF_MEMORY' };
      assert.throws(() => heap.mallocAs(Float64Array, 2 ** 49), tooMany);
      assert.equal(heap.stats().counts.live, live);
      heap.verify();
      heap.close();
      assert.throws(() => heap.mallocAs(Uint8Array, 1), { code: 'ERR_MEMS_CLOSED' });
    }
    const given = [];
    class Asking extends Heap {
      malloc(size, options) {
        given.push([size, options]);
        return super.malloc(size, options);
      }
    }
    const asking = new Asking(POLICY);
    for (let call = 0; call < 200; call++) asking.free(asking.malloc(8));
    given.length = 0;
    asking.mallocAs(Int16Array, 5);
    assert.deepEqual(given, [[10, { alignment: 2 }]]);
    asking.close();
  });

  test('is looked at by the addon too, however small its heap may be', () => {
    for (let maxSize = 4096; maxSize <= 2 ** 18; maxSize += 4096) {
      const heap = heapWithFront({ maxSize });
      const block = heap.malloc(100);
      assert.equal(heap.get(block + 1n), heap.get(block) + 1n);
      heap.verify();
      heap.free(block);
      assert.equal(heap.stats().counts.live, 0);
      heap.close();
    }
  });

  test('serves alignedAlloc of what slots are aligned to, and leaves the rest to the addon', () => {
    const heap = heapWithFront();
    for (let turn = 0; turn < 50; turn++) {
      for (const alignment of [1, 2, 4, 8, 16, 32, 4096]) {
        const block = heap.alignedAlloc(alignment, 1 + turn);
        assert.equal(heap.get(block) % BigInt(alignment), 0n);
        assert.equal(heap.blockOf(block).size, 1 + turn);
        heap.free(block);
      }
    }
    const invalid = { code: 'ERR_MEMS_INVALID_ALIGNMENT' };
    for (const alignment of [0, -1, -8, 3, 0.5, 1.5, NaN, Infinity, 2 ** 40])
      assert.throws(() => heap.alignedAlloc(alignment, 8), invalid, String(alignment));
    for (const alignment of ['8', 8n, null, true, {}, [8], Symbol('8')])
      assert.throws(() => heap.alignedAlloc(alignment, 8), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => heap.alignedAlloc(8, 0), { code: 'ERR_MEMS_INVALID_SIZE' });
    assert.throws(() => heap.alignedAlloc(8, '8'), { code: 'ERR_INVALID_ARG_TYPE' });
    heap.verify();
    heap.close();
  });

  test('gives its slots up for a request that finds no other room', () => {
    const heap = heapWithFront({ maxSize: 2 ** 20 });
    for (let size = 16; size < 16_384; size *= 2) {
      heap.freeMany(Array.from({ length: 4 }, () => heap.malloc(size)));
      heap.free(heap.malloc(size));
    }
    heap.free(heap.malloc(2 ** 20));
    const untouched = heap.stats().counts;
    assert.throws(() => heap.mallocMany([100, 3000, 2 ** 30]), { code: 'ERR_MEMS_OUT_OF_MEMORY' });
    assert.deepEqual(heap.stats().counts, untouched);
    heap.verify();
    heap.close();
  });

  test('grows with the heap, also where more states are shown than before', () => {
    const heap = heapWithFront();
    const blocks = [];
    for (let step = 0; step < 3000; step++) blocks.push(heap.malloc(8000), heap.malloc(10));
    heap.verify();
    assert.equal(new Set(blocks).size, blocks.length);
    for (const block of blocks) heap.free(block);
    heap.verify();
    assert.equal(heap.stats().counts.live, 0);
    heap.close();
  });

  test('ends when the id is read, and other threads use the heap from then on', async () => {
    const heap = heapWithFront();
    const block = heap.malloc(100);
    const before = heap.stats();
    const { id } = heap;
    assert.ok(!hasFront(heap));
    assert.deepEqual(heap.stats().totals, before.totals);
    const freed = await inWorker(
      ({ Heap }, [id, address]) => {
        const heap = Heap.attach(id);
        heap.free(address);
        return heap.malloc(100);
      },
      [id, block],
    );
    heap.free(freed);
    assert.throws(() => heap.free(freed), { code: 'ERR_MEMS_NOT_ALLOCATED' });
    heap.verify();
    heap.close();
  });

  test('keeps other threads out until then', async () => {
    const heap = heapWithFront();
    const id = ids.get(heap);
    const attach = ({ Heap }, id) => {
      try {
        Heap.attach(id);
        return 'attached';
      } catch (error) {
        return [error.code, error.message];
      }
    };
    const [code, message] = await inWorker(attach, id);
    assert.equal(code, 'ERR_MEMS_UNKNOWN_HEAP');
    assert.match(message, /heap\.id/);
    // The heap's own thread may attach.
    const other = Heap.attach(id);
    other.free(heap.malloc(64));
    assert.equal(await inWorker(attach, heap.id), 'attached');
    heap.verify();
    heap.close();
  });

  test('counts padding right that far more blocks have got by becoming smaller than a word holds', () => {
    const heap = heapWithFront();
    // 70,000 times 32 KiB are more than 2^31 bytes; none of them is touched.
    const blocks = Array.from({ length: 70_000 }, () => heap.malloc(32_768));
    for (const block of blocks) assert.equal(heap.realloc(block, 1), block);
    assert.equal(heap.stats().bytes.requested, blocks.length);
    heap.close();
  });

  test('counts padding right that the addon changes between its calls', () => {
    const heap = heapWithFront();
    // 2^31 bytes more of padding are taken away than have been added.
    for (let turn = 0; turn < 66_000; turn++) {
      const block = heap.malloc(32_768);
      assert.equal(heap.realloc(block, 1, {}), block);
      heap.free(block);
    }
    assert.equal(heap.stats().bytes.requested, 0);
    heap.verify();
    heap.close();
  });

  test('counts more calls than one of its words may', () => {
    const heap = heapWithFront();
    const { words } = frontOf(heap);
    const before = heap.stats().totals;
    const calls = 100_000;
    for (let call = 0; call < calls; call++) {
      heap.free(heap.malloc(32_766 + (call % 2)));
      assert.ok(words[10] >= 0, 'carried');
    }
    const { totals, bytes } = heap.stats();
    assert.deepEqual(totals, {
      malloc: before.malloc + calls,
      free: before.free + calls,
      allocatedBytes: before.allocatedBytes + 32_768 * calls,
    });
    assert.equal(bytes.requested, 0);
    heap.verify();
    heap.close();
  });

  test('ends with the heap, whatever object of it ends that', () => {
    const heap = heapWithFront();
    const other = Heap.attach(ids.get(heap));
    for (let call = 0; call < 200; call++) other.free(other.malloc(64));
    const block = heap.malloc(64);
    other.close();
    const closed = { code: 'ERR_MEMS_CLOSED' };
    for (const one of [heap, other]) {
      assert.throws(() => one.malloc(64), closed);
      assert.throws(() => one.alignedAlloc(16, 64), closed);
      assert.throws(() => one.free(block), closed);
      assert.throws(() => one.usableSize(block), closed);
      assert.throws(() => one.owns(block), closed);
    }
  });

  test('is a shared one if another object has published the heap before it began', () => {
    const heap = new Heap(POLICY);
    const [{ id }] = Heap.list().slice(-1);
    assert.equal(Heap.attach(id).id, id);
    for (let call = 0; call < 200; call++) heap.free(heap.malloc(64));
    assert.ok(hasFront(heap) && frontOf(heap).isShared);
    heap.close();
  });

  test('ends where its states do, 32 GiB of addresses from the first', (t) => {
    const heap = heapWithFront();
    const block = mallocOrSkip(t, heap, 2 ** 35 + 2 ** 20);
    if (block === undefined) return;
    heap.free(block);
    const blocks = Array.from({ length: 40_000 }, () => heap.malloc(64));
    assert.equal(new Set(blocks).size, blocks.length);
    for (const block of blocks) heap.free(block);
    assert.equal(heap.stats().counts.live, 0);
    heap.close();
  });

  test('takes no number for another that has the same lowest 32 bits', (t) => {
    for (const floor of [2 ** 31, 2 ** 32]) {
      const heap = heapWithFront({ addresses: 'number' });
      const live = [mallocOrSkip(t, heap, floor)];
      if (live[0] === undefined) return;
      for (let slot = 0; slot < 2000; slot++) live.push(heap.malloc(64));
      const above = live.filter((address) => address > floor).slice(0, 50);
      assert.ok(above.length > 0);
      for (const address of above) {
        const others = [address - 2 ** 32, address + 2 ** 32, -address, address + 0.5];
        for (const other of others.filter((other) => !live.includes(other))) {
          assert.throws(() => heap.free(other), { code: /^ERR_/ });
          assert.equal(heap.usableSize(address), 64);
        }
      }
      for (const address of live) heap.free(address);
      heap.close();
    }
  });

  test('gives way to another object of the heap in its thread', () => {
    const heap = heapWithFront();
    const block = heap.malloc(100);
    const other = Heap.attach(ids.get(heap));
    other.free(block);
    assert.throws(() => heap.free(block), { code: 'ERR_MEMS_NOT_ALLOCATED' });
    const kept = heap.malloc(100);
    // The other one ends the front, which is not told.
    assert.equal(other.id, ids.get(heap));
    assert.equal(heap.realloc(kept, 97), kept);
    heap.free(kept);
    heap.free(heap.malloc(100));
    other.verify();
    assert.equal(other.stats().bytes.requested, 0);
    const last = heap.malloc(100);
    other.close();
    const closed = { code: 'ERR_MEMS_CLOSED' };
    for (const call of [
      () => heap.malloc(8),
      () => heap.free(last),
      () => heap.get(last),
      () => heap.view(last),
      () => heap.owns(last),
      () => heap.realloc(last, 99),
    ])
      assert.throws(call, closed);
  });

  test('is not ended by a view that cannot be made', () => {
    const heap = heapWithFront();
    class Bad extends Uint8Array {
      constructor(...rest) {
        super(...rest);
        throw new Error('on purpose');
      }
    }
    assert.throws(() => heap.mallocAs(Bad, 8), /on purpose/);
    assert.ok(hasFront(heap));
    heap.close();
  });

  test('is nothing that heaps without one need to become known', async () => {
    for (const options of [{ hardened: true }, { zeroOnFree: true }, { trackAllocations: true }]) {
      const heap = heapWithFront(options);
      const attach = ({ Heap }, id) => Heap.attach(id).malloc(100);
      heap.free(await inWorker(attach, heap.id));
      heap.close();
    }
  });

  test('is taken back from a worker that ends, and the heap stays', async () => {
    for (const end of ['', 'process.exit();', 'while (true) heap.free(heap.malloc(64));']) {
      const before = new Set(Heap.list().map(({ id }) => id));
      const worker = new Worker(
        `const { parentPort, workerData } = require('node:worker_threads');
         const { Heap } = require(workerData);
         const heap = new Heap({ policy: 'segregated' });
         for (let call = 0; call < 200; call++) heap.free(heap.malloc(64));
         const block = heap.malloc(100);
         heap.buffer(block).fill(7);
         parentPort.postMessage(block);
         ${end}`,
        { eval: true, workerData: require.resolve('../..') },
      );
      const exit = once(worker, 'exit');
      const [block] = await once(worker, 'message');
      const { id } = Heap.list().find((entry) => !before.has(entry.id));
      if (end.startsWith('while')) await worker.terminate();
      await exit;
      const heap = Heap.attach(id);
      const { counts, totals } = heap.stats();
      // A worker that is stopped in the middle of a call may have taken a block, or not freed it yet.
      assert.ok(counts.live === 1 || (end.startsWith('while') && counts.live === 2), end);
      assert.equal(totals.malloc - totals.free, counts.live);
      assert.ok(heap.buffer(block).every((byte) => byte === 7));
      heap.verify();
      heap.free(block);
      heap.close();
    }
  });

  test('spoils its heap and nothing else if somebody writes nonsense to its memory', () => {
    const random = new Numbers(11);
    for (let turn = 0; turn < 50; turn++) {
      const heap = heapWithFront();
      const blocks = Array.from({ length: 50 }, (_, number) => heap.malloc(1 + number * 50));
      const front = frontOf(heap);
      const { buffer, byteOffset, byteLength } = turn % 2 === 0 ? front.words : front.states;
      const all = new Uint8Array(buffer, byteOffset, byteLength);
      const from = turn % 2 === 0 ? 256 : 0;
      const to = Math.min(all.length, from + 14_000);
      for (let byte = 0; byte < 300; byte++) all[random.int(from, to - 1)] = random.int(0, 255);
      const attempts = [
        () => heap.malloc(random.int(1, 20_000)),
        () => heap.free(blocks[random.int(0, 49)]),
        () => heap.realloc(blocks[random.int(0, 49)], random.int(1, 5000)),
        () => heap.view(blocks[random.int(0, 49)]).fill(1),
        () => heap.mallocMany([1, 100, 1000]),
        () => heap.stats(),
        () => heap.verify(),
        () => heap.trim(),
        () => [...heap.chains()].map(({ segments }) => [...segments]),
      ];
      for (let attempt = 0; attempt < 300; attempt++) {
        try {
          attempts[random.int(0, attempts.length - 1)]();
        } catch (error) {
          assert.match(String(error.code), /^ERR_(MEMS|INVALID)/);
        }
      }
      heap.close();
    }
    const heap = heapWithFront();
    heap.verify();
    heap.close();
  });
});
