// What the calls cost from JavaScript: MeMS against what a Node user could use instead, and against empty callbacks.

'use strict';

const { execFileSync } = require('node:child_process');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { measureBytes } = require('./bytes.js');
const buffer = require('./contenders/buffer.js');
const koffi = require('./contenders/koffi.js');
const ours = require('./contenders/mems.js');
const thing = require('./contenders/thing.js');
const { measureHeaps } = require('./heaps.js');
const { loadFloor } = require('./lib/floor.js');
const { inTurns, time } = require('./lib/measure.js');
const { measureSharing } = require('./sharing.js');
const { makeReplay, readTrace, smallBlocks, traceNames } = require('./trace.js');

/** A contender that needs longer than this for one trace gives up: thi.ng/malloc never ends on some. */
const PATIENCE_NS = 20e9;
const CHUNK = 20_000;

/** The allocators: start() returns `{ malloc, free, stop }`. */
async function allocators() {
  return [koffi, ours, buffer, { name: thing.name, start: await thing.load() }];
}

/** Replays a trace; returns nanoseconds a call, or undefined if it took too long. */
function timedReplay(trace, start, replay) {
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
  // The results are kept, as programs keep them: the compiler would not make a BigInt that is not used.
  const kept = new Array(1024).fill(address);
  const pair = [
    {
      name: 'two empty callbacks',
      run: perCall(() => {
        for (let i = 0; i < n; i++) {
          const made = numberToBigInt(64);
          kept[i & 1023] = made;
          bigIntToUndefined(made);
        }
      }),
    },
    {
      name: 'malloc(64) + free',
      run: perCall(() => {
        for (let i = 0; i < n; i++) {
          const made = malloc(64);
          kept[i & 1023] = made;
          free(made);
        }
      }),
    },
  ];
  const lookup = [
    {
      name: 'an empty callback',
      run: perCall(() => {
        for (let i = 0; i < n; i++) kept[i & 1023] = bigIntToBigInt(address);
      }),
    },
    {
      name: 'get',
      run: perCall(() => {
        for (let i = 0; i < n; i++) kept[i & 1023] = get(address);
      }),
    },
  ];
  const rounds = quick ? 7 : 25;
  const results = [
    {
      group: 'calls',
      workload: 'malloc(64) + free, the pair',
      rows: await inTurns(pair, rounds, progress),
    },
    { group: 'calls', workload: 'get', rows: await inTurns(lookup, rounds, progress) },
  ];
  ours.stop();
  return results;
}

/** `init` and the first malloc: in this process again and again, and as the first calls of a new process. */
async function starts(quick, progress) {
  const { numberToBigInt, bigIntToUndefined } = loadFloor();
  const n = quick ? 200 : 1000;
  // One by one, as a heap must end before the next begins; both contain the clock's own time.
  const oneByOne = (action, after) => () => {
    let spent = 0;
    for (let i = 0; i < n; i++) {
      spent += time(action);
      after();
    }
    return spent / n;
  };
  const again = [
    {
      name: 'two empty callbacks',
      run: oneByOne(
        () => bigIntToUndefined(numberToBigInt(64)),
        () => {},
      ),
    },
    {
      name: 'init + first malloc',
      run: oneByOne(() => {
        mems.init();
        mems.malloc(64);
      }, ours.stop),
    },
  ];
  const inNewProcess = (what) => () =>
    Number(execFileSync(process.execPath, [path.join(__dirname, 'first.js'), what]));
  const first = [
    { name: 'two empty callbacks', run: inNewProcess('floor') },
    { name: 'init + first malloc', run: inNewProcess('mems') },
  ];
  const rounds = quick ? 5 : 25;
  return [
    {
      group: 'start',
      workload: 'after finish',
      rows: await inTurns(again, rounds, progress),
    },
    { group: 'start', workload: 'in a new process', rows: await inTurns(first, rounds, progress) },
  ];
}

/** All tables: `{ where, group, workload, rows }`, with rows as `inTurns` returns them. */
async function measure({ quick, progress }) {
  const tables = [
    ...(await calls(quick, progress)),
    ...(await starts(quick, progress)),
    ...(await measureBytes({ quick, progress })),
    ...(await measureSharing({ quick, progress })),
    ...(await measureHeaps({ quick, progress })),
  ];
  const contenders = (await allocators()).map(({ name, start }) => {
    const replay = makeReplay();
    return { name, run: (trace) => timedReplay(trace, start, replay) };
  });
  const names = traceNames().filter((name) => !quick || ['gcc-cc1', 'sqlite3'].includes(name));
  for (const trace of [...names.map(readTrace), smallBlocks()]) {
    const runs = contenders
      .filter((contender) => !(quick && contender.name === '@thi.ng/malloc'))
      .map((contender) => ({ name: contender.name, run: () => contender.run(trace) }));
    const rows = await inTurns(runs, quick ? 3 : 7, progress);
    tables.push({ group: 'trace', workload: trace.name, rows });
  }
  return tables.map((table) => ({ where: 'JavaScript', ...table }));
}

module.exports = { measure };
