'use strict';

// The model: the heap of MeMS again, written as plainly as possible. A list of holes in order of address, which the policy searches
// from the front, and a map of live blocks; no index, and nothing shared with the Rust core. If the two disagree, compare the model
// with the rules first. Recorded programs run on it as well, with thousands of holes: hence two arrays of numbers, not one of
// objects.

const { PAGE, POLICIES } = require('./policies.js');

const FIRST_ADDRESS = 1000;

const CLASSES = {
  ERR_INVALID_ARG_TYPE: TypeError,
  ERR_INVALID_ARG_VALUE: TypeError,
  ERR_INVALID_THIS: TypeError,
  ERR_MEMS_INVALID_SIZE: RangeError,
  ERR_MEMS_OUT_OF_RANGE: RangeError,
  ERR_MEMS_INVALID_ALIGNMENT: RangeError,
  ERR_MEMS_OUT_OF_BLOCK: RangeError,
  ERR_MEMS_MISALIGNED: RangeError,
};

/** The class that an error with this code must have. */
function errorClass(code) {
  return CLASSES[code] ?? Error;
}

function fail(code, value) {
  const Class = errorClass(code);
  throw Object.assign(new Class(`the oracle refuses ${String(value)}`), { code });
}

/** The size as a number, if it is one that malloc may be asked for. */
function checkedSize(size) {
  if (typeof size !== 'number' && typeof size !== 'bigint') fail('ERR_INVALID_ARG_TYPE', size);
  // Compared before it is converted: Number(2n ** 53n + 1n) would round, the comparison is exact.
  if (!(size >= 1 && size <= Number.MAX_SAFE_INTEGER)) fail('ERR_MEMS_INVALID_SIZE', size);
  if (!Number.isInteger(Number(size))) fail('ERR_MEMS_INVALID_SIZE', size);
  return Number(size);
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

class Model {
  constructor({
    policy = 'first-fit',
    minBlockSize = PAGE,
    joinEmptyBlocks = false,
    growingBlocks = false,
    alignment = 1,
    maxSize = Number.POSITIVE_INFINITY,
  } = {}) {
    this.policy = new POLICIES[policy]();
    this.joinsEmpty = joinEmptyBlocks;
    this.grows = growingBlocks;
    this.unit = alignment;
    this.least = minBlockSize;
    this.limit = maxSize;
    /** Main blocks as { start, size }, and the address after each, all in the order of their addresses. */
    this.mains = [];
    this.end = FIRST_ADDRESS;
    /** Where main blocks start: holes never join across one. */
    this.borders = new Set();
    this.holes = { starts: [], sizes: [] };
    /** The size of each live block by its address, and its requested size if that is less. */
    this.live = new Map();
    this.requests = new Map();
    this.peak = { mapped: 0, live: 0, holes: 0, largestHole: 0 };
    this.totals = { malloc: 0, free: 0, allocatedBytes: 0 };
    this.events = { grow: 0, trim: 0, outOfMemory: 0 };
    this.liveBytes = 0;
    this.requestedBytes = 0;
  }

  malloc(size) {
    return BigInt(this.take(checkedSize(size)));
  }

  /** The address, as a number, of a new block of `requested` bytes. */
  take(requested) {
    const size = this.policy.blockSize(Math.ceil(requested / this.unit) * this.unit);
    let at = this.policy.choose(this.holes, size);
    if (at === -1) {
      this.appendBlock(size);
      at = this.policy.choose(this.holes, size);
    }
    const { starts, sizes } = this.holes;
    const start = starts[at];
    const rests = this.policy.rests(size, sizes[at] - size);
    if (rests.length === 1) {
      // This is the usual case, and quicker than removing a hole and inserting another.
      starts[at] = start + size;
      sizes[at] = rests[0];
    } else {
      const behind = rests.map((_, i) => start + size + sum(rests.slice(0, i)));
      starts.splice(at, 1, ...behind);
      sizes.splice(at, 1, ...rests);
    }
    this.policy.taken(start, start + size);
    this.live.set(start, size);
    if (size !== requested) this.requests.set(start, requested);
    this.totals.malloc += 1;
    this.totals.allocatedBytes += size;
    this.liveBytes += size;
    this.requestedBytes += requested;
    this.peak.live = Math.max(this.peak.live, this.liveBytes);
    this.noteHole(rests.at(-1) ?? 0);
    return start;
  }

  /** Appends a main block for a block of `size` bytes, all of it one hole; throws if the limit leaves no room. */
  appendBlock(size) {
    const { mains, policy } = this;
    const last = mains.at(-1);
    const grown = this.joinsEmpty && last && this.isEmpty(last) ? last : undefined;
    const wanted = Math.max(size, this.least, this.grows ? Math.floor(this.mappedBytes() / 8) : 0);
    const room = this.limit - this.mappedBytes() + (grown ? grown.size : 0);
    const bytes = Math.min(policy.mainBlockSize(wanted), policy.mainBlockWithin(room));
    if (bytes < size) {
      this.events.outOfMemory += 1;
      fail('ERR_MEMS_OUT_OF_MEMORY', size);
    }
    this.events.grow += 1;
    if (grown) {
      mains.pop();
      this.holes.starts.pop();
      this.holes.sizes.pop();
    }
    const start = grown ? grown.start : this.end;
    mains.push({ start, size: bytes });
    this.borders.add(start);
    this.end = start + bytes;
    this.holes.starts.push(start);
    this.holes.sizes.push(bytes);
    this.peak.mapped = Math.max(this.peak.mapped, this.mappedBytes());
  }

  free(address) {
    const { code } = this.find(address);
    if (code !== undefined) fail(code, address);
    if (!this.live.has(Number(address))) fail('ERR_MEMS_NOT_BLOCK_START', address);
    this.release(Number(address));
  }

  /** Makes a hole of the block that starts at the number `start`. */
  release(start) {
    const { starts, sizes } = this.holes;
    const size = this.live.get(start);
    this.live.delete(start);
    this.requestedBytes -= this.requests.get(start) ?? size;
    this.requests.delete(start);
    this.totals.free += 1;
    this.liveBytes -= size;
    let at = this.position(start);
    starts.splice(at, 0, start);
    sizes.splice(at, 0, size);
    let before;
    do {
      before = starts.length;
      this.join(at);
      if (this.join(at - 1)) at -= 1;
    } while (starts.length < before);
    this.noteHole(sizes[at]);
    if (this.joinsEmpty) this.joinEmptyBlocks();
  }

  /** How many holes start before `start`. */
  position(start) {
    const { starts } = this.holes;
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Joins the hole at a position with the one behind it, if they join. Returns whether they did. */
  join(at) {
    const { starts, sizes } = this.holes;
    const next = starts[at + 1];
    if (at < 0 || starts[at] + sizes[at] !== next || this.borders.has(next)) return false;
    const offset = starts[at] - FIRST_ADDRESS;
    const main = this.mains.length > 1 ? this.mainAround(starts[at]).start - FIRST_ADDRESS : 0;
    if (!this.policy.joins(offset - main, sizes[at], sizes[at + 1])) return false;
    sizes[at] += sizes[at + 1];
    starts.splice(at + 1, 1);
    sizes.splice(at + 1, 1);
    return true;
  }

  /** Neighbouring main blocks that are wholly free become one. */
  joinEmptyBlocks() {
    const { starts, sizes } = this.holes;
    for (let index = this.mains.length - 1; index > 0; index -= 1) {
      const [before, after] = [this.mains[index - 1], this.mains[index]];
      if (!this.isEmpty(before) || !this.isEmpty(after)) continue;
      const at = this.position(after.start);
      sizes[at - 1] += sizes[at];
      starts.splice(at, 1);
      sizes.splice(at, 1);
      before.size += after.size;
      this.mains.splice(index, 1);
      this.borders.delete(after.start);
      this.noteHole(sizes[at - 1]);
    }
  }

  /** Whether a main block is one hole. */
  isEmpty({ start, size }) {
    const at = this.position(start);
    return this.holes.starts[at] === start && this.holes.sizes[at] === size;
  }

  noteHole(size) {
    this.peak.holes = Math.max(this.peak.holes, this.mappedBytes() - this.liveBytes);
    this.peak.largestHole = Math.max(this.peak.largestHole, size);
  }

  /** Returns if an address is in a live block, else throws as get must. */
  get(address) {
    const { code } = this.find(address);
    if (code !== undefined) fail(code, address);
  }

  /** Why an address is in no live block, as { code }. */
  find(address) {
    if (typeof address !== 'bigint') return { code: 'ERR_INVALID_ARG_TYPE' };
    // JavaScript compares BigInts with numbers exactly, so no address is truncated here.
    if (address < FIRST_ADDRESS || address >= this.end) return { code: 'ERR_MEMS_OUT_OF_RANGE' };
    const { starts, sizes } = this.holes;
    const at = this.position(Number(address) + 1) - 1;
    const isHole = at >= 0 && address < starts[at] + sizes[at];
    return isHole ? { code: 'ERR_MEMS_NOT_ALLOCATED' } : {};
  }

  mainAround(address) {
    return this.mains.find(({ start, size }) => address >= start && address < start + size);
  }

  mappedBytes() {
    return this.end - FIRST_ADDRESS;
  }

  /** The main blocks with their segments { live, start, size }, in the order of their addresses. */
  chains() {
    const { starts, sizes } = this.holes;
    const blocks = Float64Array.from(this.live.keys()).sort();
    let [block, hole] = [0, 0];
    return this.mains.map(({ start, size }) => {
      const segments = [];
      for (let next = start; next < start + size; ) {
        const live = blocks[block] === next;
        const segment = live
          ? { live, start: next, size: this.live.get(blocks[block++]) }
          : { live, start: next, size: sizes[hole++] };
        if (!live && starts[hole - 1] !== next) throw new Error(`the model has nothing at ${next}`);
        segments.push(segment);
        next += segment.size;
      }
      return { start, size, segments };
    });
  }

  /** The lines of printStats. */
  statsText() {
    const chains = this.chains();
    const lines = ['MeMS Stats:'];
    for (const { start, size, segments } of chains) {
      let line = `MAIN[${start}:${start + size - 1}] -> `;
      for (const segment of segments) {
        const last = segment.start + segment.size - 1;
        line += `<${segment.live ? 'P' : 'H'}>[SVA:${segment.start}:EVA:${last}] <-> `;
      }
      lines.push(`${line}<NULL>`);
    }
    lines.push(`Page used: ${this.mappedBytes() / PAGE}`);
    lines.push(`Space unused: ${this.mappedBytes() - this.liveBytes}`);
    lines.push(`Main Chain Length: ${chains.length}`);
    const lengths = chains.map(({ segments }) => segments.length);
    lines.push(`Sub-chain Length array: ${lengths.join(' ')}`);
    return lines;
  }

  /** What stats() must return, without `metadata`, for which the model has no rule. */
  stats() {
    const { sizes } = this.holes;
    const mapped = this.mappedBytes();
    return {
      bytes: {
        mapped,
        live: this.liveBytes,
        requested: this.requestedBytes,
        quarantined: 0,
        holes: sum(sizes),
        largestHole: sizes.reduce((largest, size) => Math.max(largest, size), 0),
      },
      counts: {
        pages: mapped / PAGE,
        mainBlocks: this.mains.length,
        live: this.live.size,
        quarantined: 0,
        holes: sizes.length,
      },
      peak: { ...this.peak },
      totals: { ...this.totals },
      events: { ...this.events },
    };
  }
}

module.exports = { FIRST_ADDRESS, Model, PAGE, errorClass };
