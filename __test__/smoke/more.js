// The smoke suite's checks of what came after the seed: batches, views, the malloc family, heaps, statistics.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const assert = require('assert');
const { randomFillSync } = require('crypto');
const { unlinkSync } = require('fs');
const { tmpdir } = require('os');
const { join } = require('path');
const { api, assertCode } = require('./api.js');
const { quietly } = require('../helpers/console.js');
const { runWorker } = require('./workers.js');

function batches() {
  const mems = api();
  const many = mems.mallocMany([16, 16n, 1000]);
  assert.deepStrictEqual(Array.from(many), [1000n, 1016n, 1032n]);
  assertCode('ERR_MEMS_INVALID_SIZE', () => mems.mallocMany([8, 0]));
  assertCode('ERR_MEMS_NOT_ALLOCATED', () => mems.freeMany([1000n, 1000n]));
  assert.strictEqual(mems.stats().counts.live, 3);
  mems.freeMany(many);
  assert.strictEqual(mems.stats().counts.live, 0);
  mems.verify();
}

function buffersAndViews() {
  const mems = api();
  const block = mems.malloc(100);
  const bytes = mems.buffer(block);
  assert.ok(Buffer.isBuffer(bytes) && bytes.length === 100);
  bytes.write('hello', 10);
  assert.strictEqual(mems.read(block + 10n, 5).toString(), 'hello');
  assert.strictEqual(mems.view(block + 10n)[0], 104, 'the same bytes, not a copy');
  assert.strictEqual(mems.view(block, DataView).byteLength, 100);
  assertCode('ERR_MEMS_OUT_OF_BLOCK', () => mems.buffer(block, 101), '101');
  const types = [Uint8ClampedArray, Int16Array, Uint32Array, Float64Array, BigUint64Array];
  for (const Type of types) {
    const { address, view } = mems.mallocAs(Type, 5);
    assert.ok(view instanceof Type && view.length === 5, Type.name);
    assert.strictEqual(mems.get(address) % BigInt(Type.BYTES_PER_ELEMENT), 0n);
    view[4] = Type === BigUint64Array ? 7n : 7;
    assert.strictEqual(mems.view(address, Type)[4], view[4]);
    const { BYTES_PER_ELEMENT: width } = Type;
    if (width > 1)
      assertCode('ERR_MEMS_MISALIGNED', () => mems.view(address + 1n, Type, 1), Type.name);
  }
  const object = mems.allocate(8);
  object.view[0] = 3;
  assert.strictEqual(mems.read(object.address)[0], 3);
  object.free();
  assertCode('ERR_MEMS_NOT_ALLOCATED', () => object.free());
  bytes.fill(1);
  if (bytes.buffer.transfer) {
    // The memory is another buffer's now; views are made from a new one.
    const moved = new Uint8Array(bytes.buffer.transfer());
    mems.buffer(block).fill(2);
    assert.ok(moved.includes(2) && mems.view(block)[99] === 2);
    assert.strictEqual(bytes.length, 0);
    return;
  }
  quietly(mems.finish);
  assert.strictEqual(bytes[0], 0, 'a stale buffer shows zeros');
}

function readWriteCopyFillCompare() {
  const mems = api();
  const [a, b] = [mems.malloc(8), mems.malloc(8)];
  assert.strictEqual(mems.write(a, 'häß'), 5);
  assert.strictEqual(mems.write(a + 5n, Uint8Array.of(1, 2, 3)), 3);
  mems.copy(b, a, 8);
  assert.strictEqual(mems.compare(a, b, 8), 0);
  mems.fill(b + 6n, 255, 2);
  assert.deepStrictEqual(Array.from(mems.read(b + 5n)), [1, 255, 255]);
  assert.strictEqual(mems.compare(a, b, 8), -1);
  assert.strictEqual(mems.compare(b, a, 8n), 1);
  assertCode('ERR_MEMS_OUT_OF_BLOCK', () => mems.write(a + 6n, 'abc'));
  assertCode('ERR_MEMS_OUT_OF_BLOCK', () => mems.copy(a, b + 4n, 5));
  assertCode('ERR_INVALID_ARG_TYPE', () => mems.fill(a, 256));
}

function mallocFamily() {
  const mems = api();
  mems.malloc(3);
  for (const alignment of [2, 16, 64, 4096]) {
    const block = mems.malloc(5, { alignment });
    assert.strictEqual(mems.get(block) % BigInt(alignment), 0n);
    assert.strictEqual(mems.get(mems.alignedAlloc(alignment, 1)) % BigInt(alignment), 0n);
  }
  assertCode('ERR_MEMS_INVALID_ALIGNMENT', () => mems.malloc(8, { alignment: 3 }), '3');
  const dirty = mems.malloc(1000);
  mems.fill(dirty, 255);
  mems.free(dirty);
  const zeros = mems.calloc(10, 100);
  assert.ok(mems.read(zeros).every((byte) => byte === 0));
  mems.write(zeros, 'kept');
  const moved = mems.realloc(zeros, 100000);
  assert.strictEqual(mems.read(moved, 4).toString(), 'kept');
  assert.strictEqual(mems.realloc(moved, 4), moved, 'shrinks in place');
  assert.deepStrictEqual(mems.blockOf(moved + 3n), { address: moved, size: 4, usableSize: 4 });
  assert.ok(mems.owns(moved) && !mems.owns(moved + 4n));
  mems.verify();
}

async function heapsAsObjects() {
  const mems = api();
  const { Heap } = mems;
  const own = mems.malloc(8);
  const [a, b] = [new Heap(), new Heap({ maxSize: 1 << 20 })];
  const { address, view } = a.mallocAs(Int32Array, 25);
  assert.strictEqual(b.malloc(100), address, 'addresses are a heap’s own');
  b.fill(address, 2);
  assert.strictEqual(b.usableSize(address), 112, 'rounded up to 16');
  assertCode('ERR_MEMS_OUT_OF_MEMORY', () => b.malloc(1 << 20));
  const { made } = await runWorker({ heap: a.id, address });
  assert.strictEqual(view[1], 42, 'written by the worker through its own view');
  assert.strictEqual(a.read(made, 4).toString(), 'made');
  a.free(made);
  const other = Heap.attach(a.id);
  assert.strictEqual(other.view(address, Int32Array)[1], 42);
  // Node 14 and 16 end the process if they meet two buffers over native memory that begin at the same byte.
  for (const bytes of [a.buffer(address), other.buffer(address), mems.buffer(own)])
    randomFillSync(bytes);
  view[1] = 42;
  a.verify();
  a.close();
  assert.strictEqual(view[1], 0, 'a stale view shows zeros');
  view[1] = 1;
  for (const heap of [a, other]) {
    assertCode('ERR_MEMS_CLOSED', () => heap.malloc(1));
    assertCode('ERR_MEMS_CLOSED', () => heap.view(address));
  }
  assertCode('ERR_MEMS_CLOSED', () => Heap.attach(a.id));
  assertCode('ERR_INVALID_ARG_TYPE', () => Heap.attach('1'), 'id');
  assert.strictEqual(b.read(address)[99], 2, 'other heaps are left alone');
  b.close();
}

function numberAddresses() {
  const { Heap } = api();
  const heap = new Heap({ addresses: 'number' });
  const twin = Heap.attach(heap.id);
  const block = heap.malloc(100);
  assert.strictEqual(block, 1000);
  assert.strictEqual(twin.blockOf(block + 5).address, 1000n);
  assert.strictEqual(heap.blockOf(1005n).address, 1000);
  assert.strictEqual(BigInt(heap.get(block + 5)), twin.get(block) + 5n);
  heap.view(block, Uint8Array)[99] = 7;
  assert.strictEqual(twin.read(1099n, 1)[0], 7);
  const moved = heap.realloc(heap.calloc(2, 8), 1e6);
  const { address } = heap.mallocAs(Float64Array, 2);
  const many = heap.mallocMany([16, 16n]);
  assert.ok(many instanceof Float64Array && many.length === 2);
  const live = Array.from(heap.leaks(), (leak) => leak.address);
  const all = [block, moved, address, ...many].sort((a, b) => a - b);
  assert.deepStrictEqual(live, all);
  for (const bad of [NaN, -1, 0.5, 2 ** 53, 0, 2 ** 40]) {
    assertCode('ERR_MEMS_OUT_OF_RANGE', () => heap.free(bad));
    assertCode('ERR_MEMS_OUT_OF_RANGE', () => twin.view(bad));
    assertCode('ERR_MEMS_OUT_OF_RANGE', () => heap.freeMany([block, bad]));
    assert.strictEqual(heap.owns(bad), false);
  }
  heap.free(BigInt(block));
  twin.free(moved);
  twin.freeMany(Float64Array.of(address));
  heap.freeMany(many);
  assert.strictEqual(heap.stats().counts.live, 0);
  heap.verify();
  heap.close();
}

function chainsAndStats() {
  const mems = api();
  mems.freeMany(mems.mallocMany([1000, 5000, 300]).slice(1, 2));
  const seen = { pages: 0, mainBlocks: 0, live: 0, holes: 0 };
  const bytes = { live: 0, hole: 0 };
  for (const { start, size, segments } of mems.chains()) {
    let next = start;
    seen.mainBlocks += 1;
    seen.pages += size / 4096;
    for (const segment of segments) {
      assert.strictEqual(segment.start, next, 'no gaps');
      next += BigInt(segment.size);
      bytes[segment.kind] += segment.size;
      seen[segment.kind === 'live' ? 'live' : 'holes'] += 1;
    }
    assert.strictEqual(next, start + BigInt(size));
  }
  const stats = mems.stats();
  seen.quarantined = 0;
  assert.deepStrictEqual(seen, stats.counts);
  assert.strictEqual(stats.bytes.live, bytes.live);
  assert.strictEqual(stats.bytes.holes, bytes.hole);
  assert.strictEqual(stats.bytes.mapped, bytes.live + bytes.hole);
  assert.strictEqual(stats.bytes.requested, stats.bytes.live, 'sizes are exact');
  assert.strictEqual(stats.totals.malloc - stats.totals.free, stats.counts.live);
  assert.strictEqual(stats.fragmentation.unused, bytes.hole / stats.bytes.mapped);
  assert.strictEqual(stats.fragmentation.external, 1 - stats.bytes.largestHole / bytes.hole);
}

async function waitsForWordsOfFiles() {
  const file = join(tmpdir(), `mems-smoke-${process.pid}.mems`);
  const heap = api().Heap.open(file);
  try {
    const word = heap.calloc(1, 4);
    assert.strictEqual(await heap.waitAsync(word, 1), 'not-equal');
    assert.strictEqual(await heap.waitAsync(word, 0, 5), 'timed-out');
    const waited = heap.waitAsync(word, 0);
    heap.write(word, Buffer.from([1, 0, 0, 0]));
    heap.notify(word);
    assert.strictEqual(await waited, 'ok');
    const pending = heap.waitAsync(word, 1);
    heap.close();
    await assert.rejects(pending, { code: 'ERR_MEMS_CLOSED' });
  } finally {
    heap.close();
    unlinkSync(file);
  }
}

module.exports = {
  batches,
  buffersAndViews,
  readWriteCopyFillCompare,
  mallocFamily,
  heapsAsObjects,
  numberAddresses,
  chainsAndStats,
  waitsForWordsOfFiles,
};
