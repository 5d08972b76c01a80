// mems replay: what each policy makes of the requests of a program.

'use strict';

const { advise } = require('./lib/advice.js');
const { Failure, STATUS } = require('./lib/failure.js');
const { bytes, count, mean, parseSize, plural, shortSize } = require('./lib/numbers.js');
const { PARTIAL } = require('./lib/options.js');
const { parsePolicies, replayFile } = require('./lib/replay-file.js');
const { table, wrap } = require('./lib/text.js');
const { POLICIES } = require('./library.js');

/** The table of a replayed file, and what follows from it. */
function lines(replayed, { limit, unusableFor }, context) {
  const { name, operations, peak, recorded, results } = replayed;
  const columns = [
    { title: 'policy', align: 'left', is: ({ policy }) => policy },
    { title: 'mapped', is: ({ mapped }) => bytes(mapped) },
    { title: '/peak', is: ({ perPeak }) => perPeak.toFixed(3) },
    { title: 'holes', is: ({ holes }) => count(holes) },
    { title: `unusable for ${shortSize(unusableFor)}`, is: ({ unusable }) => unusable.toFixed(2) },
    { title: 'looked at', is: ({ lookedAt }) => mean(lookedAt) },
    { title: 'ns/call', is: ({ nanoseconds }) => count(Math.round(nanoseconds)) },
    ...(limit === undefined && results.every(({ refused }) => refused === 0)
      ? []
      : [{ title: 'refused', is: ({ refused }) => count(refused) }]),
  ];
  const sorted = results.toSorted((a, b) => a.refused - b.refused || a.mapped - b.mapped);
  const head = `${name}: ${plural(operations, 'operation')}, peak ${bytes(peak.bytes)} live in ${plural(peak.blocks, 'block')}`;
  return [
    ...wrap(head, context.width),
    ...(recorded
      ? wrap(
          `recorded with ${recorded.policy}: ${bytes(recorded.mapped)} mapped at the end`,
          context.width,
        )
      : []),
    ...table(columns, sorted, context),
    ...advise({ ...replayed, limit }).flatMap((sentence) => wrap(sentence, context.width)),
  ];
}

async function run(context, files, options) {
  const {
    policy = POLICIES,
    limit,
    strict = false,
    unusable: unusableFor = 1024,
    partial,
  } = options;
  if (files.length === 0) {
    throw new Failure(
      'name a trace or a recording, as in mems replay app.mems; - is standard input.',
    );
  }
  if (files.filter((file) => file === '-').length > 1) {
    throw new Failure('standard input can be read once: give - once.');
  }
  if (strict && limit === undefined) throw new Failure('--strict is about --limit: give one.');
  const replayed = [];
  for (const file of files) {
    const each = await replayFile(file, { policies: policy, limit, unusableFor, partial }, context);
    replayed.push(each);
    if (context.json) continue;
    if (replayed.length > 1) context.print('');
    context.print(...lines(each, { limit, unusableFor }, context));
  }
  if (context.json) {
    context.printJson('replay', {
      ...(limit === undefined ? {} : { limit }),
      files: replayed.map((each) => ({ ...each, advice: advise({ ...each, limit }) })),
    });
  }
  const isRefused = replayed.some(({ results }) => results.some(({ refused }) => refused > 0));
  return strict && isRefused ? STATUS.no : STATUS.done;
}

module.exports = {
  name: 'replay',
  summary: 'what each policy makes of the requests of a program',
  usage: 'FILE.. [options]',
  description: [
    'Replays each FILE, a trace or a recording, on a heap of each policy, and prints a table, the policy that maps least first. A few sentences say what follows from it. - is standard input.',
    'mapped is what the heap has mapped in the end, /peak how many times the most bytes that were live at once. holes, and unusable, are those at the end: of the bytes in holes, the share in holes smaller than 1K, or what --unusable says. looked at is how many holes a list of holes would have looked at for a malloc: the mean of 500 mallocs or more, evenly spread. (MeMS itself finds holes by an index.) ns/call is the time of an operation, called from JavaScript.',
    'A trace is replayed on heaps with the options of init(): blocks have exactly the sizes that were asked for, except with buddy and segregated, and main blocks grow by whole pages. A recording is replayed on heaps with the options of the one that was recorded, as far as they decide about main blocks and alignment. Requests that were refused when they were recorded are left out. With size classes, a heap that is not recorded keeps slots in caches, as in your program without a recording: its holes and mapped bytes may differ by some percent from those that a recording of one ends with. mems verify replays each call as it was.',
  ],
  most: Number.POSITIVE_INFINITY,
  options: [
    [
      '--policy <names>',
      `${POLICIES.join(', ')}; some with commas between, or all, the default`,
      parsePolicies,
    ],
    [
      '--limit <size>',
      'the most bytes that a heap can map, as in 64M; what does not fit is refused, and its free left out',
      parseSize,
    ],
    ['--strict', 'with --limit: exit status 1 if any policy has refused a request'],
    ['--unusable <size>', 'the size for which holes may be too small; 1K by default', parseSize],
    PARTIAL,
  ],
  status: {
    0: 'The files were replayed.',
    1: 'With --strict, a policy has refused a request.',
  },
  examples: [
    { run: 'mems replay app.rep.gz', says: 'Compare all policies.' },
    { run: 'mems replay app.mems', says: 'With a recording that heap.record() has made.' },
    {
      run: 'mems replay app.rep.gz --policy first-fit,segregated --unusable 64',
      says: 'Two of them, and which holes are too small for 64 bytes.',
    },
    {
      run: 'mems replay before.rep after.rep --policy best-fit',
      says: 'Two traces, one after the other.',
    },
    {
      run: 'mems replay app.rep.gz --limit 8K --strict',
      says: 'Whether 8 KiB would be enough.',
      status: 1,
    },
    { run: 'gzip -dc app.rep.gz | mems replay - --json', says: 'From a pipe, for a program.' },
  ],
  run,
};
