// Heap files, as Heap.open() makes them: telling them from recordings, and printing what the library reports of them.

'use strict';

const fs = require('node:fs');
const { Heap } = require('../library.js');
const { facts } = require('./facts.js');
const { Failure, STATUS } = require('./failure.js');
const { bytes, count, plural } = require('./numbers.js');
const { wrap } = require('./text.js');

/** What heap files begin with. */
const MAGIC = Buffer.from('MeMSHeap');

/** A name may be anything, and a terminal obeys control characters. */
const printable = (text) => text.replace(/\p{Cc}/gu, '?');

/** Whether the first bytes of a file are those of a heap file. */
const beginsHeapFile = (bytes) => MAGIC.equals(bytes.subarray(0, MAGIC.length));

/** Whether a file is a heap file. One that cannot be read is none. */
function isHeapFile(file) {
  if (file === '-') return false;
  try {
    // A pipe must not be read, and opening it would wait.
    if (!fs.statSync(file).isFile()) return false;
    const descriptor = fs.openSync(file, 'r');
    try {
      const begun = Buffer.alloc(MAGIC.length);
      return (
        fs.readSync(descriptor, begun, 0, begun.length, 0) === begun.length && beginsHeapFile(begun)
      );
    } finally {
      fs.closeSync(descriptor);
    }
  } catch (error) {
    if (error.syscall === undefined) throw error;
    return false;
  }
}

/** Calls the library. A file of which it cannot even read the header is a failure. */
function said(call) {
  try {
    return call();
  } catch (error) {
    if (!/^ERR_MEMS_/.test(error.code ?? '')) throw error;
    const status = error.code === 'ERR_MEMS_FILE_CORRUPT' ? STATUS.no : STATUS.cannot;
    throw new Failure(error.message.replace(/[.]?$/, '.'), status);
  }
}

/** The report of `Heap.verify` on a file. */
const reportOn = (file, deep) => said(() => Heap.verify(file, { deep, addresses: 'number' }));

/** The report of `Heap.repair`. */
const mend = (file, into) =>
  said(() => Heap.repair(file, { addresses: 'number', ...(into === undefined ? {} : { into }) }));

/** The facts of a report, as [title, texts]. */
function factsOf({
  uuid,
  layout,
  clean,
  durable,
  extents,
  bytes: of,
  counts,
  roots,
  maps,
  processes,
}) {
  const kind = durable ? ['durable'] : [];
  return [
    ['file', [uuid, `layout ${layout}`, ...kind, clean ? 'closed' : 'not closed']],
    [
      'memory',
      [
        `${bytes(of.mapped)} mapped in ${plural(extents.length, 'extent')}`,
        `${bytes(of.live)} live in ${plural(counts.live, 'block')}`,
        `${bytes(of.holes)} in ${plural(counts.holes, 'hole')}`,
        `largest ${bytes(of.largestHole)}`,
        `bookkeeping ${bytes(of.metadata)}`,
      ],
    ],
    ...processes.map(({ slot, pid, since }) => [
      'process',
      [`${pid}`, `slot ${slot}`, `since ${since.toISOString().slice(0, 19).replace('T', ' ')} UTC`],
    ]),
    ...roots.map(({ name, address, live }) => [
      'root',
      [`${printable(name)} at ${count(address)}`, ...(live ? [] : ['no live block starts there'])],
    ]),
    ...maps.map(({ name, sound, entries, bytes: length, maxEntries, maxBytes }) => [
      'map',
      [
        printable(name),
        Number.isFinite(maxEntries)
          ? `${count(entries)} of at most ${plural(maxEntries, 'entry', 'entries')}`
          : plural(entries, 'entry', 'entries'),
        Number.isFinite(maxBytes)
          ? `${bytes(length)} of at most ${bytes(maxBytes)}`
          : bytes(length),
        ...(sound ? [] : ['damaged']),
      ],
    ]),
  ];
}

/** Prints what the library reports of a heap file, or the same as JSON. Returns the exit status. */
function printReport(context, command, report) {
  const { path, sound, problems, notes, ...rest } = report;
  if (context.json) {
    context.printJson(command, {
      file: path,
      kind: 'heap-file',
      ok: sound,
      problems,
      notes,
      ...rest,
    });
  } else {
    const sentence = (text) => printable(text).replace(/[.]?$/, '.');
    context.print(
      ...wrap(`${printable(path)}   heap file   ${sound ? 'sound' : 'damaged'}`, context.width),
      ...factsOf(report).flatMap(([title, texts]) => facts(title, texts, context)),
      ...problems.flatMap((text) => wrap(`  Damaged: ${sentence(text)}`, context.width, '    ')),
      ...notes.flatMap((text) => wrap(`  Note: ${sentence(text)}`, context.width, '    ')),
      ...(sound ? [] : wrap(`Next: mems repair ${printable(path)}`, context.width)),
    );
  }
  return sound ? STATUS.done : STATUS.no;
}

/** Throws if a heap file is given with an option that is for recordings and traces; `others` are such options, by their names. */
function checkPlain(file, others) {
  const [given] =
    Object.entries(others).find(([, value]) => value !== undefined && value !== false) ?? [];
  if (given !== undefined)
    throw new Failure(`${printable(file)} is a heap file, for which there is no --${given}.`);
}

module.exports = {
  beginsHeapFile,
  checkPlain,
  isHeapFile,
  mend,
  printable,
  printReport,
  reportOn,
  said,
};
