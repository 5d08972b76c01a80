// The values that a lesson has: their limits, and how they are read from the options of `mems lesson`, from links and from the fields
// of the lesson page. Each reader takes a text, and throws a Failure that says what is wrong.

'use strict';

const { Failure, nearest } = require('./failure.js');
const { ORDERS } = require('./free-list.js');
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

/** Reads one of these names; `what` says in the message what they are. */
const oneOf = (what, names) => (text) => {
  if (names.includes(text)) return text;
  const meant = nearest(text, names);
  throw new Failure(`there is no ${what} "${text}"${meant ? `: did you mean ${meant}?` : '.'}`);
};

/**
 * What is set of a lesson's memory, by the names that links have for it: in which parts of a lesson it is (lib/link.js), as what, and
 * how it is read. A lesson does not have the value that is the `usual` one.
 */
const SETTINGS = {
  align: { parts: ['options', 'rules'], as: 'alignment', read: parseAlign },
  min: { parts: ['options'], as: 'minBlockSize', read: parseHeapSize },
  max: { parts: ['options'], as: 'maxSize', read: parseHeapSize },
  header: { parts: ['rules'], as: 'header', read: parseHeader },
  order: {
    parts: ['rules'],
    as: 'order',
    read: oneOf('order of a list', ORDERS),
    usual: 'address',
  },
};
/** What of it is set or not, and the value that a lesson has where it is set. */
const SWITCHES = {
  grow: { parts: ['options'], as: 'growingBlocks', value: true },
  join: { parts: ['options'], as: 'joinEmptyBlocks', value: true },
  apart: { parts: ['rules'], as: 'coalesce', value: false },
};

module.exports = {
  BASE,
  checkHeapSize,
  checkHoles,
  MOST_BYTES,
  oneOf,
  parseAlign,
  parseBase,
  parseHeader,
  parseHeapSize,
  parseHoles,
  SETTINGS,
  SWITCHES,
};
