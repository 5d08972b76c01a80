'use strict';

// One heap for the process: worker threads see the same default heap, and hammering it from three
// threads at once keeps every invariant.

const { afterEach, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { finishQuietly } = require('../helpers/capture.js');
const { hammer } = require('../helpers/hammer.js');
const { bytes, forget, isFilled } = require('../helpers/memory.js');
const { seed } = require('../helpers/random.js');

const HAMMER = path.join(__dirname, '..', 'helpers', 'hammer.js');
const OPERATIONS = Number(process.env.MEMS_OPERATIONS ?? 1_500_000);

afterEach(() => {
  finishQuietly(mems);
  forget();
});

/** The worker's one message. */
function answer(worker) {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the worker ended without an answer')));
  });
}

/** Runs code in a worker that has `mems` and `workerData`; resolves to what the code returns. */
function inWorker(code, workerData) {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const mems = require(${JSON.stringify(path.join(__dirname, '..', '..'))});
    const { quietly } = require(${JSON.stringify(path.join(__dirname, '..', 'helpers', 'console.js'))});
    parentPort.postMessage((() => { ${code} })());
  `;
  return answer(new Worker(source, { eval: true, workerData }));
}

test('an address made in one thread is valid in every other', async () => {
  mems.init();
  const mine = mems.malloc(100);
  const theirs = await inWorker('mems.init(); mems.get(workerData); return mems.malloc(50);', mine);
  assert.equal(theirs, mine + 100n);
  assert.equal(mems.get(theirs) - mems.get(mine), 100n);
  mems.free(theirs);
  mems.verify();
});

test('a worker that ends leaves the heap as it is', async () => {
  mems.init();
  const address = await inWorker('mems.init(); return mems.malloc(8);');
  assert.equal(mems.stats().counts.live, 1);
  mems.free(address);
});

test('finish() in one thread ends the heap for all', async () => {
  mems.init();
  await inWorker('quietly(mems.finish);');
  assert.throws(() => mems.malloc(1), { code: 'ERR_MEMS_NOT_INITIALIZED' });
});

test('other options are refused in a worker too', async () => {
  mems.init();
  const code = await inWorker(
    'try { mems.init({ minBlockSize: 8192 }); } catch (error) { return error.code; }',
  );
  assert.equal(code, 'ERR_MEMS_ALREADY_INITIALIZED');
});

test('the addon survives being loaded by workers alone', () => {
  // Without -z nodelete Node unloads it with its last environment, and whatever outlives that one
  // (a shared buffer's finalizer, a thread's destructors) jumps into memory that is no longer there.
  const script = `
    const { readFileSync } = require('node:fs');
    const { Worker } = require('node:worker_threads');
    const root = ${JSON.stringify(path.join(__dirname, '..', '..'))};
    const source = 'const mems = require(' + JSON.stringify(root) + ');' +
      'mems.init(); const p = mems.malloc(10);' +
      'globalThis.kept = require(' + JSON.stringify(root + '/binding.js') + ').bufferSpan(0, p, 0, true);';
    let rounds = 5;
    (function round() {
      new Worker(source, { eval: true }).once('exit', () => {
        global.gc();
        if (--rounds > 0) return round();
        const linux = process.platform === 'linux';
        const maps = linux ? readFileSync('/proc/self/maps', 'latin1') : 'mems.node';
        console.log(/mems[.].*node/.test(maps) ? 'still loaded' : 'unloaded');
      });
    })();
  `;
  const args = ['--expose-gc', '-e', script];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.deepEqual({ stdout, stderr, status }, { stdout: 'still loaded\n', stderr: '', status: 0 });
});

test('the addon is linked so that it is never unloaded', {
  skip: process.platform !== 'linux' && 'ELF only',
}, () => {
  // DT_FLAGS_1 with DF_1_NODELETE, as two little-endian words of the dynamic section.
  const root = path.join(__dirname, '..', '..');
  const addon = readFileSync(
    path.join(
      root,
      readdirSync(root).find((file) => file.endsWith('.node')),
    ),
  );
  const tag = Buffer.from('fbffff6f00000000', 'hex');
  const at = addon.indexOf(tag);
  assert.notEqual(at, -1, 'no DT_FLAGS_1');
  assert.equal(addon.readUInt32LE(at + 8) & 0x8, 0x8);
});

test('a buffer whose memory moved into another one outlives worker, heap and all', () => {
  const script = `
    const { Worker } = require('node:worker_threads');
    const root = ${JSON.stringify(path.join(__dirname, '..', '..'))};
    const source = 'const mems = require(' + JSON.stringify(root) + '); mems.init();' +
      'const { buffer } = require(' + JSON.stringify(root + '/binding.js') + ').bufferSpan(0, mems.malloc(4096), 0, false);' +
      'const moved = buffer.transfer ? buffer.transfer() : buffer;' +
      'const list = moved instanceof ArrayBuffer && buffer.transfer ? [moved] : [];' +
      'require("node:worker_threads").parentPort.postMessage(list.length || !(moved instanceof ArrayBuffer) ? moved : null, list);';
    let moved;
    const worker = new Worker(source, { eval: true });
    worker.on('message', (buffer) => { moved = buffer; });
    worker.on('exit', () => {
      require(root + '/__test__/helpers/console.js').quietly(require(root).finish);
      global.gc();
      if (moved) process.stdout.write(String(new Uint8Array(moved)[4095]));
      else process.stdout.write('0');
    });
  `;
  const args = ['--expose-gc', '-e', script];
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
  });
  assert.deepEqual(
    { stdout, stderr, status, signal },
    { stdout: '0', stderr: '', status: 0, signal: null },
  );
});

test('two workers and the main thread hammer one heap', async (t) => {
  t.diagnostic(`MEMS_SEED=${seed}, ${3 * OPERATIONS} operations`);
  mems.init();
  const gate = new SharedArrayBuffer(4);
  const task = (number) => ({
    operations: OPERATIONS,
    fill: number,
    stream: number,
    gate,
    threads: 3,
  });
  const env = { ...process.env, MEMS_SEED: String(seed) };
  const workers = [1, 2].map(
    (number) => new Worker(HAMMER, { workerData: { hammer: task(number) }, env }),
  );
  const answers = workers.map(answer);
  const results = [hammer(task(3)), ...(await Promise.all(answers))];

  mems.verify();
  const { bytes: sizes, counts, totals } = mems.stats();
  const live = results.flatMap((result) => result.live);
  assert.equal(counts.live, live.length);
  assert.equal(
    sizes.live,
    live.reduce((sum, { size }) => sum + size, 0),
  );
  for (const call of ['malloc', 'free']) {
    assert.equal(
      totals[call],
      results.reduce((sum, { calls }) => sum + calls[call], 0),
    );
  }
  for (const { live, fill } of results) {
    for (const { address, size } of live) {
      assert.ok(isFilled(bytes(address, size), fill), `foreign bytes in the block at ${address}`);
    }
  }
  for (const { address } of live) mems.free(address);
  mems.verify();
  assert.equal(mems.stats().bytes.live, 0);
});
