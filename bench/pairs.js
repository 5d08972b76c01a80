// Single calls on an almost empty heap: malloc and free, get, and a heap that is opened for one block.

'use strict';

const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { contenders, named } = require('./contenders/index.js');
const { alone } = require('./lib/alone.js');
const { inTurns, processorTime } = require('./lib/measure.js');

const { koffi, wasm, floor, mems, bigints, published, numbers, publishedNumbers, firstFit } =
  contenders;
const MEMS = [mems, bigints, published, numbers, publishedNumbers];

/** Blocks that stay, more than a Heap allocates before it gets a front. */
const BLOCKS = 256;

/** In the process of a contender: its heap, and the address of one of its blocks. */
let started;

async function heapOf(name) {
  if (started === undefined) {
    const { heap } = await named(name).start();
    const [address] = Array.from({ length: BLOCKS }, () => heap.malloc(64));
    started = { heap, address, results: new Array(1024).fill(address) };
  }
  return started;
}

// Results are kept, as programs keep them: the compiler would not make a BigInt that is not used.
const tasks = {
  async pair(name, n) {
    const { heap, results } = await heapOf(name);
    const loop = () => {
      for (let i = 0; i < n; i++) {
        const made = heap.malloc(64);
        results[i & 1023] = made;
        heap.free(made);
      }
    };
    return processorTime(loop) / n;
  },
  async get(name, n) {
    const { heap, address, results } = await heapOf(name);
    const loop = () => {
      for (let i = 0; i < n; i++) results[i & 1023] = heap.get(address);
    };
    return processorTime(loop) / n;
  },
  opening(name, n) {
    const { options } = named(name);
    const loop = () => {
      for (let i = 0; i < n; i++) {
        const heap = new Heap(options);
        heap.malloc(64);
        heap.close();
      }
    };
    return processorTime(loop) / n;
  },
};

/** All tables: `{ group, workload, rows }`. */
async function measurePairs({ quick, progress }) {
  const measure = async (group, workload, task, among, n) => {
    const processes = among.map(({ name }) => ({ name, ...alone(__filename) }));
    const runs = processes.map(({ name, call }) => ({ name, run: () => call(task, name, n) }));
    const rows = await inTurns(runs, quick ? 9 : 25, progress);
    for (const { end } of processes) end();
    return { group, workload, rows };
  };
  const calls = quick ? 200_000 : 1_000_000;
  const pair = [koffi, wasm, ...MEMS, floor];
  const opened = [firstFit, bigints, numbers];
  return [
    await measure('calls', 'malloc(64) + free, the pair', 'pair', pair, calls),
    await measure('lookup', 'get', 'get', [floor, ...MEMS], calls),
    await measure('opening', 'new Heap(), malloc(64), close', 'opening', opened, quick ? 100 : 500),
  ];
}

module.exports = { measurePairs, tasks };
