// Replays operations on a heap of the library with one policy, and measures it.
//
// What a trace says is replayed with blocks of exactly the sizes that were asked for, and main blocks of the sizes of init(): so that
// only the policy decides what is mapped. What was recorded is replayed with the options of its heap that decide about that. Segregated
// fit, which rounds sizes, and the buddy system have what they need instead.
//
// What a list of holes would look at costs a walk over the heap, so that only some mallocs are measured, evenly spread; that time does
// not count. Times are those of calls from JavaScript, one after the other.

'use strict';

const { Heap } = require('../library.js');
const { Failure } = require('./failure.js');
const { KIND } = require('./operations.js');
const { NO_BLOCK } = require('./recorded.js');

const EXACT = {
  alignment: 1,
  minBlockSize: 4096,
  growingBlocks: false,
  joinEmptyBlocks: false,
  autoTrim: false,
};
/** What a policy needs, whatever the options of a heap. */
const NEEDED = {
  segregated: { alignment: 16, joinEmptyBlocks: true },
  buddy: { joinEmptyBlocks: false },
};
/** The options that decide how much is mapped, as `new Heap()` takes them. */
const optionsFor = (policy, recorded) => {
  const options = { ...EXACT };
  for (const name of ['alignment', 'minBlockSize', 'growingBlocks', 'joinEmptyBlocks']) {
    if (recorded?.[name] !== undefined) options[name] = recorded[name];
  }
  return { ...options, ...NEEDED[policy], policy };
};
/** Mallocs between two that are measured, at first. */
const INTERVAL = 64;
/** Measured mallocs, at least, in a program that has as many. More are measured as long as few holes are looked at. */
const SAMPLES = 1024;
const MOST_SAMPLES = 1 << 15;
const MOST_LOOKED = 1 << 20;
/** The buddy system refuses the largest alignments. */
const REFUSALS = ['ERR_MEMS_OUT_OF_MEMORY', 'ERR_MEMS_INVALID_ALIGNMENT'];
/** Calls that are made before time counts, until the engine has compiled them. */
const WARM_UP = 20_000;

/** Whether something is replayed. What was there when a recording began is allocated first. */
const isCall = (kind) => {
  return kind >= KIND.block && kind <= KIND.realloc;
};

/** Policies that need no warming up any more. */
const warm = new Set();

/**
 * Some values of a long series, evenly spread. Once there are enough, every other is dropped, and the interval doubles: enough are
 * SAMPLES, and as many as cost MOST_LOOKED, since a few large values among many small ones take many samples to be seen.
 */
class Samples {
  values = [];
  interval = INTERVAL;
  seen = 0;
  sum = 0;

  /** Whether the next value of the series is wanted. */
  isNext() {
    return this.seen++ % this.interval === 0;
  }

  add(value) {
    this.values.push(value);
    this.sum += value;
    const isEnough = this.values.length >= SAMPLES && this.sum >= MOST_LOOKED;
    if (!isEnough && this.values.length < MOST_SAMPLES) return;
    this.values = this.values.filter((_, at) => at % 2 === 0);
    this.sum = this.values.reduce((sum, each) => sum + each, 0);
    this.interval *= 2;
  }

  get mean() {
    return this.values.length === 0 ? 0 : this.sum / this.values.length;
  }
}

class Replay {
  /**
   * `limit` is the most bytes that the heap can map; undefined: no limit. `recorded`: the options of the heap that was recorded;
   * undefined: it is a trace.
   */
  constructor(policy, { limit, recorded } = {}) {
    this.policy = policy;
    const options = { ...optionsFor(policy, recorded), addresses: 'number' };
    this.alignment = options.alignment;
    this.heap = new Heap(limit === undefined ? options : { ...options, maxSize: limit });
    // By id; 0 if there is no block. No heap has the address 0.
    this.addresses = new Float64Array(1024);
    this.calls = 0;
    this.operations = 0;
    this.milliseconds = 0;
    this.refused = { calls: 0, first: undefined };
    this.looked = new Samples();
  }

  /** Replays the operations of a chunk. */
  run(chunk) {
    const calls = this.prepare(chunk);
    const begun = performance.now();
    let sampling = 0;
    for (let at = 0; at < chunk.count; at++) {
      // Most chunks take one round: what a refused call has interrupted continues behind it.
      const next = this.runFrom(chunk, at);
      sampling += next.sampling;
      at = next.at;
    }
    this.milliseconds += performance.now() - begun - sampling;
    this.calls += calls;
    this.operations += chunk.count;
  }

  /** Makes room for the addresses of a chunk's blocks. Returns how many calls the chunk has. */
  prepare({ count, kind, block }) {
    let [most, calls] = [0, 0];
    for (let at = 0; at < count; at++) {
      if (!isCall(kind[at])) continue;
      calls += 1;
      if (block[at] !== NO_BLOCK && block[at] > most) most = block[at];
    }
    if (most >= this.addresses.length) {
      const longer = new Float64Array(2 * most);
      longer.set(this.addresses);
      this.addresses = longer;
    }
    return calls;
  }

  /** Replays from an operation up to one that is refused. Returns that, or the end. */
  runFrom({ count, kind, block, size, alignment }, from) {
    const { heap, addresses, looked } = this;
    // Segregated fit takes the first free slot of a class, and its front would have to be given back to be looked at.
    const isSampled = this.policy !== 'segregated';
    const usual = this.alignment;
    let sampling = 0;
    let at = from;
    try {
      for (; at < count; at++) {
        const is = kind[at];
        const id = block[at];
        if (!isCall(is) || id === NO_BLOCK) continue;
        const address = addresses[id];
        if (is === KIND.free) {
          if (address === 0) continue;
          heap.free(address);
          addresses[id] = 0;
          continue;
        }
        const isAligned = alignment !== undefined && alignment[at] > usual;
        if (is === KIND.realloc && address !== 0) {
          addresses[id] = isAligned
            ? heap.realloc(address, size[at], { alignment: alignment[at] })
            : heap.realloc(address, size[at]);
        } else {
          if (isSampled && looked.isNext()) {
            const before = performance.now();
            looked.add(heap.lookedAt(size[at]));
            sampling += performance.now() - before;
          }
          addresses[id] = isAligned
            ? heap.malloc(size[at], { alignment: alignment[at] })
            : heap.malloc(size[at]);
        }
      }
    } catch (error) {
      if (!REFUSALS.includes(error.code)) throw error;
      this.refused.calls += 1;
      this.refused.first ??= this.operations + at + 1;
    }
    return { at, sampling };
  }

  /** Checks every invariant of the heap. */
  check() {
    this.heap.verify();
  }

  /** Ends the replay. `peak` are the most bytes that were asked for at once, `size` the bytes for which holes may be unusable. */
  finish({ peak, size }) {
    const { heap, policy, looked } = this;
    heap.verify();
    const { bytes, counts } = heap.stats();
    const result = {
      policy,
      mapped: bytes.mapped,
      perPeak: peak === 0 ? 0 : bytes.mapped / peak,
      mainBlocks: counts.mainBlocks,
      holes: counts.holes,
      holeBytes: bytes.holes,
      largestHole: bytes.largestHole,
      live: bytes.live,
      liveBlocks: counts.live,
      unusable: heap.unusable(size),
      lookedAt: policy === 'segregated' ? 1 : looked.mean,
      nanoseconds: this.calls === 0 ? 0 : (this.milliseconds * 1e6) / this.calls,
      refused: this.refused.calls,
      ...(this.refused.first === undefined ? {} : { firstRefused: this.refused.first }),
    };
    heap.close();
    return result;
  }

  close() {
    this.heap.close();
  }
}

/** Has the engine compile what a replay calls, so that the first chunk of the first policy is no slower than the others. */
function warmUp(policies) {
  const cold = policies.filter((policy) => !warm.has(policy));
  if (cold.length === 0) return;
  const chunk = { count: WARM_UP, kind: [], block: [], size: [] };
  chunk.kind = Uint8Array.from({ length: WARM_UP }, (_, at) => (at % 2 ? KIND.free : KIND.malloc));
  chunk.block = Uint32Array.from({ length: WARM_UP }, (_, at) => (at >> 1) % 100);
  chunk.size = Float64Array.from({ length: WARM_UP }, (_, at) => (at % 2 ? 0 : 1 + (at % 500)));
  for (const policy of cold) {
    warm.add(policy);
    const replay = new Replay(policy);
    replay.run(chunk);
    replay.close();
  }
}

/** Returns `limit`, the most bytes that a heap can map, or throws if no heap takes it. */
function checkedLimit(limit) {
  if (limit >= 4096) return limit;
  throw new Failure('the limit is less than a page of 4096 bytes: make it larger.');
}

/** Makes a replay for each policy, or none if one of them is not possible. */
function openReplays(policies, options) {
  if (options?.limit !== undefined) checkedLimit(options.limit);
  const replays = [];
  try {
    for (const policy of policies) replays.push(new Replay(policy, options));
  } catch (error) {
    for (const replay of replays) replay.close();
    throw error;
  }
  return replays;
}

module.exports = { checkedLimit, openReplays, warmUp };
