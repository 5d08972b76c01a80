// Churn from JavaScript: a number of live blocks of 16 to 272 bytes, of which a random one is replaced again and again. It shows how
// the time of a call grows with the number of blocks, which is larger than any cache in the end.

'use strict';

const { contenders, named } = require('./contenders/index.js');
const { alone } = require('./lib/alone.js');
const { inTurns, processorTime } = require('./lib/measure.js');

/** Ratios are to the first. */
const { koffi, wasm, mems, bigints, numbers } = contenders;
const ALL = [koffi, wasm, mems, bigints, numbers];

/** Numbers of live blocks, by the names that the native churns have. */
const LIVE = { '1k': 1_000, '10k': 10_000, '100k': 100_000, '1M': 1_000_000 };
const QUICK = ['1k', '100k'];

/** A heap with live blocks. */
class Churn {
  constructor({ heap, stop }, live) {
    this.heap = heap;
    this.stop = stop;
    // The generator of Marsaglia (2003), with a seed of its own.
    this.state = 0x9e3779b9 | 0;
    this.live = Array.from({ length: live }, () => heap.malloc(this.size()));
    // Each block is replaced twice on average before the time begins, so that it begins in a steady state.
    this.run(2 * live);
  }

  random() {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return this.state >>> 0;
  }

  size() {
    return 16 + (this.random() % 257);
  }

  run(steps) {
    const { heap, live } = this;
    for (let step = 0; step < steps; step++) {
      const at = this.random() % live.length;
      heap.free(live[at]);
      live[at] = heap.malloc(this.size());
    }
  }

  end() {
    for (const block of this.live) this.heap.free(block);
    this.stop();
  }
}

/** In the process of a contender: its churn, which is kept as long as it has as many blocks as are asked for. */
let churn;

const tasks = {
  async churn(name, live, steps) {
    if (churn?.live.length !== live) {
      churn?.end();
      churn = new Churn(await named(name).start(), live);
    }
    return processorTime(() => churn.run(steps)) / (2 * steps);
  },
};

/** All tables: `{ group, workload, rows }`. */
async function measureChurn({ quick, progress }) {
  const steps = quick ? 50_000 : 200_000;
  const processes = ALL.map(({ name }) => ({ name, ...alone(__filename) }));
  const tables = [];
  for (const size of quick ? QUICK : Object.keys(LIVE)) {
    const runs = processes.map(({ name, call }) => {
      return { name, run: () => call('churn', name, LIVE[size], steps) };
    });
    const rows = await inTurns(runs, quick ? 5 : 15, progress);
    tables.push({ group: 'churn', workload: `16-272 B, ${size} live`, rows });
  }
  for (const { end } of processes) end();
  return tables;
}

module.exports = { measureChurn, tasks };
