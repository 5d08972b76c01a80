'use strict';

// Maps in heap files that survive a power failure: what comes back is what the maps had at the last sync, whatever the disk has of the pages
// that were stored to since.

const { after, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { stopSystem } = require('../helpers/power.js');
const { Random, reproducible, seed } = require('../helpers/random.js');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
const ROUNDS = 12;
const PAGE = 4096;
/** What a sync reads of the header when it comes back: the constant part, the records and roots of syncs, and the table of extents. */
const KEPT = [
  [0, 512],
  [86_016, 126_976],
  [131_072, 262_144],
];

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-map-power-'));
after(() => remove(folder));

/** Changes two maps at random, syncs, prints what they have, changes them again, and dies. */
const PROGRAM = `
  const fs = require('node:fs');
  const { Heap } = require(${JSON.stringify(ROOT)});
  const { Random } = require(${JSON.stringify(path.join(ROOT, '__test__', 'helpers', 'random.js'))});
  const [file, stream] = process.argv.slice(1);
  const random = new Random(Number(stream));
  const heap = Heap.open(file, { durable: true, addresses: 'number' });
  const block = heap.malloc(5000);
  heap.fill(block, 7);
  heap.roots.set('block', block);
  const maps = ['a', 'b'].map((name) => heap.map(name, { shards: 4, encoding: 'string', checksum: name === 'b' }));
  const kept = maps.map(() => new Map());
  const numbers = new Map();
  function changes(count, keys) {
    for (let i = 0; i < count; i++) {
      const at = random.int(0, 1);
      const key = 'key ' + random.int(0, keys);
      if (random.chance(0.25)) {
        maps[at].delete(key);
        kept[at].delete(key);
      } else {
        const value = String(random.int(0, 1e9)).repeat(random.int(1, 60));
        maps[at].set(key, value);
        kept[at].set(key, value);
      }
      if (random.chance(0.1)) numbers.set('n', Number(maps[0].increment('n', 1)));
      if (random.chance(0.02)) heap.malloc(random.int(1, 3000));
    }
  }
  changes(random.int(0, 600), 300);
  if (random.chance(0.5)) heap.syncSync();
  changes(random.int(0, 600), 300);
  heap.syncSync();
  fs.copyFileSync(file, file + '.synced');
  const found = JSON.stringify([kept.map((map) => [...map]), [...numbers]]);
  changes(random.int(1, 1500), random.pick([300, 3000]));
  process.stdout.write(found, () => process.kill(process.pid, 'SIGKILL'));
`;

/** Lets some pages be as they were at the sync: the disk has written the others since. */
function mixPages(file, random) {
  const [now, synced] = [file, `${file}.synced`].map((each) => fs.readFileSync(each));
  const older = random.next();
  for (let at = 0; at < synced.length; at += PAGE) {
    if (random.chance(older)) synced.copy(now, at, at, at + PAGE);
  }
  // No sync has been under way.
  for (const [from, to] of KEPT) synced.copy(now, from, from, to);
  fs.writeFileSync(file, now);
}

/** What a map has, counters apart. */
const contents = (map) => [...map.entries()].filter(([key]) => key !== 'n').sort();

test('maps come back as they were at the sync', (t) =>
  reproducible(t, () => {
    for (let round = 0; round < ROUNDS; round++) {
      const random = new Random(1000 + round);
      const file = path.join(folder, `${round}.heap`);
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', PROGRAM, file, `${round}`], {
        encoding: 'utf8',
        env: { ...process.env, MEMS_SEED: `${seed}` },
      });
      assert.equal(stderr, '');
      const [kept, numbers] = JSON.parse(stdout);
      mixPages(file, random);
      stopSystem(file);
      const heap = Heap.open(file, { addresses: 'number' });
      heap.verify();
      const maps = ['a', 'b'].map((name) => heap.map(name, { encoding: 'string' }));
      for (const [at, map] of maps.entries()) {
        assert.deepEqual(contents(map), kept[at].sort(), `round ${round}`);
      }
      assert.equal(maps[0].get('n'), numbers.length === 0 ? undefined : BigInt(numbers[0][1]));
      const block = heap.buffer(heap.roots.get('block'));
      assert.ok(block.subarray(0, 5000).every((byte) => byte === 7));
      // The maps can be used as before.
      for (let i = 0; i < 500; i++) maps[i % 2].set(`key ${i}`, `new ${i}`);
      heap.syncSync();
      for (let i = 0; i < 500; i++) assert.equal(maps[i % 2].get(`key ${i}`), `new ${i}`);
      heap.verify();
      heap.close();
      assert.deepEqual(Heap.verify(file, { deep: true }).problems, []);
    }
  }));

test('a heap that is reset has no maps', () => {
  const file = path.join(folder, 'reset.heap');
  const heap = Heap.open(file, { durable: true });
  heap.map('a').set('key', 'value');
  heap.syncSync();
  heap.close();
  stopSystem(file);
  const again = Heap.open(file, { onPowerLoss: 'reset' });
  assert.deepEqual(again.maps, []);
  assert.equal(again.map('a').size, 0);
  again.verify();
  again.close();
});
