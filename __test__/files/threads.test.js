'use strict';

// What becomes of a heap file in one process: objects that are closed twice, threads that end, and threads that wait.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { Heap } = require('../..');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
/** Offsets in the file, in bytes. */
const [CLEAN, LOCK, GENERATIONS] = [[512 + 16, 576 + 16], 1024, 8 * 512];

let folder;
let number = 0;

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-threads-'));
});
after(() => remove(folder));

const newPath = () => path.join(folder, `${++number}.mems`);

/** Runs a program in a worker, with the class `Heap` and what it is given, and returns what it posts. */
async function inWorker(program, given) {
  const head = `const { parentPort, workerData } = require('node:worker_threads');
    const { Heap } = require(workerData.root);`;
  const worker = new Worker(head + program, { eval: true, workerData: { root: ROOT, ...given } });
  // A thread that could not listen for long hears of both at once.
  const [[posted]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  return posted;
}

/** The word of a file at an offset. */
function wordAt(file, offset) {
  const bytes = Buffer.alloc(8);
  const handle = fs.openSync(file, 'r');
  fs.readSync(handle, bytes, 0, 8, offset);
  fs.closeSync(handle);
  return bytes.readBigUInt64LE();
}

/** Whether the last process, or the last of this one's objects, has closed a file: the newer of its two states says so. */
function isClosed(file) {
  const states = CLEAN.map((offset) => [wordAt(file, offset + 8), wordAt(file, offset)]);
  const [, clean] = states[0][0] > states[1][0] ? states[0] : states[1];
  return clean === 1n;
}

describe('objects of one heap', () => {
  test('each that has opened the file closes it once, however often it is closed', () => {
    const file = newPath();
    const [heap, other] = [Heap.open(file), Heap.open(file)];
    heap.close();
    heap.close();
    assert.throws(() => heap.malloc(8), { code: 'ERR_MEMS_CLOSED' });
    other.free(other.malloc(8));
    assert.equal(isClosed(file), false);
    other.close();
    assert.equal(isClosed(file), true);
    assert.throws(() => other.malloc(8), { code: 'ERR_MEMS_CLOSED' });
  });

  test('one that was attached ends alone', () => {
    const file = newPath();
    const heap = Heap.open(file);
    const address = heap.malloc(8);
    for (const looksFirst of [true, false]) {
      const attached = Heap.attach(heap.id);
      if (looksFirst) attached.roots.set('its', address);
      attached.close();
      attached.close();
      assert.throws(() => attached.get(address), { code: 'ERR_MEMS_CLOSED' });
      assert.equal(heap.roots.get('its'), address);
    }
    heap.close();
    assert.equal(isClosed(file), true);
  });

  test('a class whose constructor throws leaves the file closed', () => {
    const file = newPath();
    class Failing extends Heap {
      constructor(...others) {
        super(...others);
        throw new TypeError('on purpose');
      }
    }
    assert.throws(() => Failing.open(file), { message: 'on purpose' });
    assert.equal(isClosed(file), true);
  });
});

describe('threads', () => {
  test('one that ends without closing has closed what it had opened', async () => {
    const file = newPath();
    const heap = Heap.open(file);
    const program = `const [first, second] = [Heap.open(workerData.file), Heap.open(workerData.file)];
      const attached = Heap.attach(first.id);
      second.close();
      parentPort.postMessage(first.id);`;
    assert.equal(await inWorker(program, { file }), heap.id);
    assert.equal(isClosed(file), false);
    heap.free(heap.malloc(8));
    heap.close();
    assert.equal(isClosed(file), true);
    // A file that only the thread had open.
    const other = newPath();
    await inWorker(program, { file: other });
    assert.equal(isClosed(other), true);
  });

  test('one looks at blocks while another waits for a process that does not continue', {
    skip: process.platform === 'win32' && 'a file that is mapped is written to',
  }, async () => {
    const file = newPath();
    const heap = Heap.open(file, { lockTimeout: 1000 });
    const address = heap.malloc(64);
    heap.write(address, 'ours');
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const program = `const heap = Heap.attach(workerData.id);
      Atomics.store(workerData.flag, 0, 1);
      Atomics.notify(workerData.flag, 0);
      let code;
      try { heap.malloc(8); } catch (error) { code = error.code; }
      Atomics.store(workerData.flag, 0, 2);
      parentPort.postMessage(code);`;
    // This process lives, and holds the lock as it seems.
    const handle = fs.openSync(file, 'r+');
    const put = (value) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(value);
      fs.writeSync(handle, bytes, 0, 8, LOCK);
    };
    put((wordAt(file, GENERATIONS) << 16n) | 1n);
    const waited = inWorker(program, { id: heap.id, flag });
    // The worker begins when this thread lets it.
    while (Atomics.load(flag, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    let looks = 0;
    while (Atomics.load(flag, 0) === 1) {
      assert.equal(heap.read(address, 4).toString(), 'ours');
      heap.get(address);
      looks += 1;
    }
    assert.equal(await waited, 'ERR_MEMS_LOCK_TIMEOUT');
    assert.ok(looks > 1000, `${looks} looks in the second that the other has waited`);
    put(0n);
    fs.closeSync(handle);
    heap.free(address);
    heap.close();
  });
});
