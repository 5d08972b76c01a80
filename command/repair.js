// mems repair: mends a heap file, or saves what is sound of it into another one.

'use strict';

const { Failure } = require('./lib/failure.js');
const { checkThere } = require('./lib/files.js');
const { isHeapFile, mend, printReport } = require('./lib/heap-file.js');

async function run(context, [file], { into }) {
  if (file === undefined) throw new Failure('name a heap file, as in mems repair pages.heap.');
  checkThere(file);
  if (!isHeapFile(file))
    throw new Failure(`${file} is no heap file, and nothing else is repaired.`);
  return printReport(context, 'repair', mend(file, into));
}

module.exports = {
  name: 'repair',
  summary: 'mends a heap file that is damaged, or was open when the system stopped',
  usage: 'FILE [options]',
  description: [
    'Derives all bookkeeping of FILE, a heap file as Heap.open() makes them, anew from where its blocks start and end, and prints what was done. No process may have FILE open. A durable heap that was open when the system stopped returns to its last sync first, unless that is damaged.',
    'Blocks stay at their addresses. Lost are extents of which the table says no more where they are, or which are cut off; and roots whose blocks are not there. Of maps, entries that make no sense are dropped. What is in other blocks is not looked at. A file whose first 44 bytes are damaged cannot be repaired.',
  ],
  most: 1,
  options: [
    [
      '--into <new>',
      'leave FILE as it is, and make a sound file of what is in it, at the same addresses; extents without blocks at its end are left out',
    ],
  ],
  status: { 0: 'The file is sound.', 1: 'The file is too damaged to be repaired.' },
  examples: [
    {
      run: 'mems repair pages.heap --into saved.heap',
      says: 'Save what is sound, and keep the file.',
    },
    { run: 'mems repair pages.heap', says: 'Mend a file in place.' },
  ],
  run,
};
