'use strict';

// The allocator of the lesson page places as the addon does: the same random programs, with random options, give the same addresses,
// the same errors, the same printStats() and the same statistics, by each policy.

const { before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { Heap: Native } = require('../../index.js');
const { POLICIES } = require('../../command/library.js');
const { capture } = require('../helpers/console.js');
const { coreOf, PAGE, pageModule, SKIP_PAGE } = require('../helpers/lesson-page.js');
const { check, fc, steps } = require('../helpers/property.js');

/** Programs that each policy runs. */
const PROGRAMS = 1000;
const MOST_STEPS = 80;

const options = fc.record({
  alignment: fc.constantFrom(1, 16),
  minBlockSize: fc.constantFrom(4096, 5000, 65536),
  maxSize: fc.constantFrom(4096, 20_000, 1 << 20, 2 ** 30),
  growingBlocks: fc.boolean(),
  joinEmptyBlocks: fc.boolean(),
});

/** Options that a policy takes. */
function possible(given, policy) {
  if (policy === 'buddy') return { ...given, joinEmptyBlocks: false };
  return policy === 'segregated' ? { ...given, alignment: 16, joinEmptyBlocks: true } : given;
}

/** What a call returns, or its error as text. */
function resultOf(call) {
  try {
    return call();
  } catch (error) {
    assert.match(error.code, /^ERR_MEMS_(?!INTERNAL)/, error.stack);
    return `${error.code}: ${error.message}`;
  }
}

/** The call that a word of 32 bits makes, on a heap with these live blocks, as [name, argument]. */
function callOf(word, live) {
  const rest = word >>> 4;
  const block = live[rest % Math.max(1, live.length)] ?? 1000;
  switch (word & 15) {
    case 0:
      return ['malloc', [0, 1.5, -1, 2 ** 53, 30_000 + rest][rest % 5]];
    case 1:
      return ['free', block + (rest % 3)];
    case 2:
      return ['free', [0, 999, -1, 0.5, 2 ** 60][rest % 5]];
    case 3:
      return ['malloc', 1 + (rest % 9000)];
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
      return ['free', block];
    default:
      return ['malloc', 1 + (rest % 400)];
  }
}

describe('the allocator of the lesson page', SKIP_PAGE, () => {
  let Heap;
  before(async () => {
    const page = await pageModule('heap.mjs');
    await page.start(coreOf(PAGE));
    assert.deepEqual(page.POLICIES, POLICIES);
    Heap = page.Heap;
  });

  /** Runs a program on both, and compares. */
  function compare(policy, given, words) {
    const chosen = { ...possible(given, policy), policy };
    const page = new Heap(chosen);
    // A heap that clears has no caches for threads, which would take other slots.
    const clearing = policy === 'segregated' ? { zeroOnFree: true } : {};
    const native = new Native({ ...chosen, ...clearing, autoTrim: false, addresses: 'number' });
    try {
      const live = [];
      for (const word of words) {
        const [name, argument] = callOf(word, live);
        // The addon refuses what is no number of bytes before a heap sees it.
        const [is, wanted] = [page, native].map((heap) => resultOf(() => heap[name](argument)));
        assert.equal(is, wanted, `${name}(${argument})`);
        if (name === 'malloc' && typeof is === 'number') live.push(is);
        if (name === 'free' && is === undefined) live.splice(live.indexOf(argument), 1);
        if (policy !== 'segregated') assert.equal(page.lookedAt(100), native.lookedAt(100));
      }
      assert.deepEqual(
        page.lines(),
        capture(() => native.printStats()),
      );
      const { bytes, counts } = native.stats();
      const [first] = live;
      assert.deepEqual(page.stats(), {
        mapped: bytes.mapped,
        live: bytes.live,
        holes: bytes.holes,
        largestHole: bytes.largestHole,
        mainBlocks: counts.mainBlocks,
        liveBlocks: counts.live,
        holeCount: counts.holes,
      });
      for (const address of live) {
        const [is, wanted] = [page, native].map((heap) => heap.get(address) - heap.get(first));
        assert.equal(is, Number(wanted));
        assert.equal(page.usableSize(address), native.usableSize(address));
      }
      page.verify();
    } finally {
      page.close();
      native.close();
    }
  }

  for (const [stream, policy] of POLICIES.entries()) {
    test(`${policy}: ${PROGRAMS} random programs`, (t) => {
      const program = fc.record({ given: options, words: steps(MOST_STEPS) });
      check(t, program, ({ given, words }) => compare(policy, given, words), {
        runs: PROGRAMS,
        stream,
      });
    });
  }

  test('heaps by number: a closed one is closed, and another has its place', () => {
    const about = {
      minBlockSize: 4096,
      maxSize: 4096,
      alignment: 1,
      growingBlocks: false,
      joinEmptyBlocks: false,
    };
    const [one, other] = [
      new Heap({ ...about, policy: 'first-fit' }),
      new Heap({ ...about, policy: 'best-fit' }),
    ];
    one.malloc(10);
    one.close();
    assert.throws(() => one.malloc(1), { code: 'ERR_MEMS_CLOSED' });
    assert.deepEqual(one.chains(), []);
    assert.equal(other.malloc(10), 1000);
    const third = new Heap({ ...about, policy: 'first-fit' });
    assert.equal(third.malloc(4096), 1000);
    assert.throws(() => third.malloc(1), {
      code: 'ERR_MEMS_OUT_OF_MEMORY',
      message: /maxSize of 4096 leaves room for 0/,
    });
    assert.throws(() => new Heap({ ...about, policy: 'first-fit', maxSize: 100 }), {
      code: 'ERR_MEMS_INVALID_SIZE',
    });
    assert.throws(() => new Heap({ ...about, policy: 'segregated' }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
    // Places in the bookkeeping of a heap have 32 bits here.
    assert.throws(() => new Heap({ ...about, policy: 'first-fit', maxSize: 2 ** 32 + 1 }), {
      code: 'ERR_MEMS_INVALID_SIZE',
      message: /at most 4294967296 bytes/,
    });
    const largest = new Heap({ ...about, policy: 'first-fit', maxSize: 2 ** 32 });
    assert.equal(largest.malloc(2 ** 32 - 4096), 1000);
    assert.equal(largest.malloc(5), 1000 + 2 ** 32 - 4096);
    largest.verify();
    largest.close();
    for (const heap of [other, third]) heap.close();
  });
});
