'use strict';

// Segregated fit from JavaScript, with each option of a heap: no block overlaps another, sizes and contents are exact, bad frees
// are refused with the right code, and chains and statistics add up. The engine may place a block anywhere.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { Heap } = require('../..');
const { check, steps } = require('../helpers/property.js');
const { Numbers } = require('../helpers/random.js');

const POLICY = { policy: 'segregated' };

/** Sizes of every kind. */
function size(random) {
  const most = [64, 1024, 40_000, 300_000][random(4)];
  return 1 + random(most);
}

/** Runs a program on a heap and on a list of live blocks. */
function run(heap, words) {
  const live = new Map();
  const compare = (address, { bytes, fill }) => {
    const view = heap.buffer(address);
    assert.equal(view.length, bytes);
    assert.ok(view.equals(Buffer.alloc(bytes, fill)), `the block at ${address} was overwritten`);
  };
  const add = (address, bytes, fill) => {
    for (const [start, block] of live) {
      const apart = address + BigInt(bytes) <= start || start + BigInt(block.bytes) <= address;
      assert.ok(apart, `${address} overlaps ${start}`);
    }
    heap.buffer(address).fill(fill);
    live.set(address, { bytes, fill });
  };
  for (const [step, word] of words.entries()) {
    const numbers = new Numbers(word);
    const random = (most) => numbers.int(0, most - 1);
    const [address] = [...live.keys()].slice(random(live.size + 1));
    const kind = random(10);
    if (address === undefined || kind < 5) {
      const bytes = size(random);
      const alignment = kind === 0 ? 2 ** random(22) : undefined;
      add(heap.malloc(bytes, alignment && { alignment }), bytes, step % 256);
    } else if (kind < 7) {
      const block = live.get(address);
      const bytes = size(random);
      live.delete(address);
      const moved = heap.realloc(address, bytes);
      const kept = heap.buffer(moved).subarray(0, Math.min(bytes, block.bytes));
      assert.ok(kept.equals(Buffer.alloc(kept.length, block.fill)));
      add(moved, bytes, step % 256);
    } else {
      compare(address, live.get(address));
      const { bytes } = live.get(address);
      if (bytes > 1) {
        const inside = address + 1n + BigInt(random(bytes - 1));
        assert.throws(() => heap.free(inside), { code: 'ERR_MEMS_NOT_BLOCK_START' });
      }
      heap.free(address);
      live.delete(address);
      assert.throws(() => heap.free(address), { code: 'ERR_MEMS_NOT_ALLOCATED' });
    }
    if (step % 20 === 0) heap.verify();
  }
  const { bytes, counts, totals } = heap.stats();
  assert.equal(counts.live, live.size);
  assert.equal(totals.malloc - totals.free, live.size);
  assert.equal(
    bytes.requested,
    [...live.values()].reduce((sum, block) => sum + block.bytes, 0),
  );
  assert.equal(bytes.live + bytes.quarantined + bytes.holes, bytes.mapped);
  for (const [address, block] of live) compare(address, block);
  heap.freeMany([...live.keys()]);
  heap.verify();
}

describe('segregated fit', () => {
  const all = [
    {},
    { autoTrim: false },
    { zeroOnFree: true },
    { hardened: true },
    { trackAllocations: true },
  ];
  all.forEach((options, stream) => {
    test(`keeps every block apart with ${JSON.stringify(options)}`, (t) => {
      const runProgram = (words) => {
        const heap = new Heap({ ...POLICY, ...options });
        try {
          run(heap, words);
        } finally {
          heap.close();
        }
      };
      check(t, steps(500), runProgram, { runs: 4, stream });
    });
  });

  test('refuses the alignment 1 by its name', () => {
    const expected = { code: 'ERR_INVALID_ARG_VALUE', message: /alignment .*'segregated'/ };
    assert.throws(() => new Heap({ ...POLICY, alignment: 1 }), expected);
  });

  test('shows slots as segments, and gives their pages back when the last is free', () => {
    const heap = new Heap(POLICY);
    const blocks = Array.from({ length: 1000 }, () => heap.malloc(100));
    assert.ok(heap.stats().counts.holes < 100);
    const segments = [...heap.chains()].flatMap((block) => [...block.segments]);
    assert.deepEqual(
      segments.filter((segment) => segment.kind === 'live').map((segment) => segment.start),
      blocks.sort((a, b) => (a < b ? -1 : 1)),
    );
    heap.freeMany(blocks);
    // One span stays, for the next malloc.
    assert.ok(heap.stats().counts.holes < 200);
    heap.close();
  });

  const MIB = 2 ** 20;

  test('stays whole where runs of pages grow past the end of a chunk of their map', () => {
    const heap = new Heap(POLICY);
    heap.free(heap.malloc(256 * MIB));
    const block = heap.malloc(257 * MIB);
    heap.verify();
    heap.free(block);
    heap.free(heap.malloc(600 * MIB));
    heap.verify();
    heap.close();
  });

  test('clears what calloc returns, whoever wrote to the end of the block before', () => {
    const heap = new Heap(POLICY);
    const block = heap.realloc(heap.malloc(40_000), 60_001);
    const usable = heap.usableSize(block);
    heap.view(block, Uint8Array, usable).fill(0xaa);
    heap.free(block);
    const again = heap.calloc(1, usable);
    assert.equal(again, block);
    assert.ok(heap.buffer(again).every((byte) => byte === 0));
    heap.close();
  });

  test('shrinks a block where it is, however full the heap is', () => {
    for (const size of [100, 16_384, 20_000]) {
      const heap = new Heap({ ...POLICY, maxSize: MIB });
      const block = heap.malloc(MIB);
      assert.equal(heap.realloc(block, size), block);
      assert.equal(heap.usableSize(block) < size + 4096, true);
      heap.verify();
      heap.close();
    }
  });

  test('gives spans without a live slot back before it refuses anything', () => {
    const heap = new Heap({ ...POLICY, maxSize: MIB });
    const blocks = Array.from({ length: 40 }, (_, number) => heap.malloc(16 + 40 * number));
    heap.freeMany(blocks);
    heap.free(heap.malloc(MIB));
    heap.freeMany(Array.from({ length: 40 }, (_, number) => heap.malloc(16 + 40 * number)));
    heap.trim();
    assert.equal(heap.stats().counts.holes, 1);
    heap.close();
  });

  test('keeps nothing of a mallocMany that fails', () => {
    const heap = new Heap({ ...POLICY, maxSize: MIB });
    const untouched = heap.stats();
    assert.throws(() => heap.mallocMany([100, 2 ** 30]), { code: 'ERR_MEMS_OUT_OF_MEMORY' });
    const { bytes, counts } = heap.stats();
    assert.deepEqual(counts, untouched.counts);
    assert.deepEqual({ ...bytes, metadata: 0 }, { ...untouched.bytes, metadata: 0 });
    heap.free(heap.malloc(65_536));
    const { metadata } = heap.stats().bytes;
    for (let time = 0; time < 2000; time++) {
      assert.throws(() => heap.mallocMany([100_000, 2 ** 40]));
    }
    assert.equal(heap.stats().bytes.metadata, metadata);
    heap.close();
  });

  for (const policy of ['segregated', 'buddy', 'first-fit']) {
    test(`leaves nothing readable of what a realloc cut off, with zeroOnFree and ${policy}`, () => {
      const heap = new Heap({ policy, zeroOnFree: true });
      for (const [from, to] of [
        [112, 64],
        [60_000, 57_400],
      ]) {
        const block = heap.malloc(from);
        heap.buffer(block).fill(1);
        assert.equal(heap.realloc(block, to), block);
        const behind = heap.view(block, Uint8Array, heap.usableSize(block)).subarray(to);
        assert.ok(behind.every((byte) => byte === 0));
      }
      heap.close();
    });
  }
});
