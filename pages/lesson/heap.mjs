// The library as the page has it, in the place of command/library.js: heaps in WebAssembly (pages/core), with the names of `Heap` in
// Node. Addresses are numbers, and no memory is behind them. start() comes first, once.

const MAIN = 2;
const STATISTICS = [
  'mapped',
  'live',
  'holes',
  'largestHole',
  'mainBlocks',
  'liveBlocks',
  'holeCount',
];

let core;

export const POLICIES = [];

/** Starts the module of these bytes. */
export async function start(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes);
  core = instance.exports;
  core.start();
  core.policies();
  POLICIES.splice(0, Number.POSITIVE_INFINITY, ...text().split('\n'));
}

function text() {
  const bytes = new Uint8Array(core.memory.buffer, core.text_place(), core.text_length());
  return new TextDecoder().decode(bytes);
}

/** The numbers that a call has left. */
function numbers(count) {
  return new Float64Array(core.memory.buffer, core.numbers_place(), count);
}

/** Calls a function of the module, and throws what it has left where it fails. */
function call(name, ...args) {
  let result;
  try {
    result = core[name](...args);
  } catch (error) {
    // A panic leaves its message, and a module that cannot be used. What is left otherwise is from an earlier call.
    const said = text().startsWith('panicked') ? text() : error.message;
    const message = `The allocator of this page has stopped: ${said}. Reload the page. This is a bug in MeMS, please report it`;
    throw Object.assign(new Error(message), { code: 'ERR_MEMS_INTERNAL' });
  }
  if (result !== -1) return result;
  const [code, message] = text().split(/\n(.*)/s);
  throw Object.assign(new Error(message), { code });
}

export class Heap {
  #heap;

  constructor({ policy, alignment, minBlockSize, maxSize, growingBlocks, joinEmptyBlocks }) {
    const number = POLICIES.indexOf(policy) + 1;
    const sizes = [alignment, minBlockSize, maxSize];
    this.#heap = call('open', number, ...sizes, Number(growingBlocks), Number(joinEmptyBlocks));
  }

  malloc(size) {
    return call('malloc', this.#heap, size);
  }

  free(address) {
    call('free', this.#heap, address);
  }

  /** How many bytes after the first of the heap the byte at an address is. */
  get(address) {
    return call('get', this.#heap, address);
  }

  usableSize(address) {
    return call('usable_size', this.#heap, address);
  }

  lookedAt(size) {
    return call('looked_at', this.#heap, size);
  }

  verify() {
    call('verify', this.#heap);
  }

  stats() {
    const values = numbers(call('stats', this.#heap));
    return Object.fromEntries(STATISTICS.map((name, at) => [name, values[at]]));
  }

  /** The lines that printStats() prints. */
  lines() {
    call('lines', this.#heap);
    return text().split('\n');
  }

  /** The main blocks as `{ start, size, segments }`, as chains() has them in Node. */
  chains() {
    const values = numbers(call('walk', this.#heap));
    const mains = [];
    for (let at = 0; at < values.length; at += 3) {
      const [kind, start, size] = values.subarray(at, at + 3);
      if (kind === MAIN) mains.push({ start, size, segments: [] });
      else mains.at(-1).segments.push({ kind: kind === 1 ? 'live' : 'hole', start, size });
    }
    return mains;
  }

  close() {
    call('close', this.#heap);
  }
}

// Modules of Node import command/library.js as a whole.
export default { Heap, POLICIES };
