'use strict';

// Bytes by which blocks are told from each other: a block with a number has a window of its own into a sequence of random bytes, so
// that a byte of another block, or of another place in the block, shows. Runs on every runtime, back to Node 14.

const { Random } = require('../soak/random.js');

/** Windows begin at this many places: a prime, so that numbers with common factors differ, too. */
const PLACES = 65_521;

let sequence = new Uint8Array(0);

/** The `length` bytes of block `number`. */
function pattern(number, length) {
  if (sequence.length < PLACES + length) {
    // The beginning stays what it is, however long the sequence becomes.
    sequence = new Uint8Array(PLACES + 2 * length);
    const random = new Random(1);
    for (let i = 0; i < sequence.length; i++) sequence[i] = random.next() * 256;
  }
  const from = number % PLACES;
  return sequence.subarray(from, from + length);
}

/** Writes the bytes of block `number` into a view, from a position on. */
function write(view, number, from = 0) {
  if (from < view.length) view.set(pattern(number, view.length).subarray(from), from);
}

/** Whether the first bytes of a view, as many as `length` says, are those of block `number`. */
function holds(view, number, length = view.length) {
  const expected = pattern(number, length);
  // A call costs more than a few bytes do.
  if (length > 64) return Buffer.compare(view.subarray(0, length), expected) === 0;
  for (let i = 0; i < length; i++) if (view[i] !== expected[i]) return false;
  return true;
}

module.exports = { holds, write };
