// The values that a lesson has: their limits, and how they are read from the options of `mems lesson`, from links and from the fields
// of the lesson page. Each reader takes a text, and throws a Failure that says what is wrong.

'use strict';

const { Failure } = require('./failure.js');
const { bytes, parseSize, parseSizes, parseWhole } = require('./numbers.js');

/** The first address of an exercise, if none is named. */
const BASE = 1000;
/** The most bytes that a heap or the holes of an exercise have: more is nothing to look at, and what WebAssembly has no numbers for. */
const MOST_BYTES = 2 ** 30;
/** The most holes that the page shows: each is drawn, for each policy. */
const MOST_HOLES = 64;

/** The first address, up to where sums of addresses are exact whatever the holes are. */
const parseBase = parseWhole(0, 2 ** 40);
/** The bytes before each block. */
const parseHeader = parseWhole(0, 4096);
/** What sizes are rounded up to a multiple of. */
const parseAlign = parseWhole(1, 4096);

/** Throws if a heap of a lesson cannot have so many bytes. */
function checkHeapSize(size) {
  if (size <= MOST_BYTES) return;
  throw new Failure(`${bytes(size)} are too much: a heap of a lesson has at most 1 GiB.`);
}

/** A size of a heap. */
function parseHeapSize(text) {
  const size = parseSize(text);
  checkHeapSize(size);
  return size;
}

/** Throws if these are more holes than the page shows. */
function checkHoles(holes) {
  if (holes.length <= MOST_HOLES) return;
  throw new Failure(
    `the page shows at most ${MOST_HOLES} holes, and these are ${holes.length}: leave some out.`,
  );
}

/** The sizes of holes that the page shows. */
function parseHoles(text) {
  const holes = parseSizes(text);
  checkHoles(holes);
  return holes;
}

module.exports = {
  BASE,
  checkHeapSize,
  checkHoles,
  MOST_BYTES,
  parseAlign,
  parseBase,
  parseHeader,
  parseHeapSize,
  parseHoles,
};
