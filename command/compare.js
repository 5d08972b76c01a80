// mems compare: two traces with one policy, or one trace with two policies, side by side.

'use strict';

const { Failure, STATUS } = require('./lib/failure.js');
const { bytes, count, mean, parsePercent, parseSize, shortSize } = require('./lib/numbers.js');
const { PARTIAL } = require('./lib/options.js');
const { parsePolicies, replayFile } = require('./lib/replay-file.js');
const { table, wrap } = require('./lib/text.js');
const { POLICIES } = require('./library.js');

/** What is compared. With `isBound`, more of it than --fail-over says is a failure: it is the same in every run. */
const MEASURES = [
  { name: 'operations', of: ({ operations }) => operations, show: count },
  { name: 'peak', of: ({ peak }) => peak.bytes, show: bytes, isBound: true },
  { name: 'mapped', of: ({ result }) => result.mapped, show: bytes, isBound: true },
  { name: 'mapped/peak', of: ({ result }) => result.perPeak, show: (ratio) => ratio.toFixed(3) },
  { name: 'holes', of: ({ result }) => result.holes, show: count },
  { name: 'unusable', of: ({ result }) => result.unusable, show: (share) => share.toFixed(2) },
  { name: 'looked at', of: ({ result }) => result.lookedAt, show: mean },
  { name: 'ns/call', of: ({ result }) => result.nanoseconds, show: (ns) => count(Math.round(ns)) },
];

/** How much more `b` is than `a`, as a fraction of `a`; Infinity if `a` is 0 and `b` is not. */
function change(a, b) {
  if (a === b) return 0;
  return a === 0 ? Number.POSITIVE_INFINITY : b / a - 1;
}

/** How many times as much as before is no longer written as a percentage. */
const MANY = 10;
const isMany = (fraction) => fraction + 1 >= MANY;

function signed(fraction) {
  if (fraction === 0) return 'same';
  if (!Number.isFinite(fraction)) return 'new';
  if (isMany(fraction)) return `${count(Math.round(fraction + 1))}x`;
  return `${fraction > 0 ? '+' : ''}${(100 * fraction).toFixed(1)}%`;
}

/** What a fraction that is over a limit means in a sentence. */
function more(fraction) {
  if (!Number.isFinite(fraction)) return 'more than nothing';
  if (isMany(fraction)) return `${count(Math.round(fraction + 1))} times as much`;
  return `${(100 * fraction).toFixed(1)}% more`;
}

/** The two things to compare, as { name, operations, peak, result }. */
async function sides(
  files,
  { policy = ['first-fit'], unusable: unusableFor = 1024, partial },
  context,
) {
  if (files.length === 1 && policy.length === 2) {
    const replayed = await replayFile(
      files[0],
      { policies: policy, unusableFor, partial },
      context,
    );
    return replayed.results.map((result) => ({ ...replayed, name: result.policy, result }));
  }
  if (files.length !== 2 || policy.length !== 1) {
    throw new Failure(
      'name two files, or one file and two policies: mems compare app.rep.gz --policy first-fit,best-fit.',
    );
  }
  if (files[0] === '-' && files[1] === '-')
    throw new Failure('standard input can be read once: give - once.');
  const both = [];
  for (const file of files) {
    const replayed = await replayFile(file, { policies: policy, unusableFor, partial }, context);
    both.push({ ...replayed, result: replayed.results[0] });
  }
  return both;
}

async function run(context, files, options) {
  const { failOver, policy = ['first-fit'], unusable: unusableFor = 1024 } = options;
  const [a, b] = await sides(files, options, context);
  const measures = MEASURES.map(({ name, of, show, isBound = false }) => {
    const by = change(of(a), of(b));
    return {
      name,
      a: of(a),
      b: of(b),
      by,
      show,
      isOver: isBound && failOver !== undefined && by > failOver,
    };
  });
  const over = measures.filter(({ isOver }) => isOver);
  const status = over.length > 0 ? STATUS.no : STATUS.done;
  if (context.json) {
    const plain = measures.map(({ name, a: first, b: second, by, isOver }) => {
      return { name, a: first, b: second, change: Number.isFinite(by) ? by : null, over: isOver };
    });
    context.printJson('compare', {
      a: a.name,
      b: b.name,
      ...(files.length === 2 ? { policy: policy[0] } : { file: files[0] }),
      unusableFor,
      measures: plain,
    });
    return status;
  }
  const titleOf = (name) => (name === 'unusable' ? `unusable for ${shortSize(unusableFor)}` : name);
  const columns = [
    { title: '', align: 'left', is: ({ name }) => titleOf(name) },
    { title: a.name, is: (each) => each.show(each.a) },
    { title: b.name, is: (each) => each.show(each.b) },
    { title: 'change', is: ({ by }) => signed(by) },
  ];
  if (files.length === 2) context.print(...wrap(`Both with ${policy[0]}.`, context.width));
  context.print(...table(columns, measures, context));
  for (const { name, by } of over) {
    const says = `${name} is ${more(by)}, and --fail-over is ${(100 * failOver).toFixed(1)}%.`;
    context.print(...wrap(context.paint.red(says), context.width));
  }
  return status;
}

module.exports = {
  name: 'compare',
  summary: 'two programs, or two policies, side by side',
  usage: 'A [B] [options]',
  description: [
    'Replays two traces or recordings with one policy, or one with two policies, and prints what differs, as mems replay measures it. A change is a percentage, and from ten times as much on a factor, as in 12x. One of the files may be -, standard input.',
    'With --fail-over, the exit status is 1 if peak (the most bytes live at once) or mapped is more than that above A: for a test that guards against a program that takes more memory than before. Both are the same in every run; times are not, so they do not count.',
  ],
  most: 2,
  options: [
    [
      '--policy <names>',
      `${POLICIES.join(', ')}, first-fit by default; two with a comma between to compare them`,
      parsePolicies,
    ],
    [
      '--fail-over <percent>',
      'exit status 1 if B needs more than this above A, as in 5%',
      parsePercent,
    ],
    ['--unusable <size>', 'the size for which holes may be too small; 1K by default', parseSize],
    PARTIAL,
  ],
  status: {
    0: 'The two were compared, and none is over the limit.',
    1: 'B needs more memory than --fail-over allows.',
  },
  examples: [
    { run: 'mems compare before.rep after.rep', says: 'What a change of a program has done.' },
    {
      run: 'mems compare before.rep after.rep --fail-over 5%',
      says: 'A test that fails if memory grows by more than 5%.',
      status: 1,
    },
    { run: 'mems compare app.rep.gz --policy first-fit,best-fit', says: 'Two policies.' },
  ],
  run,
};
