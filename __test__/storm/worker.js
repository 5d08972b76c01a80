'use strict';

// A process of the storm: it waits until it is sent off, so that it takes the slot of a dead one at once, and works until it is killed,
// or until the file's first word says that it is to stop. Each thread works for a worker of its own.

const { isMainThread, parentPort, workerData, Worker } = require('node:worker_threads');
const { Heap } = require('../..');
// Only in the addon for tests.
const { dieBeforeStore } = require('../../binding.js');
const { Numbers } = require('../helpers/random.js');

/** Works for one worker until the round ends. Returns how many operations it has done. */
async function work({ subject, path, owner, all, life, seed, options, told }) {
  const heap = Heap.open(path, { ...options, addresses: 'number' });
  const stop = heap.view(heap.roots.get('control'), Uint32Array, 4);
  const random = new Numbers(seed);
  const { begin } = require(subject);
  const step = begin({ heap, owner, owners: all, life, random, options, told });
  let done = 0;
  while (stop[0] === 0) {
    const waiting = step();
    if (waiting !== undefined) await waiting;
    done++;
  }
  heap.close();
  return done;
}

/** Starts a thread that works for a worker. `hasBegun` and `done` are promises. */
function startThread(given) {
  const thread = new Worker(__filename, { workerData: given });
  const hasBegun = new Promise((resolve) => thread.once('message', resolve));
  const done = new Promise((resolve, reject) => {
    let last;
    thread.on('message', (message) => {
      last = message;
    });
    thread.on('error', reject);
    thread.on('exit', () => resolve(last));
  });
  return { hasBegun, done };
}

/** Works for several workers, each except the first in a thread of its own. */
async function workForAll({ owners, dies, ...given }) {
  if (dies !== undefined) dieBeforeStore(dies);
  const threads = owners
    .slice(1)
    .map((owner) => startThread({ ...given, owner, seed: given.seed + owner }));
  await Promise.race([
    Promise.all(threads.map(({ hasBegun }) => hasBegun)),
    Promise.all(threads.map(({ done }) => done)),
  ]);
  process.send('begun');
  const own = await work({ ...given, owner: owners[0] });
  const others = await Promise.all(threads.map(({ done }) => done));
  return others.reduce((sum, done) => sum + done, own);
}

if (isMainThread) {
  process.once('message', async (given) => {
    try {
      const done = await workForAll(given);
      process.send({ done }, () => process.exit(0));
    } catch (error) {
      process.send({ error: error.stack }, () => process.exit(1));
    }
  });
  process.send('ready');
} else {
  parentPort.postMessage('begun');
  work(workerData).then((done) => parentPort.postMessage(done));
}
