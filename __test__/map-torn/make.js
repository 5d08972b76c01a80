'use strict';

// Makes a small heap file with maps, for tests that damage it, and says where their parts are in the file.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('../..');
const { mapsOf } = require('../helpers/map-blocks.js');

const FIRST_ADDRESS = 1000;
const HEADER = 256 << 10;
/** Words of the header that operations on maps use: lock, sequence, intent, publication, counters, the bell. */
const WORDS = [1024, 1664];

/** The maps: one of all kinds of entries, one with checksums and limits, and one that is empty. */
function fill(file) {
  const heap = Heap.open(file);
  const map = heap.map('plain', { shards: 2 });
  for (let i = 0; i < 12; i++) map.set(`key ${i}`, Buffer.alloc(20 * i, i));
  map.set('long', Buffer.alloc(100_000, 1));
  map.set('brief', Buffer.from('soon over'), { ttl: 3_600_000 });
  for (let i = 0; i < 3; i++) map.increment(`count ${i}`, i);
  for (const i of [3, 4, 9]) map.delete(`key ${i}`);
  const other = heap.map('limited', {
    shards: 1,
    checksum: true,
    maxBytes: 4000,
    maxEntries: 10,
    encoding: 'string',
  });
  for (let i = 0; i < 14; i++) other.set(`key ${i}`, `${i}`.repeat(9 * i));
  heap.map('empty', { shards: 1 });
  // A lease whose process is dead.
  const program =
    `require(${JSON.stringify(path.join(__dirname, '..', '..'))}).Heap.open(${JSON.stringify(file)})` +
    `.map('plain').fetch('leased', () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', program]);
  heap.close();
}

/** Where parts of the file are: lists of ranges of bytes, by kind. */
function placesOf(file) {
  const heap = Heap.open(file, { addresses: 'number' });
  const [{ size }] = heap.chains();
  const data = fs.statSync(file).size - size;
  const places = { words: [WORDS], header: [[44, HEADER]], bookkeeping: [[HEADER, data]] };
  for (const { blocks } of mapsOf(heap)) {
    for (const block of blocks) {
      const from = data + block.address - FIRST_ADDRESS;
      // The library reads only the beginning of a long value.
      places[block.kind] ??= [];
      places[block.kind].push([from, from + Math.min(block.size, 400)]);
    }
  }
  heap.close();
  return places;
}

module.exports = { fill, placesOf };
