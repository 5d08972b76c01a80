// mems verify: whether a file is whole, and whether every invariant of a heap holds while it is replayed.

'use strict';

const { Failure, STATUS } = require('./lib/failure.js');
const { bytes, count } = require('./lib/numbers.js');
const { parsePolicies, replayFile } = require('./lib/replay-file.js');
const { wrap } = require('./lib/text.js');
const { POLICIES } = require('./library.js');

async function run(context, [file], { policy: policies = ['first-fit'] }) {
  if (file === undefined) throw new Failure('name a trace, as in mems verify app.rep.gz.');
  let replayed;
  try {
    replayed = await replayFile(file, { policies, unusableFor: 1024, check: true }, context);
  } catch (error) {
    if (error.code !== 'ERR_MEMS_CORRUPT') throw error;
    const wrong = `an invariant of the heap does not hold: ${error.message}`;
    if (context.json) context.printJson('verify', { file, ok: false, wrong });
    else context.print(...wrap(`${file}: ${wrong}`, context.width));
    return STATUS.no;
  }
  const { name, operations, results } = replayed;
  if (context.json)
    return context.printJson('verify', { file, ok: true, name, operations, results });
  context.print(
    ...wrap(
      `${name}: whole. ${count(operations)} operations, each on a block that is there.`,
      context.width,
    ),
    ...results.flatMap(({ policy, mapped, liveBlocks, holes }) => {
      const is = `${bytes(mapped)} mapped, ${count(liveBlocks)} blocks and ${count(holes)} holes at the end`;
      return wrap(`${policy}: every invariant holds; ${is}.`, context.width);
    }),
  );
}

module.exports = {
  name: 'verify',
  summary: 'whether a file is whole, and replays without a fault',
  usage: 'FILE [options]',
  description: [
    'Reads FILE to its end, or standard input for -, and checks that each operation is possible. Replays it, and has the heap check every one of its invariants after each 16,384 operations and at the end.',
  ],
  most: 1,
  options: [
    [
      '--policy <names>',
      `${POLICIES.join(', ')}; some with commas between, or all. first-fit by default`,
      parsePolicies,
    ],
  ],
  status: {
    0: 'The file is whole, and every check has passed.',
    1: 'The file is whole, and a check has failed.',
  },
  examples: [
    { run: 'mems verify app.rep.gz', says: 'Check a file that was copied.' },
    { run: 'mems verify app.rep.gz --policy all', says: 'Check every policy with it.' },
  ],
  run,
};
