// mems report: a page that shows a program's heap over time.

'use strict';

const { Failure, STATUS } = require('./lib/failure.js');
const { checkApart, checkOutput, writeOutput } = require('./lib/files.js');
const { bytes, count, parseSize, parseWhole, plural } = require('./lib/numbers.js');
const { PARTIAL } = require('./lib/options.js');
const { makePage, MOST_OPERATIONS } = require('./lib/page.js');
const { open, parsePolicies } = require('./lib/replay-file.js');
const { wrap } = require('./lib/text.js');
const { POLICIES } = require('./library.js');

/** The policies whose small pictures a page has. */
const parseShown = (text) => (text === 'none' ? [] : parsePolicies(text));

async function run(context, [file], options) {
  const { output, force, policy, limit, detail, paths, partial } = options;
  if (file === undefined || output === undefined) {
    throw new Failure('name a file and a page to write, as in mems report app.mems -o app.html.');
  }
  const isStream = output === '-';
  if (isStream && context.json)
    throw new Failure('--json needs -o FILE: standard output is the page.');
  if (isStream && context.isTerminal) {
    throw new Failure('a page is no text for a terminal: write it to a file with -o.');
  }
  if (!isStream) {
    checkOutput(output, force);
    checkApart(output, file);
  }
  const source = await open(file, { partial }, context);
  const settings = { policies: policy ?? POLICIES, limit, most: detail, paths };
  const { html, result } = await makePage(source, settings, context);
  if (isStream) {
    context.stdout.write(html);
    return STATUS.done;
  }
  await writeOutput(output, force, (append) => append(html));
  const size = Buffer.byteLength(html);
  if (context.json) return context.printJson('report', { file, output, bytes: size, ...result });
  context.print(
    ...wrap(
      `${output}: ${plural(result.operations, 'operation')}, ${bytes(size)}. Open it in a browser.`,
      context.width,
    ),
    ...result.notes.flatMap((note) => wrap(note, context.width)),
  );
}

module.exports = {
  name: 'report',
  summary: 'a page that shows a heap over time, for a browser',
  usage: 'FILE -o PAGE [options]',
  description: [
    'Writes one HTML file about FILE, a trace or a recording, or standard input for -. It opens in a browser without a network: addresses over time, the heap and a main chain at any operation, holes by size, the numbers of stats() with what each means, what other policies make of the same requests, and where blocks were allocated if the recording has stacks. The guide is docs/seeing.md.',
    'A recording is shown with the addresses that it has. A trace has none, so it is replayed as mems replay does it, with the first policy that --policy names, or first-fit. The small pictures are replays.',
    `A page has up to ${count(MOST_OPERATIONS)} operations. Of a longer program it has those round the peak, growth and refused requests, and says what is left out. Memory: some 200 bytes an operation while the page is made, and 80 with --policy none.`,
    'Stacks are shown without the folders of their files, unless --paths is given.',
  ],
  most: 1,
  options: [
    [
      '-o, --output <file>',
      'the page to write, which is there when it is whole; - is standard output',
    ],
    ['-f, --force', 'replace that file if it is there, unless it is FILE'],
    [
      '--policy <names>',
      `the policies to show small pictures of: ${POLICIES.join(', ')}; some with commas between, all, the default, or none`,
      parseShown,
    ],
    [
      '--limit <size>',
      'the most bytes that a heap can map where one is replayed, as in 64M',
      parseSize,
    ],
    [
      '--detail <operations>',
      `how many operations the page has in full; ${count(MOST_OPERATIONS)} by default`,
      parseWhole(1, 50_000_000),
    ],
    ['--paths', 'show the folders of files in stacks'],
    PARTIAL,
  ],
  status: { 0: 'The page was written.' },
  examples: [
    { run: 'mems report app.mems -o app.html', says: 'The page of a recording.' },
    {
      run: 'mems report app.rep.gz -o trace.html --policy best-fit,first-fit',
      says: 'A trace with best fit, and a small picture of first fit beside it.',
    },
    {
      run: 'mems report cut.mems --partial -o cut.html',
      says: 'What is left of a recording that was cut off.',
    },
    { run: 'mems report app.mems --policy none -o - | gzip > app.html.gz', says: 'Into a pipe.' },
  ],
  run,
};
