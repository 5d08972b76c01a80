'use strict';

// Maps that are damaged: a short form of `npm run test:files -- --fuzz`, and damages of which it is known what becomes of them.

const { after, afterEach, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('../..');
const { mapsOf } = require('../helpers/map-blocks.js');
const { Random, seed } = require('../helpers/random.js');
const { remove } = require('../helpers/remove.js');
const { Torn } = require('../map-torn/run.js');

const SAMPLES = Number(process.env.MEMS_TORN_SAMPLES ?? 60);
const place = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
const folder = fs.mkdtempSync(path.join(place, 'mems-map-torn-'));
const heaps = [];
let count = 0;

afterEach(() => {
  for (const heap of heaps.splice(0)) heap.close();
});
after(() => remove(folder));

test('a file with maps may have any bytes: no call ends the process, or does not end', async (t) => {
  const random = new Random(1);
  const torn = new Torn(folder);
  const parts = ['map', 'table', 'entry', 'words'];
  const harms = Array.from({ length: 2 * SAMPLES }, (_, i) =>
    torn.harm(random, i % 2 === 0 ? parts : undefined),
  );
  await torn.try(harms);
  t.diagnostic(`MEMS_SEED=${seed}: ${torn.harms} damages, ${JSON.stringify(torn.codes)}`);
});

/** A map with one shard, its words, and those of its blocks of a kind. */
function damaged(options) {
  const heap = Heap.open(path.join(folder, `${++count}.mems`), { addresses: 'number' });
  heaps.push(heap);
  const map = heap.map('pages', { shards: 1, ...options });
  const blocks = () => {
    const [{ address, blocks }] = mapsOf(heap);
    const words = (at) => heap.view(at, BigUint64Array, 4);
    const shard = heap.view(address + 8 * 16, BigUint64Array, 8);
    const entries = blocks.filter(({ kind }) => kind === 'entry').map((one) => words(one.address));
    return { head: heap.view(address, BigUint64Array, 16), shard, entries };
  };
  return { heap, map, blocks };
}

const corrupt = { code: 'ERR_MEMS_FILE_CORRUPT' };

test('a counter that is no number is damage', () => {
  const { map, blocks } = damaged();
  map.set('a', Buffer.alloc(20));
  const [entry] = blocks().entries;
  entry[3] |= 1n;
  assert.throws(() => map.increment('a'), corrupt);
  for (const read of [() => map.get('a'), () => [...map]])
    assert.throws(read, { code: 'ERR_MEMS_CORRUPT' });
  map.set('a', 'b');
  assert.equal(map.get('a').toString(), 'b');
});

test('a value that is not what its entry says is damage', () => {
  const { heap, map, blocks } = damaged();
  map.set('a', Buffer.from('{'));
  const [entry] = blocks().entries;
  const trusting = heap.map(map.name, { encoding: 'v8' });
  for (const [reader, encoding] of [
    [map, 2n],
    [trusting, 2n],
    [trusting, 3n],
  ]) {
    entry[3] = (entry[3] & 0xffffn) | (encoding << 16n);
    for (const read of [() => reader.get('a'), () => [...reader]])
      assert.throws(read, { code: 'ERR_MEMS_CORRUPT' });
  }
  // Without 'v8' V8 does not see the bytes.
  for (const value of [map.get('a'), [...map.values()][0]])
    assert.deepEqual(value, Buffer.from('{'));
});

test('a shard that says that it has room counts again', () => {
  const { map, blocks } = damaged();
  for (let i = 0; i < 50; i++) {
    map.set(`key ${i}`, `${i}`);
    const { shard } = blocks();
    shard[3] = 0n;
  }
  for (let i = 0; i < 50; i++) assert.equal(map.get(`key ${i}`).toString(), `${i}`);
  blocks().shard[3] = 2n ** 64n - 1n;
  map.set('another', 'value');
  assert.deepEqual(mapsOf(heaps[0])[0].problems, []);
});

test('a map that says that it is full counts again', () => {
  const { map, blocks } = damaged({ maxBytes: 20_000 });
  for (const value of [2n ** 63n, 2n ** 64n - 1n]) {
    map.set('a', 'b');
    blocks().head[8] = value;
    map.set('c', 'd');
    assert.equal(map.get('c').toString(), 'd');
    assert.deepEqual(mapsOf(heaps[0])[0].problems, []);
  }
});

test('what a slot says is beyond the heap is no entry', () => {
  const { heap, map } = damaged();
  map.set('a', 'b');
  const table = mapsOf(heap)[0].blocks.find(({ kind }) => kind === 'table');
  const slots = heap.view(table.address, BigUint64Array, 8);
  const at = slots.findIndex((slot) => slot !== 0n);
  slots[at] |= 1n << 47n;
  assert.equal(map.get('a'), undefined);
  assert.deepEqual([...map], []);
  map.set('a', 'c');
  assert.equal(map.get('a').toString(), 'c');
  assert.equal(map.size, 1);
  assert.deepEqual(mapsOf(heap)[0].problems, []);
});

test('a table whose slots all refer to one entry is not listed without end', () => {
  const { heap, map } = damaged();
  map.set('long', Buffer.alloc(400_000));
  for (let i = 0; i < 40; i++) map.set(`key ${i}`, '');
  const [{ blocks }] = mapsOf(heap);
  const { address } = blocks.find(({ size }) => size > 400_000);
  const table = blocks.find(({ kind }) => kind === 'table');
  heap.view(table.address, BigUint64Array, table.size / 8).fill(BigInt(address));
  assert.throws(() => [...map], { code: 'ERR_MEMS_FILE_CORRUPT' });
  assert.equal(map.get('key 1'), undefined);
});
