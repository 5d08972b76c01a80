'use strict';

// Reading, writing, copying, filling and comparing blocks that a front knows. What is done in JavaScript must be what the addon
// does: two heaps get the same calls, and one of them has an object without a front.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { Heap } = require('../..');
const { Random, reproducible } = require('../helpers/random.js');

/** A heap that has a front by now, and its id, which is not read from it: that would publish the heap. */
function heapWithFront(options) {
  const before = new Set(Heap.list().map(({ id }) => id));
  const heap = new Heap({ policy: 'segregated', ...options });
  const { id } = Heap.list().find(({ id }) => !before.has(id));
  for (let call = 0; call < 200; call++) heap.free(heap.malloc(64));
  return { heap, id };
}

/** What a call returns, or the error that it throws. */
function outcome(call) {
  try {
    const value = call();
    return ArrayBuffer.isView(value) ? Buffer.from(value).toString('hex') : value;
  } catch (error) {
    assert.match(String(error.code), /^ERR_/, error.stack);
    return [error.name, error.code, error.message];
  }
}

/** A number, that number as a BigInt, or something that is no number of bytes. */
function lengthFrom(random, size) {
  const most = random.int(0, 9) === 0 ? 2 * size + 40 : size;
  const length = random.int(0, most);
  const others = [
    ...[BigInt(length), undefined, -1, 0.5, NaN, 2 ** 32 + 1, String(length), null, -0],
    ...[Symbol('1'), { valueOf: () => 1 }, true, 2n ** 64n, -1n],
  ];
  return random.int(0, 7) === 0 ? others[random.int(0, others.length - 1)] : length;
}

/** Random calls, the same of `one` and `other`. */
function compareCalls(one, other, addresses) {
  const random = new Random();
  const sizes = [1, 7, 16, 17, 40, 100, 128, 129, 300, 1000, 3000, 5000, 20_000, 32_768, 100_000];
  const blocks = sizes.map((size) => [one.malloc(size), size]);
  assert.deepEqual(
    sizes.map((size) => other.malloc(size)),
    blocks.map(([block]) => block),
  );
  const at = (block, distance) =>
    addresses === 'number' ? block + distance : block + BigInt(distance);
  const pick = () => blocks[random.int(0, blocks.length - 1)];
  for (let step = 0; step < 4000; step++) {
    const [[to, size], [from, others]] = [pick(), pick()];
    // Mostly from the start: other addresses are not known to a front.
    const odd = [
      null,
      '1000',
      0.5,
      -1,
      2n ** 64n + BigInt(to),
      -BigInt(to),
      Number(to),
      BigInt(to),
    ];
    let target = random.int(0, 4) === 0 ? at(to, random.int(0, size + 20)) : to;
    if (random.int(0, 19) === 0) target = odd[random.int(0, odd.length - 1)];
    const source = random.int(0, 4) === 0 ? at(from, random.int(0, others + 20)) : from;
    const length = lengthFrom(random, Math.min(size, others));
    const byte = random.int(0, 12) === 0 ? [256, -1, 1.5, '1', 1n][step % 5] : step % 256;
    const bytes = Buffer.alloc(random.int(0, size + (random.int(0, 9) === 0 ? 20 : 0)), step);
    const call = [
      (heap) => heap.copy(target, source, length),
      (heap) => heap.fill(target, byte, length),
      (heap) => heap.compare(target, source, length),
      (heap) => heap.read(target, length),
      (heap) => heap.write(target, bytes),
      (heap) => heap.blockOf(target),
      (heap) => heap.usableSize(target),
      // One and the same block, over itself.
      (heap) => heap.copy(to, to, length),
      (heap) => heap.write(to, heap.view(to, Uint8Array, Math.min(size, 50)).subarray(3)),
    ][random.int(0, 8)];
    const [theirs, ours] = [outcome(() => call(other)), outcome(() => call(one))];
    assert.deepEqual(ours, theirs, `step ${step}: ${call}, ${String(target)}, ${String(length)}`);
    if (step % 500 === 0) {
      for (const [block] of blocks)
        assert.equal(
          outcome(() => one.read(block)),
          outcome(() => other.read(block)),
        );
      // The buffer that all this works on is gone.
      const { buffer } = one.buffer(blocks[0][0]);
      if (buffer.transfer) buffer.transfer();
    }
  }
  for (const [block] of blocks) {
    for (const heap of [one, other]) heap.free(block);
    for (const name of ['copy', 'compare', 'fill', 'read', 'write', 'blockOf', 'usableSize']) {
      const given = { copy: [block, 1], compare: [block, 1], fill: [1], write: ['a'] }[name] ?? [];
      assert.deepEqual(
        outcome(() => one[name](block, ...given)),
        outcome(() => other[name](block, ...given)),
      );
    }
  }
}

describe('the bytes of blocks that a front knows', () => {
  for (const addresses of ['bigint', 'number']) {
    test(`are worked on as by the addon, with ${addresses} addresses`, (t) => {
      const { heap: one } = heapWithFront({ addresses });
      const { heap: kept, id } = heapWithFront({ addresses });
      const other = Heap.attach(id, { addresses });
      reproducible(t, () => compareCalls(one, other, addresses));
      one.verify();
      one.close();
      kept.close();
    });
  }

  test('are worked on in JavaScript after some calls, whatever calls they are', () => {
    for (const call of [
      (heap, block) => heap.copy(block, block, 10),
      (heap, block) => heap.fill(block, 0),
      (heap, block) => heap.compare(block, block, 10),
      (heap, block) => heap.read(block),
      (heap, block) => heap.write(block, 'a'),
      (heap, block) => heap.view(block),
      (heap, block) => heap.buffer(block),
    ]) {
      const heap = new Heap({ policy: 'segregated' });
      const block = heap.malloc(100);
      const [front] = Object.getOwnPropertySymbols(heap)
        .filter(({ description }) => description === 'front')
        .map((symbol) => heap[symbol]);
      assert.equal(front.states.length, 0);
      for (let turn = 0; turn < 200; turn++) call(heap, block);
      assert.ok(front.states.length > 0, String(call));
      heap.free(block);
      assert.throws(() => call(heap, block), { code: 'ERR_MEMS_NOT_ALLOCATED' });
      heap.verify();
      heap.close();
    }
  });

  test('are as many as were asked for, in slots of every size', () => {
    const { heap } = heapWithFront();
    for (let size = 1; size <= 32_768; size += 1 + (size >> 6)) {
      const block = heap.malloc(size);
      const usable = heap.usableSize(block);
      for (const smaller of [size, usable, size >> 1, 129, 128, 127, 17, 16, 1]) {
        if (smaller === 0 || smaller > usable) continue;
        const at = heap.realloc(block, smaller);
        assert.equal(at, block);
        assert.equal(heap.blockOf(at).size, smaller);
        assert.equal(heap.view(at).length, smaller);
        assert.equal(heap.buffer(at).length, smaller);
      }
      heap.free(block);
    }
    heap.verify();
    heap.close();
  });

  test('are moved as if by way of a copy where source and target overlap', () => {
    const { heap } = heapWithFront();
    const block = heap.malloc(4000);
    const pattern = Buffer.from(Array.from({ length: 4000 }, (_, at) => at % 251));
    for (const length of [10, 100, 1000, 3000]) {
      for (const distance of [1, 8, 500]) {
        heap.write(block, pattern);
        heap.write(block, heap.buffer(block).subarray(distance, distance + length));
        const expected = Buffer.from(pattern);
        pattern.copy(expected, 0, distance, distance + length);
        assert.deepEqual(heap.read(block), expected);
        heap.write(block, pattern);
        heap.write(block, heap.view(block).subarray(distance, distance + length));
        assert.deepEqual(heap.read(block), expected);
      }
    }
    heap.close();
  });

  test('are compared to the last one, as unsigned bytes', () => {
    const { heap } = heapWithFront();
    const [a, b] = [heap.malloc(300), heap.malloc(300)];
    for (const length of [0, 1, 3, 4, 5, 16, 63, 64, 65, 128, 129, 300]) {
      for (let at = 0; at < length; at++) {
        heap.fill(a, 127);
        heap.fill(b, 127);
        assert.equal(heap.compare(a, b, length), 0);
        heap.view(a)[at] = 128;
        assert.equal(heap.compare(a, b, length), 1);
        assert.equal(heap.compare(b, a, length), -1);
        assert.equal(heap.compare(a, b, at), 0);
      }
    }
    heap.close();
  });

  test('are read into Buffers of their own', () => {
    const { heap } = heapWithFront();
    for (const size of [1, 16, 17, 2048, 2049, 32_768]) {
      const block = heap.malloc(size);
      heap.fill(block, 5);
      for (let turn = 0; turn < 4; turn++) {
        const copied = heap.read(block);
        assert.ok(Buffer.isBuffer(copied) && copied.length === size);
        assert.ok(copied.buffer instanceof ArrayBuffer);
        heap.fill(block, 6);
        assert.ok(copied.every((byte) => byte === 5));
        heap.fill(block, 5);
      }
    }
    heap.close();
  });
});
