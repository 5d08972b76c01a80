'use strict';

// Random numbers that can be repeated. Every random test takes its seed from here and prints it,
// in its diagnostics and in the message of a failure; MEMS_SEED=<seed> then runs the same programs.

const { randomInt } = require('node:crypto');
// The generator itself runs on every runtime that is soaked, back to Node 14.
const { Random: Numbers } = require('../soak/random.js');

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

/** Streams of one seed are independent, so that program 17 does not depend on program 16. */
class Random extends Numbers {
  constructor(stream = 0) {
    super(seed + Math.imul(stream, 0x9e3779b1));
  }
}

/** Runs the body of a random test so that a failure prints how to repeat it. */
function reproducible(t, body) {
  t.diagnostic(`MEMS_SEED=${seed}`);
  try {
    return body();
  } catch (error) {
    throw new Error(`${error.message}\nRun it again with MEMS_SEED=${seed}`, { cause: error });
  }
}

module.exports = { Numbers, Random, reproducible, seed };
