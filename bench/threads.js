// Two threads that allocate and free at once: in one heap of MeMS, or with libc's malloc.

'use strict';

const { once } = require('node:events');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { contenders, named } = require('./contenders/index.js');
const { alone } = require('./lib/alone.js');
const { inTurns, time } = require('./lib/measure.js');

const { firstFit, bigints, numbers, koffi } = contenders;
const ALL = [firstFit, bigints, numbers, koffi];
const THREADS = 2;
/** Blocks of 64 bytes that each thread has, of which it replaces one after another. */
const BLOCKS = 64;

/** In a thread: replaces `n` blocks when all threads are there. Sends nanoseconds a call. */
async function work({ name, id, arrived }) {
  const { options, start } = named(name);
  const heap = id === undefined ? (await start()).heap : Heap.attach(id, options);
  const blocks = Array.from({ length: BLOCKS }, () => heap.malloc(64));
  const replace = (n) => {
    for (let i = 0; i < n; i++) {
      heap.free(blocks[i & (BLOCKS - 1)]);
      blocks[i & (BLOCKS - 1)] = heap.malloc(64);
    }
  };
  parentPort.on('message', ({ n, round }) => {
    Atomics.add(arrived, 0, 1);
    while (Atomics.load(arrived, 0) < THREADS * round);
    parentPort.postMessage(time(() => replace(n)) / (2 * n));
  });
  parentPort.postMessage('ready');
}

/** In the process of a contender: its threads, and how many rounds they have done. */
let workers;
let rounds = 0;

const tasks = {
  async threads(name, n) {
    if (workers === undefined) {
      const { options, start } = named(name);
      // libc has one heap for all; of MeMS there is one whose id the threads attach to.
      const id = options === undefined ? undefined : start().heap.id;
      const arrived = new Int32Array(new SharedArrayBuffer(4));
      const data = { workerData: { name, id, arrived } };
      workers = Array.from({ length: THREADS }, () => new Worker(__filename, data));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      // The process may end when the benchmark is done with it.
      for (const worker of workers) worker.unref();
    }
    rounds++;
    const answers = workers.map((worker) => once(worker, 'message'));
    for (const worker of workers) worker.postMessage({ n, round: rounds });
    const spent = (await Promise.all(answers)).map(([ns]) => ns);
    return spent.reduce((sum, ns) => sum + ns, 0) / THREADS;
  },
};

/** All tables: `{ group, workload, rows }`. */
async function measureThreads({ quick, progress }) {
  const n = quick ? 100_000 : 500_000;
  const processes = ALL.map(({ name }) => ({ name, ...alone(__filename) }));
  const runs = processes.map(({ name, call }) => ({ name, run: () => call('threads', name, n) }));
  const rows = await inTurns(runs, quick ? 5 : 15, progress);
  for (const { end } of processes) end();
  return [{ group: 'threads', workload: 'two threads, a call', rows }];
}

if (!isMainThread && workerData?.arrived !== undefined) work(workerData);

module.exports = { measureThreads, tasks };
