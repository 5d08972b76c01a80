// mems inspect: what is in a trace.

'use strict';

const { Census, TEMPORARY } = require('./lib/census.js');
const { Failure } = require('./lib/failure.js');
const { bytes, count, percent } = require('./lib/numbers.js');
const { readFile } = require('./lib/replay-file.js');
const { Tally } = require('./lib/tally.js');
const { wrap } = require('./lib/text.js');

const GAP = '   ';

async function read(file, context) {
  const [tally, census] = [new Tally(), new Census()];
  const source = await readFile(file, context, (some) => {
    tally.add(some);
    census.add(some);
  });
  const { operations, calls, peak } = tally;
  return { name: source.name, kind: source.kind, operations, calls, peak, ...census.result() };
}

/** Facts side by side as far as the line has room, below each other after that. A fact is not broken. */
function facts(title, texts, { width, paint }) {
  const indent = ' '.repeat(13);
  // No-break spaces hold a fact together.
  const kept = texts
    .map((text) => `${text.replaceAll(' ', '\u00a0')}${text.endsWith(',') ? '' : '\u00a0\u00a0'}`)
    .join(' ');
  const lines = wrap(`  ${title.padEnd(11)}${kept}`, width, indent);
  return lines
    .map((line) => line.replaceAll('\u00a0', ' ').trimEnd())
    .map((line, at) => {
      return at === 0 ? `  ${paint.bold(title.padEnd(11))}${line.slice(13)}` : line;
    });
}

function lines(found, file, context) {
  const { operations, calls, peak, neverFreed, sizes, lifetimes } = found;
  const most = sizes.most.map(({ size, share }) => `${count(size)} B (${percent(share)})`);
  const shown = file === '-' ? 'FILE' : file;
  return [
    ...wrap(
      `${found.name}${GAP}text trace, no addresses${GAP}${count(operations)} operations`,
      context.width,
    ),
    ...facts(
      'calls',
      [
        `malloc ${count(calls.malloc)}`,
        `free ${count(calls.free)}`,
        ...(calls.realloc > 0 ? [`realloc ${count(calls.realloc)}`] : []),
        `never freed ${count(neverFreed.blocks)} (${bytes(neverFreed.bytes)})`,
      ],
      context,
    ),
    ...facts(
      'peak',
      [
        `${bytes(peak.bytes)} in ${count(peak.blocks)} blocks`,
        `at operation ${count(peak.operation)}`,
      ],
      context,
    ),
    ...(calls.malloc === 0
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
            `median ${count(lifetimes.median)} operation${lifetimes.median === 1 ? '' : 's'}`,
            `90% ${count(lifetimes.p90)}`,
            `temporary (${TEMPORARY} or fewer) ${percent(lifetimes.temporary)}`,
          ],
          context,
        )),
    ...wrap(`Next: mems replay ${shown}`, context.width),
  ];
}

async function run(context, files) {
  const [file] = files;
  if (file === undefined) throw new Failure('name a trace, as in mems inspect app.rep.gz.');
  const found = await read(file, context);
  if (context.json) return context.printJson('inspect', found);
  context.print(...lines(found, file, context));
}

module.exports = {
  name: 'inspect',
  summary: 'what is in a trace: sizes, lifetimes, what is never freed',
  usage: 'FILE [options]',
  description: [
    'Reads FILE, or standard input for -, and prints how many calls it has, the most bytes that were live at once, how large blocks are and how long they live.',
    `A lifetime is the number of operations from the malloc of a block to its free. A block that lives for ${TEMPORARY} operations or fewer is temporary. 90% means that nine of ten are no larger. Sizes are those of malloc; a block that realloc has made larger counts once.`,
  ],
  most: 1,
  options: [],
  status: { 0: 'The file was read.' },
  examples: [
    { run: 'mems inspect app.rep.gz', says: 'What a program asks for.' },
    { run: 'mems inspect app.rep.gz --json', says: 'For a program, with sizes in bytes.' },
  ],
  run,
};
