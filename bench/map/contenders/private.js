// Maps of one process: values are kept as they are, and returned without a copy. A set makes the Buffer that is kept, since no value of
// a cache is kept twice.

'use strict';

const { Buffer } = require('node:buffer');
const { LRUCache } = require('lru-cache');

function over(make) {
  const [map, texts] = [make(), make()];
  const set = (key, { bytes }) => {
    map.set(key, Buffer.from(bytes));
    return bytes.length;
  };
  return {
    put(key, { bytes, text }) {
      map.set(key, Buffer.from(bytes));
      texts.set(key, text);
    },
    calls: {
      get: (key) => map.get(key).length,
      'get a string': (key) => texts.get(key).length,
      has: (key) => Number(map.has(key)),
      set,
      'set alone': set,
    },
    close() {},
  };
}

module.exports = {
  map: { open: () => over(() => new Map()) },
  lru: { open: () => over(() => new LRUCache({ max: 1_000_000 })) },
};
