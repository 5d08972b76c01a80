// Many small heaps, as in a program that gives each request or document one of its own: what a heap caches for its next call is of
// no use there.

'use strict';

const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const koffi = require('./contenders/koffi.js');
const ours = require('./contenders/mems.js');
const { inTurns, time } = require('./lib/measure.js');

const HEAPS = 1000;
const BLOCKS = 100;

const size = (i) => 24 + (i & 63);

/** Replaces a block of each heap in turn, `n` blocks in all: nanoseconds a call. */
function replacing(heaps, n) {
  const blocks = heaps.map(({ malloc }) =>
    Array.from({ length: BLOCKS }, (_, i) => malloc(size(i))),
  );
  const run = () =>
    time(() => {
      for (let i = 0; i < n; i++) {
        const at = i % HEAPS;
        const { malloc, free } = heaps[at];
        const own = blocks[at];
        // Each time that this heap has its turn, another block and another size.
        const slot = (i * 7 + ((i / HEAPS) | 0)) % BLOCKS;
        free(own[slot]);
        own[slot] = malloc(size(i));
      }
    }) /
    (2 * n);
  const stop = () => {
    for (const [at, own] of blocks.entries()) for (const block of own) heaps[at].free(block);
  };
  return { run, stop };
}

/** Makes as many blocks as a heap has and ends them all, `n` times: nanoseconds a block. */
const filling = (n, fill) => () =>
  time(() => {
    for (let i = 0; i < n; i++) fill();
  }) /
  (n * BLOCKS);

/** All tables: `{ group, workload, rows }`. */
async function measureHeaps({ quick, progress }) {
  const [rounds, n] = quick ? [5, 50_000] : [15, 500_000];
  const { heap: libc } = koffi.start();
  const one = ours.start();
  const heaps = Array.from({ length: HEAPS }, () => new Heap());
  const each = heaps.map((heap) => ({
    malloc: (bytes) => heap.malloc(bytes),
    free: (address) => heap.free(address),
  }));
  const contenders = {
    [koffi.name]: replacing(new Array(HEAPS).fill(libc), n),
    'MeMS, one heap': replacing(new Array(HEAPS).fill(one.heap), n),
    'MeMS, 1,000 heaps': replacing(each, n),
  };
  const runs = Object.entries(contenders).map(([name, { run }]) => ({ name, run }));
  const replaced = await inTurns(runs, rounds, progress);
  for (const { stop } of Object.values(contenders)) stop();
  for (const heap of heaps) heap.close();
  one.stop();
  const blocks = new Array(BLOCKS);
  const filled = await inTurns(
    [
      {
        name: koffi.name,
        run: filling(n / 500, () => {
          for (let i = 0; i < BLOCKS; i++) blocks[i] = libc.malloc(size(i));
          for (const block of blocks) libc.free(block);
        }),
      },
      {
        name: 'MeMS, a heap opened and closed',
        run: filling(n / 500, () => {
          const heap = new Heap();
          for (let i = 0; i < BLOCKS; i++) blocks[i] = heap.malloc(size(i));
          heap.close();
        }),
      },
    ],
    rounds,
    progress,
  );
  return [
    { group: 'heaps', workload: 'a block replaced, a call', rows: replaced },
    { group: 'heaps', workload: 'a hundred blocks, a block', rows: filled },
  ];
}

module.exports = { measureHeaps };
