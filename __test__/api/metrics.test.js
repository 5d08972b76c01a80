'use strict';

// Metrics: that the text is as Prometheus reads it, that its numbers are those of stats() and add up, and that counters never fall.
// What Prometheus itself makes of the text is tested by `npm run test:service`.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { once } = require('node:events');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const binding = require('../../binding.js');
const mems = require('../../index.js');
const { METRICS } = require('../../lib/metrics.js');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { Random, reproducible } = require('../helpers/random.js');
const { readMetrics, valuesOf } = require('../helpers/metrics.js');

const { Heap } = mems;
const MIB = 2 ** 20;

const heaps = [];
const open = (options) => {
  heaps.push(new Heap(options));
  return heaps.at(-1);
};
afterEach(() => {
  for (const heap of heaps.splice(0)) heap.close();
  finishQuietly(mems);
});

/** Asserts what is always true of the values of one heap. */
function assertAddsUp(values) {
  const { mems_mapped_bytes: mapped, mems_live_bytes: live, mems_hole_bytes: holes } = values;
  assert.equal(live + values.mems_quarantined_bytes + holes, mapped);
  assert.ok(values.mems_requested_bytes <= live);
  assert.ok(values.mems_largest_hole_bytes <= holes);
  assert.ok(values.mems_allocated_bytes_total >= live + values.mems_quarantined_bytes);
  assert.ok((values.mems_resident_bytes ?? 0) <= mapped);
  assert.equal(values.mems_mallocs_total - values.mems_frees_total, values.mems_live_blocks);
  assert.ok(mapped <= (values.mems_limit_bytes ?? Infinity));
  const shares = Object.entries(values).filter(([name]) => /_ratio/.test(name));
  assert.equal(shares.length, 4);
  for (const [name, share] of shares) assert.ok(share >= 0 && share <= 1, `${name} ${share}`);
  for (const [name, value] of Object.entries(values)) assert.ok(value >= 0, `${name} ${value}`);
}

const POLICIES = 'first-fit next-fit best-fit worst-fit buddy segregated'.split(' ');

for (const options of [
  ...POLICIES.map((policy) => ({ policy })),
  { hardened: true },
  { zeroOnFree: true },
]) {
  test(`the numbers are those of stats(), and add up: ${JSON.stringify(options)}`, (t) =>
    reproducible(t, () => {
      const random = new Random();
      const heap = open({ maxSize: 2 * MIB, ...options });
      let live = [];
      let allocated = 0;
      for (let i = 0; i < 3000; i++) {
        try {
          live.push(heap.malloc(random.int(1, random.pick([100, 5000, 300_000]))));
          allocated += heap.usableSize(live.at(-1));
        } catch (error) {
          assert.equal(error.code, 'ERR_MEMS_OUT_OF_MEMORY');
          const kept = live.filter(() => random.chance(0.4));
          heap.freeMany(live.filter((block) => !kept.includes(block)));
          live = kept;
        }
        if (i % 500 > 0) continue;
        if (random.chance(0.3)) heap.trim();
        const values = valuesOf(heap.metrics());
        assertAddsUp(values);
        const { bytes, counts, totals, events, fragmentation } = heap.stats();
        // What guards the blocks of a hardened heap is not usable.
        if (!options.hardened) assert.equal(totals.allocatedBytes, allocated);
        const { mapped, holes, largestHole, metadata, requested } = bytes;
        const expected = {
          mems_mapped_bytes: mapped,
          mems_live_bytes: bytes.live,
          mems_hole_bytes: holes,
          mems_largest_hole_bytes: largestHole,
          mems_metadata_bytes: metadata,
          mems_requested_bytes: requested,
          mems_limit_bytes: 2 * MIB,
          mems_live_blocks: counts.live,
          mems_holes: counts.holes,
          mems_main_blocks: counts.mainBlocks,
          mems_external_fragmentation_ratio: fragmentation.external,
          mems_mallocs_total: totals.malloc,
          mems_frees_total: totals.free,
          mems_allocated_bytes_total: totals.allocatedBytes,
          mems_failed_mallocs_total: events.outOfMemory,
          mems_grows_total: events.grow,
          mems_trims_total: events.trim,
          'mems_unusable_holes_ratio{size="64"}': heap.unusable(64),
          'mems_unusable_holes_ratio{size="1024"}': heap.unusable(1024),
          'mems_unusable_holes_ratio{size="65536"}': heap.unusable(65_536),
        };
        for (const [name, value] of Object.entries(expected))
          assert.equal(values[name], value, name);
      }
      assert.ok(heap.stats().events.outOfMemory > 0, 'the program has run out of memory');
      heap.freeMany(live);
    }));
}

describe('what is counted once', () => {
  const refusals = {
    malloc: (heap) => heap.malloc(MIB),
    'malloc of a BigInt': (heap) => heap.malloc(BigInt(MIB)),
    'malloc with an alignment': (heap) => heap.malloc(MIB, { alignment: 64 }),
    calloc: (heap) => heap.calloc(2, MIB / 2),
    alignedAlloc: (heap) => heap.alignedAlloc(4096, MIB),
    realloc: (heap) => heap.realloc(heap.malloc(8), MIB),
    mallocAs: (heap) => heap.mallocAs(Uint8Array, MIB),
    allocate: (heap) => heap.allocate(MIB),
    mallocMany: (heap) => heap.mallocMany(new Float64Array(10_000).fill(4096)),
  };
  for (const [name, call] of Object.entries(refusals)) {
    test(`a ${name} that is refused`, () => {
      for (const options of [{}, { policy: 'first-fit' }, { hardened: true }]) {
        const heap = open({ maxSize: MIB / 2, ...options });
        assertRefused(() => call(heap), 'ERR_MEMS_OUT_OF_MEMORY');
        assert.equal(heap.stats().events.outOfMemory, 1);
        assertRefused(() => heap.malloc(0), 'ERR_MEMS_INVALID_SIZE');
        assertRefused(() => heap.free(1n), 'ERR_MEMS_OUT_OF_RANGE');
        assert.equal(heap.stats().events.outOfMemory, 1, 'only want of memory counts');
        heap.verify();
      }
    });
  }

  test('growth, and none that was undone', () => {
    mems.init({ maxSize: 40_960 });
    assert.equal(mems.stats().events.grow, 0);
    for (let i = 1; i <= 3; i++) {
      mems.malloc(4096);
      assert.equal(mems.stats().events.grow, i);
    }
    assertRefused(() => mems.mallocMany([4096, 4096, 40_960]), 'ERR_MEMS_OUT_OF_MEMORY');
    assert.equal(mems.stats().events.grow, 3);
    mems.mallocMany([4096, 4096]);
    assert.equal(mems.stats().events.grow, 5);
  });

  test('trims, asked for and not', () => {
    const heap = open();
    assert.equal(heap.trim(), 0);
    assert.equal(heap.stats().events.trim, 0, 'nothing was given back');
    heap.free(heap.malloc(64 * MIB));
    assert.equal(heap.stats().events.trim, 1);
    assert.ok(heap.trim() > 0);
    assert.equal(heap.stats().events.trim, 2);
  });
});

test('counters never fall, whatever is read', () => {
  const heap = open();
  const { stats } = binding;
  const read = [
    [10, 5],
    [12, 7],
    // A batch that failed has been taken back.
    [11, 7],
    [11, 6],
    [20, 15],
    [18, 15],
    [30, 20],
  ];
  let last = {
    mems_mallocs_total: 0,
    mems_frees_total: 0,
    mems_allocated_bytes_total: 0,
    mems_grows_total: 0,
  };
  for (const [malloc, free] of read) {
    binding.stats = (...given) => {
      const found = stats(...given);
      found.totals = { malloc, free, allocatedBytes: 16 * malloc };
      found.counts.live = malloc - free;
      found.events.grow = malloc;
      return found;
    };
    let values;
    try {
      values = valuesOf(heap.metrics());
    } finally {
      binding.stats = stats;
    }
    assert.equal(values.mems_mallocs_total - values.mems_frees_total, malloc - free);
    for (const name of Object.keys(last)) assert.ok(values[name] >= last[name], name);
    last = Object.fromEntries(Object.keys(last).map((name) => [name, values[name]]));
  }
});

test('a default heap that is started anew begins its counters anew', () => {
  mems.init();
  mems.mallocMany(new Float64Array(100).fill(8));
  assert.equal(valuesOf(mems.metrics()).mems_mallocs_total, 100);
  finishQuietly(mems);
  mems.init();
  assert.equal(valuesOf(mems.metrics()).mems_mallocs_total, 0);
});

test('the document has a row for each metric', () => {
  const text = fs.readFileSync(path.join(__dirname, '..', '..', 'docs', 'services.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `(mems_\w+)` \| (\w+) \| ./gm)];
  assert.deepEqual(
    rows.map(([, name, type]) => [name, type]).sort(),
    METRICS.map(({ name, type }) => [name, type]).sort(),
  );
});

describe('the text', () => {
  test('has each row of the table, described once, also of several heaps', () => {
    const [one, other] = [open({ maxSize: MIB }), open()];
    one.malloc(1);
    const read = readMetrics(Heap.metrics({ one, other, third: one.id }));
    assert.deepEqual(
      read.map(({ name, type }) => [name, type]),
      METRICS.map(({ name, type }) => [name, type]),
    );
    for (const { name, help, samples } of read) {
      assert.match(help, /^[A-Z].*\.$/);
      const names = samples.map(({ labels }) => labels.heap);
      const expected = name === 'mems_limit_bytes' ? ['one', 'third'] : ['one', 'other', 'third'];
      assert.deepEqual([...new Set(names)], expected, name);
    }
  });

  test('escapes names, and distinguishes heaps without one', () => {
    const heap = open();
    const heapOf = (text) => readMetrics(text)[0].samples[0].labels.heap;
    for (const name of ['', 'a "b"', 'back\\slash', 'two\nlines', '\\n', 'é 😀 {}=,', '"}']) {
      assert.equal(heapOf(heap.metrics({ name })), name);
      assert.equal(heapOf(Heap.metrics({ [name]: heap })), name);
    }
    assert.equal(heapOf(heap.metrics()), String(heap.id));
    mems.init();
    assert.equal(heapOf(mems.metrics()), 'default');
  });

  test('leaves out what is turned off, and what a heap has not', () => {
    const heap = open();
    const values = valuesOf(heap.metrics({ resident: false, unusable: [] }));
    for (const name of Object.keys(values)) {
      assert.doesNotMatch(name, /resident|unusable|limit/);
    }
    const sizes = [8n, 100, 100, 8];
    const chosen = Object.keys(valuesOf(heap.metrics({ unusable: sizes })));
    assert.deepEqual(
      chosen.filter((name) => /unusable/.test(name)),
      ['mems_unusable_holes_ratio{size="8"}', 'mems_unusable_holes_ratio{size="100"}'],
    );
  });
});

describe('several heaps', () => {
  test('are all that are open, unless some are named', () => {
    mems.init();
    const heap = open();
    const names = readMetrics(Heap.metrics())[0].samples.map(({ labels }) => labels.heap);
    assert.ok(names.includes('default') && names.includes(String(heap.id)), String(names));
    assert.equal(Heap.metrics({}), '');
  });

  test('are those that are there: others are left out, and no scrape fails', () => {
    const [heap, closed] = [open(), new Heap()];
    closed.close();
    const read = readMetrics(Heap.metrics({ heap, closed, default: 0, none: 12_345 }));
    assert.deepEqual(
      read[0].samples.map(({ labels }) => labels.heap),
      ['heap'],
    );
    assertRefused(() => closed.metrics(), 'ERR_MEMS_CLOSED');
    assertRefused(() => mems.metrics(), 'ERR_MEMS_NOT_INITIALIZED');
  });

  test('are none that only another thread knows, until that reads the id', async () => {
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { Heap } = require(workerData);
      const before = Heap.list().map(({ id }) => id);
      const heap = new Heap();
      const [theirs] = Heap.list().filter(({ id }) => !before.includes(id));
      parentPort.on('message', (word) => {
        if (word === 'read') parentPort.postMessage(heap.id);
        else parentPort.close();
      });
      parentPort.postMessage(theirs.id);`;
    const options = { eval: true, workerData: require.resolve('../..') };
    const worker = new Worker(program, options);
    const [theirs] = await once(worker, 'message');
    assert.equal(Heap.metrics({ theirs }), '');
    assert.ok(!Heap.metrics().includes(`"${theirs}"`));
    worker.postMessage('read');
    const [id] = await once(worker, 'message');
    assert.equal(id, theirs);
    assert.ok(Heap.metrics().includes(`"${theirs}"`));
    worker.postMessage('end');
    await once(worker, 'exit');
    Heap.attach(id).close();
  });

  test('are no other values', () => {
    const heap = open();
    const collections = [[heap], new Map([['x', heap]]), new Set([heap]), new Uint8Array(1)];
    for (const wrong of [null, 1, 'heap', () => {}, ...collections])
      assertRefused(() => Heap.metrics(wrong), 'ERR_INVALID_ARG_TYPE', 'heaps');
    for (const wrong of [null, 1.5, 'heap', {}, 1n])
      assertRefused(() => Heap.metrics({ wrong }), 'ERR_INVALID_ARG_TYPE', 'heaps.wrong');
  });
});

test('options that are not valid are refused', () => {
  const heap = open();
  const wrong = [
    [1, 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [[1], 'ERR_INVALID_ARG_TYPE'],
    [{ nmae: 'a' }, 'ERR_INVALID_ARG_VALUE', 'nmae', 'name'],
    [{ name: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ resident: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ unusable: 64 }, 'ERR_INVALID_ARG_TYPE'],
    [{ unusable: ['64'] }, 'ERR_INVALID_ARG_TYPE'],
    [{ unusable: [0] }, 'ERR_MEMS_INVALID_SIZE', 0],
    [{ unusable: [1.5] }, 'ERR_MEMS_INVALID_SIZE', 1.5],
    [{ unusable: [2n ** 60n] }, 'ERR_MEMS_INVALID_SIZE'],
  ];
  for (const [options, code, ...mentions] of wrong)
    assertRefused(() => heap.metrics(options), code, ...mentions);
  assertRefused(() => Heap.metrics({ heap }, { name: 'a' }), 'ERR_INVALID_ARG_VALUE', 'name');
  assert.equal(heap.metrics(undefined), heap.metrics({ name: undefined }));
});
