// What it costs to give data to a worker thread: a heap's id and an address, or a copy by postMessage.

'use strict';

const { once } = require('node:events');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { named } = require('./bytes.js');
const { inTurns } = require('./lib/measure.js');

const MIB = 2 ** 20;

/** Nanoseconds until a worker has seen the data's first and last byte and said so. */
async function roundTrip(worker, message) {
  const answered = once(worker, 'message');
  const begun = process.hrtime.bigint();
  worker.postMessage(message);
  const [sum] = await answered;
  const ns = Number(process.hrtime.bigint() - begun);
  if (sum !== 2) throw new Error('the worker has not seen the data');
  return ns;
}

/** All tables: `{ group, workload, rows }`. */
async function measureSharing({ quick, progress }) {
  // A worker for each, so that neither collects the other's garbage while it is timed.
  const [copier, sharer] = [new Worker(__filename), new Worker(__filename)];
  await Promise.all([copier, sharer].map((worker) => once(worker, 'message')));
  const heap = new Heap();
  const tables = [];
  for (const size of [MIB, 100 * MIB]) {
    const data = Buffer.alloc(size, 1);
    const block = heap.malloc(size);
    heap.write(block, data);
    const contenders = [
      { name: 'postMessage of a copy', run: () => roundTrip(copier, { data }) },
      {
        name: 'a heap’s id and an address',
        run: () => roundTrip(sharer, { heap: heap.id, block }),
      },
    ];
    const rows = await inTurns(contenders, quick ? 5 : 15, progress);
    tables.push({ group: 'sharing', workload: named(size), rows });
    heap.free(block);
  }
  await Promise.all([copier.terminate(), sharer.terminate()]);
  heap.close();
  return tables;
}

/** The worker, which keeps a heap once it knows it. */
function serve() {
  let known;
  parentPort.on('message', ({ data, heap, block }) => {
    if (heap !== undefined && known?.id !== heap) known = Heap.attach(heap);
    const bytes = data ?? known.buffer(block);
    parentPort.postMessage(bytes[0] + bytes[bytes.length - 1]);
  });
  parentPort.postMessage('running');
}

if (!isMainThread) serve();

module.exports = { measureSharing };
