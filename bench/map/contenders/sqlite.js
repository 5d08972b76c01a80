'use strict';

const path = require('node:path');
const Database = require('better-sqlite3');

/** Longest values for which SQLite advises tables that have their rows in the index itself. */
const SHORT = 200;

/** A table in a file that SQLite does not wait for, as a heap file does not, and that it maps. */
function open(folder, bytes) {
  const rows = bytes > SHORT ? '' : ' WITHOUT ROWID';
  const database = new Database(path.join(folder, 'map.sqlite'));
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = OFF');
  database.pragma('mmap_size = 2147418112');
  database.exec(`CREATE TABLE bytes (key TEXT PRIMARY KEY, value BLOB)${rows}`);
  database.exec(`CREATE TABLE texts (key TEXT PRIMARY KEY, value TEXT)${rows}`);
  const pluck = (sql) => database.prepare(sql).pluck();
  const get = pluck('SELECT value FROM bytes WHERE key = ?');
  const getText = pluck('SELECT value FROM texts WHERE key = ?');
  const has = pluck('SELECT 1 FROM bytes WHERE key = ?');
  const put = database.prepare('INSERT OR REPLACE INTO bytes VALUES (?, ?)');
  const putText = database.prepare('INSERT OR REPLACE INTO texts VALUES (?, ?)');
  const set = (key, { bytes }) => {
    put.run(key, bytes);
    return bytes.length;
  };
  return {
    put(key, { bytes, text }) {
      put.run(key, bytes);
      putText.run(key, text);
    },
    calls: {
      get: (key) => get.get(key).length,
      'get a string': (key) => getText.get(key).length,
      has: (key) => Number(has.get(key) === 1),
      set,
      'set alone': set,
    },
    transaction: (action) => database.transaction(action)(),
    transactions: ['set'],
    close: () => database.close(),
  };
}

module.exports = { open };
