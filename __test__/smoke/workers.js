// The smoke suite's checks with worker threads. It is the program of the workers as well, and of the process that leaves
// the addon to them.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const assert = require('assert');
const { spawnSync } = require('child_process');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { api } = require('./api.js');

// Deno needs its subcommand and permissions again for a child; other runtimes run a file as it is.
const CHILD_ARGS = typeof Deno === 'undefined' ? [] : ['run', '-A', '--no-lock'];

// Runs this file as a worker, and returns its message once it has exited.
function runWorker(data) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: data });
    let answer;
    worker.on('message', (message) => {
      answer = message;
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      if (code === 0 && answer) resolve(answer);
      else reject(new Error(`the worker ended with code ${code}`));
    });
  });
}

async function workerSharesTheHeap() {
  const mems = api();
  const own = mems.malloc(100);
  const answer = await runWorker({ own });
  assert.strictEqual(answer.ownPhysical, mems.get(own));
  assert.strictEqual(answer.made, own + 100n, 'the next address of the same heap');
  assert.strictEqual(answer.madePhysical, mems.get(answer.made));
  mems.free(answer.made);
  assert.strictEqual(mems.stats().counts.live, 1);
}

function addonOnlyInWorkers() {
  const args = [...CHILD_ARGS, __filename, 'only-workers'];
  const options = { encoding: 'utf8', timeout: 60000 };
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, options);
  const report = JSON.stringify({ status, signal, stdout, stderr });
  assert.ok(status === 0 && stdout.includes('main outlived its workers'), report);
}

// In a worker: writes to a block of a heap that another thread made, and makes one there.
function writeThroughView({ heap, address }) {
  const attached = api().Heap.attach(heap);
  attached.view(address, Int32Array)[1] = 42;
  const made = attached.malloc(100);
  attached.write(made, 'made');
  return { made };
}

// In a worker: `own`, if given, is an address that the main thread allocated.
function runInWorker(data) {
  if (data.heap) return parentPort.postMessage(writeThroughView(data));
  const mems = api();
  mems.init();
  const made = mems.malloc(100);
  const answer = { made, madePhysical: mems.get(made) };
  if (data.own) answer.ownPhysical = mems.get(data.own);
  parentPort.postMessage(answer);
}

// In a child process: the addon comes and goes with each worker, and main never loads it.
async function runOnlyWorkers() {
  const first = await runWorker({});
  assert.strictEqual(first.made, 1000n);
  const second = await runWorker({});
  assert.strictEqual(second.made, 1100n);
  console.log('main outlived its workers');
}

if (!isMainThread) runInWorker(workerData);
else if (process.argv[2] === 'only-workers') runOnlyWorkers();

module.exports = { addonOnlyInWorkers, runWorker, workerSharesTheHeap };
