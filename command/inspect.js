// mems inspect: what is in a trace, a recording or a heap file.

'use strict';

const { Census, TEMPORARY } = require('./lib/census.js');
const { facts } = require('./lib/facts.js');
const { Failure } = require('./lib/failure.js');
const { checkPlain, isHeapFile, printReport, reportOn } = require('./lib/heap-file.js');
const { bytes, count, percent, plural } = require('./lib/numbers.js');
const { PARTIAL } = require('./lib/options.js');
const { KIND } = require('./lib/recordings.js');
const { open, readAll } = require('./lib/replay-file.js');
const { siteOf } = require('./lib/stack-text.js');
const { Tally } = require('./lib/tally.js');
const { wrap } = require('./lib/text.js');

const GAP = '   ';

/** The most marks, stacks and sizes that the text names. */
const SHOWN = 5;

/** What only a recording has: which heap it was, threads, times and marks. */
class Recollection {
  threads = new Set();
  time = 0;
  marks = [];
  sites = new Map();
  operations = 0;

  add({ count: length, kind, size, thread, time, stack, texts }) {
    for (let at = 0; at < length; at++) {
      if (kind[at] > KIND.block) this.operations += 1;
      this.threads.add(thread[at]);
      if (time[at] > this.time) this.time = time[at];
      if (kind[at] === KIND.mark)
        this.marks.push({ operation: this.operations, text: texts[size[at]] });
      if (kind[at] !== KIND.malloc || stack[at] === 0) continue;
      const site = this.sites.get(stack[at]) ?? { mallocs: 0, bytes: 0 };
      this.sites.set(stack[at], site);
      site.mallocs += 1;
      site.bytes += size[at];
    }
  }

  result({ recording, options }, { events, initial }) {
    const { header, stats, clock, missing } = recording;
    const texts = this.sites.size > 0 ? recording.stackTexts() : new Map();
    const sites = [...this.sites].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, SHOWN);
    return {
      version: header.mems,
      platform: header.platform,
      begun: header.time,
      options,
      initial,
      events,
      threads: this.threads.size,
      ...(clock ? { seconds: this.time / 1e9 } : {}),
      marks: this.marks,
      sites: sites.map(([stack, site]) => ({ ...site, stack: texts.get(stack) ?? '' })),
      missing,
      isCutOff: stats === undefined,
      ...(stats === undefined ? {} : { stats }),
    };
  }
}

async function read(file, options, context) {
  const source = await open(file, options, context);
  const [tally, census] = [new Tally(), new Census()];
  const recollection = source.kind === 'recording' ? new Recollection() : undefined;
  await readAll(source, context, (some) => {
    tally.add(some);
    census.add(some);
    recollection?.add(some);
  });
  const { operations, calls, peak } = tally;
  return {
    name: source.name,
    kind: source.kind,
    operations,
    calls,
    peak,
    ...census.result(),
    ...(recollection ? { recording: recollection.result(source, tally) } : {}),
  };
}

/** What the heap itself has said at the end. */
function endOf({ bytes: of, counts }) {
  const external = of.holes === 0 ? 0 : 1 - of.largestHole / of.holes;
  return [
    `${bytes(of.mapped)} mapped in ${plural(counts.mainBlocks, 'main block')}`,
    `${bytes(of.live)} live in ${plural(counts.live, 'block')}`,
    `${bytes(of.holes)} in ${plural(counts.holes, 'hole')}`,
    `largest ${bytes(of.largestHole)}`,
    `external fragmentation ${percent(external)}`,
  ];
}

/** The facts that only a recording has, as [title, texts]. */
function recorded({
  version,
  platform,
  begun,
  options,
  initial,
  events,
  threads,
  seconds,
  marks,
  sites,
  stats,
  isSnapshot,
}) {
  const first = marks
    .slice(0, SHOWN)
    .map(({ operation, text }) => `${JSON.stringify(text)} at ${count(operation)}`);
  return [
    ['heap', [`${options.policy}`, `alignment ${options.alignment}`, `mems ${version}`, platform]],
    [
      'recorded',
      [
        new Date(begun).toISOString().slice(0, 16).replace('T', ' '),
        ...(seconds === undefined ? [] : [`${seconds.toFixed(1)} s`]),
        plural(threads, 'thread'),
      ],
    ],
    initial.mainBlocks > 0 &&
      !isSnapshot && [
        'began with',
        [
          `${bytes(initial.bytes)} in ${plural(initial.blocks, 'block')}`,
          `${bytes(initial.mapped)} mapped`,
        ],
      ],
    events.grow > 0 && ['grown', [plural(events.grow, 'time'), `by ${bytes(events.grown)}`]],
    stats?.bytes && [isSnapshot ? 'memory' : 'at the end', endOf(stats)],
    marks.length > 0 && [
      'marks',
      marks.length > SHOWN ? [...first, `and ${marks.length - SHOWN} more`] : first,
    ],
    ...sites.map(({ mallocs, bytes: all, stack }) => [
      'site',
      [`${bytes(all)} in ${plural(mallocs, 'malloc')}`, siteOf(stack)],
    ]),
  ].filter(Boolean);
}

/** What was called, and the most that was live. */
function callsOf({ calls, peak, neverFreed }, context) {
  return [
    ...facts(
      'calls',
      [
        `malloc ${count(calls.malloc)}`,
        `free ${count(calls.free)}`,
        ...(calls.realloc > 0 ? [`realloc ${count(calls.realloc)}`] : []),
        ...(calls.refused > 0 ? [`refused ${count(calls.refused)}`] : []),
        `never freed ${count(neverFreed.blocks)} (${bytes(neverFreed.bytes)})`,
      ],
      context,
    ),
    ...facts(
      'peak',
      [
        `${bytes(peak.bytes)} in ${plural(peak.blocks, 'block')}`,
        `at operation ${count(peak.operation)}`,
      ],
      context,
    ),
  ];
}

function lines(found, file, { partial }, context) {
  const { operations, calls, sizes, lifetimes } = found;
  const isSnapshot = found.recording !== undefined && operations === 0;
  const recording = isSnapshot ? 'snapshot' : 'recording';
  const what = found.recording ? recording : 'text trace, no addresses';
  const most = sizes.most.map(({ size, share }) => `${count(size)} B (${percent(share)})`);
  const shown = file === '-' ? 'FILE' : file;
  return [
    ...wrap(
      `${found.name}${GAP}${what}${isSnapshot ? '' : `${GAP}${plural(operations, 'operation')}`}`,
      context.width,
    ),
    ...(found.recording
      ? recorded({ ...found.recording, isSnapshot }).flatMap(([title, texts]) =>
          facts(title, texts, context),
        )
      : []),
    ...(isSnapshot ? [] : callsOf(found, context)),
    ...(sizes.different === 0
      ? []
      : facts(
          'sizes',
          [
            `median ${count(sizes.median)}`,
            `90% ${count(sizes.p90)}`,
            `99% ${count(sizes.p99)}`,
            `largest ${count(sizes.largest)}`,
            `most: ${most[0]}${most.length > 1 ? ',' : ''}`,
            ...most.slice(1).map((each, at) => (at < most.length - 2 ? `${each},` : each)),
          ],
          context,
        )),
    ...(calls.free === 0
      ? []
      : facts(
          'lifetimes',
          [
            `median ${plural(lifetimes.median, 'operation')}`,
            `90% ${count(lifetimes.p90)}`,
            `temporary (${TEMPORARY} or fewer) ${percent(lifetimes.temporary)}`,
          ],
          context,
        )),
    ...wrap(
      `Next: mems ${isSnapshot ? `report ${shown} -o page.html` : `replay ${shown}`}${partial ? ' --partial' : ''}`,
      context.width,
    ),
  ];
}

async function run(context, [file], options) {
  if (file === undefined)
    throw new Failure('name a trace, a recording or a heap file, as in mems inspect app.mems.');
  if (isHeapFile(file)) {
    checkPlain(file, { partial: options.partial });
    return printReport(context, 'inspect', reportOn(file, false));
  }
  const found = await read(file, options, context);
  if (context.json) return context.printJson('inspect', found);
  context.print(...lines(found, file, options, context));
}

module.exports = {
  name: 'inspect',
  summary: 'what a program asks for: sizes, lifetimes, what is never freed',
  usage: 'FILE [options]',
  description: [
    'Reads FILE, a trace or a recording, or standard input for -, and prints how many calls it has, the most bytes that were live at once, how large blocks are and how long they live.',
    'Of a heap file, as Heap.open() makes them, it prints what is in the heap, which processes have it open, its roots and its maps, and what is damaged, beside processes that use it. Nothing is written.',
    `A lifetime is the number of operations from the malloc of a block to its free. A block that lives for ${TEMPORARY} operations or fewer is temporary. 90% means that nine of ten are no larger. Sizes are those of malloc, and in a snapshot those of its blocks; a block that realloc has made larger counts once. In a recording, a realloc that has moved its block is a malloc and a free.`,
    'A site is where a recording with stacks has malloc called from; the folder of its file is left out, and --json has whole stacks.',
  ],
  most: 1,
  options: [PARTIAL],
  status: { 0: 'The file was read.', 1: 'A heap file is damaged.' },
  examples: [
    { run: 'mems inspect app.rep.gz', says: 'What a program asks for.' },
    {
      run: 'mems inspect app.mems',
      says: 'What a recording has besides: threads, times and marks.',
    },
    { run: 'mems inspect pages.heap', says: 'What is in a heap file.' },
    { run: 'mems inspect app.rep.gz --json', says: 'For a program, with sizes in bytes.' },
  ],
  run,
};
