// mems verify: whether a file is whole, and whether every invariant of a heap holds while it is replayed; or whether a heap file is sound.

'use strict';

const { ExactReplay } = require('./lib/exact.js');
const { Failure, STATUS } = require('./lib/failure.js');
const { checkPlain, isHeapFile, printReport, reportOn } = require('./lib/heap-file.js');
const { bytes, count, plural } = require('./lib/numbers.js');
const { open, parsePolicies, readAll, replaySource } = require('./lib/replay-file.js');
const { Tally } = require('./lib/tally.js');
const { PARTIAL } = require('./lib/options.js');
const { wrap } = require('./lib/text.js');
const { POLICIES } = require('./library.js');

/** Replays a recording on a heap like the one that was recorded. Returns { compared, wrong, because }: why nothing is compared. */
async function replayExactly(source, context) {
  const { recording, options } = source;
  const replay = new ExactReplay(options);
  const tally = new Tally();
  let because = recording.missing > 0 ? 'operations are missing' : undefined;
  try {
    await readAll(source, context, (some) => {
      tally.add(some);
      if (tally.initial.mainBlocks > 0) because = 'it began with main blocks there';
      if (because === undefined) replay.run(some);
    });
    if (because === undefined) replay.finish(recording.stats);
    return {
      operations: tally.operations,
      compared: replay.compared,
      wrong: replay.wrong,
      because,
    };
  } catch (error) {
    if (error.code !== 'ERR_MEMS_CORRUPT') throw error;
    return {
      operations: tally.operations,
      wrong: `an invariant of the heap does not hold: ${error.message}`,
    };
  } finally {
    replay.close();
  }
}

/** Prints, or returns as JSON, that a file is not what it should be. */
function report(context, file, wrong) {
  if (context.json) context.printJson('verify', { file, ok: false, wrong });
  else context.print(...wrap(`${file}: ${wrong}.`.replace(/\.\.$/, '.'), context.width));
  return STATUS.no;
}

const sameCalls = (calls) => {
  return calls === 1
    ? 'the one call returns the same'
    : `all ${count(calls)} calls return the same`;
};

/** A recording with the policy and the options that were recorded. */
async function verifyRecording(source, file, context) {
  const { operations, compared, wrong, because } = await replayExactly(source, context);
  if (wrong !== undefined) return report(context, file, wrong);
  const { name, options, recording } = source;
  if (context.json) {
    const { missing, stats } = recording;
    return context.printJson('verify', {
      file,
      ok: true,
      name,
      operations,
      missing,
      isCutOff: stats === undefined,
      compared: because === undefined ? compared : 0,
      ...(because === undefined ? {} : { because }),
    });
  }
  const same =
    because === undefined
      ? `${options.policy}: ${sameCalls(compared)}, ${recording.stats ? 'the statistics at the end are the same, ' : ''}and every invariant holds.`
      : `The calls are not compared, since ${because}.`;
  context.print(
    ...wrap(`${name}: every checksum is right. ${plural(operations, 'operation')}.`, context.width),
    ...wrap(same, context.width),
  );
}

/** A trace, or a recording with other policies than its own. */
async function verifySource(source, file, policies, context) {
  let replayed;
  try {
    replayed = await replaySource(source, { policies, unusableFor: 1024, check: true }, context);
  } catch (error) {
    if (error.code !== 'ERR_MEMS_CORRUPT') throw error;
    return report(context, file, `an invariant of the heap does not hold: ${error.message}`);
  }
  const { name, operations, results } = replayed;
  if (context.json)
    return context.printJson('verify', { file, ok: true, name, operations, results });
  context.print(
    ...wrap(
      `${name}: whole. ${plural(operations, 'operation')}, each on a block that is there.`,
      context.width,
    ),
    ...results.flatMap(({ policy, mapped, liveBlocks, holes }) => {
      const is = `${bytes(mapped)} mapped, ${plural(liveBlocks, 'block')} and ${plural(holes, 'hole')} at the end`;
      return wrap(`${policy}: every invariant holds; ${is}.`, context.width);
    }),
  );
}

async function run(context, [file], { policy, partial, deep }) {
  if (file === undefined)
    throw new Failure('name a trace, a recording or a heap file, as in mems verify app.mems.');
  if (isHeapFile(file)) {
    checkPlain(file, { policy, partial });
    return printReport(context, 'verify', reportOn(file, deep === true));
  }
  const source = await open(file, { partial }, context);
  if (source.kind === 'recording' && policy === undefined)
    return verifyRecording(source, file, context);
  return verifySource(source, file, policy ?? ['first-fit'], context);
}

module.exports = {
  name: 'verify',
  summary: 'whether a file is whole, and replays as it was recorded',
  usage: 'FILE [options]',
  description: [
    'Reads FILE, a trace or a recording, to its end, or standard input for -. Replays it, and has the heap check every one of its invariants after each 16,384 operations and at the end.',
    'Of a trace, each operation must be possible. Of a recording, every checksum must be right; it is replayed on a heap with the options of the one that was recorded, and each call must return the same address, or be refused again, and the statistics at the end must be the same. That is not compared if the recording began with blocks there, or lacks operations, or with --policy. A call of mallocMany() that was refused is recorded as one request for all of its bytes, so that addresses may differ after it.',
    'Of a heap file, as Heap.open() makes them, it checks the header, the table of extents and the counters, and with --deep all of the bookkeeping and all entries of maps, beside processes that use it. Nothing is written.',
  ],
  most: 1,
  options: [
    [
      '--deep',
      'of a heap file, check all of its bookkeeping and its maps, in some 60 ms for a million blocks, and longer for as many entries',
    ],
    [
      '--policy <names>',
      `${POLICIES.join(', ')}; some with commas between, or all. first-fit by default for a trace`,
      parsePolicies,
    ],
    PARTIAL,
  ],
  status: {
    0: 'The file is whole, and every check has passed.',
    1: 'The file is whole, and a check has failed: a call returns something else, or an invariant does not hold. Or a heap file is damaged.',
  },
  examples: [
    { run: 'mems verify app.rep.gz', says: 'Check a file that was copied.' },
    {
      run: 'mems verify app.mems',
      says: 'Check that a recording can be replayed address for address.',
    },
    {
      run: 'mems verify cut.mems --partial',
      says: 'Check what is left of a recording whose program was killed.',
    },
    { run: 'mems verify pages.heap --deep', says: 'Check all of a heap file.' },
    { run: 'mems verify app.rep.gz --policy all', says: 'Check every policy with it.' },
  ],
  run,
};
