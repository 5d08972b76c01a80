// Replays a file on heaps of several policies, side by side, so that it is read once and may be a pipe.

'use strict';

const { setImmediate: turn } = require('node:timers/promises');
const { POLICIES } = require('../library.js');
const { unknown } = require('./failure.js');
const { openOperations } = require('./operations.js');
const { openReplays, warmUp } = require('./replay.js');
const { Tally } = require('./tally.js');

/** Operations between two turns of the event loop, in which a bar moves and Ctrl-C is seen. */
const STEP = 1 << 14;

/** The policies that an option names: all of them, or some with commas between. */
function parsePolicies(text) {
  if (text === 'all') return POLICIES;
  return text.split(',').map((name) => {
    if (!POLICIES.includes(name)) throw unknown('policy', name, [...POLICIES, 'all']);
    return name;
  });
}

/** One policy, for options that take no more. */
function parsePolicy(name) {
  if (!POLICIES.includes(name)) throw unknown('policy', name, POLICIES);
  return name;
}

/** A part of a chunk, without a copy. */
function part(chunk, from, to) {
  const columns = Object.entries(chunk).map(([name, column]) => {
    return [name, ArrayBuffer.isView(column) ? column.subarray(from, to) : column];
  });
  return { ...Object.fromEntries(columns), count: to - from };
}

/**
 * Reads a file to its end with a bar, and calls `take` for each part of it, `STEP` operations at most. Returns the source.
 */
async function readFile(file, context, take, { partial = false } = {}) {
  const source = await openOperations(file, { stdin: context.stdin, partial });
  let bar;
  let done = 0;
  try {
    for await (const chunk of source.operations()) {
      bar ??= source.expected && context.progress(source.expected, source.name);
      for (let from = 0; from < chunk.count; from += STEP) {
        const some = part(chunk, from, Math.min(chunk.count, from + STEP));
        take(some);
        done += some.count;
        bar?.update(done);
        await turn();
      }
    }
    return source;
  } finally {
    bar?.stop();
  }
}

/**
 * Replays a file. `limit` is the most bytes that a heap can map, `unusableFor` the size for which holes may be too small; with `check`
 * every invariant of each heap is checked after each part. Returns { name, operations, calls, peak, unusableFor, results }.
 */
async function replayFile(file, { policies, limit, unusableFor, check = false }, context) {
  warmUp(policies);
  const tally = new Tally();
  const replays = openReplays(policies, { limit });
  try {
    const { name } = await readFile(file, context, (some) => {
      tally.add(some);
      for (const replay of replays) {
        replay.run(some);
        if (check) replay.check();
      }
    });
    const { operations, calls, peak } = tally;
    const results = replays.map((each) => each.finish({ peak: peak.bytes, size: unusableFor }));
    return { name, operations, calls, peak, unusableFor, results };
  } finally {
    for (const replay of replays) replay.close();
  }
}

module.exports = { parsePolicies, parsePolicy, readFile, replayFile };
