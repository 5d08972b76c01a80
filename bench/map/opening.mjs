// A million pages: how long another process takes to open them and to get the first, and how much room they take.

import { closeSync, openSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Heap } from '@sambhav-gautam/osmemoryallocator';
import * as lmdb from 'lmdb';
import { median } from '../lib/measure.js';
import { one } from '../lib/together.mjs';
import { keyOf, textOf } from './data.js';

const FIRST = fileURLToPath(new URL('first.mjs', import.meta.url));
const BYTES = 600;

/** For each store what fills it at a place; opening a new process's first page is measured at the same place. */
const FILLED = {
  'MeMS map'(place, count, page) {
    const heap = Heap.open(place);
    const map = heap.map('bytes');
    for (let i = 0; i < count; i++) map.set(keyOf(i), page);
    heap.close();
  },
  async 'lmdb-js'(place, count, page) {
    const environment = lmdb.open({ path: place, noSync: true, encoding: 'binary' });
    environment.transactionSync(() => {
      for (let i = 0; i < count; i++) environment.putSync(keyOf(i), page);
    });
    await environment.close();
  },
  'JSON index beside a file'(place, count, page) {
    const index = {};
    const file = openSync(place, 'w');
    for (let i = 0; i < count; i++) {
      index[keyOf(i)] = [i * page.length, page.length];
      writeSync(file, page);
    }
    closeSync(file);
    writeFileSync(`${place}.json`, JSON.stringify(index));
  },
};

/** The bytes of a file or of the files in a folder. */
function bytesAt(place) {
  const stat = statSync(place);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(place).reduce((sum, name) => sum + statSync(path.join(place, name)).size, 0);
}

/** Rows `{ store, keys, open, get, size }`: microseconds, and bytes on the disk for each page. */
export async function measureOpening({ quick, newFolder, remove, progress }) {
  const [keys, rounds] = quick ? [100_000, 3] : [1_000_000, 9];
  const page = Buffer.from(textOf(BYTES));
  const rows = [];
  for (const [store, fill] of Object.entries(FILLED)) {
    progress(`${store}: ${keys} pages`);
    const folder = newFolder('opening');
    const place = path.join(folder, 'pages');
    await fill(place, keys, page);
    const runs = [];
    for (let round = 0; round < rounds; round++) {
      const key = keyOf(Math.floor(((round + 0.5) * keys) / rounds));
      runs.push(await one(FIRST, [store, place, key, BYTES]));
    }
    const of = (what) => median(runs.map((run) => run[what]));
    const both = median(runs.map((run) => run.open + run.get));
    const size = readdirSync(folder).reduce(
      (sum, name) => sum + bytesAt(path.join(folder, name)),
      0,
    );
    rows.push({
      store,
      keys,
      bytes: BYTES,
      open: of('open'),
      get: of('get'),
      both,
      size: size / keys,
    });
    remove(folder);
  }
  return rows;
}
