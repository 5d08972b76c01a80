'use strict';

// Damages each byte of a small heap file's header and bookkeeping, one after the other, and cuts the file at every length that the header
// can have, and around all multiples of 64 KiB and of a page. Every call works, or throws an error with a code.
//
// Argument: a number; only every so many-th damage is tried. Prints a line for each part: how many damages, and how often each code was
// thrown.

const fs = require('node:fs');
const path = require('node:path');
const { HEADER, TABLE, makeFolder, makeSound, tryAll } = require('./batches.js');

const every = Number(process.argv[2] ?? 1);
const PART = 64 << 10;
const PAGE = 4096;
/** Bytes in a row that are changed at once, where nothing is that a program reads. */
const RUN = 16;
/** Lengths that are tried one after the other in a file. */
const LENGTHS = 512;
/** The bytes of the extent's bookkeeping that hold starts and ends, rows, and occupancy; the others are zeros. */
const USED = 22 << 10;

const folder = makeFolder();
const sound = path.join(folder, 'sound.mems');
const { bookkeeping, length } = makeSound(sound, 1);
const [[first, data]] = bookkeeping;

/** Numbers from one up to another. */
function* from(start, end, step = 1) {
  for (let at = start; at < end; at += step) yield at;
}

/** A bit of a byte, another for each place. */
const bit = (at) => 1 << ((at + (at >> 3)) % 8);

/** A damage of each byte of some ranges. */
function* bytes(...ranges) {
  for (const range of ranges)
    for (const at of from(...range)) yield { at, byte: bit(at), quick: at >= PAGE };
}

/** Lengths around all multiples of a step. */
function* around(end, step) {
  for (const at of from(0, end + 1, step))
    for (const length of [at - 1, at, at + 1]) if (length >= 0 && length < end) yield length;
}

/** What is small and read by all: constants, states, lock, intent, counters. */
const FRONT = [0, PAGE];
/** Slots, roots, the largest holes, and the extent's entry in the table. */
const TABLES = [
  [PAGE, 3 * PAGE],
  [3 * PAGE, 7 * PAGE],
  [8 * PAGE, 12 * PAGE],
  [PART, PART + 16_640],
  [TABLE, TABLE + 2 * 32],
];
/** What nobody reads: what is between these, entries of extents that are not there, and zeros. */
const UNREAD = [
  [7 * PAGE, 8 * PAGE],
  [12 * PAGE, PART],
  [PART + 16_640, TABLE],
  [TABLE + 2 * 32, HEADER],
  [first + USED, data],
];

const parts = {
  'each bit of the first 4096 bytes': () =>
    [...from(...FRONT)].flatMap((at) =>
      [...from(0, 8)].map((n) => ({ at, byte: 1 << n, quick: true })),
    ),
  'each of these bytes inverted': () => [...from(...FRONT)].map((at) => ({ at, byte: 255 })),
  'each of these bytes, while the file is open': () =>
    [...bytes(FRONT)].map((harm) => ({ ...harm, late: true })),
  'each of these bytes, and a repair': () =>
    [...bytes(FRONT)].map((harm) => ({ ...harm, repair: true })),
  'each byte of slots, roots, largest holes and the first entries of the table': () => [
    ...bytes(...TABLES),
  ],
  'every eighth of these, and a repair': () =>
    [...bytes(...TABLES)].filter((_, i) => i % 8 === 0).map((harm) => ({ ...harm, repair: true })),
  'each byte of starts, ends, rows and occupancy': () => [...bytes([first, first + USED])],
  'each of these, while the file is open': () =>
    [...bytes([first, first + USED])].map((harm) => ({ ...harm, late: true })),
  'every eighth of these bytes, and a repair': () =>
    [...bytes([first, first + USED])]
      .filter((_, i) => i % 8 === 0)
      .map((harm) => ({ ...harm, repair: true })),
  [`all other bytes, ${RUN} at a time`]: () =>
    UNREAD.flatMap((range) =>
      [...from(...range, RUN)].map((at) => ({ at, byte: 255, count: RUN, quick: true })),
    ),
  'the file cut at each length of the header and the bookkeeping': () =>
    [...from(LENGTHS - 1, data, LENGTHS)].map((at) => ({ length: at, to: at - LENGTHS + 1 })),
  'the file cut around each multiple of a page': () =>
    [...around(length, PAGE)].map((length) => ({ length })),
  'the file cut around each multiple of a page, while it is open': () =>
    [...around(length, PAGE)].map((length) => ({ length, late: true })),
};

async function main() {
  let sum = 0;
  for (const [name, choose] of Object.entries(parts)) {
    const harms = choose().filter((_, i) => i % every === 0);
    const codes = await tryAll(sound, path.join(folder, 'torn.mems'), harms);
    const count = harms.reduce(
      (sum, { length, to }) => sum + (to === undefined ? 1 : length - to + 1),
      0,
    );
    sum += count;
    console.log(`${name}: ${count}, ${JSON.stringify(codes)}`);
  }
  console.log(`done ${sum}`);
}

main().finally(() => fs.rmSync(folder, { recursive: true }));
