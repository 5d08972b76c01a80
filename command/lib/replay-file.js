// Replays a file on heaps of several policies, side by side, so that it is read once and may be a pipe.

'use strict';

const { setImmediate: turn } = require('node:timers/promises');
const { POLICIES } = require('../library.js');
const { Failure, unknown } = require('./failure.js');
const { plural } = require('./numbers.js');
const { openOperations } = require('./operations.js');
const { openReplays, warmUp } = require('./replay.js');
const { Tally } = require('./tally.js');

/** Operations between two turns of the event loop, in which a bar moves and Ctrl-C is seen. */
const STEP = 1 << 14;

/** The policies that an option names: all of them, or some with commas between. */
function parsePolicies(text) {
  if (text === 'all') return POLICIES;
  const names = [...new Set(text.split(','))];
  for (const name of names) {
    if (!POLICIES.includes(name)) throw unknown('policy', name, [...POLICIES, 'all']);
  }
  return names;
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

/** Calls `take` for each part of a source, `STEP` operations at most, and shows a bar. */
async function readAll(source, context, take) {
  let bar;
  let done = 0;
  try {
    for await (const chunk of source.operations()) {
      if (source.expected > 0) bar ??= context.progress(source.expected, source.name);
      for (let from = 0; from < chunk.count; from += STEP) {
        const some = part(chunk, from, Math.min(chunk.count, from + STEP));
        take(some);
        done += some.count;
        bar?.update(done);
        await turn();
      }
    }
  } finally {
    bar?.stop();
  }
}

/** Warns of what a source lacks. */
function warnOf({ name, recording }, context) {
  if (recording === undefined) return;
  const { missing, stats, isLost } = recording;
  if (isLost) {
    throw new Failure(
      `nothing of ${name} can be read: it is damaged, or its program was killed before the first operations were written.`,
    );
  }
  if (missing > 0) {
    const what = plural(missing, 'operation is', 'operations are');
    context.warn(`${name}: ${what} missing, so the numbers are not quite the program's.`);
  }
  if (stats === undefined)
    context.warn(`${name}: it was cut off, so what follows is its beginning.`);
}

/** Opens a file and warns of what it lacks; see openOperations. */
async function open(file, { partial = false }, context) {
  const source = await openOperations(file, { stdin: context.stdin, partial });
  warnOf(source, context);
  return source;
}

/**
 * Replays a source. `limit` is the most bytes that a heap can map, `unusableFor` the size for which holes may be too small; with `check`
 * every invariant of each heap is checked after each part. Returns { name, kind, operations, calls, peak, unusableFor, results }, and
 * for a recording `recorded`: the policy of its heap, and what that has mapped.
 */
async function replaySource(source, options, context) {
  const { policies, limit, unusableFor, check = false } = options;
  warmUp(policies);
  const tally = new Tally();
  const replays = openReplays(policies, { limit, recorded: source.options });
  try {
    await readAll(source, context, (some) => {
      tally.add(some);
      for (const replay of replays) {
        replay.run(some);
        if (check) replay.check();
      }
    });
    const { operations, calls, peak } = tally;
    const results = replays.map((each) => each.finish({ peak: peak.bytes, size: unusableFor }));
    const { name, kind } = source;
    const recorded = source.recording?.stats && {
      policy: source.options.policy,
      mapped: source.recording.stats.bytes.mapped,
    };
    return {
      name,
      kind,
      operations,
      calls,
      peak,
      unusableFor,
      ...(recorded ? { recorded } : {}),
      results,
    };
  } finally {
    for (const replay of replays) replay.close();
  }
}

/** Opens a file and replays it. */
const replayFile = async (file, options, context) => {
  return replaySource(await open(file, options, context), options, context);
};

module.exports = { open, parsePolicies, parsePolicy, readAll, replayFile, replaySource };
