// One process of bench/files.mjs: does one kind of call on a heap file for some time, or opens one, and sends what it has measured.
//
//   node bench/files/worker.mjs JOB FILE [BLOCKS [MILLISECONDS]]
//   node bench/files/worker.mjs reply FILE MESSAGES

import { Heap } from '@sambhav-gautam/osmemoryallocator';
import { drawing } from '../map/data.js';

const [job, file, blocks, milliseconds] = process.argv.slice(2);

/** Calls between two looks at the clock. */
const BATCH = 500;

/** What a job does once, for each of its own blocks. */
const JOBS = {
  'malloc and free': (heap, own, draw) => {
    const at = draw(own.length);
    heap.free(own[at]);
    own[at] = heap.malloc(16 + draw(257));
  },
  get: (heap, own, draw) => heap.get(own[draw(own.length)]),
  'view of 16 bytes': (heap, own, draw) => heap.view(own[draw(own.length)], Uint8Array, 16),
  'read of 16 bytes': (heap, own, draw) => heap.read(own[draw(own.length)], 16),
};

/** Opens the file and reaches a block: microseconds each. */
function opening() {
  const begun = process.hrtime.bigint();
  const heap = Heap.open(file, { create: false });
  const opened = process.hrtime.bigint();
  const address = heap.roots.get('last');
  const first = heap.read(address, 8);
  const found = process.hrtime.bigint();
  if (first.length !== 8) throw new Error('the block is not there');
  heap.close();
  // Without what the first call of a process takes: its code is compiled and read from the disk.
  const again = process.hrtime.bigint();
  Heap.open(file, { create: false });
  const end = process.hrtime.bigint();
  const us = (from, to) => Number(to - from) / 1e3;
  return { open: us(begun, opened), get: us(opened, found), again: us(again, end) };
}

/** Does a job until the time is over: how often, in how long, with how much processor time. */
function working() {
  const heap = Heap.open(file, { addresses: 'number' });
  const draw = drawing(process.pid);
  const own = Array.from({ length: Number(blocks) }, () => heap.malloc(16 + draw(257)));
  const once = JOBS[job];
  for (let i = 0; i < 20_000; i++) once(heap, own, draw);
  process.send('ready');
  process.once('message', () => {
    let count = 0;
    const processor = process.cpuUsage();
    const begun = process.hrtime.bigint();
    const end = begun + BigInt(milliseconds) * 1_000_000n;
    let now = begun;
    for (; now < end; now = process.hrtime.bigint()) {
      for (let i = 0; i < BATCH; i++) once(heap, own, draw);
      count += BATCH;
    }
    const { user, system } = process.cpuUsage(processor);
    for (const block of own) heap.free(block);
    heap.close();
    process.send({ count, ns: Number(now - begun), processor: (user + system) * 1e3 });
    process.disconnect();
  });
}

/** Replies to `count` messages: waits until the first number of the block that is a root changes, and changes the second. */
async function replying(count) {
  const heap = Heap.open(file, { create: false });
  const words = heap.roots.get('words');
  const numbers = heap.view(words, Int32Array);
  process.send('ready');
  for (let turn = 0; turn < count; turn++) {
    await heap.waitAsync(words, turn);
    Atomics.store(numbers, 1, turn + 1);
    heap.notify(words);
  }
  heap.close();
  process.disconnect();
}

if (job === 'open') {
  process.send(opening());
  process.disconnect();
} else if (job === 'reply') {
  await replying(Number(blocks));
} else {
  working();
}
