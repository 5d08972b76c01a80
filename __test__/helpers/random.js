'use strict';

// Random numbers that can be had again. Every random test takes its seed from here and says it,
// in its diagnostics and in the message of a failure; MEMS_SEED=<seed> then runs the same programs.

const { randomInt } = require('node:crypto');

const LARGEST_SEED = 0xffffffff;

function chooseSeed(text) {
  if (text === undefined || text === '') return randomInt(LARGEST_SEED + 1);
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed > LARGEST_SEED) {
    throw new RangeError(`MEMS_SEED must be a whole number from 0 to ${LARGEST_SEED}, not ${text}`);
  }
  return seed;
}

const seed = chooseSeed(process.env.MEMS_SEED);

/** mulberry32: 32 bits of state, even enough for tests, and five lines long. */
class Random {
  /** Streams of one seed are independent, so that program 17 does not depend on program 16. */
  constructor(stream = 0) {
    this.state = (seed + Math.imul(stream, 0x9e3779b1)) | 0;
  }

  /** At least 0 and less than 1. */
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both bounds included. */
  int(lowest, highest) {
    return lowest + Math.floor(this.next() * (highest - lowest + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.int(0, list.length - 1)];
  }
}

/** Runs the body of a random test so that its failure tells how to have it again. */
function reproducible(t, body) {
  t.diagnostic(`MEMS_SEED=${seed}`);
  try {
    return body();
  } catch (error) {
    throw new Error(`${error.message}\nRun it again with MEMS_SEED=${seed}`, { cause: error });
  }
}

module.exports = { Random, reproducible, seed };
