'use strict';

// Heap files that are damaged: each bit of what a file says of itself, samples of all other words of its header and its bookkeeping, and
// lengths at which it was cut. A call throws an error with a code or works, and the process never ends.

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('../..');
const { stopSystem } = require('../helpers/power.js');
const { Random, seed } = require('../helpers/random.js');

const PROGRAM = path.join(__dirname, '..', 'torn', 'main.js');
/** Damages that one process tries, so that their list fits its arguments. */
const BATCH = 400;
/** How many damages of each part are drawn where not all are tried. */
const SAMPLES = Number(process.env.MEMS_TORN_SAMPLES ?? 250);
/** Without this, a loop that does not end would stop the tests. */
const SILENCE_MS = 120_000;

const HEADER = 256 << 10;
/** What the header has, by offsets in bytes: constant part, two states, the words of operations, and the table's first entries. */
const CONSTANT = [0, 44];
const STATES = [
  [512, 552],
  [576, 616],
];
const WORDS = [1024, 1664];
const TABLE = [8 * 16_384, 8 * 16_384 + 3 * 32];
/** Where the records of syncs and their roots are, and the words of a record. */
const SYNCS = [86_016, 126_976];
const RECORDS = [86_016, 90_112].map((at) => [at, at + 144]);
const LOCK = 1024;

let folder;
let sound;
let bookkeeping;
let durable;
let copies;

before(() => {
  // Files are closed some thousand times, which waits for a disk each time.
  const place = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  folder = fs.mkdtempSync(path.join(place, 'mems-torn-'));
  sound = path.join(folder, 'sound.mems');
  const heap = Heap.open(sound, { addresses: 'number' });
  const random = new Random(1);
  const blocks = [];
  // Two extents, with blocks and holes in both.
  for (let i = 0; i < 300; i++) blocks.push(heap.malloc(1 + (random.size() % 30_000)));
  blocks.push(heap.malloc(900_000), heap.malloc(900_000));
  for (let i = 0; i < 120; i++) heap.free(random.take(blocks));
  for (let i = 0; i < 100; i++) blocks.push(heap.malloc(1 + (random.size() % 30_000)));
  heap.roots.set('block', blocks[0]);
  heap.roots.set('another', blocks[1]);
  const [first, second] = [...heap.chains()].map(({ size }) => size);
  // An extent's data are behind its bookkeeping.
  const file = fs.readFileSync(sound);
  const end = Number(file.readBigUInt64LE(TABLE[0] + 32));
  bookkeeping = [
    [HEADER, end - first],
    [end, fs.statSync(sound).size - second],
  ];
  heap.close();
  makeDurable(random);
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
  const file = fs.readFileSync(durable);
  copies = [];
  for (const [number, { size }] of [...heap.chains()].entries()) {
    const offset = Number(file.readBigUInt64LE(TABLE[0] + 32 * number));
    // What is before the data begins with starts and ends, rows and occupancy, of 64 KiB together here.
    copies.push([offset + 65_536, offset + 65_536 + (56 * size) / 1024]);
  }
  heap.close();
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

/** Lets a process try damages, and returns how often each code was thrown. */
async function tryAll(name, harms, whole) {
  const sums = {};
  for (let i = 0; i < harms.length; i += BATCH) {
    const torn = path.join(folder, `${name}.mems`);
    const args = [PROGRAM, whole, torn, JSON.stringify(harms.slice(i, i + BATCH))];
    const child = spawn(process.execPath, args, { timeout: SILENCE_MS, killSignal: 'SIGKILL' });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += text;
      });
    }
    const [status, signal] = await once(child, 'close');
    const last = fs.readFileSync(`${torn}.at`, 'utf8');
    assert.deepEqual(
      { status, signal },
      { status: 0, signal: null },
      `MEMS_SEED=${seed}, at ${last}:\n${output}`,
    );
    for (const [code, count] of Object.entries(JSON.parse(output)))
      sums[code] = (sums[code] ?? 0) + count;
  }
  return sums;
}

/** A test that tries damages, some of them while the file is open. */
function damaged(what, choose, check = () => {}, whole = () => sound) {
  test(what, async (t) => {
    const harms = choose(new Random(what.length));
    const codes = await tryAll(`torn-${what.length}`, harms, whole());
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
  () => [...bits(TABLE)],
  (codes, harms) => {
    // The third entry is of no extent yet.
    assert.equal(codes.ERR_MEMS_FILE_CORRUPT, (harms.length * 2) / 3);
  },
);

damaged('words of the header that operations use may have any values', (random) => [
  ...samples(WORDS, random),
  ...[...samples(WORDS, random)].map((harm) => ({ ...harm, late: true })),
  ...bits([LOCK, LOCK + 8]),
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

damaged('a file may be cut anywhere while it is open', (random) => {
  const { size } = fs.statSync(sound);
  const lengths = Array.from({ length: 150 }, () =>
    random.int(0, random.chance(0.7) ? size : HEADER),
  );
  return lengths.map((length) => ({ length, late: true }));
});

damaged(
  'a changed bit of a record of a sync leaves the sync before',
  (random) =>
    RECORDS.flatMap(([from, to]) => {
      // One bit of each byte.
      return Array.from({ length: to - from }, (_, i) => {
        return { at: from + i, byte: 1 << random.int(0, 7) };
      });
    }),
  (codes) => assert.equal(codes.ERR_MEMS_FILE_CORRUPT, undefined),
  () => durable,
);

damaged(
  'the syncs of a file that was open when the system stopped may be damaged anywhere',
  (random) => [
    ...samples(SYNCS, random),
    ...copies.flatMap((range) => [...samples(range, random)]),
    ...[...samples(SYNCS, random)].map((harm) => ({ ...harm, late: true })),
    ...copies.flatMap((range) =>
      [...samples(range, random)].map((harm) => ({ ...harm, late: true })),
    ),
  ],
  // One of the two last syncs is whole, whatever one byte of the other is.
  (codes) => assert.equal(codes.ERR_MEMS_FILE_CORRUPT, undefined),
  () => durable,
);

damaged(
  'a file that was open when the system stopped may have been cut anywhere',
  (random) => {
    const { size } = fs.statSync(durable);
    return Array.from({ length: 200 }, () => ({ length: random.int(0, size) }));
  },
  () => {},
  () => durable,
);
