// Gets in one, two and four processes at once: how many a second, and whether each value was whole.

import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Heap } from '@sambhav-gautam/osmemoryallocator';
import * as lmdb from 'lmdb';
import { median } from '../lib/measure.js';
import { together } from '../lib/together.mjs';
import { available } from './contenders/index.js';
import redisServer from './contenders/redis.js';
import { keysOf, seal, WORDS } from './data.js';

const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));
export const PROCESSES = [1, 2, 4];

/** What the processes do, by store. */
const JOBS = {
  'MeMS map': ['getInto', 'get', 'getInto and a tenth sets'],
  'lmdb-js': ['get'],
  Redis: ['get'],
};

/** Calls `put` with each key and a value that checks itself. */
function fill(count, put) {
  const words = new Uint32Array(WORDS);
  const value = Buffer.from(words.buffer);
  let last;
  for (const [index, key] of keysOf(count).entries()) {
    seal(words, index, index);
    last = put(key, value);
  }
  return last;
}

/** Makes and fills each store, and returns `{ place, end }`: where a process finds the store, and what removes it. */
const FILLED = {
  'MeMS map'(folder, count) {
    const place = path.join(folder, 'processes.mems');
    const heap = Heap.open(place);
    const map = heap.map('bytes');
    fill(count, (key, value) => map.set(key, value));
    return { place, end: () => heap.close() };
  },
  async 'lmdb-js'(folder, count) {
    const place = path.join(folder, 'processes-lmdb');
    const environment = lmdb.open({ path: place, noSync: true, encoding: 'binary' });
    environment.transactionSync(() => {
      fill(count, (key, value) => environment.putSync(key, value));
    });
    return { place, end: () => environment.close() };
  },
  async Redis(folder, count) {
    const server = await redisServer.serve(folder);
    const redis = redisServer.connect(server.port);
    await fill(count, (key, value) => redis.set(key, Buffer.from(value)));
    redis.disconnect();
    return { place: server.port, end: server.end };
  },
};

/** Rows `{ store, job, count, rate, ratio, torn, calls }`: the rate of all processes together, and how many times that of one. */
export async function measureProcesses({ quick, newFolder, remove, progress }) {
  const [rounds, milliseconds, keys] = quick ? [1, 250, 20_000] : [5, 1000, 100_000];
  const folder = newFolder('processes');
  const rows = [];
  const { present } = available();
  for (const [store, jobs] of Object.entries(JOBS)) {
    if (!present.includes(store)) continue;
    const { place, end } = await FILLED[store](folder, keys);
    const runs = jobs.flatMap((job) =>
      PROCESSES.map((count) => ({ store, job, count, rates: [], torn: 0, calls: 0 })),
    );
    for (let round = 0; round < rounds; round++) {
      for (const run of runs) {
        progress(`${store}, ${run.job}, ${run.count} processes, round ${round + 1} of ${rounds}`);
        const results = await together(
          WORKER,
          [store, run.job, place, keys, milliseconds],
          run.count,
        );
        let rate = 0;
        for (const { count, ns, torn } of results) {
          rate += (1e9 * count) / ns;
          run.calls += count;
          run.torn += torn;
        }
        run.rates.push(rate);
      }
    }
    await end();
    for (const { rates, ...run } of runs) {
      const alone = runs.find(({ job, count }) => job === run.job && count === 1);
      const ratio = median(rates.map((rate, round) => rate / alone.rates[round]));
      rows.push({ ...run, rate: median(rates), ratio });
    }
  }
  remove(folder);
  return rows;
}
