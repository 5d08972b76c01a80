'use strict';

// Four processes evict from one map all the time, as quickly as they can: values are whole, the map never has more bytes than it may, and in
// the end no block is lost or left over.
//
// Argument, as JSON: { seed, seconds, folder, processes }. Prints a line now and then, and `done` with the sums.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { Heap } = require('../..');
const { liveBlocks, mapsOf } = require('../helpers/map-blocks.js');
const { Numbers } = require('../helpers/random.js');
const { remove } = require('../helpers/remove.js');
const { found } = require('../storm/table.js');
const { make, read } = require('./value.js');

const given = {
  seed: 1,
  seconds: 20,
  folder: '/tmp',
  processes: 4,
  ...JSON.parse(process.argv[2] ?? '{}'),
};
const LIMITS = { maxBytes: 400_000, shards: 16 };
const KEYS = 20_000;
/** Operations between two looks at the clock. */
const MANY = 500;

const open = (heap) => heap.map('soak', LIMITS);

function look(map) {
  const { bytes, maxBytes } = map.stats();
  if (bytes > maxBytes) found('a map has more bytes than it may', { bytes, maxBytes });
}

/** One process of those that evict. */
function work(file, seed) {
  const random = new Numbers(seed);
  const heap = Heap.open(file);
  const map = open(heap);
  const end = Date.now() + 1000 * given.seconds;
  let [done, hits] = [0, 0];
  do {
    for (let i = 0; i < MANY; i++, done++) {
      const name = `key ${random.int(0, KEYS)}`;
      const kind = random.next();
      if (kind < 0.45) {
        const size = random.chance(0.02) ? random.int(0, 40_000) : random.int(0, 400);
        map.set(name, make(name, BigInt(done), size), { ttl: random.chance(0.1) ? 5 : 0 });
      } else if (kind < 0.9) {
        if (read(map, name) !== undefined) hits++;
      } else if (kind < 0.95) map.delete(name);
      else look(map);
    }
  } while (Date.now() < end);
  heap.close();
  process.send({ done, hits });
}

async function main() {
  const file = path.join(given.folder, `map-soak-${process.pid}.mems`);
  const heap = Heap.open(file, { addresses: 'number' });
  const map = open(heap);
  console.log(`seed ${given.seed} in ${given.folder}`);
  const children = Array.from({ length: given.processes }, (_, i) =>
    fork(__filename, [process.argv[2], file, given.seed + i]),
  );
  const timer = setInterval(() => look(map), 50);
  const results = await Promise.all(
    children.map(async (child) => {
      let result;
      child.on('message', (message) => {
        result = message;
      });
      const [code, signal] = await once(child, 'exit');
      if (code !== 0) found('a process has ended', { code, signal });
      return result;
    }),
  );
  clearInterval(timer);
  map.delete('nobody’s');
  heap.verify();
  const live = liveBlocks(heap);
  const [{ blocks, problems }] = mapsOf(heap, live);
  if (problems.length > 0) found('the map is not sound', problems.slice(0, 10));
  if (blocks.length !== live.size)
    found('blocks are lost or left over', { has: blocks.length, live: live.size });
  look(map);
  const { evictions, expirations, entries } = map.stats();
  const [done, hits] = ['done', 'hits'].map((name) =>
    results.reduce((sum, result) => sum + result[name], 0),
  );
  const { mapped } = heap.stats().bytes;
  console.log(
    `done ${JSON.stringify({ operations: done, hits, evictions, expirations, entries, mapped })}`,
  );
  heap.close();
  await remove(file);
}

if (process.argv.length > 3) work(process.argv[3], Number(process.argv[4]));
else
  main().catch((error) => {
    console.error(error);
    process.exit(1);
  });
