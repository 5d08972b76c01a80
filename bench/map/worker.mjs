// One process of bench/map/processes.mjs: gets, or gets and sets, of values that check themselves, in a store that other processes use
// at the same time.
//
//   node bench/map/worker.mjs STORE JOB PLACE KEYS MILLISECONDS

import { createRequire } from 'node:module';
import { Heap } from '@sambhav-gautam/osmemoryallocator';
import { drawing, isWhole, keysOf, seal, WORDS } from './data.js';

const require = createRequire(import.meta.url);
const [store, job, place, count, milliseconds] = process.argv.slice(2);

/** Calls between two looks at the clock. */
const BATCH = 200;

const keys = keysOf(Number(count));
const draw = drawing(process.pid);
const words = new Uint32Array(WORDS);
const into = Buffer.from(words.buffer);
const written = new Uint32Array(WORDS);
const value = Buffer.from(written.buffer);
let torn = 0;

/** Each store as `{ read, write, close }`: read(key) leaves the value in `into`. */
const STORES = {
  'MeMS map'() {
    const heap = Heap.open(place);
    const map = heap.map('bytes');
    const read =
      job === 'get' ? (key) => into.set(map.get(key)) : (key) => void map.getInto(key, into);
    return { read, write: (key) => map.set(key, value), close: () => heap.close() };
  },
  'lmdb-js'() {
    const environment = require('lmdb').open({ path: place, noSync: true, encoding: 'binary' });
    return { read: (key) => into.set(environment.get(key)), close: () => environment.close() };
  },
  Redis() {
    const redis = require('./contenders/redis.js').connect(Number(place));
    return {
      later: async (key) => into.set(await redis.getBuffer(key)),
      close: () => redis.disconnect(),
    };
  },
};

const { read, later, write, close } = STORES[store]();
const isWriting = job.endsWith('sets');

function batch() {
  for (let i = 0; i < BATCH; i++) {
    const index = draw(keys.length);
    if (isWriting && i % 10 === 0) {
      seal(written, index, draw(2 ** 32));
      write(keys[index]);
    } else {
      read(keys[index]);
      if (!isWhole(words, index)) torn++;
    }
  }
}

async function laterBatch() {
  for (let i = 0; i < BATCH; i++) {
    const index = draw(keys.length);
    await later(keys[index]);
    if (!isWhole(words, index)) torn++;
  }
}

const work = later === undefined ? batch : laterBatch;
for (let i = 0; i < 20; i++) await work();
// A connection to a server would keep this process running when the bench has ended by an error.
process.once('disconnect', () => process.exit());
process.send('ready');
process.once('message', async () => {
  let done = 0;
  const begun = process.hrtime.bigint();
  const end = begun + BigInt(milliseconds) * 1_000_000n;
  let now = begun;
  for (; now < end; now = process.hrtime.bigint()) {
    if (later === undefined) batch();
    else await laterBatch();
    done += BATCH;
  }
  await close();
  process.send({ count: done, ns: Number(now - begun), torn });
  process.disconnect();
});
