// What it costs a heap to be recorded: recorded traces replayed on a heap that is kept, with and without a recording.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { inTurns, time } = require('./lib/measure.js');
const { QUICK, readTrace, replay, traceNames } = require('./trace.js');

/** Replays a trace on a heap; `file` is where it is recorded, if it is. The thread that writes works meanwhile. */
function replays(trace, policy, file) {
  const heap = new Heap({ policy, addresses: 'number' });
  if (file !== undefined) heap.record(file);
  const live = new Array(trace.slots);
  const run = () => {
    const spent = time(() => replay(trace, live, 0, trace.count, heap));
    for (const block of live) if (block !== undefined) heap.free(block);
    live.fill(undefined);
    return spent / trace.count;
  };
  const end = () => {
    const missing = file === undefined ? 0 : heap.stopRecording().missing;
    heap.close();
    if (missing > 0)
      process.emitWarning(`${missing} operations were not recorded: the disk is slow`);
  };
  return { run, end };
}

/** All tables: `{ group, workload, rows }`. */
async function measureRecording({ quick, progress }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-bench-'));
  const tables = [];
  for (const policy of ['first-fit', 'segregated']) {
    for (const name of traceNames().filter((name) => !quick || QUICK.includes(name))) {
      const trace = readTrace(name);
      const off = replays(trace, policy);
      const on = replays(trace, policy, path.join(folder, `${policy}-${name}.mems`));
      const contenders = [
        { name: 'not recorded', run: off.run },
        { name: 'recorded', run: on.run },
      ];
      const rows = await inTurns(contenders, quick ? 9 : 15, progress);
      tables.push({ group: 'recording', workload: `${policy}, ${name}`, rows });
      off.end();
      on.end();
    }
  }
  fs.rmSync(folder, { recursive: true });
  return tables;
}

module.exports = { measureRecording };
