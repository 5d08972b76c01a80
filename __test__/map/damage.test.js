'use strict';

// Damage of maps in heap files: what is damaged is found and named, a repair keeps what is sound of it, and what a dead process has left is none.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { Random, reproducible } = require('../helpers/random.js');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-map-damage-'));
after(() => remove(folder));

/** Offsets in the header of a file in bytes, as src/heap/ledger/layout.rs has them. */
const AT = { publication: 1216, roots: 32768, table: 131072 };

/** Offsets in a map, a shard and an entry in words, as src/mems/map/layout.rs has them. */
const HEAD = { magic: 0, bytes: 8, entries: 9, words: 16 };
const SHARD = { table: 0, entries: 2, used: 3, bytes: 4, words: 8 };
const ENTRY = { hash: 0, lengths: 1, flags: 3, key: 4 };
const ADDRESS = (1n << 48n) - 1n;

const COUNT = 60;
const keyOf = (number) => `key ${number}`;
const valueFor = (number) => Buffer.alloc(50 + number, `value ${number} `);

let files = 0;
const newPath = () => path.join(folder, `${++files}.heap`);

/** A file with a map that has checksums, another map, and a block. Returns its path. */
function newFile() {
  const file = newPath();
  const heap = Heap.open(file);
  heap.roots.set('block', heap.malloc(100));
  const map = heap.map('pages', { shards: 2, checksum: true });
  for (let number = 0; number < COUNT; number++) map.set(keyOf(number), valueFor(number));
  heap.map('others', { shards: 1, encoding: 'string' }).set('a', 'b');
  heap.close();
  return file;
}

/** The bytes of a file, with words at addresses of the heap. */
class Image {
  constructor(file) {
    this.file = file;
    this.bytes = fs.readFileSync(file);
    const { extents, maps } = Heap.verify(file, { addresses: 'number' });
    // The data of an extent ends where the next one begins, or where the file does.
    this.parts = extents.map(({ address, bytes }, at) => {
      const next = AT.table + 32 * (at + 1);
      const isLast = at === extents.length - 1;
      const end = isLast ? this.bytes.length : Number(this.bytes.readBigUInt64LE(next));
      return { address, bytes, offset: end - bytes };
    });
    this.maps = new Map(maps.map(({ name, address }) => [name, address]));
  }

  offset(address) {
    const part = this.parts.findLast((each) => each.address <= address);
    return part.offset + address - part.address;
  }

  get(address, word = 0) {
    return this.bytes.readBigUInt64LE(this.offset(address) + 8 * word);
  }

  set(address, word, value) {
    this.bytes.writeBigUInt64LE(value, this.offset(address) + 8 * word);
  }

  /** The address of a shard's words. */
  shard(number, name = 'pages') {
    return this.maps.get(name) + 8 * (HEAD.words + SHARD.words * number);
  }

  /** The address of a shard's table, and how many slots it has. */
  table(number, name) {
    const word = this.get(this.shard(number, name), SHARD.table);
    return { address: Number(word & ADDRESS), slots: 2 ** Number(word >> 48n) };
  }

  /** The slots of a shard that have entries: `{ at, address }`, where the slot is and where its entry is. */
  entries(number, name) {
    const { address, slots } = this.table(number, name);
    return Array.from({ length: slots }, (_, slot) => address + 8 * slot)
      .map((at) => ({ at, address: Number(this.get(at) & ADDRESS) }))
      .filter((slot) => slot.address > 1);
  }

  write() {
    // In place: Windows does not cut a file that views of the map are left of.
    fs.writeFileSync(this.file, this.bytes, { flag: 'r+' });
  }
}

/** The keys that are left in a map, with right values; and that the file is sound and its maps can be used. */
function usable(file, { isMapThere = true, others = true } = {}) {
  const report = Heap.verify(file, { deep: true });
  assert.deepEqual(report.problems, []);
  assert.ok(report.maps.every(({ sound }) => sound));
  const heap = Heap.open(file);
  try {
    assert.equal(heap.maps.includes('pages'), isMapThere);
    const map = heap.map('pages');
    const left = [...map.keys()];
    for (const key of left) assert.deepEqual(map.get(key), valueFor(Number(key.slice(4))), key);
    assert.equal(map.size, left.length);
    for (let number = 0; number < COUNT; number++)
      assert.equal(map.has(keyOf(number)), left.includes(keyOf(number)));
    if (others) assert.equal(heap.map('others', { encoding: 'string' }).get('a'), 'b');
    heap.verify();
    map.set('new', valueFor(7));
    for (let number = 0; number < COUNT; number++) map.set(keyOf(number), valueFor(number));
    assert.equal(map.size, COUNT + 1);
    heap.verify();
    map.clear();
    heap.verify();
    return left;
  } finally {
    heap.close();
  }
}

/**
 * What is damaged, by name. `by` changes an image; `found` is what `Heap.verify` says of it, `shallow` whether it does without `deep`, `says` what
 * the repair has done, and `lost` how many entries are lost by it.
 */
const DAMAGES = {
  'the tag of a slot': {
    by: (image) => {
      const { at } = image.entries(0)[3];
      image.set(at, 0, image.get(at) ^ (1n << 50n));
    },
    found: /the map 'pages': shard 0: the entry at \d+, in slot \d+, has another key/,
    says: /in the map 'pages' 1 tables were sorted anew/,
  },
  'the address of a slot': {
    by: (image) => {
      const { at } = image.entries(0)[3];
      image.set(at, 0, image.get(at) ^ (1n << 40n));
    },
    found: /the entry at \d+, in slot \d+, is none/,
    says: /in the map 'pages' 1 entries were dropped that made no sense/,
    lost: 1,
  },
  'a slot that is emptied': {
    by: (image) => image.set(image.entries(1)[2].at, 0, 0n),
    found: /shard 1: it counts \[\d+, \d+, \d+\] entries, slots and bytes, and has/,
    says: /in the map 'pages' entries and bytes were counted anew/,
    lost: 1,
  },
  'two slots of an entry': {
    by: (image) => {
      const [first, second] = image.entries(0);
      image.set(second.at, 0, image.get(first.at));
    },
    found: /is not where its key is looked for/,
    says: /1 entries were dropped/,
    lost: 1,
  },
  'the lengths of an entry': {
    by: (image) => image.set(image.entries(0)[1].address, ENTRY.lengths, 0xffff_ffff_ffffn),
    found: /the entry at \d+, in slot \d+, is none/,
    says: /1 entries were dropped that made no sense/,
    lost: 1,
  },
  'the length of a key': {
    by: (image) => {
      const { address } = image.entries(0)[1];
      image.set(address, ENTRY.lengths, image.get(address, ENTRY.lengths) - 1n);
    },
    found: /has another key/,
    says: /1 entries were dropped/,
    lost: 1,
  },
  'the hash of an entry': {
    by: (image) => image.set(image.entries(0)[1].address, ENTRY.hash, 12345n),
    found: /has another key/,
    says: /1 entries were dropped/,
    lost: 1,
  },
  'a key': {
    by: (image) => {
      const { address } = image.entries(1)[0];
      image.set(address, ENTRY.key, image.get(address, ENTRY.key) ^ 1n);
    },
    found: /has another key/,
    says: /1 entries were dropped/,
    lost: 1,
  },
  'a value': {
    by: (image) => {
      const { address } = image.entries(1)[0];
      image.set(address, ENTRY.key + 3, image.get(address, ENTRY.key + 3) ^ 1n);
    },
    found: /has another checksum than its key and its value/,
    says: /1 entries were dropped/,
    lost: 1,
  },
  'the counters of a shard': {
    by: (image) => {
      image.set(image.shard(0), SHARD.entries, 77n);
      image.set(image.shard(1), SHARD.used, 1n);
    },
    shallow: true,
    found: /shard 0: it counts \[77, .*\n?.*shard 1: it counts/s,
    says: /in the map 'pages' entries and bytes were counted anew/,
  },
  'the counters of the map': {
    by: (image) => {
      image.set(image.maps.get('pages'), HEAD.entries, 2n ** 64n - 1n);
      image.set(image.maps.get('pages'), HEAD.bytes, 5n);
    },
    shallow: true,
    found:
      /the map 'pages': it counts \[18446744073709551615, 5\] entries and bytes, and its shards/,
    says: /in the map 'pages' entries and bytes were counted anew/,
  },
  'the address of a table': {
    by: (image) => {
      const shard = image.shard(0);
      image.set(shard, SHARD.table, image.get(shard, SHARD.table) ^ (1n << 30n));
    },
    found: /shard 0: its table at \d+ is no block of its own/,
    says: /in the map 'pages' 1 tables were dropped that were none, or those of other shards, with the entries in them/,
    lost: (image) => image.entries(0).length,
  },
  'the length of a table': {
    by: (image) => {
      const shard = image.shard(1);
      image.set(shard, SHARD.table, image.get(shard, SHARD.table) | (0xffn << 48n));
    },
    found: /shard 1: its table at \d+ is no block of its own/,
    says: /1 tables were dropped/,
    lost: (image) => image.entries(1).length,
  },
  'a table of two shards, 1 and then 0': {
    by: (image) => image.set(image.shard(0), SHARD.table, image.get(image.shard(1), SHARD.table)),
    found: /shard 0: its table is another shard's/,
    says: /in the map 'pages' 1 tables were dropped/,
    lost: (image) => image.entries(0).length,
  },
  'a table of two shards, 0 and then 1': {
    by: (image) => image.set(image.shard(1), SHARD.table, image.get(image.shard(0), SHARD.table)),
    found: /shard 1: its table is another shard's/,
    says: /in the map 'pages' 1 tables were dropped/,
    lost: (image) => image.entries(1).length,
  },
  'what a map begins with': {
    by: (image) => image.set(image.maps.get('pages'), HEAD.magic, 5n),
    shallow: true,
    found: /the map 'pages': what is at \d+ is no map/,
    says: /the map 'pages' was dropped, since its head is damaged/,
    lost: COUNT,
    isMapThere: false,
  },
  'the address of a map': {
    by: (image) => {
      for (let root = AT.roots; ; root += 64) {
        if (Number(image.bytes.readBigUInt64LE(root)) !== image.maps.get('pages')) continue;
        image.bytes.writeBigUInt64LE(3n, root);
        return;
      }
    },
    shallow: true,
    found: /the map 'pages': what is at 3 is no map/,
    says: /the map 'pages' was dropped, since no live block starts at its address/,
    lost: COUNT,
    isMapThere: false,
  },
  'a change under way that cannot be': {
    by: (image) => {
      // As if a block of the program's own, which is the first, were to be freed.
      const { at } = image.entries(0)[0];
      const words = [0n, 1000n, BigInt(at + 4), BigInt(image.maps.get('pages')), 0n];
      for (const [number, word] of words.entries())
        image.bytes.writeBigUInt64LE(word, AT.publication + 8 * number);
    },
    notes: /a change of a map that a process has not finished will be recovered/,
    says: /a change of a map that a process had not finished was dropped/,
  },
};

describe('damage of a map', () => {
  for (const [what, damage] of Object.entries(DAMAGES)) {
    test(`${what}: is found, nothing is written, and a repair mends it`, () => {
      const { by, found, notes, says, shallow = false, isMapThere = true } = damage;
      const file = newFile();
      const image = new Image(file);
      const lost = typeof damage.lost === 'function' ? damage.lost(image) : (damage.lost ?? 0);
      by(image);
      image.write();
      if (found) assert.equal(Heap.verify(file).sound, !shallow);
      const report = Heap.verify(file, { deep: true });
      if (found) assert.match(report.problems.join('\n'), found);
      else assert.deepEqual(report.problems, []);
      if (notes) assert.match(report.notes.join('\n'), notes);
      assert.deepEqual(
        report.roots.map(({ name }) => name),
        ['block'],
      );
      assert.equal(report.maps.find(({ name }) => name === 'pages').sound, found === undefined);
      assert.equal(report.maps.find(({ name }) => name === 'others').sound, true);
      assert.ok(fs.readFileSync(file).equals(image.bytes), 'verify has written');
      if (found) {
        const heap = Heap.open(file, { readOnly: true });
        assert.throws(() => heap.verify(), { code: 'ERR_MEMS_FILE_CORRUPT', message: /'pages'/ });
        heap.close();
      }
      const copy = newPath();
      const copied = Heap.repair(file, { into: copy });
      assert.ok(
        fs.readFileSync(file).equals(image.bytes),
        'a repair into another file has written',
      );
      const mended = Heap.repair(file);
      for (const [each, { notes: done, roots }] of [
        [copy, copied],
        [file, mended],
      ]) {
        assert.match(done.join('\n'), says);
        assert.equal(roots[0].live, true);
        assert.deepEqual(Heap.repair(each).notes, ['nothing was damaged']);
        assert.equal(usable(each, { isMapThere }).length, COUNT - lost);
      }
    });
  }

  test('of any bits is found or harmless, and a repair makes the file sound', (t) =>
    reproducible(t, async () => {
      const random = new Random();
      const original = newFile();
      // The encoding that an entry says has no checksum, so that bytes are looked at, and no values.
      const into = Buffer.alloc(200);
      const first = new Image(original);
      const shards = [0, 1].map((number) => ({
        ...first.table(number),
        of: first.entries(number),
      }));
      const places = [
        [first.maps.get('pages'), 8 * (HEAD.words + 2 * SHARD.words)],
        ...shards.map(({ address, slots }) => [address, 8 * slots]),
        ...shards.flatMap(({ of }) => of.map(({ address }) => [address, 80])),
      ];
      for (let round = 0; round < 60; round++) {
        const file = newPath();
        fs.copyFileSync(original, file);
        const image = new Image(file);
        for (let damage = random.int(1, 8); damage > 0; damage--) {
          const [address, bytes] = places[random.int(0, places.length - 1)];
          const offset = image.offset(address) + random.int(0, bytes - 1);
          image.bytes[offset] ^= 1 << random.int(0, 7);
        }
        image.write();
        Heap.verify(file, { deep: true });
        assert.ok(fs.readFileSync(file).equals(image.bytes));
        const heap = Heap.open(file, { readOnly: true });
        for (const call of [
          () => [...heap.map('pages').keys()],
          () => heap.map('pages').getInto(keyOf(1), into),
          () => heap.verify(),
        ]) {
          try {
            call();
          } catch (error) {
            assert.match(error.code, /^ERR_MEMS_/, error.stack);
          }
        }
        heap.close();
        const { problems, maps } = Heap.repair(file);
        assert.deepEqual(problems, []);
        const isMapThere = maps.some(({ name }) => name === 'pages');
        // Seeds, limits and what entries say of themselves may be others, so that entries are missing, or are evicted.
        const again = Heap.open(file);
        const map = again.map('pages');
        for (const key of map.keys()) map.getInto(key, into);
        again.verify();
        again.close();
        assert.ok(isMapThere || maps.length === 1);
        await remove(file);
      }
    }));
});

test('what can be no entry is emptied by what changes its shard', () => {
  // A slot beyond the heap with the part of a hash that its key has, and an entry that is longer than the heap.
  const damages = {
    'an address': (image, { at }) => image.set(at, 0, image.get(at) | (1n << 46n)),
    'a length': (image, { address }) => image.set(address, ENTRY.lengths, 0xffff_ffff_ffffn),
    'an address of no block': (image, { at }) => image.set(at, 0, image.get(at) + 8n),
  };
  const changes = {
    set: (map) => {
      for (let number = 0; number < COUNT; number++) map.set(keyOf(number), valueFor(number));
    },
    delete: (map) => {
      for (let number = 0; number < COUNT; number++) map.delete(keyOf(number));
    },
    clear: (map) => map.clear(),
    growth: (map) => {
      for (let number = 0; number < 20 * COUNT; number++) map.set(`more ${number}`, 'value');
    },
    eviction: (map, heap) => {
      heap.map('pages', { maxEntries: 5 });
      for (let number = 0; number < COUNT; number++) map.set(`more ${number}`, 'value');
    },
  };
  for (const [what, damage] of Object.entries(damages)) {
    for (const [name, change] of Object.entries(changes)) {
      const file = newFile();
      const image = new Image(file);
      damage(image, image.entries(0)[3]);
      damage(image, image.entries(1)[5]);
      image.write();
      const heap = Heap.open(file);
      const map = heap.map('pages');
      change(map, heap);
      map.clear();
      assert.equal(map.size, 0, `${what}, ${name}`);
      // What no slot refers to any more is a block that is left; the bookkeeping is sound.
      heap.verify();
      heap.close();
    }
  }
});

test('shards that say that one table is all theirs keep no call for long', () => {
  const file = newPath();
  const heap = Heap.open(file, { addresses: 'number' });
  const shards = 4096;
  const slots = 2 ** 16;
  const map = heap.map('pages', { shards, maxEntries: 5 });
  const [{ address }] = Heap.verify(file, { addresses: 'number' }).maps;
  // What a living process makes is not evicted. The process ends with the test.
  map.fetch('lease', () => new Promise(() => {}), { lease: 3_600_000 });
  return new Promise(setImmediate).then(() => {
    const words = heap.view(address, BigUint64Array, HEAD.words + SHARD.words * shards);
    const tables = Array.from({ length: shards }, (_, at) => HEAD.words + SHARD.words * at);
    const table = Number(words[tables.find((at) => words[at] !== 0n)] & ADDRESS);
    const lease = heap.view(table, BigUint64Array, 8).find((slot) => slot > 1n);
    const large = heap.malloc(8 * slots);
    heap.view(large, BigUint64Array, slots).fill(lease);
    for (const at of tables) {
      words[at] = (16n << 48n) | BigInt(large);
      words[at + SHARD.bytes] = BigInt(2 ** 40);
    }
    words[HEAD.entries] = 1000n;
    // Each of these took minutes when it looked at the table for each shard.
    assert.throws(() => map.set('a', 'b'), { code: 'ERR_MEMS_FILE_CORRUPT' });
    assert.throws(() => heap.verify(), { code: 'ERR_MEMS_FILE_CORRUPT' });
    assert.equal(Heap.verify(file, { deep: true }).sound, false);
    heap.close();
    Heap.repair(file);
    assert.deepEqual(Heap.verify(file, { deep: true }).problems, []);
  });
});

test('a list of entries compares checksums as get does', () => {
  const file = newFile();
  const image = new Image(file);
  const { address } = image.entries(1)[0];
  image.set(address, ENTRY.key + 3, image.get(address, ENTRY.key + 3) ^ 1n);
  image.write();
  const heap = Heap.open(file, { readOnly: true });
  const map = heap.map('pages');
  const corrupt = { code: 'ERR_MEMS_FILE_CORRUPT' };
  assert.throws(() => {
    for (let number = 0; number < COUNT; number++) map.get(keyOf(number));
  }, corrupt);
  assert.throws(() => [...map.values()], corrupt);
  assert.equal([...map.keys()].length, COUNT);
  heap.close();
});

test('a file that is cut never gives a value with zeros for what is lost', {
  skip: process.platform === 'win32',
}, () => {
  const file = newPath();
  const heap = Heap.open(file);
  const map = heap.map('pages', { shards: 1 });
  map.set('small', 'value');
  map.set('large', Buffer.alloc(600_000, 7));
  // The data of the first extent are at the file's end.
  fs.truncateSync(file, fs.statSync(file).size - 2 ** 20 + 300_000);
  const lost = { code: 'ERR_MEMS_FILE_LOST' };
  assert.throws(() => map.get('large'), lost);
  for (const call of [() => map.get('small'), () => [...map], () => map.size])
    assert.throws(call, lost);
  heap.close();
});

test('what processes leave that are killed in a change of a map is no damage', async () => {
  for (let round = 0; round < 6; round++) {
    const file = newFile();
    const code = `
      const map = require(${JSON.stringify(ROOT)}).Heap.open(${JSON.stringify(file)}).map('pages', { maxEntries: 200 });
      for (let i = 0; ; i++) {
        map.set('key ' + (i % 300), Buffer.alloc((i * 37) % 900));
        if (i % 7 === 0) map.delete('key ' + (i % 50));
        if (i === 1000) process.stdout.write('begun');
      }`;
    const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exit = once(child, 'exit');
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await exit;
    const before = fs.readFileSync(file);
    const report = Heap.verify(file, { deep: true });
    assert.deepEqual(report.problems, []);
    assert.ok(fs.readFileSync(file).equals(before), 'verify has written');
    const copy = newPath();
    assert.deepEqual(Heap.repair(file, { into: copy }).counts, report.counts);
    for (const each of [file, copy]) {
      const heap = Heap.open(each);
      heap.verify();
      assert.equal(heap.stats().counts.live, report.counts.live);
      heap.close();
    }
  }
});

test('heap.verify() looks at maps in memory too', () => {
  const heap = new Heap({ addresses: 'number' });
  heap.map('pages').set('a', 'b');
  heap.verify();
  const blocks = [...heap.chains()].flatMap(({ segments }) => [...segments]);
  const { start: address } = blocks.find(
    ({ kind, start }) => kind === 'live' && heap.read(start, 7).toString() === 'MEMSMAP',
  );
  heap.view(address, BigUint64Array, 16)[HEAD.entries] += 1n;
  assert.throws(() => heap.verify(), {
    code: 'ERR_MEMS_CORRUPT',
    message: /the map 'pages': it counts/,
  });
  heap.close();
});
