// Smoke suite for every runtime: no test framework, and only what Node 14, Bun and Deno all have.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.
'use strict';

const assert = require('assert');
const { spawnSync } = require('child_process');
const { randomFillSync } = require('crypto');
const { existsSync } = require('fs');
const { isAbsolute } = require('path');
const url = require('url');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');

const FAREWELL = '..........Successfully UnMapped the Memory without Errors .........';
// Deno needs its subcommand and permissions again for a child; other runtimes run a file as it is.
const CHILD_ARGS = typeof Deno === 'undefined' ? [] : ['run', '-A', '--no-lock'];

// Loaded late, so that a child can leave it to its workers alone.
const api = () => require('..');

// What `action` prints through console.log.
function printed(action) {
  const lines = [];
  const original = console.log;
  console.log = (...values) => lines.push(values.join(' '));
  try {
    action();
  } finally {
    console.log = original;
  }
  return lines.join('\n');
}

function assertCode(code, action, text = '') {
  assert.throws(action, (error) => {
    assert.strictEqual(error.code, code, error.stack);
    assert.strictEqual(error instanceof TypeError, code === 'ERR_INVALID_ARG_TYPE', code);
    assert.ok(error instanceof Error && error.message.includes(text), error.message);
    return true;
  });
}

function seedExampleAddresses() {
  const mems = api();
  assert.strictEqual(mems.malloc(1000), 1000n);
  assert.strictEqual(mems.malloc(3), 2000n);
  assert.strictEqual(mems.malloc(5000), 5096n, 'no hole fits: a main block of its own');
  assert.strictEqual(mems.malloc(2000n), 2003n, 'sizes may be BigInts');
}

function printStatsText() {
  const mems = api();
  mems.malloc(1000);
  assert.deepStrictEqual(printed(mems.printStats).split('\n'), [
    'MeMS Stats:',
    'MAIN[1000:5095] -> <P>[SVA:1000:EVA:1999] <-> <H>[SVA:2000:EVA:5095] <-> <NULL>',
    'Page used: 1',
    'Space unused: 3096',
    'Main Chain Length: 1',
    'Sub-chain Length array: 2',
  ]);
  mems.malloc(4096);
  const more = printed(mems.printStats).split('\n');
  assert.strictEqual(more[2], 'MAIN[5096:9191] -> <P>[SVA:5096:EVA:9191] <-> <NULL>');
  assert.strictEqual(more[6], 'Sub-chain Length array: 2 1');
}

function getInteriorArithmetic() {
  const mems = api();
  const block = mems.malloc(1000);
  const base = mems.get(block);
  assert.ok(typeof base === 'bigint' && base > 0n, String(base));
  for (const offset of [1n, 4n, 7n, 999n]) {
    assert.strictEqual(mems.get(block + offset), base + offset);
  }
}

function firstFitReuse() {
  const mems = api();
  const blocks = [100, 200, 300, 400].map((size) => mems.malloc(size));
  mems.free(blocks[0]);
  mems.free(blocks[2]);
  assert.strictEqual(mems.malloc(250), blocks[2], 'the first hole is too small');
  assert.strictEqual(mems.malloc(60), blocks[0], 'the lowest hole that is large enough');
  assert.strictEqual(mems.malloc(40), blocks[0] + 60n, 'the rest of a hole stays a hole');
}

function coalescing() {
  const mems = api();
  const blocks = [1024, 1024, 1024, 1024].map((size) => mems.malloc(size));
  mems.free(blocks[0]);
  mems.free(blocks[2]);
  assert.strictEqual(mems.stats().counts.holes, 2);
  mems.free(blocks[1]);
  assert.strictEqual(mems.stats().counts.holes, 1, 'merged with the hole before and after');
  assert.strictEqual(mems.malloc(3072), blocks[0]);
  mems.free(blocks[3]);
  const second = mems.malloc(4096);
  mems.free(blocks[0]);
  mems.free(second);
  assert.strictEqual(mems.stats().counts.holes, 2, 'holes never merge across main blocks');
}

function errorCodes() {
  const mems = api();
  const block = mems.malloc(16);
  const freed = mems.malloc(16);
  mems.malloc(16);
  mems.free(freed);
  const before = printed(mems.printStats);
  for (const wrong of ['8', null, undefined, {}, true]) {
    assertCode('ERR_INVALID_ARG_TYPE', () => mems.malloc(wrong));
    assertCode('ERR_INVALID_ARG_TYPE', () => mems.get(wrong));
    assertCode('ERR_INVALID_ARG_TYPE', () => mems.free(wrong));
  }
  assertCode('ERR_INVALID_ARG_TYPE', () => mems.get(1000));
  assertCode('ERR_INVALID_ARG_TYPE', () => mems.free(1000));
  for (const wrong of [0, -1, 1.5, NaN, Infinity, 2 ** 53, 0n, -1n]) {
    assertCode('ERR_MEMS_INVALID_SIZE', () => mems.malloc(wrong));
  }
  assertCode('ERR_MEMS_ALREADY_INITIALIZED', () => mems.init({ minBlockSize: 65536 }));
  assertCode('ERR_MEMS_OUT_OF_RANGE', () => mems.get(5096n));
  assertCode('ERR_MEMS_OUT_OF_RANGE', () => mems.free(999n));
  assertCode('ERR_MEMS_NOT_ALLOCATED', () => mems.get(freed + 3n), '1019');
  assertCode('ERR_MEMS_NOT_ALLOCATED', () => mems.free(freed));
  assertCode('ERR_MEMS_NOT_BLOCK_START', () => mems.free(block + 1n));
  assertCode('ERR_MEMS_OUT_OF_MEMORY', () => mems.malloc(Number.MAX_SAFE_INTEGER));
  assert.strictEqual(printed(mems.printStats), before, 'a failed call changes nothing');
  printed(mems.finish);
  const calls = [() => mems.malloc(8), () => mems.get(1000n), () => mems.free(1000n)];
  for (const call of calls.concat(mems.printStats, mems.finish, mems.verify, mems.stats)) {
    assertCode('ERR_MEMS_NOT_INITIALIZED', call);
  }
}

function bigintEdgeCases() {
  const mems = api();
  const top = 2n ** 64n;
  const block = mems.malloc(4096);
  for (const wrong of [-1n, -block, 0n, top - 1n, top, top + block, top * top + block]) {
    assertCode('ERR_MEMS_OUT_OF_RANGE', () => mems.get(wrong));
    assertCode('ERR_MEMS_OUT_OF_RANGE', () => mems.free(wrong));
  }
  for (const wrong of [2n ** 53n, top, top + 8n, -top - 8n]) {
    assertCode('ERR_MEMS_INVALID_SIZE', () => mems.malloc(wrong));
  }
  mems.free(block);
}

// Numbers below a limit, the same in every run, so that a failure can be run again.
function randomNumbers(seed) {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * limit);
  };
}

function randomOperations() {
  const mems = api();
  const live = [];
  const random = randomNumbers(20240601);
  for (let step = 0; step < 10000; step += 1) {
    if (live.length === 0 || random(100) < (live.length < 150 ? 60 : 40)) {
      const size = 1 + random(random(8) === 0 ? 9000 : 300);
      const start = Number(mems.malloc(size));
      const end = start + size;
      const clash = live.find((other) => start < other.end && other.start < end);
      assert.strictEqual(clash, undefined, `step ${step}`);
      live.push({ start, end });
    } else {
      const [{ start, end }] = live.splice(random(live.length), 1);
      const span = mems.get(BigInt(end - 1)) - mems.get(BigInt(start));
      assert.strictEqual(span, BigInt(end - 1 - start), 'a block is one piece of memory');
      mems.free(BigInt(start));
    }
    if (step % 500 === 0) mems.verify();
  }
  const { bytes, counts } = mems.stats();
  const total = live.reduce((sum, block) => sum + block.end - block.start, 0);
  assert.strictEqual(Number(bytes.live), total);
  assert.strictEqual(Number(bytes.live) + Number(bytes.holes), Number(bytes.mapped));
  assert.strictEqual(Number(counts.live), live.length);
  for (const { start } of live) mems.free(BigInt(start));
  mems.verify();
  assert.strictEqual(Number(mems.stats().bytes.live), 0);
}

async function namedEsmImport() {
  const module = await import(url.pathToFileURL(require.resolve('..')).href);
  for (const name of Object.keys(api())) assert.strictEqual(module[name], api()[name], name);
  assert.strictEqual(module.default, api());
}

// Runs this file as a worker, and answers its message once it has exited.
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

function batches() {
  const mems = api();
  const many = mems.mallocMany([16, 16n, 1000]);
  assert.deepStrictEqual(Array.from(many), [1000n, 1016n, 1032n]);
  assertCode('ERR_MEMS_INVALID_SIZE', () => mems.mallocMany([8, 0]));
  assertCode('ERR_MEMS_NOT_ALLOCATED', () => mems.freeMany([1000n, 1000n]));
  assert.strictEqual(mems.stats().counts.live, 3);
  mems.freeMany(many);
  assert.strictEqual(mems.stats().counts.live, 0);
  mems.verify();
}

function buffersAndViews() {
  const mems = api();
  const block = mems.malloc(100);
  const bytes = mems.buffer(block);
  assert.ok(Buffer.isBuffer(bytes) && bytes.length === 100);
  bytes.write('hello', 10);
  assert.strictEqual(mems.read(block + 10n, 5).toString(), 'hello');
  assert.strictEqual(mems.view(block + 10n)[0], 104, 'the same bytes, not a copy');
  assert.strictEqual(mems.view(block, DataView).byteLength, 100);
  assertCode('ERR_MEMS_OUT_OF_BLOCK', () => mems.buffer(block, 101), '101');
  const types = [Uint8ClampedArray, Int16Array, Uint32Array, Float64Array, BigUint64Array];
  for (const Type of types) {
    const { ptr, view } = mems.mallocAs(Type, 5);
    assert.ok(view instanceof Type && view.length === 5, Type.name);
    assert.strictEqual(mems.get(ptr) % BigInt(Type.BYTES_PER_ELEMENT), 0n);
    view[4] = Type === BigUint64Array ? 7n : 7;
    assert.strictEqual(mems.view(ptr, Type)[4], view[4]);
    const { BYTES_PER_ELEMENT: width } = Type;
    if (width > 1) assertCode('ERR_MEMS_MISALIGNED', () => mems.view(ptr + 1n, Type, 1), Type.name);
  }
  const object = mems.alloc(8);
  object.view[0] = 3;
  assert.strictEqual(mems.read(object.ptr)[0], 3);
  object.free();
  assertCode('ERR_MEMS_NOT_ALLOCATED', () => object.free());
  bytes.fill(1);
  if (bytes.buffer.transfer) {
    // The memory is another buffer's now; views are made from a new one.
    const moved = new Uint8Array(bytes.buffer.transfer());
    mems.buffer(block).fill(2);
    assert.ok(moved.includes(2) && mems.view(block)[99] === 2);
    assert.strictEqual(bytes.length, 0);
    return;
  }
  printed(mems.finish);
  assert.strictEqual(bytes[0], 0, 'a stale buffer shows zeros');
}

function readWriteCopyFillCompare() {
  const mems = api();
  const [a, b] = [mems.malloc(8), mems.malloc(8)];
  assert.strictEqual(mems.write(a, 'häß'), 5);
  assert.strictEqual(mems.write(a + 5n, Uint8Array.of(1, 2, 3)), 3);
  mems.copy(b, a, 8);
  assert.strictEqual(mems.compare(a, b, 8), 0);
  mems.fill(b + 6n, 255, 2);
  assert.deepStrictEqual(Array.from(mems.read(b + 5n)), [1, 255, 255]);
  assert.strictEqual(mems.compare(a, b, 8), -1);
  assert.strictEqual(mems.compare(b, a, 8n), 1);
  assertCode('ERR_MEMS_OUT_OF_BLOCK', () => mems.write(a + 6n, 'abc'));
  assertCode('ERR_MEMS_OUT_OF_BLOCK', () => mems.copy(a, b + 4n, 5));
  assertCode('ERR_INVALID_ARG_TYPE', () => mems.fill(a, 256));
}

function mallocFamily() {
  const mems = api();
  mems.malloc(3);
  for (const alignment of [2, 16, 64, 4096]) {
    const block = mems.malloc(5, { alignment });
    assert.strictEqual(mems.get(block) % BigInt(alignment), 0n);
    assert.strictEqual(mems.get(mems.alignedAlloc(alignment, 1)) % BigInt(alignment), 0n);
  }
  assertCode('ERR_MEMS_INVALID_ALIGNMENT', () => mems.malloc(8, { alignment: 3 }), '3');
  const dirty = mems.malloc(1000);
  mems.fill(dirty, 255);
  mems.free(dirty);
  const zeros = mems.calloc(10, 100);
  assert.ok(mems.read(zeros).every((byte) => byte === 0));
  mems.write(zeros, 'kept');
  const moved = mems.realloc(zeros, 100000);
  assert.strictEqual(mems.read(moved, 4).toString(), 'kept');
  assert.strictEqual(mems.realloc(moved, 4), moved, 'shrinks in place');
  assert.deepStrictEqual(mems.blockOf(moved + 3n), { start: moved, size: 4, usableSize: 4 });
  assert.ok(mems.owns(moved) && !mems.owns(moved + 4n));
  mems.verify();
}

async function heapsAsObjects() {
  const mems = api();
  const { Heap } = mems;
  const own = mems.malloc(8);
  const [a, b] = [new Heap(), new Heap({ maxSize: 1 << 20 })];
  const { ptr, view } = a.mallocAs(Int32Array, 25);
  assert.strictEqual(b.malloc(100), ptr, 'addresses are a heap’s own');
  b.fill(ptr, 2);
  assert.strictEqual(b.usableSize(ptr), 112, 'rounded up to 16');
  assertCode('ERR_MEMS_OUT_OF_MEMORY', () => b.malloc(1 << 20));
  const { made } = await runWorker({ heap: a.id, ptr });
  assert.strictEqual(view[1], 42, 'written by the worker through its own view');
  assert.strictEqual(a.read(made, 4).toString(), 'made');
  a.free(made);
  const other = Heap.attach(a.id);
  assert.strictEqual(other.view(ptr, Int32Array)[1], 42);
  // Node 14 and 16 end the process if they meet two buffers over native memory that begin at the same byte.
  for (const bytes of [a.buffer(ptr), other.buffer(ptr), mems.buffer(own)]) randomFillSync(bytes);
  view[1] = 42;
  a.verify();
  a.close();
  assert.strictEqual(view[1], 0, 'a stale view shows zeros');
  view[1] = 1;
  for (const heap of [a, other]) {
    assertCode('ERR_MEMS_CLOSED', () => heap.malloc(1));
    assertCode('ERR_MEMS_CLOSED', () => heap.view(ptr));
  }
  assertCode('ERR_MEMS_CLOSED', () => Heap.attach(a.id));
  assertCode('ERR_INVALID_ARG_TYPE', () => Heap.attach('1'), 'id');
  assert.strictEqual(b.read(ptr)[99], 2, 'other heaps are left alone');
  b.close();
}

function chainsAndStats() {
  const mems = api();
  mems.freeMany(mems.mallocMany([1000, 5000, 300]).slice(1, 2));
  const seen = { pages: 0, mainBlocks: 0, live: 0, holes: 0 };
  const bytes = { live: 0, hole: 0 };
  for (const { start, size, segments } of mems.chains()) {
    let next = start;
    seen.mainBlocks += 1;
    seen.pages += size / 4096;
    for (const segment of segments) {
      assert.strictEqual(segment.start, next, 'no gaps');
      next += BigInt(segment.size);
      bytes[segment.kind] += segment.size;
      seen[segment.kind === 'live' ? 'live' : 'holes'] += 1;
    }
    assert.strictEqual(next, start + BigInt(size));
  }
  const stats = mems.stats();
  assert.deepStrictEqual(seen, stats.counts);
  assert.strictEqual(stats.bytes.live, bytes.live);
  assert.strictEqual(stats.bytes.holes, bytes.hole);
  assert.strictEqual(stats.bytes.mapped, bytes.live + bytes.hole);
  assert.strictEqual(stats.bytes.requested, stats.bytes.live, 'sizes are exact');
  assert.strictEqual(stats.totals.malloc - stats.totals.free, stats.counts.live);
  assert.strictEqual(stats.fragmentation.unused, bytes.hole / stats.bytes.mapped);
  assert.strictEqual(stats.fragmentation.external, 1 - stats.bytes.largestHole / bytes.hole);
}

function finishAndInitAgain() {
  const mems = api();
  mems.malloc(5000);
  assert.strictEqual(printed(mems.finish), FAREWELL);
  mems.init({ minBlockSize: 65536 });
  assert.strictEqual(mems.malloc(10), 1000n, 'addresses start anew');
  assert.strictEqual(Number(mems.stats().bytes.mapped), 65536);
  mems.init({ minBlockSize: 65536 });
  assert.strictEqual(mems.malloc(10), 1010n, 'init again with the same options is a no-op');
}

function libraryPath() {
  const { library } = api();
  assert.ok(isAbsolute(library) && library.endsWith('.node') && existsSync(library), library);
}

const CHECKS = [
  seedExampleAddresses,
  printStatsText,
  getInteriorArithmetic,
  firstFitReuse,
  coalescing,
  errorCodes,
  bigintEdgeCases,
  randomOperations,
  namedEsmImport,
  workerSharesTheHeap,
  addonOnlyInWorkers,
  batches,
  libraryPath,
  buffersAndViews,
  readWriteCopyFillCompare,
  mallocFamily,
  heapsAsObjects,
  chainsAndStats,
  finishAndInitAgain,
];

// Ends the heap that the check before may have left, and starts a new one.
function freshHeap() {
  try {
    printed(api().finish);
  } catch (error) {
    if (error.code !== 'ERR_MEMS_NOT_INITIALIZED') throw error;
  }
  api().init();
}

async function runChecks() {
  let failed = 0;
  for (const check of CHECKS) {
    try {
      freshHeap();
      await check();
      console.log(`ok ${check.name}`);
    } catch (error) {
      failed += 1;
      console.log(`not ok ${check.name}: ${error.stack}`);
    }
  }
  console.log(`${CHECKS.length - failed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

// In a worker: writes to a block of a heap that another thread made, and makes one there.
function writeThroughView({ heap, ptr }) {
  const attached = api().Heap.attach(heap);
  attached.view(ptr, Int32Array)[1] = 42;
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
else runChecks();
