// One process of bench/map/opening.mjs: opens a store that another process has made, and gets one value. Sends microseconds.
//
//   node bench/map/first.mjs STORE PLACE KEY BYTES

import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const [store, place, key, bytes] = process.argv.slice(2);

/** For each store what loads its code, which is not measured, and returns a function that opens it and returns one that gets a value. */
const STORES = {
  'MeMS map'() {
    const { Heap } = require('@sambhav-gautam/osmemoryallocator');
    return () => {
      const map = Heap.open(place, { create: false }).map('bytes');
      return () => map.get(key);
    };
  },
  'lmdb-js'() {
    const lmdb = require('lmdb');
    return () => {
      const environment = lmdb.open({ path: place, noSync: true, encoding: 'binary' });
      return () => environment.get(key);
    };
  },
  'JSON index beside a file': () => () => {
    const index = JSON.parse(readFileSync(`${place}.json`, 'utf8'));
    const file = openSync(place, 'r');
    return () => {
      const [offset, length] = index[key];
      const value = Buffer.allocUnsafe(length);
      readSync(file, value, 0, length, offset);
      closeSync(file);
      return value;
    };
  },
};

const open = STORES[store]();
const begun = process.hrtime.bigint();
const get = open();
const opened = process.hrtime.bigint();
const value = get();
const found = process.hrtime.bigint();
if (value.length !== Number(bytes)) throw new Error(`${store} has no value of ${key}`);
process.send({ open: Number(opened - begun) / 1e3, get: Number(found - opened) / 1e3 });
process.disconnect();
