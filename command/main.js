// What the bundle of the command `mems` exports: its process, which start.js begins, and the page of a live heap, for Heap.report() of the
// library.

'use strict';

const cleanup = require('./lib/cleanup.js');
const { explain } = require('./lib/failure.js');

/** Runs the command. Whatever is wrong, also that the addon cannot be loaded, becomes a line and a status. */
async function main() {
  cleanup.watch();
  try {
    const { mems } = require('./mems.js');
    return await mems(process.argv.slice(2), process);
  } catch (error) {
    const [status, text] = explain(error);
    process.stderr.write(`mems: ${text}\n`);
    return status;
  }
}

/** Begins the process. */
function start() {
  main().then((status) => {
    // Not process.exit(), so that the streams are written to their ends.
    process.exitCode = status;
  });
}

/** Writes the page of a live heap; see lib/live.js. */
const reportHeap = (heap, path) => require('./lib/live.js').reportHeap(heap, path);

module.exports = { reportHeap, start };
