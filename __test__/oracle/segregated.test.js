'use strict';

// Segregated fit from JavaScript, with each option of a heap: no block overlaps another, sizes and contents are exact, bad frees
// are refused with the right code, and chains and statistics add up. Where a block goes is the engine's business.

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

/** Runs a program on a heap and on a list of what is live. */
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
});
