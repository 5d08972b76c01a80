'use strict';

// Snapshots that nobody calls for: by a signal, and when a request is refused.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { channel } = require('node:diagnostics_channel');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const binding = require('../../binding.js');
const mems = require('../../index.js');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { inWorker } = require('../helpers/workers.js');

const { Heap } = mems;
const ROOT = path.join(__dirname, '..', '..');
const NAME = /^Mems\.(\d{8})\.(\d{6})\.(\d+)\.(\d+)\.(\d{3})\.(\d+)\.mems$/;
const noSignals = { skip: process.platform === 'win32' };

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-snapshots-'));
after(() => fs.rmSync(root, { recursive: true }));

let folders = 0;
function newFolder() {
  const folder = path.join(root, String(++folders));
  fs.mkdirSync(folder);
  return folder;
}

/** The live blocks of a snapshot. */
function liveIn(file) {
  const { stats, operations } = binding.readRecording(fs.readFileSync(file), false);
  assert.equal(operations, 0);
  return JSON.parse(stats).counts.live;
}

/** Waits until a condition holds; fails after a minute. */
async function until(condition, what) {
  const end = Date.now() + 60_000;
  while (!condition()) {
    assert.ok(Date.now() < end, `${what} does not happen`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** A process that runs a program, which prints a line when it is ready. */
async function running(program, options = {}) {
  const source = `const mems = require(${JSON.stringify(ROOT)}); ${program}; console.log('ready');`;
  const child = spawn(process.execPath, ['-e', source], {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...options,
    env: { ...process.env, ...options.env },
  });
  child.said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    child.said += text;
  });
  await once(child.stdout, 'data');
  return child;
}

/** The whole files in a folder. (A snapshot that is being written has no end.) */
function wholeIn(folder) {
  return fs
    .readdirSync(folder)
    .sort()
    .filter((file) => {
      try {
        return binding.readRecording(fs.readFileSync(path.join(folder, file)), false).stats;
      } catch (_) {
        return false;
      }
    });
}

/** Keeps a process running until its input ends. */
const STAY = 'process.stdin.resume()';

async function stop(child) {
  child.stdin.end();
  if (child.exitCode === null) await once(child, 'exit');
}

describe('by a signal', noSignals, () => {
  const HEAPS = `
    mems.init();
    mems.malloc(100);
    const heap = new mems.Heap();
    heap.mallocMany([1, 2, 3]);`;

  test('a file of each heap is written, as often as the signal comes', async () => {
    const folder = newFolder();
    const program = `${HEAPS} mems.snapshotOnSignal('SIGUSR2', ${JSON.stringify(folder)}); ${STAY}`;
    const child = await running(program);
    const day = (time) => new Date(time).toDateString();
    const begun = Date.now();
    for (const files of [2, 4]) {
      child.kill('SIGUSR2');
      await until(() => wholeIn(folder).length === files, `${files} files`);
    }
    const parts = wholeIn(folder).map((file) => NAME.exec(file));
    assert.deepEqual(
      parts.map(([, , , pid, tid, sequence]) => [pid, tid, sequence]),
      ['001', '002', '003', '004'].map((sequence) => [String(child.pid), '0', sequence]),
    );
    assert.deepEqual(
      parts.map(([file]) => liveIn(path.join(folder, file))),
      [1, 3, 1, 3],
    );
    const heaps = parts.map((part) => part[6]);
    assert.deepEqual([heaps[0], heaps[2]], ['0', '0']);
    assert.ok(heaps[1] === heaps[3] && heaps[1] !== '0', heaps.join());
    const [, date, time] = parts[0];
    const [, y, m, d] = /^(\d{4})(\d\d)(\d\d)$/.exec(date);
    const [, h, min, s] = /^(\d\d)(\d\d)(\d\d)$/.exec(time);
    const written = new Date(y, m - 1, d, h, min, s).getTime();
    assert.ok(written >= begun - 1000 && written <= Date.now(), `${day(written)} ${time}`);
    await stop(child);
    assert.deepEqual([child.exitCode, child.said], [0, '']);
  });

  test('named by the environment, into the folder that it names, or the working one', async () => {
    for (const named of [true, false]) {
      const folder = newFolder();
      const env = { MEMS_SNAPSHOT_SIGNAL: 'SIGUSR2' };
      if (named) env.MEMS_SNAPSHOT_FOLDER = folder;
      const child = await running(`${HEAPS} ${STAY}`, { env, cwd: named ? root : folder });
      child.kill('SIGUSR2');
      await until(() => wholeIn(folder).length === 2, 'two files');
      await stop(child);
      assert.deepEqual([child.exitCode, child.said], [0, '']);
    }
  });

  test('does not keep a process running', () => {
    const program = `require(${JSON.stringify(ROOT)}).snapshotOnSignal('SIGUSR2')`;
    const { status } = spawnSync(process.execPath, ['-e', program], { timeout: 60_000 });
    assert.equal(status, 0);
  });

  test('that the environment names wrongly is a warning', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      ['-e', `require(${JSON.stringify(ROOT)})`],
      {
        encoding: 'utf8',
        env: { ...process.env, MEMS_SNAPSHOT_SIGNAL: 'USR2' },
      },
    );
    assert.equal(status, 0);
    assert.match(stderr, /Warning: MEMS_SNAPSHOT_SIGNAL: There is no signal USR2/);
  });

  test('of which the folder is missing: a warning at once, one later, and nothing else', async () => {
    const folder = path.join(newFolder(), 'missing');
    const program = `${HEAPS}
      mems.snapshotOnSignal('SIGUSR2', ${JSON.stringify(folder)});
      require('node:diagnostics_channel').channel('mems:record:error').subscribe(
        ({ heap, path, error }) => process.stderr.write(heap + ' ' + path + ' ' + error.code + '\\n'),
      );
      ${STAY}`;
    const child = await running(program);
    await until(() => child.said.includes('There is no folder'), 'a warning before any signal');
    child.kill('SIGUSR2');
    await until(() => child.said.includes('cannot be written'), 'a warning');
    await stop(child);
    assert.equal(child.exitCode, 0);
    const errors = child.said.split('\n').filter((line) => /ERR_MEMS_RECORDING$/.test(line));
    assert.equal(errors.length, 2, child.said);
    assert.ok(errors[0].startsWith(`0 ${folder}`), child.said);
    assert.equal(child.said.match(/cannot be written/g).length, 1, child.said);
  });

  test('of a heap with snapshotNearLimit: a warning of a missing folder as well', () => {
    const { stderr } = spawnSync(
      process.execPath,
      ['-e', `new (require(${JSON.stringify(ROOT)}).Heap)({ snapshotNearLimit: 1 })`],
      { encoding: 'utf8', env: { ...process.env, MEMS_SNAPSHOT_FOLDER: 'none' } },
    );
    assert.match(stderr, /There is no folder none,/);
  });

  test('replaces the folder of an earlier call', async () => {
    const [first, second] = [newFolder(), newFolder()];
    const program = `mems.init();
      mems.snapshotOnSignal('SIGUSR2', ${JSON.stringify(first)});
      mems.snapshotOnSignal('SIGUSR2', ${JSON.stringify(second)});
      ${STAY}`;
    const child = await running(program);
    child.kill('SIGUSR2');
    await until(() => wholeIn(second).length === 1, 'a file');
    await stop(child);
    assert.deepEqual(fs.readdirSync(first), []);
  });

  test('ends when the program says so, and the signal does what it did before', async () => {
    const folder = newFolder();
    const program = `mems.init();
      const first = mems.snapshotOnSignal('SIGUSR2', ${JSON.stringify(folder)});
      const second = mems.snapshotOnSignal('SIGUSR2', ${JSON.stringify(folder)});
      first();
      const counts = [process.listenerCount('SIGUSR2')];
      second();
      second();
      counts.push(process.listenerCount('SIGUSR2'));
      console.error(counts.join());
      ${STAY}`;
    const child = await running(program);
    child.kill('SIGUSR2');
    await once(child, 'exit');
    assert.deepEqual([child.signalCode, child.said], ['SIGUSR2', '1,0\n']);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  test('is one that a process can listen to', () => {
    for (const signal of ['SIGKILL', 'SIGSTOP'])
      assertRefused(() => mems.snapshotOnSignal(signal), 'ERR_INVALID_ARG_VALUE', signal);
  });

  test('is a signal that there is, in the main thread', async () => {
    for (const signal of [undefined, 12, null, {}])
      assertRefused(() => mems.snapshotOnSignal(signal), 'ERR_INVALID_ARG_TYPE', 'signal');
    for (const signal of ['USR2', '', 'SIGUSR22', 'toString', '__proto__'])
      assertRefused(() => mems.snapshotOnSignal(signal), 'ERR_INVALID_ARG_VALUE', signal);
    for (const folder of [null, 1, ''])
      assertRefused(
        () => mems.snapshotOnSignal('SIGUSR2', folder),
        'ERR_INVALID_ARG_TYPE',
        'folder',
      );
    const code = await inWorker(({ snapshotOnSignal }) => {
      try {
        snapshotOnSignal('SIGUSR2');
      } catch (error) {
        return error.code;
      }
    });
    assert.equal(code, 'ERR_MEMS_UNSUPPORTED');
  });
});

describe('when a request is refused', () => {
  /** Calls with the variable that names the folder. */
  function inFolder(folder, body) {
    process.env.MEMS_SNAPSHOT_FOLDER = folder;
    try {
      body();
    } finally {
      delete process.env.MEMS_SNAPSHOT_FOLDER;
    }
  }

  test('as many files are written as the option says', () => {
    const folder = newFolder();
    const heap = new Heap({ maxSize: 2 ** 20, snapshotNearLimit: 2 });
    heap.mallocMany([1, 2, 3]);
    inFolder(folder, () => {
      for (let i = 0; i < 4; i++)
        assertRefused(() => heap.malloc(2 ** 21), 'ERR_MEMS_OUT_OF_MEMORY');
    });
    heap.close();
    const files = fs.readdirSync(folder);
    assert.equal(files.length, 2);
    for (const file of files) {
      assert.match(file, NAME);
      assert.equal(liveIn(path.join(folder, file)), 3);
    }
  });

  test('the state is the one before subscribers do anything', () => {
    const folder = newFolder();
    const heap = new Heap({ maxSize: 2 ** 20, snapshotNearLimit: 1 });
    const blocks = heap.mallocMany([1, 2, 3]);
    const hear = () => heap.freeMany(blocks);
    channel('mems:out-of-memory').subscribe(hear);
    inFolder(folder, () => assertRefused(() => heap.malloc(2 ** 21), 'ERR_MEMS_OUT_OF_MEMORY'));
    channel('mems:out-of-memory').unsubscribe(hear);
    assert.equal(heap.stats().counts.live, 0);
    const [file] = fs.readdirSync(folder);
    assert.equal(liveIn(path.join(folder, file)), 3);
    assert.equal(NAME.exec(file)[6], String(heap.id));
    heap.close();
  });

  test('a later object that asks for something else changes nothing', () => {
    const folder = newFolder();
    const heap = new Heap({ maxSize: 2 ** 20, snapshotNearLimit: 2 });
    Heap.attach(heap.id, { warnUnusable: { size: 1000, share: 0.5 } });
    inFolder(folder, () => assertRefused(() => heap.malloc(2 ** 21), 'ERR_MEMS_OUT_OF_MEMORY'));
    Heap.attach(heap.id, { snapshotNearLimit: 0 });
    inFolder(folder, () => assertRefused(() => heap.malloc(2 ** 21), 'ERR_MEMS_OUT_OF_MEMORY'));
    assert.equal(fs.readdirSync(folder).length, 1);
    heap.close();
  });

  test('also of the default heap, by attaching to it', () => {
    const folder = newFolder();
    mems.init({ maxSize: 2 ** 20 });
    Heap.attach(0, { snapshotNearLimit: 1 });
    inFolder(folder, () => assertRefused(() => mems.malloc(2 ** 21), 'ERR_MEMS_OUT_OF_MEMORY'));
    finishQuietly(mems);
    assert.equal(fs.readdirSync(folder).length, 1);
    // The next default heap is another one.
    mems.init({ maxSize: 2 ** 20 });
    inFolder(folder, () => assertRefused(() => mems.malloc(2 ** 21), 'ERR_MEMS_OUT_OF_MEMORY'));
    finishQuietly(mems);
    assert.equal(fs.readdirSync(folder).length, 1);
  });

  test('a disk that fails changes nothing about the error', async () => {
    const folder = path.join(newFolder(), 'missing');
    const heap = new Heap({ maxSize: 2 ** 20, snapshotNearLimit: 1 });
    const found = [];
    const hear = (message) => found.push(message);
    channel('mems:record:error').subscribe(hear);
    const warned = once(process, 'warning');
    inFolder(folder, () => assertRefused(() => heap.malloc(2 ** 21), 'ERR_MEMS_OUT_OF_MEMORY'));
    channel('mems:record:error').unsubscribe(hear);
    assert.equal(found.length, 1);
    assert.equal(found[0].heap, heap.id);
    assert.equal(path.dirname(found[0].path), folder);
    assert.equal(found[0].error.code, 'ERR_MEMS_RECORDING');
    heap.verify();
    heap.close();
    const [warning] = await warned;
    assert.equal(warning.code, 'ERR_MEMS_RECORDING');
  });

  test('a number of files is a whole one', () => {
    for (const [value, code] of [
      ['1', 'ERR_INVALID_ARG_TYPE'],
      [-1, 'ERR_MEMS_INVALID_SIZE'],
      [1.5, 'ERR_MEMS_INVALID_SIZE'],
    ])
      assertRefused(() => new Heap({ snapshotNearLimit: value }), code, 'snapshotNearLimit');
  });
});
