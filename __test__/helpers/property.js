'use strict';

// Properties that hold for random values, with fast-check: a failure is made as short as possible, and says how to repeat it.
// MEMS_SEED=<seed> gives the same values; with MEMS_PATH=<path> the shortest one that fails comes first, in the property that
// MEMS_STREAM=<number> names if a test has several.

const fc = require('fast-check');
const { seed } = require('./random.js');

/** How long shrinking a failure may take. */
const SHRINK_MS = 120_000;

const { MEMS_PATH: path, MEMS_STREAM: only } = process.env;

/**
 * Checks that `holds`, which throws if a property does not hold, accepts `runs` values of an arbitrary. `stream` distinguishes the
 * properties of a test: each has values of its own. `show` describes a value in a failure.
 */
function check(t, arbitrary, holds, { runs = 100, stream = 0, show = fc.stringify } = {}) {
  if (only !== undefined && Number(only) !== stream) return;
  const parameters = { seed: (seed + Math.imul(stream, 0x9e3779b1)) | 0, numRuns: runs };
  if (path) parameters.path = path;
  let last = Number.POSITIVE_INFINITY;
  const property = fc.property(arbitrary, (value) => {
    if (Date.now() > last) return;
    try {
      holds(value);
    } catch (error) {
      last = Math.min(last, Date.now() + SHRINK_MS);
      throw error;
    }
  });
  const result = fc.check(property, parameters);
  if (!result.failed) return;
  const { counterexamplePath, counterexample, errorInstance: cause, numShrinks } = result;
  const again = `MEMS_SEED=${seed} MEMS_STREAM=${stream} MEMS_PATH=${counterexamplePath}`;
  t.diagnostic(again);
  throw new Error(
    `${cause.message}\nof ${show(counterexample[0])}, made shorter ${numShrinks} times\nRun it again with ${again}`,
    { cause },
  );
}

/**
 * Lists of at most `most` words of 32 bits, each the seed of one step of a program. What a step does depends on its word and
 * on what the steps before have left, so that a list that lacks some of them is a program as well: a shorter one.
 */
const steps = (most) =>
  fc.noBias(
    fc.array(fc.noShrink(fc.integer({ min: 0, max: 0xffffffff })), {
      maxLength: most,
      size: 'max',
    }),
  );

module.exports = { check, fc, steps };
