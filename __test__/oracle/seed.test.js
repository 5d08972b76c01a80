'use strict';

// Proves the behaviour that is fixed by the seed API, address by address and to the letter: where
// blocks land, what printStats and finish print, how holes merge. All numbers are written out, so
// that a reader can follow with pencil and paper.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const printed = require('../fixtures/seed.json');
const { capture, finishQuietly } = require('../helpers/capture.js');
const mems = require('@sambhav-gautam/osmemoryallocator');

const { init, malloc, get, free, printStats, finish, verify, stats } = mems;

const text = () => capture(() => printStats());
/** Only the lines of the main blocks. */
const chains = () => text().filter((line) => line.startsWith('MAIN'));

beforeEach(() => init());
afterEach(() => finishQuietly(mems));

describe('malloc', () => {
  test('starts at 1000, and sizes are exact', () => {
    assert.equal(malloc(1000), 1000n);
    assert.equal(malloc(3), 2000n);
    assert.equal(malloc(1), 2003n);
    assert.equal(malloc(1), 2004n);
  });

  test('leaves no hole where the block is exactly as large as the pages', () => {
    assert.equal(malloc(4096), 1000n);
    assert.deepEqual(chains(), ['MAIN[1000:5095] -> <P>[SVA:1000:EVA:5095] <-> <NULL>']);
  });

  test('appends main blocks of whole pages, one behind the other', () => {
    assert.equal(malloc(4096), 1000n);
    assert.equal(malloc(4097), 5096n);
    assert.equal(malloc(3 * 4096), 13288n);
    assert.equal(malloc(5000), 25576n);
    assert.deepEqual(chains(), [
      'MAIN[1000:5095] -> <P>[SVA:1000:EVA:5095] <-> <NULL>',
      'MAIN[5096:13287] -> <P>[SVA:5096:EVA:9192] <-> <H>[SVA:9193:EVA:13287] <-> <NULL>',
      'MAIN[13288:25575] -> <P>[SVA:13288:EVA:25575] <-> <NULL>',
      'MAIN[25576:33767] -> <P>[SVA:25576:EVA:30575] <-> <H>[SVA:30576:EVA:33767] <-> <NULL>',
    ]);
  });

  test('does not split a block over the hole at the end and a new main block', () => {
    malloc(4000);
    assert.equal(malloc(97), 5096n);
    assert.equal(malloc(96), 5000n);
    assert.equal(malloc(1), 5193n);
  });

  test('takes the lowest hole that is large enough, not the best', () => {
    const blocks = [100, 1, 50, 1, 100, 1].map((size) => malloc(size));
    assert.deepEqual(blocks, [1000n, 1100n, 1101n, 1151n, 1152n, 1252n]);
    free(1152n);
    free(1101n);
    free(1000n);
    assert.equal(malloc(50), 1000n);
    assert.equal(malloc(51), 1152n);
    assert.equal(malloc(50), 1050n);
    assert.equal(malloc(50), 1101n);
    assert.equal(malloc(50), 1253n);
    assert.equal(malloc(49), 1203n);
  });

  test('takes the start of a hole and leaves the rest a hole', () => {
    malloc(100);
    malloc(1);
    free(1000n);
    assert.equal(malloc(60), 1000n);
    assert.deepEqual(chains(), [
      'MAIN[1000:5095] -> <P>[SVA:1000:EVA:1059] <-> <H>[SVA:1060:EVA:1099] <-> ' +
        '<P>[SVA:1100:EVA:1100] <-> <H>[SVA:1101:EVA:5095] <-> <NULL>',
    ]);
  });

  test('fills a hole to the last byte, and does not take one that is a byte too small', () => {
    malloc(10);
    malloc(4086);
    free(1000n);
    assert.equal(malloc(11), 5096n);
    assert.equal(malloc(10), 1000n);
    assert.equal(malloc(1), 5107n);
  });

  test('looks through all main blocks in order', () => {
    for (const size of [4096, 8192, 4096]) malloc(size);
    free(13288n);
    free(5096n);
    assert.equal(malloc(4096), 5096n);
    assert.equal(malloc(4097), 17384n);
    assert.equal(malloc(4096), 9192n);
    assert.equal(malloc(4096), 13288n);
    // A hole lower down is preferred again as soon as there is one.
    free(1000n);
    assert.equal(malloc(1), 1000n);
  });
});

describe('free', () => {
  /** Three blocks of 100 bytes before a guard, which keeps the last hole apart. */
  beforeEach(() => {
    for (const size of [100, 100, 100, 1]) malloc(size);
  });
  const guardAndRest = '<P>[SVA:1300:EVA:1300] <-> <H>[SVA:1301:EVA:5095] <-> <NULL>';

  test('turns a block into a hole', () => {
    assert.equal(free(1100n), undefined);
    assert.deepEqual(chains(), [
      'MAIN[1000:5095] -> <P>[SVA:1000:EVA:1099] <-> <H>[SVA:1100:EVA:1199] <-> ' +
        `<P>[SVA:1200:EVA:1299] <-> ${guardAndRest}`,
    ]);
  });

  test('merges with the hole before', () => {
    free(1000n);
    free(1100n);
    assert.deepEqual(chains(), [
      'MAIN[1000:5095] -> <H>[SVA:1000:EVA:1199] <-> ' +
        `<P>[SVA:1200:EVA:1299] <-> ${guardAndRest}`,
    ]);
    assert.equal(malloc(200), 1000n);
  });

  test('merges with the hole behind', () => {
    free(1200n);
    free(1100n);
    assert.deepEqual(chains(), [
      'MAIN[1000:5095] -> <P>[SVA:1000:EVA:1099] <-> ' +
        `<H>[SVA:1100:EVA:1299] <-> ${guardAndRest}`,
    ]);
    assert.equal(malloc(200), 1100n);
  });

  test('merges with both at once', () => {
    free(1000n);
    free(1200n);
    free(1100n);
    assert.deepEqual(chains(), [`MAIN[1000:5095] -> <H>[SVA:1000:EVA:1299] <-> ${guardAndRest}`]);
    assert.equal(malloc(300), 1000n);
  });

  test('leaves a main block with nothing in it as one hole', () => {
    for (const address of [1100n, 1300n, 1000n, 1200n]) free(address);
    assert.deepEqual(chains(), ['MAIN[1000:5095] -> <H>[SVA:1000:EVA:5095] <-> <NULL>']);
    assert.equal(malloc(4096), 1000n);
  });

  test('does not merge across main blocks', () => {
    free(1300n);
    malloc(3796);
    assert.equal(malloc(4096), 5096n);
    free(1300n);
    free(5096n);
    assert.deepEqual(chains().slice(1), ['MAIN[5096:9191] -> <H>[SVA:5096:EVA:9191] <-> <NULL>']);
    // 3796 and 4096 free bytes in a row, but no hole of 4097.
    assert.equal(malloc(4097), 9192n);
    assert.equal(malloc(3797), 5096n);
    assert.equal(malloc(3796), 1300n);
  });
});

describe('get', () => {
  test('returns base + offset, for every byte of a block and for no other', () => {
    const address = malloc(1000);
    const base = get(address);
    assert.equal(typeof base, 'bigint');
    assert.ok(base > 0n);
    for (let offset = 0n; offset < 1000n; offset += 1n) {
      assert.equal(get(address + offset), base + offset);
    }
    assert.throws(() => get(address + 1000n), { code: 'ERR_MEMS_NOT_ALLOCATED' });
  });

  test('get(p + 4n) === get(p) + 4n in any main block', () => {
    for (const size of [8, 4096, 4097, 100_000, 8]) {
      const p = malloc(size);
      assert.equal(get(p + 4n), get(p) + 4n);
      assert.equal(get(p + BigInt(size - 1)), get(p) + BigInt(size - 1));
    }
  });
});

describe('printStats', () => {
  test('of a heap without a main block', () => {
    assert.deepEqual(text(), printed.empty);
  });

  test('of the example of the seed, one console.log for each line', () => {
    malloc(1000);
    assert.deepEqual(text(), printed.one);
    malloc(3);
    assert.deepEqual(text(), printed.two);
  });

  test('of several main blocks', () => {
    malloc(1000);
    malloc(8192);
    malloc(3);
    malloc(5000);
    free(1000n);
    assert.deepEqual(text(), [
      'MeMS Stats:',
      'MAIN[1000:5095] -> <H>[SVA:1000:EVA:1999] <-> <P>[SVA:2000:EVA:2002] <-> ' +
        '<H>[SVA:2003:EVA:5095] <-> <NULL>',
      'MAIN[5096:13287] -> <P>[SVA:5096:EVA:13287] <-> <NULL>',
      'MAIN[13288:21479] -> <P>[SVA:13288:EVA:18287] <-> <H>[SVA:18288:EVA:21479] <-> <NULL>',
      'Page used: 5',
      'Space unused: 7285',
      'Main Chain Length: 3',
      'Sub-chain Length array: 3 1 2',
    ]);
  });
});

describe('stats and verify', () => {
  test('count what is there', () => {
    malloc(1000);
    malloc(8192);
    free(1000n);
    malloc(10);
    const { bytes, ...others } = stats();
    const { metadata, ...counted } = bytes;
    assert.ok(others.peak.metadata >= metadata);
    delete others.peak.metadata;
    assert.ok(Number.isSafeInteger(metadata) && metadata >= 0);
    assert.deepEqual(counted, {
      mapped: 12288,
      live: 8202,
      requested: 8202,
      quarantined: 0,
      holes: 4086,
      largestHole: 4086,
    });
    assert.deepEqual(others, {
      counts: { pages: 3, mainBlocks: 2, live: 2, quarantined: 0, holes: 1 },
      peak: { mapped: 12288, live: 9192, holes: 4096, largestHole: 4096 },
      totals: { malloc: 3, free: 1, allocatedBytes: 9202 },
      events: { grow: 2, trim: 0, outOfMemory: 0 },
      fragmentation: { external: 0, internal: 0, unused: 4086 / 12288 },
    });
    assert.equal(verify(), undefined);
  });

  test('ask the system for the bytes in memory only with the option', () => {
    const p = malloc(8192);
    assert.ok(!('resident' in stats().bytes) || stats().bytes.resident === undefined);
    assert.equal(stats({ resident: false }).bytes.resident, undefined);
    mems.fill(p, 1);
    const { resident, mapped } = stats({ resident: true }).bytes;
    assert.ok(resident === undefined || (resident >= 8192 && resident <= mapped));
    for (const wrong of [{ resident: 1 }, { residents: true }, [true]]) {
      assert.throws(() => stats(wrong), TypeError);
    }
  });
});

describe('finish and init', () => {
  test('finish prints its line, and the next heap starts at 1000 again', () => {
    malloc(1000);
    malloc(100_000);
    assert.deepEqual(
      capture(() => finish()),
      [printed.unmapped],
    );
    init();
    assert.deepEqual(text(), printed.empty);
    assert.deepEqual(stats().totals, { malloc: 0, free: 0, allocatedBytes: 0 });
    assert.deepEqual(stats().peak, { mapped: 0, live: 0, holes: 0, largestHole: 0, metadata: 0 });
    assert.equal(malloc(1000), 1000n);
    assert.equal(malloc(3), 2000n);
  });

  test('minBlockSize is the least size of a main block, in whole pages', () => {
    finishQuietly(mems);
    init({ minBlockSize: 8193 });
    assert.equal(malloc(1), 1000n);
    assert.equal(malloc(20_000), 13288n);
    assert.deepEqual(chains(), [
      'MAIN[1000:13287] -> <P>[SVA:1000:EVA:1000] <-> <H>[SVA:1001:EVA:13287] <-> <NULL>',
      'MAIN[13288:33767] -> <P>[SVA:13288:EVA:33287] <-> <H>[SVA:33288:EVA:33767] <-> <NULL>',
    ]);
  });
});
