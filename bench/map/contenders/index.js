// What maps are compared with. A contender is `{ open }`; `open(folder, bytes)` returns or promises a store for
// values of `bytes` bytes:
//
//   put(key, value)   for filling it; `value` is `{ bytes, text }`, the same letters as a Buffer and as a string
//   calls             functions by the name of a call, with a key and a value, that return the length found or written, or 1 for has
//   asynchronous      such functions that return promises, of which `atOnce` are under way at a time
//   transaction       runs a function in a transaction, for filling, and for all calls of a round that `transactions` names
//   close()

'use strict';

const { spawnSync } = require('node:child_process');

/** The names of all calls, in the order of the tables. */
const CALLS = ['getInto', 'get', 'get a string', 'has', 'set', 'set alone'];

/** Contenders by name: the module, loaded by the process that measures it, and what it needs beside the development dependencies. */
const CONTENDERS = {
  'MeMS map': { load: () => require('./mems.js') },
  'lmdb-js': { load: () => require('./lmdb.js') },
  'better-sqlite3': { load: () => require('./sqlite.js'), needs: hasSqlite },
  'lru-cache': { load: () => require('./private.js').lru },
  Map: { load: () => require('./private.js').map },
  Redis: { load: () => require('./redis.js').one, needs: hasRedis, slow: true },
  'Redis, 200 in flight': { load: () => require('./redis.js').many, needs: hasRedis, slow: true },
};

/** better-sqlite3 is compiled when it is installed, where its server cannot be reached: so it is no development dependency. */
function hasSqlite() {
  try {
    require('better-sqlite3');
    return true;
  } catch {
    return false;
  }
}

function hasRedis() {
  return spawnSync('redis-server', ['--version']).status === 0;
}

/** The names of the contenders that can be measured here, and of those that cannot. */
function available() {
  const names = Object.keys(CONTENDERS);
  const present = names.filter((name) => CONTENDERS[name].needs?.() ?? true);
  return { present, absent: names.filter((name) => !present.includes(name)) };
}

module.exports = { CALLS, CONTENDERS, available };
