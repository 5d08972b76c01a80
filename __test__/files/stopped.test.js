'use strict';

// Durable heap files that were open when the system stopped, and that nobody has opened since: looking at one says what opening it brings
// back, and a repair returns to the last sync, as opening does, or says why not.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { change, stopSystem } = require('../helpers/power.js');
const { remove } = require('../helpers/remove.js');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-stopped-'));
after(() => remove(folder));

/** Offsets in a file, in bytes, as src/heap/ledger/layout.rs has them. */
const AT = { states: 512, failure: 1736, records: 86_016, roots: 94_208, table: 131_072 };
/** The length of an entry of the table of extents. */
const ENTRY = 32;

let files = 0;
const newPath = () => path.join(folder, `${++files}.heap`);

/**
 * A file that was open when the system stopped: with the roots and the map of its last sync, 2, and others that came later. The last of
 * its two extents has a block of the sync.
 */
function newFile({ stop = stopSystem } = {}) {
  const [made, file] = [newPath(), newPath()];
  const heap = Heap.open(made, { durable: true });
  const add = (name, size) => {
    const address = heap.malloc(size);
    heap.write(address, name);
    heap.roots.set(name, address);
  };
  add('early', 100);
  heap.syncSync();
  const map = heap.map('pages');
  map.set('synced', 'yes');
  add('synced', 2 ** 21);
  heap.syncSync();
  map.set('late', 'yes');
  map.delete('synced');
  for (let i = 0; i < 50; i++) add(`late ${i}`, 100 + i);
  heap.free(heap.roots.get('early'));
  heap.roots.delete('early');
  fs.copyFileSync(made, file);
  heap.close();
  stop(file);
  return file;
}

/** What opening a file finds. */
function contentsOf(file) {
  const heap = Heap.open(file);
  heap.verify();
  const { counts, bytes, totals } = heap.stats();
  const found = {
    counts: { live: counts.live, holes: counts.holes },
    bytes: { mapped: bytes.mapped, live: bytes.live, largestHole: bytes.largestHole },
    totals: { malloc: totals.malloc, free: totals.free, allocatedBytes: totals.allocatedBytes },
    roots: [...heap.roots].map(([name, address]) => [
      name,
      address,
      heap.read(address, name.length).toString(),
    ]),
    entries: [...heap.map('pages')].map(([key, value]) => [`${key}`, `${value}`]),
  };
  heap.close();
  return found;
}

const copyOf = (file) => {
  const copy = newPath();
  fs.copyFileSync(file, copy);
  return copy;
};

/** Damages what the last sync has written: its roots. */
function damageSync(file) {
  const at = AT.roots;
  change(file, at, Buffer.from([fs.readFileSync(file)[at] ^ 1]));
}

const SYNCED = ['early', 'synced'];

describe('a durable file that was open when the system stopped', () => {
  test('is reported as opening it will find it', () => {
    const file = newFile();
    const expected = contentsOf(copyOf(file));
    assert.deepEqual(
      expected.roots.map(([name]) => name),
      SYNCED,
    );
    const before = fs.readFileSync(file);
    for (const deep of [false, true]) {
      const report = Heap.verify(file, { deep });
      assert.deepEqual(report.problems, []);
      assert.equal(report.clean, false);
      assert.equal(report.extents.length, 2);
      assert.deepEqual(report.counts, expected.counts);
      const { mapped, live, largestHole } = report.bytes;
      assert.deepEqual({ mapped, live, largestHole }, expected.bytes);
      assert.deepEqual(
        report.roots.map(({ name, address, live }) => [name, address, live]),
        expected.roots.map(([name, address]) => [name, address, true]),
      );
      assert.deepEqual(
        report.maps.map(({ name, sound, entries }) => ({ name, sound, entries })),
        [{ name: 'pages', sound: true, entries: 1 }],
      );
      assert.match(
        report.notes.join('\n'),
        /^it was open .*: opening it for writing brings back sync 2/,
      );
      assert.ok(fs.readFileSync(file).equals(before), 'verify has written');
    }
  });

  test('returns to its last sync in a repair, in place and into another', () => {
    const file = newFile();
    const expected = contentsOf(copyOf(file));
    assert.deepEqual(expected.entries, [['synced', 'yes']]);
    const [before, other] = [fs.readFileSync(file), newPath()];
    for (const into of [other, undefined]) {
      const { sound, notes, problems } = Heap.repair(file, { into });
      assert.deepEqual({ sound, problems }, { sound: true, problems: [] });
      assert.deepEqual(notes, [
        'its last sync, 2, was brought back, since it was open when the system stopped',
      ]);
      if (into) assert.ok(fs.readFileSync(file).equals(before), 'the file was changed');
      assert.equal(Heap.verify(into ?? file).clean, true);
      assert.deepEqual(contentsOf(into ?? file), expected);
    }
    assert.deepEqual(Heap.repair(file).notes, ['nothing was damaged']);
  });

  test('returns to it also where the disk has nothing of its last extent but the copies', () => {
    const file = newFile();
    const expected = contentsOf(copyOf(file));
    const offset = Number(fs.readFileSync(file).readBigUInt64LE(AT.table + ENTRY));
    change(file, offset, Buffer.alloc(4096));
    for (const into of [newPath(), undefined]) {
      Heap.repair(file, { into });
      assert.deepEqual(contentsOf(into ?? file), expected);
    }
  });

  test('returns to it with an entry of the table of extents that is mended', () => {
    const file = newFile();
    const expected = contentsOf(copyOf(file));
    change(file, AT.table, Buffer.alloc(8, 255));
    assert.equal(Heap.verify(file).sound, false);
    for (const into of [newPath(), undefined]) {
      assert.match(Heap.repair(file, { into }).notes.join(), /entry 0 .* was made anew/);
      assert.deepEqual(contentsOf(into ?? file), expected);
    }
  });

  test('keeps what is found in a repair if its last sync is damaged, and says so', () => {
    const file = newFile();
    damageSync(file);
    assert.throws(() => Heap.open(file), { code: 'ERR_MEMS_FILE_CORRUPT' });
    const report = Heap.verify(file);
    const said = /it was open when the system stopped, and what its last sync wrote is damaged/;
    assert.match(report.problems.join('\n'), said);
    // What is found is counted.
    assert.equal(report.counts.live > 50, true);
    assert.equal(report.roots.length, 51);
    for (const into of [newPath(), undefined]) {
      const { sound, notes } = Heap.repair(file, { into });
      assert.equal(sound, true);
      assert.match(notes.join('\n'), said);
      assert.match(
        notes.join('\n'),
        /^its last sync could not be brought back, since what its last sync wrote is damaged: what was found was kept$/m,
      );
      const { roots, entries } = contentsOf(into ?? file);
      assert.equal(roots.length, 51);
      assert.deepEqual(entries, [['late', 'yes']]);
    }
  });

  test('has no sync if neither record is whole', () => {
    const file = newFile();
    for (const copy of [0, 1]) change(file, AT.records + 4096 * copy, Buffer.alloc(8, 255));
    assert.match(Heap.verify(file).problems.join(), /the record of its last sync is damaged/);
    assert.match(Heap.repair(file).notes.join('\n'), /^its last sync could not be brought back/m);
    assert.equal(contentsOf(file).roots.length, 51);
  });

  test('is looked at and mended though both of its states are damaged', () => {
    const file = newFile();
    change(file, AT.states, Buffer.alloc(128, 0x11));
    assert.match(Heap.verify(file).problems.join(), /both of its states are damaged/);
    assert.equal(Heap.repair(file).sound, true);
    assert.equal(contentsOf(file).roots.length, 51);
  });
});

test('a file that could not be written to the disk returns to its last sync in a repair', () => {
  // The failure is noted as an error of the system, EIO.
  const stop = (file) => {
    const failure = Buffer.alloc(8);
    failure.writeUInt32LE(5, 0);
    failure.writeUInt32LE(1, 4);
    change(file, AT.failure, failure);
  };
  const file = newFile({ stop });
  for (const into of [newPath(), undefined]) {
    assert.match(
      Heap.repair(file, { into }).notes.join('\n'),
      /its last sync, 2, was brought back/,
    );
    assert.deepEqual(
      contentsOf(into ?? file).roots.map(([name]) => name),
      SYNCED,
    );
  }
});

test('a durable file whose processes have died in this run of the system keeps what they have done', () => {
  const file = newFile({ stop: () => {} });
  assert.equal(Heap.verify(file, { deep: true }).roots.length, 51);
  for (const into of [newPath(), undefined]) {
    Heap.repair(file, { into });
    assert.equal(contentsOf(into ?? file).roots.length, 51);
  }
});
