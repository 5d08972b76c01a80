// What the calls cost from JavaScript: MeMS against what a Node user could use instead, and against empty callbacks.

'use strict';

const { execFileSync } = require('node:child_process');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { measureBytes } = require('./bytes.js');
const { measureChurn } = require('./churn.js');
const { stop } = require('./contenders/mems.js');
const { measureHeaps } = require('./heaps.js');
const { loadFloor } = require('./lib/floor.js');
const { inTurns, time } = require('./lib/measure.js');
const { measurePairs } = require('./pairs.js');
const { measureRecording } = require('./recording.js');
const { measureReplays } = require('./replays.js');
const { measureSharing } = require('./sharing.js');
const { measureThreads } = require('./threads.js');
const { measureViews } = require('./views.js');

/** `init` and the first malloc: in this process again and again, and as the first calls of a new process. */
async function measureStarts({ quick, progress }) {
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
      }, stop),
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

/** The parts, by the names that `only` has. */
const PARTS = {
  pairs: measurePairs,
  starts: measureStarts,
  views: measureViews,
  bytes: measureBytes,
  sharing: measureSharing,
  recording: measureRecording,
  threads: measureThreads,
  heaps: measureHeaps,
  churn: measureChurn,
  replays: measureReplays,
};

/**
 * All tables: `{ where, group, workload, rows }`, with rows as `inTurns` returns them. `only`: the names of the parts to measure, all
 * if there are none.
 */
async function measure({ quick, only, progress }) {
  const tables = [];
  for (const [name, part] of Object.entries(PARTS)) {
    if (only.length === 0 || only.includes(name)) tables.push(...(await part({ quick, progress })));
  }
  return tables.map((table) => ({ where: 'JavaScript', ...table }));
}

module.exports = { PARTS: Object.keys(PARTS), measure };
