'use strict';

// Proves that misuse is refused and does no harm: one test for each mistake a program can make.
// The error has its exact code and class and names the value, nothing is printed, the heap is
// afterwards what it was before (statistics, text, invariants), and it still works.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, capture, finishQuietly } = require('../helpers/capture.js');

afterEach(() => finishQuietly(mems));

/** What the heap is. (That a request was refused is counted.) */
function snapshot() {
  const { events, ...stats } = mems.stats();
  return { text: capture(() => mems.printStats()), stats, grow: events.grow };
}

function assertWorks() {
  const address = mems.malloc(16);
  assert.equal(mems.get(address + 15n), mems.get(address) + 15n);
  assert.equal(mems.free(address), undefined);
  assert.equal(mems.verify(), undefined);
}

/** The call on a running heap is refused, and only the error shows that it was made. */
function assertHarmless(call, code, ...mentions) {
  const before = snapshot();
  const error = assertRefused(call, code, ...mentions);
  assert.deepEqual(snapshot(), before);
  assert.equal(mems.verify(), undefined);
  assertWorks();
  return error;
}

/** The call is refused because there is no heap, and a heap can still be started. */
function assertNeedsInit(call) {
  // The message has to name the remedy, a call of init.
  assertRefused(call, 'ERR_MEMS_NOT_INITIALIZED', /init/);
  assertRefused(() => mems.stats(), 'ERR_MEMS_NOT_INITIALIZED', /init/);
  mems.init();
  assert.equal(mems.stats().counts.mainBlocks, 0);
  assert.equal(mems.malloc(16), 1000n);
  assertWorks();
}

/** 1000..1999 live, 2000..2002 a hole, 2003..2012 live, then a hole up to 5095. */
function heapWithHole() {
  mems.init();
  mems.malloc(1000);
  const hole = mems.malloc(3);
  mems.malloc(10);
  mems.free(hole);
}

// get and free both need an address inside a live block.
for (const name of ['free', 'get']) {
  describe(`${name} of a wrong address`, () => {
    test('freed already', () => {
      heapWithHole();
      assertHarmless(() => mems[name](2000n), 'ERR_MEMS_NOT_ALLOCATED', 2000n);
    });

    test('freed already, and merged into a larger hole since', () => {
      heapWithHole();
      mems.free(1000n);
      mems.free(2003n);
      for (const address of [1000n, 2000n, 2003n]) {
        assertHarmless(() => mems[name](address), 'ERR_MEMS_NOT_ALLOCATED', address);
      }
    });

    test('the last live block of the heap, freed already', () => {
      mems.init();
      mems.free(mems.malloc(4096));
      assertHarmless(() => mems[name](1000n), 'ERR_MEMS_NOT_ALLOCATED', 1000n);
    });

    test('within a hole that was never allocated', () => {
      heapWithHole();
      for (const address of [2013n, 3333n, 5095n]) {
        assertHarmless(() => mems[name](address), 'ERR_MEMS_NOT_ALLOCATED', address);
      }
    });

    test('one byte behind a live block', () => {
      mems.init();
      const address = mems.malloc(1000) + 1000n;
      assertHarmless(() => mems[name](address), 'ERR_MEMS_NOT_ALLOCATED', 2000n);
    });

    test('never returned: before the first main block and behind the last', () => {
      heapWithHole();
      for (const address of [0n, 1n, 999n, 5096n, 1_000_000n, 2n ** 53n, 2n ** 64n - 1n]) {
        assertHarmless(() => mems[name](address), 'ERR_MEMS_OUT_OF_RANGE', address);
      }
    });

    test('never returned: no main block is there yet', () => {
      mems.init();
      assertHarmless(() => mems[name](1000n), 'ERR_MEMS_OUT_OF_RANGE', 1000n);
    });

    test('not of 64 bits, although its low 64 bits are a live address', () => {
      heapWithHole();
      for (const address of [2n ** 64n + 1000n, 1000n - 2n ** 64n, 2n ** 200n + 1000n, -1000n]) {
        assertHarmless(() => mems[name](address), 'ERR_MEMS_OUT_OF_RANGE', address);
      }
    });

    test('a physical address', () => {
      heapWithHole();
      const physical = mems.get(1000n);
      assertHarmless(() => mems[name](physical), 'ERR_MEMS_OUT_OF_RANGE', physical);
    });

    test('a number instead of a BigInt', () => {
      heapWithHole();
      assertHarmless(() => mems[name](1000), 'ERR_INVALID_ARG_TYPE', /BigInt/);
    });

    test('before init', () => {
      assertNeedsInit(() => mems[name](1000n));
    });

    test('before init, and out of any range', () => {
      assertNeedsInit(() => mems[name](-1n));
    });

    test('after finish', () => {
      mems.init();
      const address = mems.malloc(8);
      finishQuietly(mems);
      assertNeedsInit(() => mems[name](address));
    });

    test('from before finish, in the next heap', () => {
      mems.init();
      const old = mems.malloc(10_000);
      finishQuietly(mems);
      mems.init();
      assertHarmless(() => mems[name](old), 'ERR_MEMS_OUT_OF_RANGE', old);
    });
  });
}

describe('free of an interior address', () => {
  test('of the second byte, the middle and the last byte', () => {
    mems.init();
    mems.malloc(1000);
    for (const address of [1001n, 1500n, 1999n]) {
      assertHarmless(() => mems.free(address), 'ERR_MEMS_NOT_BLOCK_START', address);
    }
    assert.equal(mems.free(1000n), undefined);
  });

  test('on a later page of a large block', () => {
    mems.init();
    mems.malloc(100_000);
    for (const address of [1000n + 4096n, 1000n + 65_536n, 1000n + 99_999n]) {
      assertHarmless(() => mems.free(address), 'ERR_MEMS_NOT_BLOCK_START', address);
    }
  });
});

describe('malloc of a wrong size', () => {
  test('zero', () => {
    mems.init();
    assertHarmless(() => mems.malloc(0), 'ERR_MEMS_INVALID_SIZE', 0);
    assertHarmless(() => mems.malloc(0n), 'ERR_MEMS_INVALID_SIZE', 0n);
  });

  test('no safe integer', () => {
    mems.init();
    for (const size of [2 ** 53, 2n ** 53n, 2n ** 64n + 8n]) {
      assertHarmless(() => mems.malloc(size), 'ERR_MEMS_INVALID_SIZE', size);
    }
  });

  test('zero before init is refused for its size: that is wrong on any heap', () => {
    assertRefused(() => mems.malloc(0), 'ERR_MEMS_INVALID_SIZE', 0);
  });

  test('before init', () => {
    assertNeedsInit(() => mems.malloc(8));
  });

  test('more than there can be, before init', () => {
    assertNeedsInit(() => mems.malloc(Number.MAX_SAFE_INTEGER));
  });

  test('after finish', () => {
    mems.init();
    mems.malloc(8);
    finishQuietly(mems);
    assertNeedsInit(() => mems.malloc(8));
  });
});

describe('malloc of more than there is', () => {
  function assertTooLarge(size) {
    const error = assertHarmless(() => mems.malloc(size), 'ERR_MEMS_OUT_OF_MEMORY', size);
    assert.ok(Object.hasOwn(error, 'size') && Object.hasOwn(error, 'available'));
    // Plain numbers even for a BigInt size, so that they can be computed with and sent as JSON.
    assert.equal(error.size, Number(size));
    assert.ok(Number.isSafeInteger(error.available) && error.available >= 0);
    assert.ok(error.available < error.size, 'what is available would have been enough');
    assert.match(error.message, new RegExp(`(?<!\\d)${error.available}(?!\\d)`));
  }

  test('on a heap without a main block, which stays without one', () => {
    mems.init();
    const before = snapshot();
    assertRefused(() => mems.malloc(Number.MAX_SAFE_INTEGER), 'ERR_MEMS_OUT_OF_MEMORY');
    assert.deepEqual(snapshot(), before);
    assert.equal(mems.stats().counts.mainBlocks, 0);
    assertTooLarge(Number.MAX_SAFE_INTEGER);
  });

  test('on a heap in use, where the next small block takes the lowest hole', () => {
    heapWithHole();
    assertTooLarge(Number.MAX_SAFE_INTEGER);
    assertTooLarge(BigInt(Number.MAX_SAFE_INTEGER));
    assertTooLarge(2 ** 50);
    assert.equal(mems.malloc(3), 2000n);
    assert.equal(mems.malloc(5000), 5096n);
  });
});

describe('init twice', () => {
  test('with the same options is no mistake, and changes nothing', () => {
    for (const first of [undefined, {}, { minBlockSize: 4096 }]) {
      mems.init(first);
      mems.malloc(1000);
      const before = snapshot();
      assert.deepEqual(
        capture(() => mems.init()),
        [],
      );
      assert.deepEqual(
        capture(() => mems.init({})),
        [],
      );
      assert.deepEqual(
        capture(() => mems.init({ minBlockSize: 4096 })),
        [],
      );
      assert.deepEqual(snapshot(), before);
      assertWorks();
      finishQuietly(mems);
    }
  });

  test('with other options', () => {
    mems.init();
    mems.malloc(1000);
    const other = () => mems.init({ minBlockSize: 8192 });
    assertHarmless(other, 'ERR_MEMS_ALREADY_INITIALIZED', /finish|same/);
    // The refused option must not have been applied: one more main block is one more page.
    assert.equal(mems.malloc(4000), 5096n);
    assert.equal(mems.stats().counts.pages, 2);
  });

  test('with the default on a heap that has options of its own', () => {
    mems.init({ minBlockSize: 65_536 });
    mems.malloc(1000);
    assertHarmless(() => mems.init(), 'ERR_MEMS_ALREADY_INITIALIZED', /finish|same/);
    assert.deepEqual(
      capture(() => mems.init({ minBlockSize: 65_536 })),
      [],
    );
    assert.equal(mems.stats().bytes.mapped, 65_536);
  });

  test('with other options after finish is no mistake', () => {
    mems.init();
    mems.malloc(1);
    finishQuietly(mems);
    mems.init({ minBlockSize: 8192 });
    mems.malloc(1);
    assert.equal(mems.stats().bytes.mapped, 8192);
  });

  test('with wrong options is refused for them, and not for being the second', () => {
    mems.init();
    mems.malloc(8);
    assertHarmless(() => mems.init(null), 'ERR_INVALID_ARG_TYPE');
    assertHarmless(() => mems.init({ minBlockSize: 0 }), 'ERR_MEMS_INVALID_SIZE', 0);
    assertHarmless(() => mems.init({ pages: 1 }), 'ERR_INVALID_ARG_VALUE', /pages/);
  });
});

describe('without a heap', () => {
  for (const name of ['finish', 'printStats', 'verify', 'stats']) {
    test(`${name} before init`, () => {
      assertNeedsInit(() => mems[name]());
    });

    test(`${name} after finish`, () => {
      mems.init();
      mems.malloc(100);
      finishQuietly(mems);
      assertNeedsInit(() => mems[name]());
    });
  }
});
