'use strict';

// What systems do to processes that share a heap file, and to the file: stopped and killed holders, containers, full disks, files that
// are cut, removed and replaced, permissions.

const { after, before, beforeEach, test } = require('node:test');
const assert = require('node:assert/strict');
const { fork, spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('../..');
const { NOBODY, hasNobody } = require('../helpers/nobody.js');
const { remove } = require('../helpers/remove.js');
const { inWorker } = require('../helpers/workers.js');

const ROOT = path.join(__dirname, '..', '..');
const WORKER = path.join(__dirname, '..', 'storm', 'churn.js');
const onLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;
const signals = { skip: process.platform === 'win32' && 'Windows has no signals' };
/** Where the word is that says who has the lock. */
const LOCK = 1024;

let folder;
let file;
let number = 0;

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-systems-'));
});
after(() =>
  remove(folder).catch((error) => {
    // Windows keeps the addon of the package's copy, which this process has loaded.
    if (!error.path?.endsWith('.node')) throw error;
  }),
);
beforeEach(() => {
  file = path.join(folder, `${++number}.mems`);
});

const open = (options) => Heap.open(file, { addresses: 'number', ...options });

/** Starts a process that allocates and frees without end, by a command. Resolves when it has begun. */
async function churn(t, command = [process.execPath, WORKER, file], options = {}) {
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...options,
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit').then(([status]) => {
    throw new Error(`the process has ended by ${status}`);
  });
  ended.catch(() => {});
  await Promise.race([once(child.stdout, 'data'), ended]);
  return child;
}

/** Whether the file's lock is held, of a process that does not run. */
function isLocked() {
  const handle = fs.openSync(file, 'r');
  const word = Buffer.alloc(8);
  fs.readSync(handle, word, 0, 8, LOCK);
  fs.closeSync(handle);
  return word.readBigUInt64LE() !== 0n;
}

/** Stops a process at random moments until that is while it has the lock. */
async function stopInside(child) {
  for (let i = 0; i < 5000; i++) {
    child.kill('SIGSTOP');
    // The signal is there when the process no longer runs.
    while (onLinux && !/^State:\s+T/m.test(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))) {}
    if (isLocked()) return;
    child.kill('SIGCONT');
    await new Promise((resolve) => setTimeout(resolve, (i % 7) / 3));
  }
  throw new Error('the process was never stopped with the lock');
}

test('a stopped holder of the lock is named, and the lock is taken over when it is killed', {
  skip: !onLinux,
}, async (t) => {
  const heap = open({ lockTimeout: 200 });
  const child = await churn(t);
  await stopInside(child);
  const { slot } = heap.processes.find(({ pid }) => pid === child.pid);
  for (let i = 0; i < 2; i++) {
    assert.throws(
      () => heap.malloc(8),
      (error) => {
        assert.equal(error.code, 'ERR_MEMS_LOCK_TIMEOUT');
        const said = `\\b${child.pid}\\b.*\\b${slot}\\b.* The process is alive: it may be stopped`;
        assert.match(error.message, new RegExp(said));
        return true;
      },
    );
  }
  // What needs no lock works.
  const block = heap.roots.get('churn');
  assert.equal(heap.owns(block), true);
  assert.equal(heap.blockOf(block).address, block);
  child.kill('SIGCONT');
  heap.free(heap.malloc(8));
  await stopInside(child);
  child.kill('SIGKILL');
  await once(child, 'exit');
  heap.free(heap.malloc(8));
  heap.verify();
  assert.equal(heap.processes.length, 1);
  heap.close();
});

test('a process that only reads waits in vain for a dead holder, until one that writes comes', {
  skip: !onLinux,
}, async (t) => {
  const child = await churn(t);
  const reader = open({ readOnly: true, lockTimeout: 100 });
  const block = reader.roots.get('churn');
  await stopInside(child);
  child.kill('SIGKILL');
  await once(child, 'exit');
  for (const call of [() => reader.verify(), () => reader.stats(), () => [...reader.chains()]])
    assert.throws(call, {
      code: 'ERR_MEMS_LOCK_TIMEOUT',
      message: new RegExp(`${child.pid} .* The process is dead: .* open the file for writing`),
    });
  assert.equal(reader.blockOf(block).address, block);
  assert.equal(reader.read(block, 1).length, 1);
  const writer = open();
  writer.free(writer.malloc(8));
  reader.verify();
  assert.equal(reader.stats().counts.live, writer.stats().counts.live);
  writer.close();
  reader.close();
});

test('a holder that is a zombie is dead', { skip: !onLinux }, async (t) => {
  // The shell waits for nobody, and becomes a program that does not, either.
  const command = `"$0" "$1" "$2" & exec sleep 60`;
  const parent = await churn(t, ['sh', '-c', command, process.execPath, WORKER, file]);
  const heap = open({ lockTimeout: 2000 });
  const { pid } = heap.processes.find(({ pid }) => pid !== process.pid);
  await stopInside({ pid, kill: (signal) => process.kill(pid, signal) });
  process.kill(pid, 'SIGKILL');
  while (!/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  heap.free(heap.malloc(8));
  heap.verify();
  assert.deepEqual(
    heap.processes.map(({ pid }) => pid),
    [process.pid],
  );
  assert.equal(parent.exitCode, null);
  heap.close();
});

/** A command in a namespace of process ids of its own, in which it has the id 1. */
const inNamespace = (...command) => ['unshare', '--pid', '--fork', '--kill-child', ...command];
const namespaces = () => onLinux && spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;

test('holders in other namespaces of process ids live and die', {
  skip: !namespaces() && 'unshare is not allowed',
}, async (t) => {
  const heap = open({ lockTimeout: 300 });
  const [first, second] = [
    await churn(t, inNamespace(process.execPath, WORKER, file)),
    await churn(t, inNamespace(process.execPath, WORKER, file)),
  ];
  const pids = heap.processes.map(({ pid }) => pid);
  assert.deepEqual(
    pids.sort((a, b) => a - b),
    [1, 1, process.pid],
  );
  // The process in the namespace is the child of the command.
  const inside = Number(spawnSync('pgrep', ['-P', String(first.pid)], { encoding: 'utf8' }).stdout);
  const stopped = { pid: inside, kill: (signal) => process.kill(inside, signal) };
  // The other one takes turns with the first: only one is to be stopped with the lock.
  second.kill('SIGKILL');
  await once(second, 'exit');
  // The lock that it may have left is taken over, so that whose it is from now on is known.
  heap.free(heap.malloc(8));
  await stopInside(stopped);
  assert.throws(() => heap.malloc(8), { code: 'ERR_MEMS_LOCK_TIMEOUT' });
  process.kill(inside, 'SIGKILL');
  await once(first, 'exit');
  heap.free(heap.malloc(8));
  heap.verify();
  assert.equal(heap.processes.length, 1);
  heap.close();
});

test('a worker of a cluster is killed in the middle of its calls, until it had the lock thrice', async (t) => {
  const heap = open();
  let locked = 0;
  for (let i = 0; locked < 3; i++) {
    assert.ok(i < 300, 'no process was killed while it had the lock');
    const child = await churn(t);
    await new Promise((resolve) => setTimeout(resolve, i % 12));
    child.kill('SIGKILL');
    // In one of two rounds the lock is waited for while the process dies.
    if (i % 2) heap.free(heap.malloc(100));
    await once(child, 'exit');
    if (isLocked()) locked++;
    heap.free(heap.malloc(100));
    assert.equal(isLocked(), false);
    heap.verify();
    assert.equal(heap.processes.length, 1);
  }
  heap.close();
});

test('a file that is cut while it is open is lost, and the process lives', signals, () => {
  for (const length of [0, 300, 4096, (256 << 10) + 4096, 2 << 20]) {
    const heap = open();
    const blocks = Array.from({ length: 60 }, () => heap.malloc(50_000));
    const view = heap.buffer(blocks[50], 50_000);
    view.fill(7);
    fs.truncateSync(file, length);
    assert.ok(view.includes(0) || view.every((byte) => byte === 7));
    for (const address of blocks) {
      try {
        heap.buffer(address, 50_000).fill(1);
      } catch (error) {
        assert.equal(error.code, 'ERR_MEMS_FILE_LOST');
      }
    }
    // The last blocks were beyond each of these lengths.
    assert.throws(() => heap.malloc(8), { code: 'ERR_MEMS_FILE_LOST' });
    assert.throws(() => heap.free(blocks[3]), { code: 'ERR_MEMS_FILE_LOST' });
    assert.throws(() => heap.verify(), { code: 'ERR_MEMS_FILE_LOST' });
    heap.close();
    assert.throws(() => open(), {
      code: length < 512 ? 'ERR_MEMS_NOT_A_HEAP_FILE' : 'ERR_MEMS_FILE_CORRUPT',
    });
    fs.rmSync(file);
  }
});

test('a file that is open can be neither cut nor removed', {
  skip: process.platform !== 'win32' && 'only Windows prevents it',
}, () => {
  const heap = open();
  const address = heap.malloc(100_000);
  heap.fill(address, 7);
  const { size } = fs.statSync(file);
  for (const harm of [
    () => fs.truncateSync(file, 4096),
    () => fs.writeFileSync(file, 'x'),
    () => fs.unlinkSync(file),
  ])
    assert.throws(harm, { syscall: /^(ftruncate|open|unlink)$/ }, String(harm));
  assert.equal(fs.statSync(file).size, size);
  assert.ok(heap.read(address, 100_000).every((byte) => byte === 7));
  heap.verify();
  heap.close();
  fs.unlinkSync(file);
});

test(
  'a process whose file is cut in the middle of its calls ends by an error, not by a signal',
  signals,
  async (t) => {
    for (const length of [0, 4096, (256 << 10) + 512]) {
      const child = await churn(t, [process.execPath, WORKER, file], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let errors = '';
      child.stderr.on('data', (text) => {
        errors += text;
      });
      fs.truncateSync(file, length);
      assert.deepEqual(await once(child, 'close'), [1, null], errors);
      assert.match(errors, /ERR_MEMS_FILE_LOST/);
      fs.rmSync(file);
    }
  },
);

test(
  'a process whose file is replaced in the middle of its calls works on with the old one',
  signals,
  async (t) => {
    const old = open();
    const child = await churn(t);
    const fresh = Heap.open(`${file}.new`, { addresses: 'number' });
    fresh.roots.set('fresh', fresh.malloc(16));
    fs.renameSync(`${file}.new`, file);
    const another = await churn(t);
    const { malloc } = old.stats().totals;
    while (old.stats().totals.malloc < malloc + 1000) await new Promise(setImmediate);
    assert.deepEqual(
      [old, fresh].map((heap) => heap.processes.map(({ pid }) => pid)),
      [
        [process.pid, child.pid],
        [process.pid, another.pid],
      ],
    );
    for (const process of [child, another]) {
      process.kill('SIGKILL');
      await once(process, 'exit');
    }
    for (const heap of [old, fresh]) heap.verify();
    assert.equal(old.roots.get('fresh'), undefined);
    assert.notEqual(fresh.roots.get('fresh'), undefined);
    old.close();
    fresh.close();
  },
);

test(
  'a file that is removed or replaced goes on being shared by those who have it open',
  signals,
  () => {
    const old = open();
    const { uuid } = old;
    const address = old.malloc(100);
    fs.unlinkSync(file);
    const fresh = open();
    assert.notEqual(fresh.uuid, uuid);
    assert.notEqual(fresh.id, old.id);
    assert.equal(fresh.stats().counts.live, 0);
    old.free(address);
    // Larger than the first extent: the file without a name grows.
    old.malloc(5_000_000);
    old.verify();
    fs.renameSync(file, `${file}.other`);
    const third = Heap.open(`${file}.other`);
    assert.equal(third.id, fresh.id);
    for (const heap of [old, fresh, third]) heap.close();
  },
);

test('a heap in a full file system throws, and works on when there is room', {
  skip: !(onLinux && isRoot) && 'needs mount',
}, (t) => {
  const place = path.join(folder, 'small');
  fs.mkdirSync(place);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', place]);
  if (mounted.status !== 0) return t.skip('mount is not allowed');
  t.after(() => spawnSync('umount', ['-l', place]));
  const at = path.join(place, 'full.mems');
  const filler = path.join(place, 'filler');
  // No room for a header.
  fs.writeFileSync(filler, Buffer.alloc(16 << 20).subarray(0, (16 << 20) - 65_536));
  assert.throws(() => Heap.open(at), { code: 'ERR_MEMS_OUT_OF_SPACE' });
  assert.deepEqual(fs.readdirSync(place), ['filler']);
  fs.truncateSync(filler, (16 << 20) - (5 << 16));
  // There is room for a header, and not for the smallest extent.
  const heap = Heap.open(at, { addresses: 'number' });
  assert.throws(() => heap.malloc(8), { code: 'ERR_MEMS_OUT_OF_SPACE' });
  assert.equal(heap.stats().totals.malloc, 0);
  fs.rmSync(filler);
  const blocks = [];
  for (;;) {
    try {
      blocks.push(heap.malloc(100_000));
      heap.fill(blocks[blocks.length - 1], blocks.length, 100_000);
    } catch (error) {
      assert.equal(error.code, 'ERR_MEMS_OUT_OF_SPACE');
      break;
    }
  }
  // Extents become smaller as the disk becomes full, so that little is left of it.
  assert.ok(blocks.length > 150, `${blocks.length} blocks`);
  // Another program takes what is left: no store meets a full disk.
  try {
    fs.writeFileSync(filler, Buffer.alloc(16 << 20));
  } catch (error) {
    assert.equal(error.code, 'ENOSPC');
  }
  heap.verify();
  assert.throws(() => heap.malloc(4_000_000), { code: 'ERR_MEMS_OUT_OF_SPACE' });
  heap.free(blocks.pop());
  heap.free(heap.malloc(100_000));
  blocks.forEach((address, i) => {
    assert.ok(heap.read(address, 100_000).every((byte) => byte === (i + 1) % 256));
  });
  fs.rmSync(filler);
  heap.verify();
  heap.close();
});

test('a file gets the mode that is asked for, less the umask', signals, () => {
  open().close();
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  fs.rmSync(file);
  const umask = process.umask(0o027);
  try {
    open({ mode: 0o666 }).close();
  } finally {
    process.umask(umask);
  }
  assert.equal(fs.statSync(file).mode & 0o777, 0o640);
});

test('a path that is a link, a folder, a pipe or nothing', signals, () => {
  open().close();
  const link = `${file}.link`;
  fs.symlinkSync(file, link);
  assert.throws(() => Heap.open(link), { code: 'ERR_MEMS_FILE' });
  const [direct, followed] = [open(), Heap.open(link, { followSymlinks: true })];
  assert.equal(followed.id, direct.id);
  direct.close();
  followed.close();
  const dangling = `${file}.dangling`;
  fs.symlinkSync(`${file}.nothing`, dangling);
  assert.throws(() => Heap.open(dangling), { code: 'ERR_MEMS_FILE' });
  assert.throws(() => Heap.open(folder), { code: 'ERR_MEMS_FILE' });
  if (spawnSync('mkfifo', [`${file}.pipe`]).status === 0)
    assert.throws(() => Heap.open(`${file}.pipe`), { code: 'ERR_MEMS_FILE' });
  assert.throws(() => Heap.open('/dev/null'), { code: 'ERR_MEMS_FILE' });
  assert.throws(() => Heap.open(`${file}.nothing`, { create: false }), { code: 'ERR_MEMS_FILE' });
  assert.throws(() => Heap.open(path.join(folder, 'no', 'folder')), { code: 'ERR_MEMS_FILE' });
  fs.writeFileSync(`${file}.text`, 'x'.repeat(500_000));
  assert.throws(() => Heap.open(`${file}.text`), { code: 'ERR_MEMS_NOT_A_HEAP_FILE' });
  fs.writeFileSync(`${file}.empty`, '');
  assert.throws(() => Heap.open(`${file}.empty`), { code: 'ERR_MEMS_NOT_A_HEAP_FILE' });
});

/** Runs a program's text as a user who is not root; it prints JSON. */
function asNobody(body) {
  const program = `
    const { Heap } = require(${JSON.stringify(ROOT)});
    process.setgid(${NOBODY}); process.setuid(${NOBODY});
    const code = (call) => { try { return String(call()); } catch (error) { return error.code; } };
    console.log(JSON.stringify((${body})(Heap, ${JSON.stringify(file)}, code)));
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

test('files and folders that a user may not write', {
  skip: !hasNobody() && 'needs another user',
}, () => {
  fs.chmodSync(folder, 0o755);
  const heap = open({ mode: 0o644 });
  heap.roots.set('it', heap.malloc(16));
  const [denied, read, created] = asNobody((Heap, file, code) => [
    code(() => Heap.open(file)),
    code(() => [...Heap.open(file, { readOnly: true }).roots].length),
    code(() => Heap.open(`${file}.new`)),
  ]);
  assert.deepEqual([denied, read, created], ['ERR_MEMS_FILE', '1', 'ERR_MEMS_FILE']);
  // A file that others may write is refused: one of them may harm those who read.
  fs.chmodSync(file, 0o666);
  assert.deepEqual(
    asNobody((Heap, file, code) => [code(() => Heap.open(file))]),
    ['ERR_MEMS_FILE'],
  );
  heap.close();
});

test('a heap for reading only sees what others store, and changes nothing', () => {
  const heap = open();
  const address = heap.malloc(64);
  heap.fill(address, 5);
  heap.roots.set('it', address);
  const reader = open({ readOnly: true });
  assert.notEqual(reader.id, heap.id);
  assert.equal(reader.roots.get('it'), address);
  assert.equal(reader.read(address, 1)[0], 5);
  heap.fill(address, 6);
  assert.equal(reader.read(address, 1)[0], 6);
  const later = heap.malloc(3_000_000);
  heap.roots.set('later', later);
  assert.equal(reader.blockOf(reader.roots.get('later')).size, 3_000_000);
  for (const call of [
    () => reader.malloc(8),
    () => reader.malloc(8, { into: address }),
    () => reader.calloc(2, 8),
    () => reader.mallocMany([8]),
    () => reader.alignedAlloc(64, 8),
    () => reader.free(address),
    () => reader.free({ from: address }),
    () => reader.freeMany([address]),
    () => reader.realloc(address, 8),
    () => reader.realloc(address, 80_000),
    () => reader.replace(address, 0),
    () => reader.roots.set('it', address),
    () => reader.roots.delete('it'),
    () => reader.fill(address, 1),
  ]) {
    assert.throws(call, { code: 'ERR_MEMS_READ_ONLY' }, String(call));
  }
  // Bytes that are stored through views stay in the process.
  reader.buffer(address, 64).fill(1);
  assert.equal(heap.read(address, 1)[0], 6);
  reader.verify();
  heap.verify();
  assert.deepEqual(
    heap.processes.map(({ pid }) => pid),
    [process.pid],
  );
  reader.close();
  heap.close();
});

test('a file that a process has for itself is in use for all others', async (t) => {
  const alone = open({ exclusive: true });
  const address = alone.malloc(100);
  const view = alone.buffer(address, 100);
  const child = fork(WORKER, [file], { silent: true });
  let errors = '';
  child.stderr.on('data', (text) => {
    errors += text;
  });
  const [status] = await once(child, 'close');
  assert.notEqual(status, 0);
  assert.match(errors, /ERR_MEMS_FILE_IN_USE/);
  assert.match(errors, new RegExp(`\\b${process.pid}\\b`));
  alone.close();
  // The view is still there, and keeps nobody out.
  assert.equal(view.length, 100);
  const other = await churn(t);
  assert.throws(() => open({ exclusive: true }), { code: 'ERR_MEMS_FILE_IN_USE' });
  other.kill('SIGKILL');
  await once(other, 'exit');
  open({ exclusive: true }).close();
});

test('a file that is opened again, here and in threads, is one heap', async () => {
  const [first, second] = [open(), open()];
  assert.equal(first.id, second.id);
  const address = first.malloc(100);
  first.roots.set('it', address);
  const seen = await inWorker(({ Heap }, path) => {
    const heap = Heap.open(path, { addresses: 'number' });
    const block = heap.malloc(50);
    heap.roots.set('theirs', block);
    const { id } = heap;
    heap.close();
    return { id, block, it: heap.processes === undefined };
  }, file).catch((error) => error);
  assert.ok(seen instanceof Error, 'a closed heap throws');
  first.close();
  assert.throws(() => first.malloc(8), { code: 'ERR_MEMS_CLOSED' });
  assert.equal(second.roots.get('it'), address);
  second.free(second.roots.get('theirs'));
  second.verify();
  second.close();
  assert.throws(() => second.malloc(8), { code: 'ERR_MEMS_CLOSED' });
  const again = open();
  assert.equal(again.roots.get('it'), address);
  again.close();
});

test('two copies of the package in one process share a file as two processes do', () => {
  const copy = path.join(folder, 'copy');
  fs.mkdirSync(copy);
  for (const name of [
    'package.json',
    'index.js',
    'binding.js',
    'lib',
    ...fs.readdirSync(ROOT).filter((name) => name.endsWith('.node')),
  ])
    fs.cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  const other = require(copy);
  assert.notEqual(other.Heap, Heap);
  const [mine, theirs] = [open(), other.Heap.open(file, { addresses: 'number' })];
  assert.deepEqual(
    mine.processes.map(({ slot }) => slot),
    [0, 1],
  );
  const blocks = [];
  for (let i = 0; i < 2000; i++) blocks.push((i % 2 ? mine : theirs).malloc(1 + (i % 3000)));
  assert.equal(new Set(blocks).size, blocks.length);
  blocks.forEach((address, i) => {
    if (i % 3 > 0) (i % 2 ? theirs : mine).free(address);
  });
  mine.verify();
  theirs.verify();
  assert.deepEqual(mine.stats().counts.live, theirs.stats().counts.live);
  if (process.platform !== 'win32') {
    // The SIGBUS handlers of both are installed.
    fs.truncateSync(file, 4096);
    for (const heap of [mine, theirs]) {
      assert.throws(() => {
        for (const address of blocks) heap.write(address, 'x');
        heap.malloc(8);
      });
      assert.throws(() => heap.malloc(8), { code: 'ERR_MEMS_FILE_LOST' });
    }
  }
  for (const heap of [mine, theirs]) heap.close();
});

test('many processes that create a file at once open one', async () => {
  const program = `const heap = require(${JSON.stringify(ROOT)}).Heap.open(${JSON.stringify(file)});
    heap.malloc(8); console.log(heap.uuid);`;
  const runs = Array.from({ length: 8 }, async () => {
    const child = spawn(process.execPath, ['-e', program]);
    let output = '';
    child.stdout.on('data', (text) => {
      output += text;
    });
    const [status] = await once(child, 'close');
    return { status, output };
  });
  const all = await Promise.all(runs);
  assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([0]));
  assert.equal(new Set(all.map(({ output }) => output)).size, 1);
  const heap = open();
  assert.equal(heap.stats().counts.live, 8);
  assert.deepEqual(
    fs.readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
  );
  heap.close();
});
