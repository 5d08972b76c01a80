// Runs the program of a lesson by a policy, and keeps what each call did.
//
// A step is { call, result, address, ... } with `before` and `after`, the main blocks of these moments; `result` is
//
//   placed   malloc has returned `address`
//   refused  malloc has found no room
//   freed    the block at `address` is free
//   found    get has returned a place: `offset` bytes after the first byte of the heap
//   nothing  the call is about a block whose malloc was refused
//   error    the library refuses the call: `message` is its sentence
//
// Costs O(calls * segments).

import { answer } from '../../command/lib/exercise.js';
import { ExerciseMachine, HeapMachine } from './machines.mjs';

/** Opens what a lesson's calls are made on. Throws if the policy cannot have it. */
function open({ memory, options = {}, rules = {} }, policy) {
  return memory ? new ExerciseMachine(memory, rules, policy) : new HeapMachine(options, policy);
}

/** What a request has got, in a word or two for a table. */
function cell({ result, address, hole }, isGiven) {
  if (result === 'error') return 'error';
  if (result === 'refused') return '-';
  return isGiven ? answer({ address, hole }) : `${address}`;
}

class Run {
  steps = [];
  /** The addresses of blocks by name: null if malloc was refused. They stay after a free. */
  #blocks = new Map();
  /** What the live blocks are called, and their number, by address. */
  #labels = new Map();
  #made = 0;

  constructor(lesson, calls, policy) {
    this.policy = policy;
    const { memory } = lesson;
    /** Whether the requests are for given holes, so that these are the results. */
    this.isGiven = memory !== undefined && memory.holes.length > 1;
    const machine = open(lesson, policy);
    try {
      this.initial = { mains: machine.mains(), lines: machine.lines() };
      for (const call of calls) this.steps.push(this.#step(machine, call));
    } finally {
      machine.close();
    }
  }

  #named(mains) {
    return mains.map((main) => ({
      ...main,
      segments: main.segments.map((each) => ({ ...each, ...this.#labels.get(each.start) })),
    }));
  }

  #step(machine, call) {
    let step;
    try {
      step = this.#call(machine, call);
    } catch (error) {
      if (!/^ERR_MEMS_/.test(error.code ?? '') || error.code === 'ERR_MEMS_INTERNAL') throw error;
      step = { result: 'error', message: error.message };
    }
    const after = this.#named(machine.mains());
    return { call, before: after, ...step, after, lines: machine.lines() };
  }

  #call(machine, call) {
    const { kind, name, size, isNamed } = call;
    if (kind === 'malloc') {
      const made = machine.malloc(size);
      const before = this.#named(made.before);
      const isPlaced = made.address !== null;
      this.#blocks.set(name, made.address);
      if (isPlaced) {
        const label = this.isGiven && !isNamed ? `${size}` : name;
        const start = made.address - (machine.header ?? 0);
        this.#labels.set(start, { name: label, number: this.#made++ });
      }
      const step = { ...made, before, result: isPlaced ? 'placed' : 'refused' };
      return { ...step, cell: cell(step, this.isGiven) };
    }
    const block = call.base === undefined ? 0 : this.#blocks.get(call.base);
    if (block === null) return { result: 'nothing' };
    const address = block + call.offset;
    if (kind === 'get') return { result: 'found', address, offset: machine.get(address) };
    const { before, joined } = machine.free(address);
    const step = { result: 'freed', address, before: this.#named(before), joined };
    this.#labels.delete(address - (machine.header ?? 0));
    return step;
  }
}

/** Runs calls by a policy. Returns `{ policy, steps, initial, isGiven }`, or `{ policy, refusal }`: why it cannot be worked out. */
export function run(lesson, calls, policy) {
  try {
    return new Run(lesson, calls, policy);
  } catch (error) {
    if (error.code === 'ERR_MEMS_INTERNAL') throw error;
    // A sentence of an option, or of an exercise: whatever else it is, it is not hidden.
    return { policy, refusal: error.message };
  }
}

/** What is free and in use in main blocks. */
export function totals(mains) {
  const total = { mapped: 0, live: 0, blocks: 0, holes: 0, holeBytes: 0, largest: 0 };
  for (const { kind, size } of mains.flatMap(({ segments }) => segments)) {
    if (kind === 'wall') continue;
    total.mapped += size;
    if (kind === 'live') {
      total.live += size;
      total.blocks += 1;
    } else {
      total.holeBytes += size;
      total.holes += 1;
      total.largest = Math.max(total.largest, size);
    }
  }
  return total;
}
