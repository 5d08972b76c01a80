// The memory of an exercise: holes that are given, with a wall between each two, so that they never join.
//
// Most exercises are placed by MeMS itself, in one main block that cannot grow. What MeMS has no option for is placed by the model
// of a free list. Both have the same methods: `malloc(size)` returns the address or null, `free(address)`, `holes()` in the order in
// which they are searched, `needOf(size)`, `blockSize(address)`, `close()`.

'use strict';

const { Heap } = require('../library.js');
const { Failure } = require('./failure.js');
const { FreeList, POLICIES } = require('./free-list.js');
const { MOST_BYTES } = require('./lesson-values.js');

const PAGE = 4096;
/** The first address of every heap. */
const FIRST = 1000;

const sum = (sizes) => sizes.reduce((total, size) => total + size, 0);
const pages = (bytes) => Math.ceil(bytes / PAGE) * PAGE;

/** What of these rules MeMS has no option for, in words; empty if it can place the exercise. */
function beyondLibrary({ header = 0, alignment = 1, order = 'address', coalesce = true }) {
  return [
    header > 0 && 'headers',
    alignment > 1 && 'rounding to such a multiple',
    order !== 'address' && 'list in that order',
    !coalesce && 'way to leave holes apart',
  ].filter(Boolean);
}

/** A heap of exactly `bytes` bytes. */
function openHeap(policy, bytes) {
  const fixed = { growingBlocks: false, joinEmptyBlocks: false, autoTrim: false, alignment: 1 };
  const options = { ...fixed, minBlockSize: bytes, maxSize: bytes, addresses: 'number' };
  return new Heap({ policy, ...options });
}

/** Holes by MeMS. Addresses are moved so that the first hole is at `base`. */
class HeapMemory {
  constructor({ policy, holes, base }) {
    this.offset = base - FIRST;
    const bytes = pages(sum(holes) + holes.length);
    this.heap = openHeap(policy, bytes);
    const starts = holes.map((size) => {
      const start = this.heap.malloc(size);
      this.heap.malloc(1);
      return start;
    });
    const rest = bytes - sum(holes) - holes.length;
    if (rest > 0) this.heap.malloc(rest);
    for (const start of starts) this.heap.free(start);
  }

  malloc(size) {
    try {
      return this.heap.malloc(size) + this.offset;
    } catch (error) {
      if (error.code !== 'ERR_MEMS_OUT_OF_MEMORY') throw error;
      return null;
    }
  }

  free(address) {
    this.heap.free(address - this.offset);
  }

  holes() {
    const segments = [...this.heap.chains()].flatMap((main) => [...main.segments]);
    const holes = segments.filter(({ kind }) => kind === 'hole');
    return holes.map(({ start, size }) => ({ start: start + this.offset, size }));
  }

  /** The bytes that a block for a request of `size` bytes takes. */
  needOf(size) {
    return size;
  }

  /** The bytes that the block at `address` takes. */
  blockSize(address) {
    return this.heap.usableSize(address - this.offset);
  }

  close() {
    this.heap.verify();
    this.heap.close();
  }
}

/** One memory of a power of two for the buddy system, by MeMS. A byte of the exercise is `unit` bytes of the heap. */
class BuddyMemory {
  constructor({ holes: [size], base }) {
    this.base = base;
    this.unit = Math.max(1, PAGE / size);
    this.heap = openHeap('buddy', size * this.unit);
    // The main block is there from the first block on.
    this.heap.free(this.heap.malloc(1));
  }

  malloc(size) {
    const address = HeapMemory.prototype.malloc.call(
      { heap: this.heap, offset: 0 },
      size * this.unit,
    );
    return address === null ? null : this.base + (address - FIRST) / this.unit;
  }

  inHeap(address) {
    return (address - this.base) * this.unit + FIRST;
  }

  free(address) {
    this.heap.free(this.inHeap(address));
  }

  holes() {
    return HeapMemory.prototype.holes
      .call({ heap: this.heap, offset: 0 })
      .map(({ start, size }) => ({
        start: this.base + (start - FIRST) / this.unit,
        size: size / this.unit,
      }));
  }

  needOf(size) {
    return 2 ** Math.ceil(Math.log2(size));
  }

  blockSize(address) {
    return this.heap.usableSize(this.inHeap(address)) / this.unit;
  }

  close() {
    this.heap.verify();
    this.heap.close();
  }
}

/** Holes by the model. */
class ListMemory {
  constructor({ holes, base, ...rules }) {
    let address = base;
    const nodes = holes.map((size) => {
      const node = { address, size };
      address += size + 1;
      return node;
    });
    this.list = new FreeList({ ...rules, holes: nodes });
  }

  malloc(size) {
    return this.list.malloc(size) ?? null;
  }

  free(address) {
    this.list.free(address);
  }

  holes() {
    return this.list.nodes.map(({ address, size }) => ({ start: address, size }));
  }

  needOf(size) {
    return this.list.taken(size);
  }

  blockSize(address) {
    return this.list.sizes.get(address);
  }

  close() {}
}

/** Opens the memory for an exercise's holes and rules. */
function openMemory(rules) {
  const { policy, holes } = rules;
  if (sum(holes) > MOST_BYTES) {
    throw new Failure('the holes have more than 1 GiB together: make them smaller.');
  }
  if (policy === 'segregated') {
    throw new Failure(
      'segregated fit has size classes and no list of holes: choose another policy.',
    );
  }
  const missing = beyondLibrary(rules);
  if (policy === 'buddy') {
    if (missing.length > 0) throw new Failure(`the buddy system has no ${missing.join(' or ')}.`);
    if (holes.length > 1 || !Number.isInteger(Math.log2(holes[0]))) {
      throw new Failure('the buddy system takes one memory of a power of two, as in 1024 bytes.');
    }
    return new BuddyMemory(rules);
  }
  if (missing.length === 0) return new HeapMemory(rules);
  if (!POLICIES.includes(policy)) {
    throw new Failure(
      `MeMS has no ${missing.join(', no ')}, and the model that has knows only ${POLICIES.join(', ')}.`,
    );
  }
  return new ListMemory(rules);
}

module.exports = { beyondLibrary, openMemory, LISTED: POLICIES };
