// What must be undone however the command ends: temporary files removed, the terminal given back as it was.
//
// Handlers run once, the last that was added first, at Ctrl-C, at SIGTERM, when the reader of standard output is gone, and at any
// other exit.

'use strict';

const { STATUS } = require('./failure.js');

const handlers = new Set();

function runAll() {
  for (const handler of [...handlers].reverse()) {
    handlers.delete(handler);
    try {
      handler();
    } catch {
      // The process ends: what cannot be undone stays.
    }
  }
}

/** Adds a handler, which must be synchronous. Returns a function that takes it out again without running it. */
function onEnd(handler) {
  handlers.add(handler);
  return () => handlers.delete(handler);
}

/** Ends the process at once. */
function end(status) {
  runAll();
  process.exit(status);
}

/** Prepares a process to end in each of these ways. */
function watch() {
  process.on('exit', runAll);
  process.on('SIGINT', () => end(STATUS.interrupted));
  process.on('SIGTERM', () => end(143));
  // A reader such as `head` that has seen enough is no error.
  process.stdout.on('error', (error) => {
    if (error.code === 'EPIPE') end(STATUS.done);
    process.stderr.write(`mems: cannot write the result: ${error.message}\n`);
    end(STATUS.cannot);
  });
  process.stderr.on('error', () => {});
}

module.exports = { end, onEnd, watch };
