// mems export: a program in a format that another tool opens.

'use strict';

const { Failure, unknown } = require('./lib/failure.js');
const { checkApart, checkOutput, writeOutput } = require('./lib/files.js');
const { Ledger } = require('./lib/ledger.js');
const { plural } = require('./lib/numbers.js');
const { PARTIAL } = require('./lib/options.js');
const { open, parsePolicies } = require('./lib/replay-file.js');
const { wrap } = require('./lib/text.js');
const { POLICIES } = require('./library.js');

/**
 * Each has `write(source, ledger, append, context)`, which enters every event into the ledger, or, for several policies,
 * `draw(source, { policies }, append, context)`.
 */
const FORMATS = {
  pprof: require('./lib/formats/pprof.js'),
  'trace-event': require('./lib/formats/trace-event.js'),
  csv: require('./lib/formats/csv.js'),
  svg: require('./lib/formats/svg.js'),
  trace: require('./lib/formats/trace.js'),
};
const NAMES = Object.keys(FORMATS);
/** Formats that are not text. */
const BINARY = ['pprof'];

function parseFormat(name) {
  if (!NAMES.includes(name)) throw unknown('format', name, NAMES);
  return name;
}

/** Writes a format whose parts are made one after the other. Returns the number of operations. */
async function writeWith(policy, { source, format }, append, context) {
  const ledger = new Ledger(source, policy);
  try {
    await FORMATS[format].write(source, ledger, append, context);
    return ledger.operation;
  } finally {
    ledger.close();
  }
}

async function run(context, [file], { format, output, force, policy: policies, partial }) {
  if (file === undefined || format === undefined) {
    throw new Failure(
      `name a file and a format (${NAMES.join(', ')}), as in mems export app.mems --format csv.`,
    );
  }
  const isFile = output !== undefined && output !== '-';
  if (!isFile && context.json) throw new Failure('--json needs -o: standard output is the export.');
  if (!isFile && BINARY.includes(format) && context.isTerminal) {
    throw new Failure(`${format} is no text for a terminal: write it to a file with -o.`);
  }
  if (isFile) {
    checkOutput(output, force);
    checkApart(output, file);
  }
  const { draw } = FORMATS[format];
  if (policies?.length > 1 && draw === undefined) {
    throw new Failure(`name one policy: only svg shows several, and not ${format}.`);
  }
  const source = await open(file, { partial }, context);
  const write = draw
    ? (append) => draw(source, { policies }, append, context)
    : (append) => writeWith(policies?.[0], { source, format }, append, context);
  const put = (part) => context.stdout.write(part);
  let operations;
  if (isFile) {
    await writeOutput(output, force, async (append) => {
      operations = await write(append);
    });
  } else operations = await write(put);
  if (!isFile) return;
  if (context.json) context.printJson('export', { file, format, output, operations });
  else context.print(...wrap(`${output}: ${plural(operations, 'operation')}.`, context.width));
}

module.exports = {
  name: 'export',
  summary: 'a program in the format of another tool',
  usage: 'FILE [options]',
  description: [
    'Writes FILE, a trace or a recording, or standard input for -, in another format to standard output, or to the file that -o names.',
    'pprof: allocated blocks and bytes and those in use at the end, by call stack, for pprof and speedscope; by size if the recording has no stacks. trace-event: live and mapped bytes over time, marks and refused requests, for Perfetto. csv: a line an operation, with its number, kind, address, size and block, and what is live and mapped after it. svg: a picture, addresses over operations, of each policy on one scale. trace: a text trace, for mems and older tools.',
    'A trace has no addresses, so it is replayed as mems replay does it. Live bytes are those that were asked for.',
  ],
  most: 1,
  options: [
    ['--format <format>', NAMES.join(', '), parseFormat],
    ['-o, --output <file>', 'the file to write; it is there when it is whole'],
    ['-f, --force', 'replace that file if it is there, unless it is FILE'],
    [
      '--policy <name>',
      `replay with ${POLICIES.join(', ')}; by default a recording is not replayed, and a trace is with first-fit. A picture can have several, with commas between, or all`,
      parsePolicies,
    ],
    PARTIAL,
  ],
  status: { 0: 'The program was written.' },
  examples: [
    {
      run: 'mems export app.mems --format pprof -o app.pb.gz',
      says: 'What allocates, in pprof or speedscope.',
    },
    {
      run: 'mems export app.mems --format trace-event -o app.json',
      says: 'Memory over time, in Perfetto.',
    },
    { run: 'mems export app.rep.gz --format csv | head -n 5', says: 'Operations for a table.' },
    {
      run: 'mems export app.rep.gz --format svg --policy all -o app.svg',
      says: 'A picture for a document.',
    },
    {
      run: 'mems export app.mems --format trace | mems replay -',
      says: 'A text trace for another program.',
    },
  ],
  run,
};
