// Runs the program of a lesson by a policy: what each call did, and what there was before and after a call.
//
// A step is { call, result, address, ... }; `result` is
//
//   placed   malloc has returned `address`
//   refused  malloc has found no room
//   freed    the block at `address` is free
//   found    get has returned a place: `offset` bytes after the first byte of the heap
//   nothing  the call is about a block whose malloc was refused
//   error    the library refuses the call: `message` is its sentence
//
// A malloc has `isChoice`, whether there is something to choose for it.
//
// moment() returns a step with all that is drawn of it: `before` and `after`, the main blocks of these moments, `listBefore` and
// `listAfter`, the lists of holes of an exercise if these are not in order of address, the holes that were looked at, what printStats()
// prints. moment() makes all calls before the step anew, since a program of many calls has too many segments to
// keep those of each. Costs O(calls) for all steps, and O(calls + segments) for a moment.

import { answer } from '../../command/lib/exercise.js';
import { ExerciseMachine, HeapMachine } from './machines.mjs';

/** Opens what a lesson's calls are made on. Throws if the policy cannot have it. */
function open({ memory, options = {}, rules = {} }, policy) {
  return memory ? new ExerciseMachine(memory, rules, policy) : new HeapMachine(options, policy);
}

/** The calls of a program, made on a machine one after the other. */
class Player {
  /** The addresses of blocks by name: null if malloc was refused. They stay after a free. */
  #blocks = new Map();
  /** What the live blocks are called, and their number, by the first address that they take. */
  #labels = new Map();
  #made = 0;

  constructor(lesson, policy) {
    this.machine = open(lesson, policy);
    this.header = headerOf(lesson);
    this.isGiven = isGiven(lesson);
  }

  /** The main blocks, with the names of blocks. */
  mains() {
    return this.machine.mains().map((main) => ({
      ...main,
      segments: main.segments.map((each) => ({ ...each, ...this.#labels.get(each.start) })),
    }));
  }

  /** Makes a call. With `isDetailed` the step has what moment() is for, except for `before` and `after`. */
  play(call, isDetailed) {
    try {
      return { call, ...this.#call(call, isDetailed) };
    } catch (error) {
      if (!/^ERR_MEMS_/.test(error.code ?? '') || error.code === 'ERR_MEMS_INTERNAL') throw error;
      return { call, result: 'error', message: error.message };
    }
  }

  #call(call, isDetailed) {
    const { machine } = this;
    if (call.kind === 'malloc') return this.#malloc(call, isDetailed);
    const block = call.base === undefined ? 0 : this.#blocks.get(call.base);
    if (block === null) return { result: 'nothing' };
    const address = block + call.offset;
    if (call.kind === 'get') return { result: 'found', address, offset: machine.get(address) };
    const joined = machine.free(address, isDetailed);
    this.#labels.delete(address - this.header);
    return { result: 'freed', address, joined };
  }

  #malloc({ name, size, isNamed }, isDetailed) {
    // A malloc that the library refuses has no block either.
    this.#blocks.set(name, null);
    const isChoice = this.machine.hasChoice();
    const made = { ...this.machine.malloc(size, isDetailed), isChoice };
    const { address, hole } = made;
    this.#blocks.set(name, address);
    if (address === null) return { ...made, result: 'refused', cell: '-' };
    const label = this.isGiven && !isNamed ? `${size}` : name;
    this.#labels.set(address - this.header, { name: label, number: this.#made++ });
    const cell = this.isGiven ? answer({ address, hole }) : `${address}`;
    return { ...made, result: 'placed', cell };
  }
}

/** The bytes before each block of a lesson. */
const headerOf = ({ memory, rules }) => (memory === undefined ? 0 : (rules?.header ?? 0));

/** Whether the requests are for given holes, so that these are the results. */
const isGiven = ({ memory }) => memory !== undefined && memory.holes.length > 1;

class Run {
  #lesson;
  #calls;
  #moments = new Map();

  constructor(lesson, calls, policy) {
    this.#lesson = lesson;
    this.#calls = calls;
    this.policy = policy;
    this.isGiven = isGiven(lesson);
    this.isHeap = lesson.memory === undefined;
    /** The bytes before each block. */
    this.header = headerOf(lesson);
    this.steps = this.#with((player) => calls.map((call) => player.play(call, false)));
  }

  #with(use) {
    const player = new Player(this.#lesson, this.policy);
    try {
      return use(player);
    } finally {
      player.machine.close();
    }
  }

  /** The step after which `at` calls were made; 0 is the beginning, which has no call. */
  moment(at) {
    if (!this.#moments.has(at))
      this.#moments.set(
        at,
        this.#with((player) => this.#make(player, at)),
      );
    return this.#moments.get(at);
  }

  #make(player, at) {
    for (const call of this.#calls.slice(0, Math.max(0, at - 1))) player.play(call, false);
    const { machine } = player;
    const [before, listBefore] = [player.mains(), machine.list()];
    const step = at === 0 ? {} : player.play(this.#calls[at - 1], true);
    const lists = { listBefore, listAfter: machine.list() };
    return { ...step, before, after: player.mains(), ...lists, lines: machine.lines() };
  }
}

/** Runs calls by a policy. Returns a Run, or `{ policy, refusal }`: why it cannot be worked out. */
export function run(lesson, calls, policy) {
  try {
    return new Run(lesson, calls, policy);
  } catch (error) {
    if (error.code === 'ERR_MEMS_INTERNAL') throw error;
    // The message is that of an option or of an exercise. Errors of other kinds are shown as well, since nothing should be hidden.
    return { policy, refusal: error.message };
  }
}

/**
 * The blocks that can be freed after all of these steps: their sizes by name. What a malloc from step `hidden` on does is not shown, so
 * that its block is there even if it was refused.
 */
export function liveBlocks(steps, hidden) {
  const live = new Map();
  for (const [number, { call, result, address }] of steps.entries()) {
    if (call.kind === 'malloc') {
      if (number >= hidden || result === 'placed')
        live.set(call.name, { size: call.size, address });
    } else if (result === 'freed') {
      // A block may be freed by its address.
      const found = [...live].find(([, block]) => block.address === address);
      live.delete(found?.[0]);
    } else if (call.kind === 'free' && number >= hidden) live.delete(call.base);
  }
  return new Map([...live].map(([name, { size }]) => [name, size]));
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
