// What the calls of a lesson are made on: a heap of MeMS, or the memory of an exercise. Both have the same methods.
//
//   malloc(size, isDetailed)   returns { address, ... }; the address is null if the request was refused, and then there is a `message`
//                  or the `largest` hole. With `isDetailed`: { block, hole, looked, number, appended }, what it has taken and why
//   hasChoice()    returns whether there is something to choose for a request: a heap with main blocks, which can grow as well, or a
//                  memory with a hole
//   free(address, isDetailed)  with `isDetailed` returns the hole that the block has become part of
//   get(address)   returns how many bytes after the first the byte is
//   mains()        returns the main blocks with their segments: { start, size, segments }, a segment { kind, start, size }. Between
//                  the holes of an exercise there are walls
//   list()         returns the list of holes, { start, size } in the order in which it is searched, where that is not by address
//   lines()        returns what printStats() prints, if the machine is a heap
//
// What is refused is thrown, with the library's sentence and code, except for a request that finds no room. Costs O(n) for n segments.

import { Solver } from '../../command/lib/exercise.js';
import { checkHeapSize, MOST_BYTES } from '../../command/lib/lesson-values.js';
import { freed, Layout, LISTED, looked, placement } from '../../command/lib/moment.js';
import library from '../../command/library.js';

const NO_ROOM = 'ERR_MEMS_OUT_OF_MEMORY';

/** A heap that grows by main blocks, as that of init() does. */
export class HeapMachine {
  #isMapped = false;

  constructor(options, policy) {
    const { minBlockSize = 4096, maxSize = MOST_BYTES } = options;
    checkHeapSize(minBlockSize);
    checkHeapSize(maxSize);
    // What init() has with this policy.
    const isSegregated = policy === 'segregated';
    this.alignment = options.alignment ?? (isSegregated ? 16 : 1);
    this.policy = policy;
    this.heap = new library.Heap({
      alignment: this.alignment,
      minBlockSize,
      maxSize,
      growingBlocks: options.growingBlocks ?? false,
      joinEmptyBlocks: options.joinEmptyBlocks ?? isSegregated,
      autoTrim: false,
      // Slots wait in the caches of threads otherwise, and addresses depend on these.
      ...(isSegregated ? { zeroOnFree: true } : {}),
      addresses: 'number',
      policy,
    });
  }

  #allocate(size) {
    try {
      const address = this.heap.malloc(size);
      this.#isMapped = true;
      return { address };
    } catch (error) {
      if (error.code !== NO_ROOM) throw error;
      return { address: null, message: error.message };
    }
  }

  hasChoice() {
    return this.#isMapped;
  }

  malloc(size, isDetailed) {
    if (!isDetailed) return this.#allocate(size);
    const { heap, policy, alignment } = this;
    const before = new Layout(heap);
    const number = heap.lookedAt(size);
    const made = this.#allocate(size);
    const wanted = { address: made.address ?? 0, size, policy, number, alignment };
    const placed = placement(before, new Layout(heap), wanted);
    return { ...made, block: placed.need, number, ...placed };
  }

  free(address, isDetailed) {
    const before = isDetailed && new Layout(this.heap);
    this.heap.free(address);
    return isDetailed ? freed(before, new Layout(this.heap), address) : undefined;
  }

  get(address) {
    return this.heap.get(address);
  }

  mains() {
    const layout = new Layout(this.heap);
    return layout.mains.start.map((_, number) => layout.main(number));
  }

  list() {
    return undefined;
  }

  lines() {
    return this.heap.lines?.() ?? [];
  }

  close() {
    this.heap.close();
  }
}

/** Throws what a heap throws for a number that is no size: the model of a list would take it. */
function checkSize(size) {
  if (Number.isSafeInteger(size) && size > 0) return;
  const machine = new HeapMachine({}, 'first-fit');
  try {
    machine.malloc(size);
  } finally {
    machine.close();
  }
}

/** The memory of an exercise, which cannot grow. */
export class ExerciseMachine {
  constructor({ holes, base }, rules, policy) {
    this.policy = policy;
    this.holes = holes;
    this.base = base;
    this.header = rules.header ?? 0;
    this.order = rules.order;
    this.solver = new Solver({ holes, base }, { ...rules, policy });
    this.blocks = new Map();
  }

  hasChoice() {
    return this.solver.memory.holes().length > 0;
  }

  malloc(size) {
    checkSize(size);
    const solved = this.solver.malloc(size);
    const { address, need, block, taken, lookedAt: number } = solved;
    if (address !== null) this.blocks.set(address, block);
    const list = solved.before;
    const view = {
      size: list.map((hole) => hole.size),
      segment: (at) => ({ kind: 'hole', ...list[at] }),
    };
    const found = LISTED.includes(this.policy)
      ? looked(view, [...list.keys()], { policy: this.policy, number, need, taken })
      : undefined;
    const hole = taken < 0 ? undefined : { ...list[taken], of: solved.hole.of };
    const placed = { need, appended: 0, hole, looked: found };
    return { address, largest: solved.largest, block, number, ...placed };
  }

  free(address) {
    const block = this.blocks.get(address);
    if (block === undefined) {
      throw Object.assign(new Error(`No block starts at ${address}`), {
        code: 'ERR_MEMS_NOT_ALLOCATED',
      });
    }
    const holes = this.solver.free(address);
    this.blocks.delete(address);
    const from = address - this.header;
    const hole = holes.find(({ start, size }) => start <= from && from < start + size);
    const sides = { isBefore: hole.start < from, isAfter: hole.start + hole.size > from + block };
    return { size: block, hole, ...sides };
  }

  get(address) {
    const isInside = [...this.blocks].some(([start, size]) => {
      return start <= address && address < start - this.header + size;
    });
    if (isInside) return address - this.base;
    throw Object.assign(new Error(`${address} is in no block`), { code: 'ERR_MEMS_NOT_ALLOCATED' });
  }

  mains() {
    const { holes, base, header } = this;
    const walls = holes.slice(0, -1).map((_, at) => {
      const end = holes.slice(0, at + 1).reduce((sum, size) => sum + size + 1, base);
      return { kind: 'wall', start: end - 1, size: 1 };
    });
    const free = this.solver.memory.holes().map((hole) => ({ kind: 'hole', ...hole }));
    const live = [...this.blocks].map(([start, size]) => ({
      kind: 'live',
      start: start - header,
      size,
    }));
    const segments = [...walls, ...free, ...live].sort((a, b) => a.start - b.start);
    const size = holes.reduce((sum, each) => sum + each, holes.length - 1);
    return [{ start: base, size, segments }];
  }

  list() {
    return this.order === undefined || this.order === 'address'
      ? undefined
      : this.solver.memory.holes();
  }

  lines() {
    return [];
  }

  close() {
    this.solver.close();
  }
}
