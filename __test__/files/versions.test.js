'use strict';

// Several versions of the package on one heap file: two that know its layout work together, in one process and in two; one that does
// not know it refuses it, and leaves it as it is. Another version is a copy of this one (helpers/other-version.js). A file of a version
// that is to come is one whose layout or features have been made others.

const { after, before, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap, library } = require('@sambhav-gautam/osmemoryallocator');
const { libraryVersion } = require('../../binding.js');
const { version } = require('../../package.json');
const { mems, SKIP } = require('../helpers/command.js');
const { IMPOSSIBLE, OTHER, copyAsOtherVersion } = require('../helpers/other-version.js');
const { change, crc32 } = require('../helpers/power.js');
const { remove } = require('../helpers/remove.js');

const TEST_ADDONS = path.join(__dirname, '..', '..', 'target', 'test-addon');

let folder;
let file;
let number = 0;

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-versions-'));
});
after(() =>
  remove(folder).catch((error) => {
    // Windows keeps the addon of the other version, which this process has loaded.
    if (!error.path?.endsWith('.node')) throw error;
  }),
);
beforeEach(() => {
  file = path.join(folder, `${++number}.mems`);
});

/** The names of a heap's roots, and the texts of their blocks. */
const texts = (heap) =>
  Object.fromEntries([...heap.roots].map(([name, at]) => [name, `${heap.read(at, name.length)}`]));

/** Lets a root with a name refer to a new block that has the name as its text. */
function makeRoot(heap, name) {
  const address = heap.malloc(100);
  heap.write(address, name);
  heap.roots.set(name, address);
}

describe('another version', { skip: IMPOSSIBLE }, () => {
  let other;
  let forTests;

  before(() => {
    // Both copies have their addons beside them.
    delete process.env.MEMS_LIBRARY_PATH;
    other = path.join(folder, 'other');
    copyAsOtherVersion(other, library);
    const addon = fs.readdirSync(TEST_ADDONS).find((name) => name.endsWith('.node'));
    forTests = path.join(folder, 'for-tests');
    copyAsOtherVersion(forTests, path.join(TEST_ADDONS, addon));
  });

  /** Runs a program with a version of the package in a process that is killed at its end, or that kills itself. */
  function killed(copy, program) {
    const text = `
      const { Heap } = require(${JSON.stringify(copy)});
      const binding = require(${JSON.stringify(path.join(copy, 'binding.js'))});
      const heap = Heap.open(${JSON.stringify(file)});
      const make = ${makeRoot};
      const result = (() => { ${program} })();
      process.stdout.write(JSON.stringify(result ?? null), () => process.kill(process.pid, 'SIGKILL'));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', text], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return stdout && JSON.parse(stdout);
  }

  test('is one, in its package and in its addon', () => {
    assert.notEqual(OTHER, version);
    assert.equal(libraryVersion(), version);
    for (const copy of [other, forTests]) {
      assert.equal(require(path.join(copy, 'package.json')).version, OTHER);
      assert.equal(require(path.join(copy, 'binding.js')).libraryVersion(), OTHER);
    }
  });

  test('in the same process works on the same file', async () => {
    const Other = require(other).Heap;
    assert.notEqual(Other, Heap);
    const options = { addresses: 'number', durable: true };
    const [mine, theirs] = [Heap.open(file, options), Other.open(file, options)];
    assert.deepEqual(
      theirs.processes.map(({ slot }) => slot),
      [0, 1],
    );
    // Each adds extents, which the other learns of.
    const blocks = [];
    for (let i = 0; i < 400; i++) blocks.push((i % 2 ? mine : theirs).malloc(1 + 50 * i));
    assert.equal(new Set(blocks).size, blocks.length);
    assert.ok(mine.stats().counts.mainBlocks > 1);
    blocks.forEach((address, i) => {
      if (i % 3 > 0) (i % 2 ? theirs : mine).free(address);
    });
    makeRoot(mine, 'mine');
    makeRoot(theirs, 'theirs');
    for (const heap of [mine, theirs]) {
      assert.deepEqual(texts(heap), { mine: 'mine', theirs: 'theirs' });
    }
    const word = mine.calloc(1, 8);
    theirs.malloc(64, { into: word });
    mine.replace(word, mine.malloc(32));
    theirs.free({ from: word });
    const maps = [mine, theirs].map((heap) => heap.map('map', { encoding: 'json' }));
    for (let i = 0; i < 500; i++) maps[i % 2].set(`key ${i % 50}`, { i });
    for (const map of maps) {
      assert.equal(map.size, 50);
      assert.deepEqual(map.get('key 49'), { i: 499 });
    }
    for (const [waits, rings] of [
      [mine, theirs],
      [theirs, mine],
    ]) {
      const [value] = waits.view(word, Int32Array, 1);
      const woken = waits.waitAsync(word, value);
      rings.write(word, new Int32Array([value + 1]));
      rings.notify(word);
      assert.equal(await woken, 'ok');
    }
    assert.deepEqual(
      [mine.syncSync(), await theirs.sync(), mine.syncSync()],
      [{ generation: 1 }, { generation: 2 }, { generation: 3 }],
    );
    assert.deepEqual(mine.stats(), theirs.stats());
    for (const heap of [mine, theirs]) heap.verify();
    for (const heap of [mine, theirs]) heap.close();
    for (const Of of [Heap, Other]) assert.equal(Of.verify(file, { deep: true }).sound, true);
  });

  test('in another process works on the same file, and what it leaves as it dies is recovered', () => {
    const mine = Heap.open(file, { addresses: 'number' });
    makeRoot(mine, 'mine');
    const map = mine.map('map', { encoding: 'string' });
    map.set('mine', 'here');
    const outcomes = new Set();
    for (const stores of [0, 6, 12, 18, 24, 1000]) {
      const found = killed(
        forTests,
        `const map = heap.map('map', { encoding: 'string' });
        if (map.get('mine') !== 'here') throw new Error('the map is another');
        const word = heap.calloc(1, 8);
        heap.roots.set('word', word);
        binding.dieBeforeStore(${stores});
        heap.malloc(100, { into: word });
        binding.dieBeforeStore(-1);
        return 'lives';`,
      );
      assert.equal(found, stores < 1000 ? '' : 'lives');
      // This process takes over, and finds the block, or none.
      const live = mine.stats().counts.live;
      mine.verify();
      const word = mine.roots.get('word');
      const [address] = mine.view(word, BigUint64Array, 1);
      outcomes.add(address !== 0n);
      if (address !== 0n) mine.free({ from: word });
      mine.free(word);
      assert.equal(mine.stats().counts.live, live - (address === 0n ? 1 : 2));
    }
    assert.equal(outcomes.size, 2);
    mine.roots.delete('word');
    const said = { mine: 'mine', theirs: 'theirs' };
    const texted = killed(
      other,
      `make(heap, 'theirs');
      heap.map('map', { encoding: 'string' }).set('theirs', 'there');
      return (${texts})(heap);`,
    );
    assert.deepEqual(texted, said);
    assert.deepEqual(texts(mine), said);
    assert.deepEqual(Object.fromEntries(map), { mine: 'here', theirs: 'there' });
    mine.verify();
    mine.close();
    assert.deepEqual(killed(other, `heap.verify(); return (${texts})(heap);`), said);
  });
});

describe('a file of a version that is to come', () => {
  /** Where the numbers are that say what a program must know, and where their checksum is. */
  const [LAYOUT, NEEDED, HARMLESS, SUM] = [8, 12, 16, 40];

  /** Makes a heap file, one number of which is made another. Its bytes are right otherwise. */
  function made(offset, value, options) {
    const heap = Heap.open(file, options);
    makeRoot(heap, 'root');
    heap.map('map', { encoding: 'string' }).set('key', 'value');
    heap.close();
    const constant = fs.readFileSync(file).subarray(0, SUM);
    constant.writeUInt32LE(value, offset);
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(crc32(constant));
    change(file, 0, Buffer.concat([constant, sum]));
    return fs.readFileSync(file);
  }

  for (const [what, offset, value, options, said] of [
    ['with another layout', LAYOUT, 2, {}, /has the layout 2, .* reads the layout 1/],
    [
      'with a feature that is not known',
      NEEDED,
      2,
      {},
      /layout 1 with features that this version lacks/,
    ],
    [
      'with known and unknown features',
      NEEDED,
      2 ** 31 + 1,
      { durable: true },
      /features that this version lacks/,
    ],
  ]) {
    test(`${what} is refused, and stays as it is`, async () => {
      const before = made(offset, value, options);
      const refused = { code: 'ERR_MEMS_FILE_VERSION', message: said };
      for (const options of [
        {},
        { readOnly: true },
        { exclusive: true },
        { onPowerLoss: 'reset' },
      ]) {
        assert.throws(() => Heap.open(file, options), refused, JSON.stringify(options));
      }
      const into = `${file}.copy`;
      assert.throws(() => Heap.verify(file, { deep: true }), refused);
      assert.throws(() => Heap.repair(file), refused);
      assert.throws(() => Heap.repair(file, { into }), refused);
      assert.equal(fs.existsSync(into), false);
      assert.ok(fs.readFileSync(file).equals(before));
    });
  }

  test('is named by the command, which could not read it', SKIP, async () => {
    made(LAYOUT, 2);
    for (const args of [
      ['inspect', file],
      ['verify', file],
    ]) {
      const { status, stderr } = await mems(args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, /layout 2/);
    }
  });

  test('with a feature that only programs must know that change it can be read, and no more', () => {
    const before = made(HARMLESS, 4);
    const refused = {
      code: 'ERR_MEMS_FILE_VERSION',
      message: `The heap file ${file} has features that this version of MeMS does not know and would spoil by writing. Pass readOnly: true to read it`,
    };
    for (const options of [{}, { exclusive: true }, { onPowerLoss: 'salvage' }]) {
      assert.throws(() => Heap.open(file, options), refused, JSON.stringify(options));
    }
    assert.throws(() => Heap.repair(file), refused);
    const heap = Heap.open(file, { readOnly: true });
    assert.deepEqual(texts(heap), { root: 'root' });
    assert.equal(heap.map('map', { encoding: 'string' }).get('key'), 'value');
    assert.throws(() => heap.malloc(8), { code: 'ERR_MEMS_READ_ONLY' });
    heap.verify();
    heap.close();
    assert.equal(Heap.verify(file, { deep: true }).sound, true);
    assert.ok(fs.readFileSync(file).equals(before));
    // A copy has what this version knows of it.
    const into = `${file}.copy`;
    assert.equal(Heap.repair(file, { into }).sound, true);
    assert.ok(fs.readFileSync(file).equals(before));
    const copy = Heap.open(into);
    assert.deepEqual(texts(copy), { root: 'root' });
    copy.close();
  });
});
