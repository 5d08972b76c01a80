'use strict';

// Heap files that are damaged: each bit of what a file says of itself, samples of all other words of its header and its bookkeeping, and
// lengths at which it was cut. A call throws an error with a code or works, and the process never ends.

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('../..');
const { stopSystem } = require('../helpers/power.js');
const { Random, seed } = require('../helpers/random.js');
const { HEADER, TABLE, makeFolder, makeSound, tryAll } = require('../torn/batches.js');

/** How many damages of each part are drawn where not all are tried. */
const SAMPLES = Number(process.env.MEMS_TORN_SAMPLES ?? 250);

/** What the header has, by offsets in bytes: constant part, two states, the words of operations, and the table's first entries. */
const CONSTANT = [0, 44];
const STATES = [
  [512, 552],
  [576, 616],
];
const WORDS = [1024, 1664];
const ENTRIES = [TABLE, TABLE + 3 * 32];
/** Where the records of syncs are, and their roots. */
const RECORDS = [86_016, 90_112].map((at) => [at, at + 144]);
const ROOTS = [94_208, 110_592].map((at) => [at, at + 16_384]);
const [LOCK, EXTENTS] = [1024, 1536];

let folder;
let sound;
let bookkeeping;
let durable;
/** Where the copies of the last sync and of the one before are: `newest` and `older`. */
let copies;

before(() => {
  folder = makeFolder();
  sound = path.join(folder, 'sound.mems');
  ({ bookkeeping } = makeSound(sound, 2));
  makeDurable(new Random(1));
});

/** Makes a durable file with three syncs, the last of one extent more, that was open when the system stopped. */
function makeDurable(random) {
  durable = path.join(folder, 'durable.mems');
  const heap = Heap.open(durable, { addresses: 'number', durable: true });
  const blocks = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 100; i++) blocks.push(heap.malloc(1 + (random.size() % 10_000)));
    for (let i = 0; i < 40; i++) heap.free(random.take(blocks));
    if (round === 2) heap.malloc(900_000);
    heap.roots.set(`${round}`, blocks[0]);
    heap.syncSync();
  }
  const sizes = [...heap.chains()].map(({ size }) => size);
  heap.close();
  const file = fs.readFileSync(durable);
  const generations = RECORDS.map(([at]) => file.readBigUInt64LE(at));
  const newest = generations[0] > generations[1] ? 0 : 1;
  copies = { newest: [ROOTS[newest]], older: [ROOTS[1 - newest]] };
  for (const [number, size] of sizes.entries()) {
    const offset = Number(file.readBigUInt64LE(TABLE + 32 * number));
    const granules = size / 1024;
    const pages = (words) => 4096 * Math.ceil(words / 512);
    const words = 3 * granules + Math.ceil(granules / 256);
    for (const [name, copy] of [
      ['newest', newest],
      ['older', 1 - newest],
    ]) {
      // What is before the data begins with starts and ends, rows and occupancy, of 64 KiB together here; then there are the waiting blocks.
      const start = offset + 65_536 + pages(granules) + copy * pages(words);
      copies[name].push([start, start + 8 * words]);
    }
  }
  stopSystem(durable);
}

after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Every bit of the bytes of a range. */
function* bits([from, to]) {
  for (let at = from; at < to; at++) for (let bit = 0; bit < 8; bit++) yield { at, byte: 1 << bit };
}

/** Some changes in a range. */
function* samples([from, to], random, count = SAMPLES) {
  for (let i = 0; i < count; i++) {
    yield {
      at: random.int(from, to - 1),
      byte: random.chance(0.5) ? 1 << random.int(0, 7) : random.int(1, 255),
    };
  }
}

/**
 * A test that tries damages, some of them while the file is open. `options`: those of the test, and `whole`, which returns the path of the
 * file that is damaged.
 */
function damaged(what, choose, check = () => {}, { whole = () => sound, ...options } = {}) {
  test(what, options, async (t) => {
    const harms = choose(new Random(what.length));
    const codes = await tryAll(whole(), path.join(folder, `torn-${what.length}.mems`), harms);
    t.diagnostic(`MEMS_SEED=${seed}: ${harms.length} damages, ${JSON.stringify(codes)}`);
    check(codes, harms);
  });
}

damaged(
  'a changed bit of the constant part is found when the file is opened',
  () => [...bits(CONSTANT)],
  (codes, harms) => {
    const { ERR_MEMS_FILE_CORRUPT, ERR_MEMS_FILE_VERSION, ERR_MEMS_NOT_A_HEAP_FILE } = codes;
    assert.equal(
      ERR_MEMS_FILE_CORRUPT + ERR_MEMS_FILE_VERSION + ERR_MEMS_NOT_A_HEAP_FILE,
      harms.length,
    );
  },
);

damaged(
  'a changed bit of one state leaves the other',
  () => STATES.flatMap((range) => [...bits(range)]),
  (codes) => assert.equal(codes.ERR_MEMS_FILE_CORRUPT, undefined),
);

damaged(
  'a changed bit in the table of extents is found when the file is opened',
  () => [...bits(ENTRIES)],
  (codes, harms) => {
    // The third entry is of no extent yet.
    assert.equal(codes.ERR_MEMS_FILE_CORRUPT, (harms.length * 2) / 3);
  },
);

damaged('words of the header that operations use may have any values', (random) => [
  ...samples(WORDS, random),
  ...[...samples(WORDS, random)].map((harm) => ({ ...harm, late: true })),
  ...bits([LOCK, LOCK + 8]),
  ...[...bits([EXTENTS, EXTENTS + 8])].map((harm) => ({ ...harm, late: true })),
]);

damaged('anything else in the header may have any values', (random) => [
  ...samples([CONSTANT[1], HEADER], random),
  ...[...samples([WORDS[1], HEADER], random)].map((harm) => ({ ...harm, late: true })),
]);

damaged('starts, ends, rows and occupancy may have any values', (random) => [
  ...bookkeeping.flatMap((range) => [...samples(range, random)]),
  ...bookkeeping.flatMap((range) =>
    [...samples(range, random)].map((harm) => ({ ...harm, late: true })),
  ),
]);

damaged('a file may have been cut anywhere', (random) => {
  const { size } = fs.statSync(sound);
  const lengths = Array.from({ length: size / 4096 }, (_, i) => 4096 * i);
  const odd = Array.from({ length: 100 }, () => random.int(0, random.chance(0.5) ? size : 2000));
  return [...lengths, ...odd].map((length) => ({ length }));
});

damaged(
  'a file may be cut anywhere while it is open',
  (random) => {
    const { size } = fs.statSync(sound);
    const lengths = Array.from({ length: 150 }, () =>
      random.int(0, random.chance(0.7) ? size : HEADER),
    );
    return lengths.map((length) => ({ length, late: true }));
  },
  undefined,
  { skip: process.platform === 'win32' && 'Windows does not cut a file that is mapped' },
);

damaged(
  'a changed bit in the record of the last sync is found when the file is opened',
  (random) =>
    RECORDS.flatMap(([from, to]) => {
      // One bit of each byte.
      return Array.from({ length: to - from }, (_, i) => {
        return { at: from + i, byte: 1 << random.int(0, 7) };
      });
    }),
  // The record of the sync before says nothing.
  (codes, harms) => assert.equal(codes.ERR_MEMS_FILE_CORRUPT, harms.length / 2),
  { whole: () => durable },
);

damaged(
  'what the last sync of a file that was open when the system stopped has written is whole, or the file is not opened',
  (random) => copies.newest.flatMap((range) => [...samples(range, random)]),
  (codes, harms) => assert.ok(codes.ERR_MEMS_FILE_CORRUPT >= harms.length),
  { whole: () => durable },
);

damaged(
  'what the sync before the last has written may be anything, and that of both while the file is open',
  (random) => [
    ...copies.older.flatMap((range) => [...samples(range, random)]),
    ...[...copies.older, ...copies.newest].flatMap((range) =>
      [...samples(range, random)].map((harm) => ({ ...harm, late: true })),
    ),
  ],
  (codes) => assert.equal(codes.ERR_MEMS_FILE_CORRUPT, undefined),
  { whole: () => durable },
);

damaged(
  'a file that was open when the system stopped may have been cut anywhere',
  (random) => {
    const { size } = fs.statSync(durable);
    return Array.from({ length: 200 }, () => ({ length: random.int(0, size) }));
  },
  () => {},
  { whole: () => durable },
);
