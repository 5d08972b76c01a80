// What the calls cost from JavaScript: MeMS against what a Node user could take instead, and against empty callbacks.

'use strict';

const { readdirSync } = require('node:fs');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { inTurns, time } = require('./lib/measure.js');
const { readTrace, replay, traceNames } = require('./trace.js');

/** A contender that needs longer than this for one trace gives up: thi.ng/malloc never ends on some. */
const PATIENCE_NS = 20e9;
const CHUNK = 20_000;

/** The addon of empty callbacks that the benchmark script builds. */
function loadFloor() {
  const folder = path.join(__dirname, '..', 'target', 'floor-addon');
  return require(
    path.join(
      folder,
      readdirSync(folder).find((file) => file.endsWith('.node')),
    ),
  );
}

/** The allocators: start() answers `{ malloc, free, stop }`. */
async function allocators() {
  const koffi = require('koffi');
  const { MemPool } = await import('@thi.ng/malloc');
  const libraries = { linux: 'libc.so.6', darwin: 'libSystem.dylib', win32: 'msvcrt.dll' };
  const libc = koffi.load(libraries[process.platform]);
  const malloc = libc.func('uint64_t malloc(size_t size)');
  const free = libc.func('void free(uint64_t address)');
  return {
    'koffi + libc': () => ({ malloc, free, stop() {} }),
    MeMS: () => {
      mems.init();
      return { malloc: mems.malloc, free: mems.free, stop: quietFinish };
    },
    'Buffer.allocUnsafeSlow': () => ({ malloc: Buffer.allocUnsafeSlow, free() {}, stop() {} }),
    '@thi.ng/malloc': () => {
      const pool = new MemPool({ size: 128 << 20 });
      return { malloc: (size) => pool.malloc(size), free: (at) => pool.free(at), stop() {} };
    },
  };
}

function quietFinish() {
  const { log } = console;
  console.log = () => {};
  mems.finish();
  console.log = log;
}

/** Replays a trace; answers nanoseconds a call, or undefined if it took too long. */
function timedReplay(trace, start) {
  const allocator = start();
  const live = new Array(trace.slots);
  let spent = 0;
  for (let from = 0; from < trace.count && spent < PATIENCE_NS; from += CHUNK) {
    const to = Math.min(from + CHUNK, trace.count);
    spent += time(() => replay(trace, live, from, to, allocator));
  }
  for (const block of live) if (block !== undefined) allocator.free(block);
  allocator.stop();
  return spent < PATIENCE_NS ? spent / trace.calls : undefined;
}

/** The hot calls on an almost empty heap, against empty callbacks of the same signatures. */
async function calls(quick, progress) {
  const floor = loadFloor();
  const n = quick ? 200_000 : 1_000_000;
  const perCall = (action) => () => time(action) / n;
  const { numberToBigInt, bigIntToBigInt, bigIntToUndefined } = floor;
  const { malloc, get, free } = mems;
  mems.init();
  const address = malloc(64);
  const pair = [
    {
      name: 'two empty callbacks',
      run: perCall(() => {
        for (let i = 0; i < n; i++) bigIntToUndefined(numberToBigInt(64));
      }),
    },
    {
      name: 'malloc(64) + free',
      run: perCall(() => {
        for (let i = 0; i < n; i++) free(malloc(64));
      }),
    },
  ];
  const lookup = [
    {
      name: 'an empty callback',
      run: perCall(() => {
        for (let i = 0; i < n; i++) bigIntToBigInt(address);
      }),
    },
    {
      name: 'get',
      run: perCall(() => {
        for (let i = 0; i < n; i++) get(address);
      }),
    },
  ];
  const rounds = quick ? 7 : 25;
  const results = {
    'malloc(64) + free, the pair': await inTurns(pair, rounds, progress),
    get: await inTurns(lookup, rounds, progress),
  };
  quietFinish();
  return results;
}

/** All tables: title to rows as `inTurns` answers them. */
async function measure({ quick, progress }) {
  const tables = await calls(quick, progress);
  const starts = Object.entries(await allocators());
  for (const name of traceNames()) {
    if (quick && !['gcc-cc1', 'sqlite3'].includes(name)) continue;
    const trace = readTrace(name);
    const contenders = starts
      .filter(([contender]) => !(quick && contender === '@thi.ng/malloc'))
      .map(([contender, start]) => ({ name: contender, run: () => timedReplay(trace, start) }));
    tables[`trace ${name}, a call`] = await inTurns(contenders, quick ? 3 : 7, progress);
  }
  return tables;
}

module.exports = { measure };
