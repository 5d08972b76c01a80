// What it costs a heap to be recorded: random blocks that are replaced again and again, with and without a recording.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout } = require('node:timers/promises');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { inTurns, time } = require('./lib/measure.js');

const BLOCKS = 1000;
const LARGEST = 512;
/** Calls of each kind in a round: fewer than may wait for the disk. */
const CALLS = 20_000;
const PAUSE_MS = 50;

/** Replaces blocks of a heap of these options; `file` is where it is recorded, if it is. */
function churn(options, n, file) {
  const heap = new Heap({ ...options, addresses: 'number' });
  if (file !== undefined) heap.record(file);
  let state = 1;
  const random = (most) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % most;
  };
  const live = Array.from({ length: BLOCKS }, () => heap.malloc(1 + random(LARGEST)));
  const loop = () => {
    for (let i = 0; i < n; i++) {
      const at = random(BLOCKS);
      heap.free(live[at]);
      live[at] = heap.malloc(1 + random(LARGEST));
    }
  };
  const end = () => {
    if (file !== undefined && heap.stopRecording().missing > 0) {
      throw new Error('the disk was too slow to measure this');
    }
    heap.close();
  };
  // The thread that writes catches up between the rounds, as it does in programs that do more than allocate: it takes longer for an
  // operation than a call does. So it has a part of the time only where it shares a processor's core.
  const run = async () => {
    await setTimeout(PAUSE_MS);
    return time(loop) / n / 2;
  };
  return { run, end };
}

/** All tables: `{ group, workload, rows }`. */
async function measureRecording({ quick, progress }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-bench-'));
  const tables = [];
  for (const policy of ['first-fit', 'segregated']) {
    const [off, on] = [undefined, path.join(folder, `${policy}.mems`)].map((file) =>
      churn({ policy }, CALLS, file),
    );
    const contenders = [
      { name: 'not recorded', run: off.run },
      { name: 'recorded', run: on.run },
    ];
    const rows = await inTurns(contenders, quick ? 5 : 25, progress);
    tables.push({ group: 'recording', workload: `${policy}, a call`, rows });
    off.end();
    on.end();
  }
  fs.rmSync(folder, { recursive: true });
  return tables;
}

module.exports = { measureRecording };
