'use strict';

const { Buffer } = require('node:buffer');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');

/** A map in a heap file. */
function open(folder) {
  const heap = Heap.open(path.join(folder, 'map.mems'));
  const [map, texts] = [heap.map('bytes'), heap.map('texts', { encoding: 'string' })];
  const into = Buffer.alloc(16_384);
  const set = (key, { bytes }) => {
    map.set(key, bytes);
    return bytes.length;
  };
  return {
    put(key, { bytes, text }) {
      map.set(key, bytes);
      texts.set(key, text);
    },
    calls: {
      getInto: (key) => map.getInto(key, into),
      get: (key) => map.get(key).length,
      'get a string': (key) => texts.get(key).length,
      has: (key) => Number(map.has(key)),
      set,
      'set alone': set,
    },
    close: () => heap.close(),
  };
}

module.exports = { open };
