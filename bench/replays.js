// Recorded traces replayed from JavaScript: on a heap that is kept from replay to replay, as libc keeps its own, and on a new one for
// each.

'use strict';

const { contenders, named } = require('./contenders/index.js');
const { alone } = require('./lib/alone.js');
const { inTurns, processorTime } = require('./lib/measure.js');
const { QUICK, SMALL_BLOCKS, readTrace, replay, traceNames } = require('./trace.js');

/** A contender that needs longer than this for one trace gives up: thi.ng/malloc never ends on some. */
const PATIENCE_NS = 20e9;
const CHUNK = 20_000;

/** Ratios are to the first. */
const { koffi, wasm, mems, bigints, numbers, buffer, thing } = contenders;
const ALL = [koffi, wasm, mems, bigints, numbers];

/** Contenders that are measured only with a new heap for each replay. */
const OTHERS = [buffer, thing];

/** In the process of a contender: the traces read, and the heap that is kept. */
const traces = new Map();
let kept;

/** Replays a trace and frees what it leaves. Returns nanoseconds a call, or undefined if it took too long. */
function timed(trace, heap) {
  const live = new Array(trace.slots);
  let spent = 0;
  for (let from = 0; from < trace.count && spent < PATIENCE_NS; from += CHUNK) {
    const to = Math.min(from + CHUNK, trace.count);
    spent += processorTime(() => replay(trace, live, from, to, heap));
  }
  for (const block of live) if (block !== undefined) heap.free(block);
  return spent < PATIENCE_NS ? spent / trace.count : undefined;
}

function traceOf(name) {
  if (!traces.has(name)) traces.set(name, readTrace(name));
  return traces.get(name);
}

const tasks = {
  async kept(name, trace) {
    kept ??= await named(name).start();
    return timed(traceOf(trace), kept.heap);
  },
  async fresh(name, trace) {
    kept?.stop();
    kept = undefined;
    const { heap, stop } = await named(name).start();
    const ns = timed(traceOf(trace), heap);
    stop();
    return ns;
  },
};

/** All tables: `{ group, workload, rows }`. */
async function measureReplays({ quick, progress }) {
  const names = [...traceNames().filter((name) => !quick || QUICK.includes(name)), SMALL_BLOCKS];
  const others = quick ? OTHERS.filter((other) => other !== thing) : OTHERS;
  const processes = [...ALL, ...others].map(({ name }) => ({ name, ...alone(__filename) }));
  const tables = [];
  const measure = async (group, task, among, rounds) => {
    for (const trace of names) {
      const runs = among.map(({ name, call }) => ({ name, run: () => call(task, name, trace) }));
      tables.push({ group, workload: trace, rows: await inTurns(runs, rounds, progress) });
    }
  };
  await measure('trace', 'kept', processes.slice(0, ALL.length), quick ? 5 : 15);
  await measure('fresh', 'fresh', processes, quick ? 3 : 9);
  for (const { end } of processes) end();
  return tables;
}

module.exports = { measureReplays, tasks };
