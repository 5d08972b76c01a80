'use strict';

// Whether the system has stopped, and what is done before a file is said to be closed, in use or restored: with processes that are alive, that
// die meanwhile, or that have no memory.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { change, stopSystem } = require('../helpers/power.js');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
const CHECKED = path.join(ROOT, 'target', 'test-addon');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-power-'));
let files = 0;

after(() => remove(folder));

const newPath = () => path.join(folder, `${++files}.mems`);

/** Runs a program in a process that is killed at its end, with `Heap`, `file` and the addon `binding`, which is the one for tests. */
function killed(file, program) {
  const text = `
    const { Heap } = require(${JSON.stringify(ROOT)});
    const binding = require(${JSON.stringify(path.join(ROOT, 'binding.js'))});
    const file = ${JSON.stringify(file)};
    const result = (() => { ${program} })();
    process.stdout.write(JSON.stringify(result ?? null), () => process.kill(process.pid, 'SIGKILL'));`;
  const addon = fs.readdirSync(CHECKED).find((name) => name.endsWith('.node'));
  const env = { ...process.env, MEMS_LIBRARY_PATH: path.join(CHECKED, addon) };
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', text], { encoding: 'utf8', env });
  assert.equal(stderr, '');
  return stdout === '' ? undefined : JSON.parse(stdout);
}

const names = (heap) => [...heap.roots].map(([name]) => name);

/** Opens a file as another process does that is then killed. Returns the roots that it finds, or the code of an error. */
const found = (file, options = {}) =>
  killed(
    file,
    `try { return [...Heap.open(file, ${JSON.stringify(options)}).roots].map(([name]) => name); }
    catch (error) { return error.code; }`,
  );

describe('a boot id that is another', () => {
  test('is no power failure while a process has the file open', async () => {
    for (const durable of [true, false]) {
      const file = newPath();
      killed(
        file,
        `const heap = Heap.open(file, { durable: ${durable} });
        heap.roots.set('early', heap.malloc(100));
        if (${durable}) heap.syncSync();
        heap.roots.set('late', heap.malloc(100));`,
      );
      const holder = fork(path.join(__dirname, 'holder.js'), [file, '{}']);
      await once(holder, 'message');
      // As a container sees it that has a boot id of its own.
      stopSystem(file);
      assert.deepEqual(found(file), ['early', 'late']);
      assert.deepEqual(found(file, { readOnly: true }), ['early', 'late']);
      assert.deepEqual(
        Heap.verify(file).roots.map(({ name }) => name),
        ['early', 'late'],
      );
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      assert.deepEqual(found(file, { readOnly: true }), 'ERR_MEMS_NEEDS_RECOVERY');
      assert.deepEqual(found(file), durable ? ['early'] : 'ERR_MEMS_NEEDS_RECOVERY');
    }
  });
});

describe('the last close', () => {
  test('finishes what a process has left that died in a call', () => {
    for (const durable of [true, false]) {
      const file = newPath();
      const heap = Heap.open(file, { durable });
      heap.roots.set('word', heap.calloc(1, 16));
      // Stores of the call: the intent is written by the first eight, and the lock is held.
      const dead = killed(
        file,
        `const heap = Heap.open(file); binding.dieBeforeStore(9); heap.malloc(100);`,
      );
      assert.equal(dead, undefined);
      heap.close();
      const { clean, notes, sound } = Heap.verify(file, { deep: true });
      assert.deepEqual({ clean, notes, sound }, { clean: true, notes: [], sound: true });
    }
  });
});

test('after a disk has failed the last sync comes back, whatever pages the system has dropped', () => {
  const file = newPath();
  killed(
    file,
    `const heap = Heap.open(file, { durable: true });
    heap.roots.set('early', heap.malloc(100));
    heap.syncSync();
    require('fs').copyFileSync(file, file + '.synced');
    for (const name of ['a', 'b', 'c']) heap.roots.set(name, heap.malloc(10000));
    binding.failNextFlush(${os.constants.errno.EIO});
    try { heap.syncSync(); } catch {}`,
  );
  // The first page of starts and ends is read from the disk again, which does not have what was stored to it since.
  change(file, 262144, fs.readFileSync(`${file}.synced`).subarray(262144, 262144 + 4096));
  // Who dies as it mends the file, or does not want it mended, leaves that to the next.
  assert.equal(found(file, { onPowerLoss: 'refuse' }), 'ERR_MEMS_NEEDS_RECOVERY');
  assert.equal(found(file, { readOnly: true }), 'ERR_MEMS_NEEDS_RECOVERY');
  const heap = Heap.open(file);
  assert.deepEqual(names(heap), ['early']);
  heap.verify();
  heap.close();
  assert.deepEqual(Heap.verify(file, { deep: true }).problems, []);
});

const canLimit = spawnSync('prlimit', ['--version']).status === 0;

test('a want of memory does not bring back the sync before the last', {
  skip: !canLimit && 'needs prlimit',
}, () => {
  const file = newPath();
  killed(
    file,
    `const heap = Heap.open(file, { durable: true });
    heap.roots.set('first', heap.malloc(100));
    heap.syncSync();
    heap.roots.set('second', heap.malloc(255 * 2 ** 20));
    heap.syncSync();`,
  );
  stopSystem(file);
  const before = fs.readFileSync(file).subarray(0, 262144);
  const code = killed(
    file,
    `Heap.open(file + '.other').close();
    const [, pages] = /VmSize:\\s*(\\d+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'));
    require('child_process').execFileSync('prlimit', ['--pid', String(process.pid), '--as=' + (Number(pages) * 1024 + 128 * 2 ** 20)]);
    try { return [...Heap.open(file).roots].map(([name]) => name); } catch (error) { return error.code; }`,
  );
  assert.equal(code, 'ERR_MEMS_FILE');
  const now = fs.readFileSync(file).subarray(0, 262144);
  // What differs is the process slot that was taken.
  assert.ok(now.subarray(0, 4096).equals(before.subarray(0, 4096)));
  const heap = Heap.open(file);
  assert.deepEqual(names(heap), ['first', 'second']);
  heap.close();
});

describe('a file that the process has open already', () => {
  test('is refused as durable if it is not', () => {
    const file = newPath();
    const heap = Heap.open(file);
    for (const options of [{ durable: true }, { syncEvery: 100 }]) {
      assert.throws(() => Heap.open(file, options), { code: 'ERR_MEMS_NOT_DURABLE' });
    }
    heap.close();
    assert.equal(Heap.verify(file).clean, true);
  });

  test('is synced every so often from then on that one asks for it', async () => {
    const heap = Heap.open(newPath(), { durable: true });
    const again = Heap.open(heap.path, { syncEvery: 1 });
    const generation = () => fs.readFileSync(heap.path).readBigUInt64LE(86016);
    while (generation() < 4n) await new Promise((resolve) => setTimeout(resolve, 5));
    again.close();
    heap.close();
  });
});
