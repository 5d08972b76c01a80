'use strict';

const path = require('node:path');
const lmdb = require('lmdb');

/** An LMDB environment that does not wait for the disk, as a heap file does not. */
function open(folder) {
  const environment = lmdb.open({ path: path.join(folder, 'lmdb'), noSync: true, maxDbs: 2 });
  const map = environment.openDB('bytes', { encoding: 'binary' });
  const texts = environment.openDB('texts', { encoding: 'string' });
  const set = (key, { bytes }) => {
    map.putSync(key, bytes);
    return bytes.length;
  };
  return {
    put(key, { bytes, text }) {
      map.putSync(key, bytes);
      texts.putSync(key, text);
    },
    calls: {
      // The nearest call: the value is in a buffer that the next call uses again.
      getInto: (key) => map.getBinaryFast(key).length,
      get: (key) => map.get(key).length,
      'get a string': (key) => texts.get(key).length,
      has: (key) => Number(map.doesExist(key)),
      set,
    },
    // Written in batches by a thread of lmdb-js.
    asynchronous: {
      'set alone': async (key, { bytes }) => {
        await map.put(key, bytes);
        return bytes.length;
      },
    },
    atOnce: 1000,
    transaction: (action) => environment.transactionSync(action),
    transactions: ['set'],
    close: () => environment.close(),
  };
}

module.exports = { open };
