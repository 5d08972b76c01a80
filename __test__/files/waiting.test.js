'use strict';

// waitAsync and notify: how waits end, in one process and in several, and what is left of them when threads, processes and heaps end.

const { after, afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
const LINUX = process.platform === 'linux';
/** The offset in a file of the number that says whether those who ring have to wake somebody. */
const REQUEST = 1604;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-waiting-'));
const open = [];
const children = [];
let count = 0;

afterEach(() => {
  for (const heap of open.splice(0)) heap.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
after(() => remove(folder));

/** A new file with a block of `length` numbers, and the numbers. */
function opened(length = 2) {
  const heap = Heap.open(path.join(folder, `${++count}.mems`));
  open.push(heap);
  const words = heap.calloc(length, 4);
  heap.roots.set('words', words);
  return { heap, words, numbers: heap.view(words, Int32Array, length) };
}

/** Another process that does a job of waiter.js. */
function waiter(heap, job, turns = 0) {
  const args = [path.join(__dirname, 'waiter.js'), heap.path, job, String(turns)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, text }));
  return { child, ended };
}

/** A worker that has the heap and its words, and runs a program. */
function worker(heap, words, program) {
  const text = `
    const { workerData: { id, words }, parentPort } = require('node:worker_threads');
    const { Heap } = require(${JSON.stringify(ROOT)});
    const heap = Heap.attach(id);
    ${program}`;
  return new Worker(text, { eval: true, workerData: { id: heap.id, words } });
}

/** Whether the next to ring has to wake somebody. */
function isRequested(heap) {
  const number = Buffer.alloc(4);
  const descriptor = fs.openSync(heap.path, 'r');
  fs.readSync(descriptor, number, 0, 4, REQUEST);
  fs.closeSync(descriptor);
  return number.readUInt32LE() !== 0;
}

/** Lets the event loop run until something is so. The test runner's limit is the only one. */
async function until(isSo) {
  while (!isSo()) await turn();
}

/** The threads of this process that wait for others. */
const lookouts = () =>
  fs.readdirSync('/proc/self/task').filter((task) => {
    try {
      return fs.readFileSync(`/proc/self/task/${task}/comm`, 'utf8') === 'mems-lookout\n';
    } catch {
      return false;
    }
  }).length;

describe('a wait', () => {
  test('ends by a change and a ring', async () => {
    const { heap, words, numbers } = opened();
    const waited = heap.waitAsync(words, 0);
    numbers[0] = 1;
    heap.notify(words);
    assert.equal(await waited, 'ok');
  });

  test('ends by a change that nobody rings for', async () => {
    const { heap, words, numbers } = opened();
    const waited = heap.waitAsync(words, 0);
    numbers[0] = 1;
    assert.equal(await waited, 'ok');
  });

  test('is none if the word is another, or there is no time', async () => {
    const { heap, words } = opened();
    assert.equal(await heap.waitAsync(words, 1), 'not-equal');
    assert.equal(await heap.waitAsync(words, 1, 0), 'not-equal');
    assert.equal(await heap.waitAsync(words, 0, 0), 'timed-out');
    assert.equal(await heap.waitAsync(words, 0, -1), 'timed-out');
    // Nothing has to be woken for these.
    assert.equal(isRequested(heap), false);
  });

  test('takes the numbers of signed and unsigned words', async () => {
    const { heap, words, numbers } = opened();
    numbers[0] = -2;
    assert.equal(await heap.waitAsync(words, -2, 1), 'timed-out');
    assert.equal(await heap.waitAsync(words, 2 ** 32 - 2, 1), 'timed-out');
    assert.equal(await heap.waitAsync(words, -1, 1), 'not-equal');
  });

  test('ends when its time is over, and others continue', async () => {
    const { heap, words, numbers } = opened();
    const endless = [heap.waitAsync(words, 0), heap.waitAsync(words, 0, 1e9)];
    const times = Array.from({ length: 300 }, (_, i) => heap.waitAsync(words, 0, 1 + (i % 7)));
    assert.deepEqual(new Set(await Promise.all(times)), new Set(['timed-out']));
    assert.equal(await Promise.race([...endless, 'pending']), 'pending');
    numbers[0] = 1;
    heap.notify(words);
    assert.deepEqual(await Promise.all(endless), ['ok', 'ok']);
  });

  test('ends once, however close its time and a ring are', async () => {
    const { heap, words, numbers } = opened();
    for (let round = 0; round < 200; round++) {
      const waited = heap.waitAsync(words, numbers[0], 1);
      const before = numbers[0];
      const timer = setTimeout(() => {
        numbers[0] = before + 1;
        heap.notify(words);
      }, 1);
      const how = await waited;
      assert.ok(how === 'ok' || how === 'timed-out', how);
      clearTimeout(timer);
    }
  });

  test('that is refused rejects the promise', async () => {
    const { heap, words } = opened();
    const block = heap.malloc(8);
    const memory = new Heap();
    const refused = [
      [heap.waitAsync(words + 1n, 0), 'ERR_INVALID_ARG_VALUE'],
      [heap.waitAsync(block + 1000n, 0), 'ERR_MEMS_NOT_ALLOCATED'],
      [heap.waitAsync(block + BigInt(2 ** 40), 0), 'ERR_MEMS_OUT_OF_RANGE'],
      [heap.waitAsync('word', 0), 'ERR_INVALID_ARG_TYPE'],
      [heap.waitAsync(words, 0.5), 'ERR_INVALID_ARG_TYPE'],
      [heap.waitAsync(words, 2 ** 32), 'ERR_INVALID_ARG_TYPE'],
      [heap.waitAsync(words), 'ERR_INVALID_ARG_TYPE'],
      [memory.waitAsync(memory.malloc(8), 0), 'ERR_INVALID_ARG_VALUE'],
    ];
    const codes = await Promise.all(refused.map(([promise]) => promise.catch(({ code }) => code)));
    assert.deepEqual(
      codes,
      refused.map(([, code]) => code),
    );
    memory.close();
  });

  test('for a heap that is for reading only ends as well, and asks for nothing', async () => {
    const { heap, words, numbers } = opened();
    const reader = Heap.open(heap.path, { readOnly: true });
    open.push(reader);
    const waited = reader.waitAsync(words, 0);
    assert.equal(await reader.waitAsync(words, 0, 2), 'timed-out');
    assert.equal(isRequested(heap), false);
    numbers[0] = 1;
    heap.notify(words);
    assert.equal(await waited, 'ok');
    const endless = reader.waitAsync(words, 1);
    reader.close();
    await assert.rejects(endless, { code: 'ERR_MEMS_CLOSED' });
  });

  test('ends in the order of the waits, and may be followed by another at once', async () => {
    const { heap, words, numbers } = opened();
    const order = [];
    const waits = [1, 2, 3].map((name) =>
      heap.waitAsync(words, 0).then(() => {
        order.push(name);
        return heap.waitAsync(words, 1);
      }),
    );
    numbers[0] = 1;
    heap.notify(words);
    await until(() => order.length === 3);
    numbers[0] = 2;
    heap.notify(words);
    assert.deepEqual(await Promise.all(waits), ['ok', 'ok', 'ok']);
    assert.deepEqual(order, [1, 2, 3]);
  });
});

describe('ten thousand waits', () => {
  const MANY = 10_000;

  test('end with their own words', async () => {
    const { heap, words, numbers } = opened(MANY);
    const ended = new Uint8Array(MANY);
    const waits = Array.from({ length: MANY }, (_, i) =>
      heap.waitAsync(words + BigInt(4 * i), 0).then((how) => {
        ended[i]++;
        return how;
      }),
    );
    const change = async (indexes) => {
      for (const i of indexes) numbers[i] = 1;
      heap.notify(words);
      const outcomes = await Promise.all(indexes.map((i) => waits[i]));
      assert.deepEqual(new Set(outcomes), new Set(['ok']));
    };
    const all = Array.from({ length: MANY }, (_, i) => i);
    await change(all.filter((i) => i % 3 === 0));
    assert.ok(ended.every((times, i) => times === (i % 3 === 0 ? 1 : 0)));
    await change(all.filter((i) => i % 3 !== 0));
    assert.ok(ended.every((times) => times === 1));
  });

  test('have one thread, which ends when they have', { skip: !LINUX }, async () => {
    await until(() => lookouts() === 0);
    const { heap, words, numbers } = opened();
    const waits = Array.from({ length: MANY }, () => heap.waitAsync(words, 0, 1e6));
    assert.equal(lookouts(), 1);
    numbers[0] = 1;
    heap.notify(words);
    await Promise.all(waits);
    // The thread stays for a moment, in which nobody has to wake it.
    heap.notify(words);
    assert.equal(isRequested(heap), false);
    await until(() => lookouts() === 0);
    const again = heap.waitAsync(words, 1);
    numbers[0] = 2;
    heap.notify(words);
    assert.equal(await again, 'ok');
  });
});

describe('several processes', () => {
  test('answer each other', async () => {
    const TURNS = 1000;
    const { heap, words, numbers } = opened();
    const { ended } = waiter(heap, 'answer', TURNS);
    for (let turn = 0; turn < TURNS; turn++) {
      numbers[0] = turn + 1;
      heap.notify(words);
      await heap.waitAsync(words + 4n, turn);
      assert.equal(numbers[1], turn + 1);
    }
    assert.deepEqual(await ended, { code: 0, signal: null, text: '' });
  });

  test('stay alive while they wait, with nothing else to do', async () => {
    const { heap, words, numbers } = opened();
    const all = [waiter(heap, 'once'), waiter(heap, 'once')];
    await until(() => isRequested(heap));
    numbers[0] = 1;
    heap.notify(words);
    // One that begins to wait only now finds another number.
    for (const { ended } of all) assert.match((await ended).text, /^(ok|not-equal)\n$/);
    assert.equal((await all[0].ended).code, 0);
  });

  test('exit while they wait', async () => {
    const { heap } = opened();
    assert.equal((await waiter(heap, 'exit').ended).code, 7);
  });

  test('that are killed while they wait cost the next ring one call', async () => {
    const { heap, words, numbers } = opened();
    const { child, ended } = waiter(heap, 'once');
    await until(() => isRequested(heap));
    child.kill('SIGKILL');
    assert.equal((await ended).text, '');
    // Nothing is left of it but the request.
    heap.notify(words);
    assert.equal(isRequested(heap), false);
    const waited = heap.waitAsync(words, 0);
    numbers[0] = 1;
    heap.notify(words);
    assert.equal(await waited, 'ok');
  });
});

describe('waits of other threads', () => {
  test('continue when the worker has ended that waited first', async () => {
    const { heap, words, numbers } = opened();
    const ends = worker(
      heap,
      words,
      `for (let i = 0; i < 100; i++) heap.waitAsync(words, 0, i % 2 ? 1e6 : undefined);
       parentPort.postMessage('waiting');
       parentPort.on('message', () => process.exit());`,
    );
    await once(ends, 'message');
    const waited = heap.waitAsync(words, 0);
    ends.postMessage('end');
    await once(ends, 'exit');
    numbers[0] = 1;
    heap.notify(words);
    assert.equal(await waited, 'ok');
  });

  test('end while workers are terminated', async () => {
    const { heap, words, numbers } = opened();
    for (let round = 0; round < 10; round++) {
      const program = `
        (async () => {
          const waits = Array.from({ length: 200 }, (_, i) => heap.waitAsync(words, ${round}, i % 3 ? 1e6 : 1));
          parentPort.postMessage('waiting');
          await Promise.all(waits);
          for (;;) await heap.waitAsync(words, ${round + 1}, 1);
        })();`;
      const ending = worker(heap, words, program);
      await once(ending, 'message');
      const waited = heap.waitAsync(words, round);
      numbers[0] = round + 1;
      heap.notify(words);
      await Promise.all([ending.terminate(), waited]);
      assert.equal(await waited, 'ok');
    }
  });

  test('are rung for by a worker', async () => {
    const { heap, words } = opened();
    const waited = heap.waitAsync(words, 0);
    const rings = worker(
      heap,
      words,
      'heap.write(words, Buffer.from([1, 0, 0, 0])); heap.notify(words);',
    );
    const [how] = await Promise.all([waited, once(rings, 'exit')]);
    assert.equal(how, 'ok');
  });
});

describe('the end of the heap', () => {
  test('rejects what waits, and lets the file go', async () => {
    const { heap, words } = opened();
    const { path: file } = heap;
    const waits = [heap.waitAsync(words, 0), heap.waitAsync(words, 0, 1e6)];
    heap.close();
    for (const wait of waits) {
      await assert.rejects(wait, { code: 'ERR_MEMS_CLOSED' });
    }
    await assert.rejects(heap.waitAsync(words, 0), { code: 'ERR_MEMS_CLOSED' });
    if (LINUX) assert.doesNotMatch(fs.readFileSync('/proc/self/maps', 'utf8'), new RegExp(file));
    const again = Heap.open(file, { exclusive: true });
    open.push(again);
    const waited = again.waitAsync(words, 0);
    again.write(words, Buffer.from([1]));
    again.notify(words);
    assert.equal(await waited, 'ok');
  });

  test('is no change of a word, and comes after one', async () => {
    const { heap, words, numbers } = opened();
    numbers.set([1, 0]);
    const waits = [heap.waitAsync(words, 1), heap.waitAsync(words + 4n, 0)];
    numbers[1] = 1;
    heap.notify(words);
    heap.close();
    // Views show zeros when the heap has ended, but on Windows the file.
    assert.equal(numbers[0], process.platform === 'win32' ? 1 : 0);
    await assert.rejects(waits[0], { code: 'ERR_MEMS_CLOSED' });
    assert.equal(await waits[1], 'ok');
  });

  test('in another thread rejects what waits', async () => {
    // The thread that has opened the heap closes it.
    const text = `
      const { parentPort } = require('node:worker_threads');
      const { Heap } = require(${JSON.stringify(ROOT)});
      const heap = Heap.open(${JSON.stringify(path.join(folder, `${++count}.mems`))});
      parentPort.once('message', () => heap.close());
      parentPort.postMessage({ id: heap.id, words: heap.calloc(2, 4) });`;
    const opener = new Worker(text, { eval: true });
    const exited = once(opener, 'exit');
    const [{ id, words }] = await once(opener, 'message');
    const waited = Heap.attach(id).waitAsync(words, 0);
    opener.postMessage('close');
    await assert.rejects(waited, { code: 'ERR_MEMS_CLOSED' });
    await exited;
  });

  test('is not there while another object has the heap open', async () => {
    const { heap, words, numbers } = opened();
    const other = Heap.open(heap.path);
    open.push(other);
    const waited = heap.waitAsync(words, 0);
    heap.close();
    numbers[0] = 1;
    other.notify(words);
    assert.equal(await waited, 'ok');
  });

  test('by a file that is cut off rejects what waits', {
    skip: process.platform === 'win32',
  }, async () => {
    const { heap, words } = opened();
    const waits = [heap.waitAsync(words, 0), heap.waitAsync(words + 4n, 0, 1e6)];
    fs.truncateSync(heap.path, 0);
    for (const wait of waits) await assert.rejects(wait, { code: 'ERR_MEMS_FILE_LOST' });
    await assert.rejects(heap.waitAsync(words, 0), { code: 'ERR_MEMS_FILE_LOST' });
  });
});
