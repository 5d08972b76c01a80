'use strict';

// Functions that run in a worker.

const { once } = require('node:events');
const { Worker } = require('node:worker_threads');

/** Calls a function in a worker with the package and a value. Returns what it returns. */
async function inWorker(body, value) {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     parentPort.postMessage((${body})(require(workerData.path), workerData.value));`,
    { eval: true, workerData: { path: require.resolve('../..'), value } },
  );
  // An error of the worker rejects both.
  const [[message]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  return message;
}

module.exports = { inWorker };
