'use strict';

// A part of the races (racer.js): random programs on one heap, in which each thread has blocks of its own and a shadow of them. A
// block has the size that was asked for and keeps its bytes; and a map that all threads share says whose each unit of the address
// space is, so that a block which overlaps another, of whatever thread, shows at once. Now and then a thread gives a block to the
// next, which frees it, resizes it or keeps it.

const { holds, write } = require('../helpers/pattern.js');

/** Addresses are multiples of this many bytes after the first. */
const UNIT = 16;
const FIRST_ADDRESS = 1000;
/** Address space of which the map knows: programs have far fewer bytes at once. */
const UNITS = 2 ** 23;
/** Most blocks of a thread at once. */
const MOST = 400;
/** Blocks that a thread has given to the next and that have not been taken; each is three numbers. */
const ROOM = 64;

/** What threads share: the map, and the rings. */
const shareMemory = (threads) => ({
  map: new SharedArrayBuffer(UNITS),
  rings: new SharedArrayBuffer(8 * (2 * threads + 1) + 8 * 3 * ROOM * threads),
});

function ensure(right, what) {
  if (!right) throw new Error(what);
}

class Program {
  constructor({ heap, number, threads, programs, random, addresses }) {
    this.heap = heap;
    this.number = number;
    this.threads = threads;
    this.random = random;
    this.type = addresses;
    this.map = new Uint8Array(programs.map);
    this.counters = new Int32Array(programs.rings, 0, 2 * threads + 1);
    this.ring = new Float64Array(programs.rings, 8 * (2 * threads + 1));
    this.blocks = [];
    this.made = 0;
    this.given = 0;
  }

  /** Changes the owner of a block in the map: 0 is nobody, 1 the first thread. Fails if the block had another owner than `from`. */
  mark({ address, usable }, from, to) {
    const first = (Number(address) - FIRST_ADDRESS) / UNIT;
    const end = first + Math.ceil(usable / UNIT);
    ensure(Number.isInteger(first) && first >= 0 && end <= UNITS, `${address} is no address`);
    for (let unit = first; unit < end; unit++) {
      const had = Atomics.compareExchange(this.map, unit, from, to);
      ensure(had === from, `${address} overlaps: unit ${unit} is of ${had}, not ${from}`);
    }
  }

  /** The thread's own mark. */
  get own() {
    return this.number + 1;
  }

  check({ address, size, pattern }) {
    const view = this.heap.view(address);
    ensure(view.length === size, `${address} has ${view.length} bytes, not ${size}`);
    ensure(holds(view, pattern), `a byte of the block at ${address} was overwritten`);
  }

  /** Adds a block that a call has returned. `kept` of its bytes are written already. */
  add(address, size, pattern = this.random.int(0, 2 ** 30), kept = 0) {
    ensure(typeof address === this.type, `${address} is no ${this.type}`);
    const view = this.heap.view(address);
    ensure(view.length === size, `${address} has ${view.length} bytes, not ${size}`);
    const usable = this.heap.usableSize(address);
    ensure(usable >= size, `${address} has room for ${usable} bytes, not ${size}`);
    const block = { address, size, usable, pattern };
    this.mark(block, 0, this.own);
    write(view, pattern, kept);
    this.blocks.push(block);
  }

  /** Takes a block out of the shadow, of which the heap still has to know. */
  take() {
    const block = this.random.take(this.blocks);
    this.drop(block, this.own);
    return block;
  }

  drop(block, from) {
    this.check(block);
    this.mark(block, from, 0);
  }

  size() {
    const { random } = this;
    if (random.chance(0.3)) return random.pick([24, 64, 100, 1000]);
    if (random.chance(0.01)) return random.int(1, 100_000);
    return random.int(1, random.chance(0.1) ? 9000 : 300);
  }

  malloc() {
    const size = this.size();
    this.add(this.heap.malloc(size), size);
  }

  mallocAligned() {
    const [size, alignment] = [this.size(), 2 ** this.random.int(0, 14)];
    const address = this.heap.malloc(size, { alignment });
    ensure(Number(this.heap.get(address)) % alignment === 0, `${address} is not aligned`);
    this.add(address, size);
  }

  calloc() {
    const [count, size] = [this.random.int(1, 20), this.random.int(1, 40)];
    const address = this.heap.calloc(count, size);
    ensure(
      this.heap.view(address).every((byte) => byte === 0),
      `${address} is not zeroed`,
    );
    this.add(address, count * size);
  }

  mallocMany() {
    const sizes = Array.from({ length: this.random.int(1, 20) }, () => this.size());
    this.heap.mallocMany(sizes).forEach((address, at) => {
      this.add(address, sizes[at]);
    });
  }

  free() {
    this.heap.free(this.take().address);
  }

  freeMany() {
    const length = Math.min(this.random.int(1, 20), this.blocks.length);
    // All or nothing: with an address that is no block's, nothing.
    const some = this.blocks.slice(0, length).map(({ address }) => address);
    this.refused('ERR_MEMS_OUT_OF_RANGE', () => this.heap.freeMany([...some, 1]));
    const taken = Array.from({ length }, () => this.take().address);
    this.heap.freeMany(taken);
  }

  realloc() {
    const size = this.size();
    const old = this.take();
    const address = this.heap.realloc(old.address, size);
    const kept = Math.min(size, old.size);
    ensure(holds(this.heap.view(address), old.pattern, kept), `${old.address} was not copied`);
    this.add(address, size, old.pattern, kept);
  }

  look() {
    const { address, size, usable, pattern } = this.random.pick(this.blocks);
    this.check({ address, size, pattern });
    const offset = this.random.int(0, size - 1);
    const inside = this.type === 'number' ? address + offset : address + BigInt(offset);
    const found = this.heap.blockOf(inside);
    const right = found.address === address && found.size === size && found.usableSize === usable;
    ensure(right, `${inside} of ${found.address}, ${found.size} bytes`);
    if (offset > 0) this.refused('ERR_MEMS_NOT_BLOCK_START', () => this.heap.free(inside));
  }

  refused(expected, call) {
    let code = 'none: it was not refused';
    try {
      call();
    } catch (error) {
      ({ code } = error);
    }
    ensure(code === expected, `${expected}, not ${code}`);
  }

  /** Gives a block to the next thread, if there is room. */
  give() {
    const { counters, number, ring } = this;
    const [made, taken] = [2 * number, 2 * number + 1];
    if (this.given - Atomics.load(counters, taken) === ROOM) return;
    const { address, size, pattern } = this.random.take(this.blocks);
    ring.set([Number(address), size, pattern], 3 * (number * ROOM + (this.given % ROOM)));
    this.given += 1;
    Atomics.store(counters, made, this.given);
  }

  /** Takes what the thread before has given, and does something with each. */
  receive() {
    const { counters, heap, ring, random, threads } = this;
    const from = (this.number + threads - 1) % threads;
    const [made, taken] = [2 * from, 2 * from + 1];
    while (Atomics.load(counters, taken) < Atomics.load(counters, made)) {
      const at = 3 * (from * ROOM + (counters[taken] % ROOM));
      const [number, size, pattern] = ring.subarray(at, at + 3);
      Atomics.add(counters, taken, 1);
      const address = this.type === 'number' ? number : BigInt(number);
      const block = { address, size, pattern, usable: heap.usableSize(address) };
      this.check(block);
      this.mark(block, from + 1, this.own);
      this.blocks.push(block);
      if (random.chance(0.3)) continue;
      this.blocks.pop();
      this.drop(block, this.own);
      heap.free(address);
    }
  }

  step() {
    const { random } = this;
    // Programs grow and shrink, so that spans fill and go.
    const grows = (this.made >> 12) % 2 === 0 ? 0.6 : 0.4;
    if (this.blocks.length === 0 || (this.blocks.length < MOST && random.chance(grows))) {
      this[random.weighed(MAKING)]();
    } else this[random.weighed(TAKING)]();
    this.made += 1;
    if (this.made % 16 === 0) this.receive();
  }

  /** Waits until all have ended, so that no block is on its way. */
  end() {
    const { counters, threads } = this;
    const ended = 2 * threads;
    Atomics.add(counters, ended, 1);
    while (Atomics.load(counters, ended) < threads) this.receive();
    this.receive();
  }
}

const MAKING = [
  [12, 'malloc'],
  [1, 'mallocAligned'],
  [2, 'calloc'],
  [1, 'mallocMany'],
];
const TAKING = [
  [10, 'free'],
  [1, 'freeMany'],
  [3, 'realloc'],
  [2, 'look'],
  [2, 'give'],
];

/** Runs a program of `rounds` operations. Returns the blocks that this thread has at its end. */
function programs({ rounds, ...data }) {
  const program = new Program(data);
  while (program.made < rounds) program.step();
  program.end();
  for (const block of program.blocks) program.check(block);
  const left = program.blocks.map(({ address, size }) => ({ address: Number(address), size }));
  return { made: program.made, left };
}

module.exports = { programs, shareMemory };
