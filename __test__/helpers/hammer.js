'use strict';

// A worker (or the main thread) that hammers the shared default heap. Run as a worker it posts what
// it counted; the main thread calls the same function.

const { isMainThread, parentPort, workerData } = require('node:worker_threads');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { bytes, isFilled } = require('./memory.js');
const { Random } = require('./random.js');

/** Every how many operations a block's bytes are looked at. */
const LOOK = 16;

/** Waits until all threads are here, so that they really run at once. */
function arrive(gate, threads) {
  if (Atomics.add(gate, 0, 1) + 1 === threads) Atomics.notify(gate, 0);
  let here = Atomics.load(gate, 0);
  while (here < threads) {
    Atomics.wait(gate, 0, here);
    here = Atomics.load(gate, 0);
  }
}

/**
 * Runs `operations` random calls of malloc, get and free, filling its blocks with `fill`. Throws at
 * the first byte of another thread in them. Returns the blocks left and how many calls were made.
 */
function hammer({ operations, fill, stream, gate, threads }) {
  arrive(new Int32Array(gate), threads);
  const random = new Random(stream);
  const live = [];
  const calls = { malloc: 0, free: 0 };
  for (let step = 0; step < operations; step++) {
    const kind = random.int(0, 2);
    if (kind === 0 || live.length === 0) {
      const size = random.chance(0.01) ? random.int(1, 20_000) : random.int(1, 300);
      const address = mems.malloc(size);
      bytes(address, size).fill(fill);
      live.push({ address, size });
      calls.malloc++;
    } else if (kind === 1 || live.length < 1000) {
      const { address, size } = random.pick(live);
      const last = BigInt(size - 1);
      if (mems.get(address + last) !== mems.get(address) + last) {
        throw new Error(`the block at ${address} is not contiguous`);
      }
    } else {
      const at = random.int(0, live.length - 1);
      const { address, size } = live[at];
      live[at] = live[live.length - 1];
      live.pop();
      if (step % LOOK === 0 && !isFilled(bytes(address, size), fill)) {
        throw new Error(`another thread wrote into the block at ${address}`);
      }
      mems.free(address);
      calls.free++;
    }
  }
  return { live, calls, fill };
}

if (!isMainThread && workerData?.hammer) parentPort.postMessage(hammer(workerData.hammer));

module.exports = { hammer };
