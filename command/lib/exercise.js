// Works an exercise out: requests for given holes, or a program of calls, by one policy.
//
// An exercise is { holes, calls, base }: the sizes of the holes, and calls as { kind: 'malloc', size, name } or { kind: 'free',
// name }. Costs O(calls * holes).

'use strict';

const { Failure } = require('./failure.js');
const { openMemory } = require('./memory.js');
const { parseSize } = require('./numbers.js');

/** A program as options write it, `+10,+5,-0` or `+A10,-A`: a malloc, or a free of the block with that number or name. */
function parseCalls(text) {
  let mallocs = 0;
  const live = new Set();
  return text.split(',').map((word) => {
    const [, sign, letter, number] = /^\s*([+-])([A-Za-z]?)(\d*)\S*\s*$/.exec(word) ?? [];
    const isMalloc = sign === '+' && number !== '';
    if (!isMalloc && (sign !== '-' || (letter === '') === (number === ''))) {
      throw new Failure(
        `"${word}" is no call: write +10 for malloc(10), and -0 to free its block.`,
      );
    }
    const name = letter || (isMalloc ? String(mallocs) : number);
    if (isMalloc) {
      mallocs += 1;
      live.add(name);
      return { kind: 'malloc', name, size: parseSize(number) };
    }
    if (!live.delete(name)) throw new Failure(`"${word}" frees a block that is not allocated.`);
    return { kind: 'free', name };
  });
}

/** How many holes are looked at in the order of the list, until the one that is taken is known. The buddy system searches no list. */
function lookedAt(policy, holes, taken, rover) {
  if (policy === 'buddy') return undefined;
  if (policy === 'best-fit' || policy === 'worst-fit' || taken < 0) return holes.length;
  if (policy !== 'next-fit') return taken + 1;
  const first = holes.findIndex(({ start, size }) => start + size > rover);
  return first < 0 ? taken + 1 : ((taken - first + holes.length) % holes.length) + 1;
}

/** The memory of an exercise, in which its calls are made one after the other: `policy` and `rules` as openMemory() takes them. */
class Solver {
  #rover = Number.POSITIVE_INFINITY;

  constructor({ holes, base }, { policy, ...rules }) {
    Object.assign(this, { sizes: holes, policy, header: rules.header ?? 0 });
    this.memory = openMemory({ ...rules, policy, holes, base });
    this.starts = holes.map(
      (_, at) => base + holes.slice(0, at).reduce((sum, each) => sum + each + 1, 0),
    );
  }

  /** Which of the holes at the beginning an address is in. */
  partitionOf(address) {
    return this.starts.findLastIndex((start) => start <= address);
  }

  /** What is left of each hole of the beginning, if `holes` are the holes now. */
  left(holes) {
    return this.sizes.map((_, at) => {
      const inside = holes.filter(({ start }) => this.partitionOf(start) === at);
      return inside.reduce((total, { size }) => total + size, 0);
    });
  }

  /**
   * Allocates. Returns `address` (null if it must wait, and then `largest`, the size of the largest hole), `need` (the bytes that such a
   * block takes), `block` (the bytes that this one takes), `hole` (what was taken: its partition and its size), `taken` (its place among
   * the holes `before`), `lookedAt` (undefined where no list is searched), and the `holes` after.
   */
  malloc(size) {
    const { memory, policy, header } = this;
    const before = memory.holes();
    const need = memory.needOf(size);
    const address = memory.malloc(size);
    if (address === null) {
      const largest = Math.max(0, ...before.map((hole) => hole.size));
      const looked = lookedAt(policy, before, -1, this.#rover);
      return { address, largest, need, taken: -1, lookedAt: looked, before, holes: before };
    }
    const from = address - header;
    const taken = before.findIndex((hole) => hole.start <= from && from < hole.start + hole.size);
    const partition = this.partitionOf(from);
    const hole = { partition, size: before[taken].size, of: this.sizes[partition] };
    const looked = lookedAt(policy, before, taken, this.#rover);
    const block = memory.blockSize(address);
    this.#rover = from + block;
    return { address, need, block, hole, taken, lookedAt: looked, before, holes: memory.holes() };
  }

  /** Frees, and returns the holes after that. */
  free(address) {
    this.memory.free(address);
    return this.memory.holes();
  }

  close() {
    this.memory.close();
  }
}

/**
 * The steps of an exercise by `policy`, with `rules` of the memory. A step is the call with what Solver has returned, and `holes` and
 * `left` after it.
 */
function work(exercise, rules) {
  const solver = new Solver(exercise, rules);
  const blocks = new Map();
  const steps = exercise.calls.map((call) => {
    if (call.kind === 'malloc') {
      const step = { ...call, ...solver.malloc(call.size) };
      if (step.address !== null) blocks.set(call.name, step.address);
      return step;
    }
    const address = blocks.get(call.name);
    blocks.delete(call.name);
    // A block that was refused has nothing to free.
    const holes = address === undefined ? solver.memory.holes() : solver.free(address);
    return { ...call, address: address ?? null, holes };
  });
  solver.close();
  return steps.map((step) => ({ ...step, left: solver.left(step.holes) }));
}

/** What a step has taken, as the exercises write it: '500', '500>288' for the rest of an earlier hole, '-'. */
function answer({ address, hole }) {
  if (address === null) return '-';
  return hole.size === hole.of ? `${hole.of}` : `${hole.of}>${hole.size}`;
}

module.exports = { Solver, answer, parseCalls, work };
