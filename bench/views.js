// Making views of blocks, against the least that it could take: the same view of a buffer whose offset is known.

'use strict';

const { contenders, named } = require('./contenders/index.js');
const { alone } = require('./lib/alone.js');
const { inTurns, processorTime } = require('./lib/measure.js');

const { mems, bigints, numbers } = contenders;
const ALONE = 'the view alone';
const BLOCKS = 256;
const BYTES = 256;

/** In the process of a contender: its heap and blocks, which come in turn, and the views made last, so that each is really made. */
let heap;
let blocks;
const views = new Array(BLOCKS);

async function start(name) {
  if (heap !== undefined) return;
  ({ heap } = await (name === ALONE ? bigints : named(name)).start());
  blocks = Array.from({ length: BLOCKS }, () => heap.malloc(BYTES));
}

const LOOPS = {
  'view(p)': [
    (n, buffer, offsets) => {
      for (let i = 0; i < n; i++) views[i & 63] = new Uint8Array(buffer, offsets[i & 63], BYTES);
    },
    (n) => {
      for (let i = 0; i < n; i++) views[i & 63] = heap.view(blocks[i & 63]);
    },
  ],
  'view(p, Float64Array)': [
    (n, buffer, offsets) => {
      const length = BYTES / 8;
      for (let i = 0; i < n; i++) views[i & 63] = new Float64Array(buffer, offsets[i & 63], length);
    },
    (n) => {
      for (let i = 0; i < n; i++) views[i & 63] = heap.view(blocks[i & 63], Float64Array);
    },
  ],
  'buffer(p)': [
    (n, buffer, offsets) => {
      for (let i = 0; i < n; i++) views[i & 63] = new Uint8Array(buffer, offsets[i & 63], BYTES);
    },
    (n) => {
      for (let i = 0; i < n; i++) views[i & 63] = heap.buffer(blocks[i & 63]);
    },
  ],
};

const tasks = {
  async views(name, workload, n) {
    await start(name);
    const [bare, ours] = LOOPS[workload];
    if (name !== ALONE) return processorTime(() => ours(n)) / n;
    const shown = (block) => (workload === 'buffer(p)' ? heap.buffer(block) : heap.view(block));
    const { buffer } = shown(blocks[0]);
    const offsets = blocks.map((block) => shown(block).byteOffset);
    return processorTime(() => bare(n, buffer, offsets)) / n;
  },
};

/** All tables: `{ group, workload, rows }`. */
async function measureViews({ quick, progress }) {
  const n = quick ? 100_000 : 500_000;
  const names = [ALONE, ...[mems, bigints, numbers].map(({ name }) => name)];
  const tables = [];
  for (const workload of Object.keys(LOOPS)) {
    const processes = names.map((name) => ({ name, ...alone(__filename) }));
    const runs = processes.map(({ name, call }) => ({
      name,
      run: () => call('views', name, workload, n),
    }));
    const rows = await inTurns(runs, quick ? 9 : 25, progress);
    for (const { end } of processes) end();
    tables.push({ group: 'view', workload, rows });
  }
  return tables;
}

module.exports = { measureViews, tasks };
