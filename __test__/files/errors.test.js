'use strict';

// What the errors of heap files say: the system's own error, the argument that is meant, and what to do; and errors that take a system of
// a special kind: one without hard links, a file system that cannot be shared, 1024 processes.

const { after, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { inspect } = require('node:util');
const { pathToFileURL } = require('node:url');
const { Heap, malloc, init, finish } = require('../..');
const { capture } = require('../helpers/capture.js');
const { NOBODY, hasNobody } = require('../helpers/nobody.js');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
const onLinux = process.platform === 'linux';
const isRoot = process.getuid?.() === 0;
const TIB = 2 ** 40;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-errors-'));
after(() => remove(folder));

let count = 0;
const newPath = () => path.join(folder, `${++count}.heap`);

/** A new heap file, which is closed when the test ends. */
function opened(t, options, file = newPath()) {
  const heap = Heap.open(file, options);
  t.after(() => heap.close());
  return heap;
}

/** The error that a call throws. */
function errorOf(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error(`${call} throws nothing`);
}

/** Runs a program in another process, with `Heap` and `file`. Returns what it prints. */
function elsewhere(file, program, env = {}) {
  const text = `const { Heap } = require(${JSON.stringify(ROOT)}); const file = ${JSON.stringify(file)}; ${program}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', text], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.equal(stderr, '');
  return stdout;
}

test('a path of any length is used whole', (t) => {
  const long = path.join(folder, 'd'.repeat(100), 'e'.repeat(100));
  fs.mkdirSync(long, { recursive: true });
  const file = path.join(long, 'f'.repeat(100));
  const heap = opened(t, {}, file);
  assert.equal(heap.path, file);
  assert.deepEqual(fs.readdirSync(long), ['f'.repeat(100)]);
  assert.equal(Heap.verify(file).path, file);
  const into = path.join(long, 'g'.repeat(100));
  heap.close();
  assert.equal(Heap.repair(file, { into }).path, into);
  const { code, cause } = errorOf(() => Heap.open(path.join(folder, 'x'.repeat(300))));
  assert.deepEqual([code, typeof cause.code], ['ERR_MEMS_FILE', 'string']);
});

test('the system’s own error is the cause', () => {
  const file = path.join(folder, 'none', 'below');
  const error = errorOf(() => Heap.open(file));
  assert.equal(error.code, 'ERR_MEMS_FILE');
  assert.match(error.message, /Its folder has to exist$/);
  const { cause } = error;
  assert.ok(cause instanceof Error);
  assert.deepEqual([cause.code, cause.syscall, cause.path], ['ENOENT', 'open', file]);
  assert.ok(cause.errno < 0);
  assert.match(cause.message, /^ENOENT: .*, open '.*below'$/);
  assert.ok(!Object.keys(error).includes('cause'));
  const missing = errorOf(() => Heap.open(newPath(), { create: false }));
  assert.equal(missing.cause.code, 'ENOENT');
  if (onLinux) assert.equal(missing.cause.errno, -os.constants.errno.ENOENT);
  // Where the system is not the reason, there is none.
  assert.equal(errorOf(() => Heap.open(folder)).cause, undefined);
});

test('the cause of a full disk is the system’s error', {
  skip: process.platform === 'win32' && 'needs ulimit',
}, () => {
  const file = newPath();
  const program = `
    const { Heap } = require(${JSON.stringify(ROOT)});
    process.on('SIGXFSZ', () => {});
    const heap = Heap.open(${JSON.stringify(file)});
    heap.malloc(8);
    try { heap.malloc(16 << 20); } catch ({ code, message, size, cause }) {
      console.log(JSON.stringify([code, message, size, cause.code, cause.path]));
    }`;
  const args = ['-c', 'ulimit -f 4096 && exec "$0" -e "$1"', process.execPath, program];
  const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8' });
  assert.equal(stderr, '');
  const [code, message, size, cause, where] = JSON.parse(stdout);
  assert.deepEqual([code, size, cause, where], ['ERR_MEMS_OUT_OF_SPACE', 16 << 20, 'EFBIG', file]);
  assert.match(message, /for a size of 16777216, the heap file/);
});

test('permissions that are missing are the cause', {
  skip: !hasNobody() && 'needs another user',
}, (t) => {
  const { path: file } = opened(t);
  fs.chmodSync(folder, 0o755);
  fs.chmodSync(file, 0o400);
  const said = elsewhere(
    file,
    `process.setgid(${NOBODY}); process.setuid(${NOBODY});
     try { Heap.open(file); } catch ({ message, cause }) {
       console.log(JSON.stringify([message, cause.code, cause.errno, cause.syscall]));
     }`,
  );
  const [message, ...cause] = JSON.parse(said);
  assert.deepEqual(cause, ['EACCES', -os.constants.errno.EACCES, 'open']);
  assert.match(message, /readOnly: true/);
});

test('a heap for reading only refuses to store bytes, by every object of it', (t) => {
  const writer = opened(t, { addresses: 'number' });
  const [address, large] = [writer.malloc(64), writer.malloc(10_000)];
  writer.fill(address, 5);
  const reader = opened(t, { readOnly: true, addresses: 'number' }, writer.path);
  const attached = Heap.attach(reader.id, { addresses: 'number' });
  for (const heap of [reader, attached]) {
    // Bytes could be stored through a view that exists already, without the addon.
    const view = heap.buffer(address);
    heap.view(address);
    for (const call of [
      () => heap.write(address, 'no'),
      () => heap.write(large, Buffer.alloc(10_000, 1)),
      () => heap.fill(address, 1),
      () => heap.fill(address, 1, 8),
      () => heap.copy(address, large, 8),
      () => heap.copy(address, address, 0),
    ]) {
      const error = errorOf(call);
      assert.equal(error.code, 'ERR_MEMS_READ_ONLY', String(call));
      assert.match(error.message, /Open it without readOnly/);
    }
    assert.equal(heap.read(address, 1)[0], 5);
    assert.equal(heap.compare(address, address, 64), 0);
    if (process.platform === 'darwin') continue;
    // A view is a copy of this process alone from the first store on.
    view[0] = 9;
    assert.equal(writer.read(address, 1)[0], 5);
    view[0] = 5;
  }
});

test('maxSize is from 4096 bytes to a tebibyte', (t) => {
  for (const maxSize of [0, 1, 4095, TIB + 1, 2n ** 41n, 2n ** 70n, -1, 1.5, Number.NaN]) {
    const file = newPath();
    const error = errorOf(() => Heap.open(file, { maxSize }));
    assert.ok(error instanceof RangeError);
    assert.equal(error.code, 'ERR_MEMS_INVALID_SIZE');
    assert.match(error.message, /from 4096 to 1099511627776 \(1 TiB\)/);
    assert.ok(!fs.existsSync(file));
  }
  for (const maxSize of [4096, TIB, BigInt(TIB)]) opened(t, { maxSize });
});

test('a block that no extent has room for is refused for that reason', (t) => {
  const heap = opened(t, { maxSize: TIB });
  const error = errorOf(() => heap.malloc(40 * 2 ** 30));
  assert.equal(error.code, 'ERR_MEMS_OUT_OF_MEMORY');
  assert.match(error.message, /an extent of a heap file has less than 32 GiB/);
  assert.ok(error.size === 40 * 2 ** 30 && error.available > 31 * 2 ** 30);
});

test('options that are refused are named, with their units and ranges', () => {
  const refused = (options) => errorOf(() => Heap.open(newPath(), options)).message;
  assert.match(refused({ lockTimeout: '5' }), /options\.lockTimeout.* number of milliseconds/);
  assert.match(refused({ syncEvery: '5' }), /options\.syncEvery.* number of milliseconds/);
  for (const syncEvery of [0, -1, 1.5, 2n ** 64n])
    assert.match(refused({ syncEvery }), /^The syncEvery .* number of milliseconds from 1 to /);
  for (const mode of [-1, 0, 0o400, 0o200, 0o577, 0o1600, 1.5, '600'])
    assert.match(refused({ mode }), /options\.mode.* from 0o600 to 0o777/, String(mode));
  assert.match(
    errorOf(() => Heap.open('')).message,
    /"path" argument must be a path, or a file: URL/,
  );
});

test('words that are none are named by the argument that they are', (t) => {
  const heap = opened(t);
  const word = heap.calloc(2, 8);
  const typed = [
    ['options.into', () => heap.malloc(8, { into: 'word' })],
    ['from', () => heap.free({ from: null })],
    ['word', () => heap.replace(undefined, 0)],
    ['address', () => heap.replace(word, 'x')],
  ];
  for (const [name, call] of typed) {
    const { code, message } = errorOf(call);
    assert.equal(code, 'ERR_INVALID_ARG_TYPE');
    assert.ok(message.startsWith(`The "${name}" argument must be`), message);
  }
  for (const call of [
    () => heap.malloc(8, { into: -8 }),
    () => heap.malloc(8, { into: 2n ** 64n }),
    () => heap.malloc(8, { into: word + 1n }),
    () => heap.free({ from: 1.5 }),
    () => heap.replace(5n, 0),
  ]) {
    const error = errorOf(call);
    assert.ok(error instanceof TypeError, String(call));
    assert.equal(error.code, 'ERR_INVALID_ARG_VALUE');
    assert.match(
      error.message,
      /not the address of a word: 8 bytes of a live block, at a multiple of 8/,
    );
  }
  const waited = errorOf(() => heap.wait(word + 1n, 0, 1));
  assert.ok(waited instanceof TypeError);
  assert.match(waited.message, /a word: 4 bytes of a live block, at a multiple of 4/);
});

test('a word that is empty frees nothing', (t) => {
  const heap = opened(t);
  const word = heap.calloc(1, 8);
  const { code, message } = errorOf(() => heap.free({ from: word }));
  assert.equal(code, 'ERR_MEMS_NOT_ALLOCATED');
  assert.match(message, new RegExp(`^The word at ${word} holds no address`));
  assert.match(
    errorOf(() => heap.free({ from: word, size: 8 })).message,
    /"size" is not an option of free\(\)/,
  );
  assert.equal(heap.stats().counts.live, 1);
});

test('an address inside a block is refused in words that fit every call', (t) => {
  const heap = opened(t);
  const block = heap.malloc(100);
  const { message } = errorOf(() => heap.roots.set('a', block + 16n));
  assert.match(message, /Pass the block's start, 1000$/);
});

test('the options that calls have are listed', (t) => {
  const heap = opened(t);
  const word = heap.calloc(1, 8);
  const known = (call) => errorOf(call).message.replace(/^.*?is not an option of /, '');
  assert.equal(
    known(() => heap.malloc(8, { what: 1 })),
    'malloc(). The options are alignment, into',
  );
  assert.equal(
    known(() => heap.malloc(8, { into: word, what: 1 })),
    'malloc(). The options are alignment, into',
  );
  assert.equal(
    known(() => heap.allocate(8, { into: word })),
    'allocate(). The options are alignment, shared',
  );
  assert.equal(
    known(() => heap.realloc(word, 8, { into: word })),
    'realloc(). The options are alignment',
  );
  assert.equal(heap.stats().counts.live, 1);
  init();
  try {
    assert.equal(errorOf(() => malloc(8, { into: 1000n })).code, 'ERR_INVALID_ARG_VALUE');
  } finally {
    capture(finish);
  }
});

test('a timeout of wait is a number', (t) => {
  const heap = opened(t);
  const word = heap.calloc(1, 8);
  for (const timeout of ['1', null, 1n, {}]) {
    const { code, message } = errorOf(() => heap.wait(word, 0, timeout));
    assert.equal(code, 'ERR_INVALID_ARG_TYPE');
    assert.match(message, /^The "timeout" argument must be of type number, in milliseconds/);
  }
  assert.equal(heap.wait(word, 0, -5), 'timed-out');
  assert.equal(heap.wait(word, 1, Number.POSITIVE_INFINITY), 'not-equal');
});

test('a file that is open here is not had alone, unless it was opened so', (t) => {
  const shared = opened(t);
  const error = errorOf(() => Heap.open(shared.path, { exclusive: true }));
  assert.equal(error.code, 'ERR_MEMS_FILE_IN_USE');
  assert.match(error.message, /in use by this process/);
  assert.equal(shared.processes.length, 1);
  const alone = opened(t, { exclusive: true });
  assert.equal(opened(t, { exclusive: true }, alone.path).id, alone.id);
  assert.equal(opened(t, {}, alone.path).id, alone.id);
});

test('no recording is written over a heap file', async (t) => {
  const heap = opened(t);
  heap.roots.set('it', heap.malloc(100));
  const { path: file } = heap;
  const other = new Heap();
  t.after(() => other.close());
  const before = fs.statSync(file).ino;
  for (const call of [
    () => heap.snapshot(file),
    () => other.snapshot(pathToFileURL(file)),
    () => other.record(file),
  ]) {
    const { code, message } = errorOf(call);
    assert.equal(code, 'ERR_MEMS_RECORDING', String(call));
    assert.match(message, /is a heap file, and is not overwritten/);
  }
  if (Number(process.versions.node.split('.')[0]) >= 20)
    await assert.rejects(other.report(file), { code: 'ERR_MEMS_RECORDING' });
  assert.equal(fs.statSync(file).ino, before);
  heap.close();
  assert.equal(Heap.verify(file).roots[0].name, 'it');
});

test('heaps in files and their roots are shown as such, and closed ones by the id that they had', (t) => {
  const heap = opened(t);
  heap.roots.set('it', heap.malloc(100));
  const { id } = heap;
  assert.match(inspect(heap), /path: '.*\.heap'/);
  assert.equal(Heap.list().find((entry) => entry.id === id).path, heap.path);
  assert.equal(inspect(heap.roots), "Roots(1) { 'it' => 1000n }");
  const { roots } = heap;
  const again = opened(t, {}, heap.path);
  heap.close();
  assert.equal(heap.id, id);
  assert.equal(inspect(heap), `Heap { id: ${id}, closed: true }`);
  assert.equal(inspect(roots), '[Roots]');
  assert.match(errorOf(() => heap.malloc(8)).message, /open its file again with Heap\.open\(\)/);
  assert.equal(again.id, id);
  heap.close();
  assert.ok(again.owns(1000n));
  const plain = new Heap();
  assert.ok(!('path' in Heap.list().find((entry) => entry.id === plain.id)));
  plain.close();
});

test('a link to nothing, and a copy where something is, are refused in words', {
  skip: process.platform === 'win32' && 'links need permission',
}, () => {
  const link = newPath();
  fs.symlinkSync(`${link}.nothing`, link);
  const dangling = errorOf(() => Heap.open(link, { followSymlinks: true }));
  assert.match(dangling.message, /is not opened, since it is a symbolic link to nothing/);
  assert.ok(!fs.existsSync(link));
  const file = newPath();
  Heap.open(file).close();
  const error = errorOf(() => Heap.repair(file, { into: pathToFileURL(file) }));
  assert.equal(error.code, 'ERR_MEMS_FILE');
  assert.match(error.message, /is not created, since there is something already/);
  const into = newPath();
  assert.equal(Heap.repair(file, { into: pathToFileURL(into) }).path, into);
});

/** Runs a command in which the user may mount file systems, if this process may. */
const mountable = (...command) =>
  spawnSync('unshare', [...(isRoot ? [] : ['--user', '--map-root-user']), '--mount', ...command], {
    encoding: 'utf8',
  });

test('a file system that cannot be shared is refused, unless any is meant', {
  skip: !onLinux && 'needs mount',
}, (t) => {
  const file = newPath();
  Heap.open(file).close();
  const [upper, work, merged] = ['upper', 'work', 'merged'].map((name) => path.join(folder, name));
  for (const place of [upper, work, merged]) fs.mkdirSync(place);
  const mount = `mount -t overlay overlay -o lowerdir=${folder},upperdir=${upper},workdir=${work} ${merged}`;
  if (mountable('sh', '-c', mount).status !== 0) return t.skip('an overlay cannot be mounted');
  const at = path.join(merged, path.basename(file));
  const program = `
    const { Heap } = require(${JSON.stringify(ROOT)});
    const codeOf = (options) => {
      try { Heap.open(${JSON.stringify(at)}, options).close(); } catch ({ code, message }) { return [code, message]; }
      return [];
    };
    console.log(JSON.stringify([codeOf({ readOnly: true }), codeOf({ readOnly: true, anyFileSystem: true }), codeOf({})]));`;
  const { stdout, stderr } = mountable(
    'sh',
    '-c',
    `${mount} && exec "$0" -e "$1"`,
    process.execPath,
    program,
  );
  assert.equal(stderr, '');
  const [[code, message], any, written] = JSON.parse(stdout);
  assert.equal(code, 'ERR_MEMS_FILE_SYSTEM');
  assert.match(message, /of the kind 'overlay'.*anyFileSystem: true/);
  assert.deepEqual([any, written], [[], []]);
});

test('a file that 1024 processes have open is refused', {
  skip: !onLinux && 'needs fcntl',
}, (t) => {
  const koffi = require('koffi');
  const isMusl = process.report.getReport().header.glibcVersionRuntime === undefined;
  const libc = koffi.load(
    isMusl ? `libc.musl-${process.arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1` : 'libc.so.6',
  );
  koffi.struct('flock', {
    type: 'short',
    whence: 'short',
    start: 'int64_t',
    length: 'int64_t',
    pid: 'int',
  });
  const fcntl = libc.func('int fcntl(int, int, ...)');
  const [SET_LOCK, WRITE] = [6, 1];
  const file = newPath();
  Heap.open(file).close();
  // The locks that 1024 processes would hold, one for each slot.
  const descriptor = fs.openSync(file, 'r+');
  t.after(() => fs.closeSync(descriptor));
  const lock = { type: WRITE, whence: 0, start: 2n ** 62n, length: 1024, pid: 0 };
  assert.equal(fcntl(descriptor, SET_LOCK, 'flock *', lock), 0);
  const error = errorOf(() => Heap.open(file));
  assert.equal(error.code, 'ERR_MEMS_TOO_MANY_PROCESSES');
  assert.match(error.message, /is open in 1024 processes, the most that it can be/);
  // Closing any descriptor of the file has released the locks.
  Heap.open(file).close();
});

/** A library in which the system has no hard links. `undefined`: none can be made, or loaded before others, as under QEMU, which loads it itself. */
function withoutLinks(errno) {
  const library = path.join(folder, `nolinks${errno}.so`);
  const text =
    '#include <errno.h>\n' +
    `int linkat(int a, const char *b, int c, const char *d, int e) { errno = ${errno}; return -1; }\n` +
    `int link(const char *a, const char *b) { errno = ${errno}; return -1; }\n`;
  const args = ['-shared', '-fPIC', '-w', '-x', 'c', '-', '-o', library];
  if (spawnSync(process.env.CC ?? 'cc', args, { input: text }).status !== 0) return undefined;
  const env = { ...process.env, LD_PRELOAD: library };
  const { stderr } = spawnSync(process.execPath, ['-e', ''], { env, encoding: 'utf8' });
  return stderr === '' ? library : undefined;
}

test('where there are no hard links, a file is renamed to its name, and replaces none', {
  skip: !onLinux && 'needs LD_PRELOAD',
}, (t) => {
  for (const errno of ['EPERM', 'EOPNOTSUPP']) {
    const library = withoutLinks(errno);
    if (library === undefined) return t.skip('no library can be made and preloaded');
    const place = path.join(folder, errno);
    fs.mkdirSync(place);
    const file = path.join(place, 'it.heap');
    const program = `
      const heap = Heap.open(file);
      heap.roots.set('it', heap.malloc(8));
      console.log(heap.uuid);`;
    const env = { LD_PRELOAD: library };
    const uuid = elsewhere(file, program, env).trim();
    assert.deepEqual(fs.readdirSync(place), ['it.heap']);
    assert.equal(Heap.verify(file).uuid, uuid);
    // Many at once open one file.
    const other = path.join(place, 'other.heap');
    const many = `
      const { spawn } = require('child_process');
      const text = 'console.log(require(' + JSON.stringify(${JSON.stringify(ROOT)}) + ').Heap.open(' + JSON.stringify(file) + ').uuid)';
      for (let i = 0; i < 6; i++) spawn(process.execPath, ['-e', text], { stdio: 'inherit' });`;
    const uuids = elsewhere(other, many, env).trim().split('\n');
    assert.deepEqual([uuids.length, new Set(uuids).size], [6, 1]);
    assert.deepEqual(fs.readdirSync(place).sort(), ['it.heap', 'other.heap']);
  }
});
