// A thread of the races (main.js): it does the part that it is told, and posts what it has counted.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const { isMainThread, parentPort, workerData } = require('worker_threads');
const { Heap } = require('../..');
const { frontOf } = require('../helpers/fronts.js');
const { Random } = require('../soak/random.js');
const { programs } = require('./programs.js');

// Most frees of some races are refused, and nobody reads where.
Error.stackTraceLimit = 0;

const NOT_ALLOCATED = 'ERR_MEMS_NOT_ALLOCATED';
const CLOSED = 'ERR_MEMS_CLOSED';

/** Bytes of blocks: mostly of the commonest classes, so that threads meet in spans. */
const SIZES = [1, 16, 17, 24, 64, 64, 64, 100, 200, 1000, 5000];
const anySizeOf = (random) =>
  random.chance(0.02) ? random.int(1, 40_000) : SIZES[random.int(0, SIZES.length - 1)];

/** Waits until all threads are here. It spins, so that they continue at the same moment. */
class Barrier {
  constructor(words, threads) {
    this.words = words;
    this.threads = threads;
    this.round = 0;
  }

  wait() {
    this.round += 1;
    Atomics.add(this.words, 0, 1);
    for (let turn = 0; Atomics.load(this.words, 0) < this.round * this.threads; turn++) {
      if (turn > 1000) Atomics.wait(this.words, 1, 0, 0.05);
    }
  }
}

/** All threads free all blocks, of which the first makes `most` a round. Returns how many this one has won, and how many were made. */
function double({ heap, number, threads, shared, rounds, most, random, byAddon }) {
  const barrier = new Barrier(shared.words, threads);
  // One thread may leave all calls to the addon, which takes the lock.
  if (number === byAddon) frontOf(heap).end();
  const counts = { won: 0, made: 0 };
  for (let round = 0; round < rounds; round++) {
    if (number === 0) {
      for (let i = 0; i < most; i++) shared.numbers[i] = Number(heap.malloc(anySizeOf(random)));
      counts.made += most;
    }
    barrier.wait();
    // From both ends, so that threads meet in the middle as well.
    for (let i = 0; i < most; i++) {
      const at = number % 4 === 3 ? most - 1 - i : i;
      try {
        heap.free(shared.numbers[at]);
        counts.won += 1;
      } catch (error) {
        if (error.code !== NOT_ALLOCATED) throw error;
      }
    }
    barrier.wait();
  }
  return counts;
}

/** One thread frees blocks while the other makes them smaller, where they are. Returns how many were freed, and made. */
function shrink({ heap, number, threads, shared, rounds, most, random }) {
  const barrier = new Barrier(shared.words, threads);
  const counts = { won: 0, made: 0 };
  for (let round = 0; round < rounds; round++) {
    // In turns, so that both have fronts.
    const frees = round % 2 === number;
    if (frees) {
      for (let i = 0; i < most; i++) shared.numbers[i] = Number(heap.malloc(random.int(2, 3000)));
      counts.made += most;
    }
    barrier.wait();
    for (let i = 0; i < most; i++) {
      const address = shared.numbers[i];
      if (frees) {
        heap.free(address);
        counts.won += 1;
        continue;
      }
      try {
        const moved = Number(heap.realloc(address, 1));
        if (moved !== address) throw new Error('a block that became smaller was moved');
      } catch (error) {
        if (error.code !== NOT_ALLOCATED) throw error;
      }
    }
    barrier.wait();
  }
  return counts;
}

/** Makes blocks, which the next thread frees after it has looked at what they hold. */
function cross({ heap, number, threads, shared, rounds, random }) {
  const to = number;
  const from = (number + threads - 1) % threads;
  const { words, numbers } = shared;
  const counts = { won: 0, made: 0 };
  const room = Math.floor(numbers.length / threads);
  // Each thread has a ring, with two counters: what it has made, and what the next thread has taken.
  const made = (thread) => 16 + 32 * thread;
  const taken = (thread) => 32 + 32 * thread;
  const isFull = () => Atomics.load(words, made(to)) - Atomics.load(words, taken(to)) === room;
  while (counts.made < rounds || counts.won < rounds) {
    while (counts.made < rounds && !isFull()) {
      const size = anySizeOf(random);
      const address = Number(heap.malloc(size));
      const bytes = heap.view(address);
      if (bytes.length !== size)
        throw new Error(`${address} has ${bytes.length} bytes, not ${size}`);
      bytes[0] = bytes[size - 1] = address % 251;
      numbers[to * room + (counts.made % room)] = address;
      counts.made += 1;
      Atomics.store(words, made(to), counts.made);
      if (random.chance(0.1)) break;
    }
    while (counts.won < Atomics.load(words, made(from))) {
      const address = numbers[from * room + (counts.won % room)];
      const bytes = heap.view(address);
      if (bytes[0] !== address % 251 || bytes[bytes.length - 1] !== address % 251)
        throw new Error(`the block at ${address} was handed out twice`);
      if (random.chance(0.2)) {
        const moved = Number(heap.realloc(address, anySizeOf(random)));
        if (heap.view(moved)[0] !== address % 251) throw new Error(`${address} was not copied`);
        heap.free(moved);
      } else heap.free(address);
      counts.won += 1;
      Atomics.store(words, taken(from), counts.won);
    }
  }
  return counts;
}

/** Makes calls of all kinds until the heap ends, or the thread. `numbers` has the blocks that it has now, or may have. */
function churn({ heap, number, threads, shared, random, only }) {
  // Where all blocks are of one class, most threads are stopped in calls of that class.
  const anySize = only === 0 ? anySizeOf : () => only;
  const { numbers } = shared;
  const room = Math.floor(numbers.length / threads);
  const own = numbers.subarray(number * room, (number + 1) * room).fill(0);
  const counts = { won: 0, made: 0 };
  Atomics.add(shared.words, 0, 1);
  try {
    for (;;) {
      const at = random.int(0, room - 1);
      const kind = random.int(0, 9);
      if (own[at] === 0) {
        own[at] = -1;
        own[at] = Number(
          kind < 8 ? heap.malloc(anySize(random)) : mallocOtherwise(heap, random, anySize(random)),
        );
        // The words of a front may be zeros by now, and no block starts where they say.
        if (own[at] < 1000) throw new Error(`no block starts at ${own[at]}`);
        counts.made += 1;
      } else if (kind < 8) {
        const address = own[at];
        own[at] = -1;
        heap.free(address);
        own[at] = 0;
        counts.won += 1;
      } else if (kind === 8) {
        const address = own[at];
        own[at] = -1;
        own[at] = Number(heap.realloc(address, anySize(random)));
      } else {
        if (heap.view(own[at]).length === 0) throw new Error('a block without bytes');
        // Others make and free blocks there meanwhile.
        heap.owns(random.int(1000, 300_000));
        refusedOrNot(() => heap.get(random.int(1000, 300_000)));
        refusedOrNot(() => heap.blockOf(random.int(1000, 300_000)));
        if (random.chance(0.01)) heap.stats();
        if (random.chance(0.001)) heap.verify();
      }
    }
  } catch (error) {
    if (error.code !== CLOSED) throw error;
  }
  // What has ended stays so.
  for (const call of [() => heap.malloc(64), () => heap.free(own[0]), () => heap.get(own[0])]) {
    let code;
    try {
      call();
    } catch (error) {
      ({ code } = error);
    }
    if (code !== CLOSED) throw new Error(`a call of a heap that has ended: ${code}`);
  }
  return counts;
}

/** Asks for what is there or not. */
function refusedOrNot(call) {
  try {
    call();
  } catch (error) {
    if (error.code !== NOT_ALLOCATED && error.code !== 'ERR_MEMS_OUT_OF_RANGE') throw error;
  }
}

function mallocOtherwise(heap, random, size) {
  if (random.chance(0.5)) return heap.malloc(size, { alignment: 2 ** random.int(4, 12) });
  return random.chance(0.5) ? heap.calloc(1, size) : heap.mallocMany([size])[0];
}

const PARTS = { double, shrink, cross, churn, programs };

/** Does a part in a race. */
function race({ id, part, number, threads, memory, seed, addresses, ...rest }) {
  // One thread has the object that the heap was made with, and its front.
  const heap = typeof id === 'number' ? attach(id, addresses) : id;
  const shared = {
    words: new Int32Array(memory, 0, 256),
    numbers: new Float64Array(memory, 1024),
  };
  const random = new Random(seed + number);
  return PARTS[part]({ ...rest, addresses, heap, number, threads, shared, random });
}

function attach(id, addresses) {
  if (addresses === 'bigint') return Heap.attach(id);
  return Heap.attach(id, { addresses });
}

if (!isMainThread && workerData !== null && workerData.part !== undefined) {
  parentPort.postMessage(race(workerData));
}

module.exports = { race };
