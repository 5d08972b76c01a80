'use strict';

// The oracle: the heap of MeMS once more, in the plainest way there is. Arrays of main
// blocks with arrays of segments, scanned from the front; no index, no cleverness, and nothing
// shared with the Rust core. Where the two disagree, read this one against the design first.

const PAGE = 4096;
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

/** Whether a main block is one hole. */
function isEmpty({ segments }) {
  return segments.length === 1 && !segments[0].live;
}

class Model {
  constructor({ minBlockSize = PAGE, joinEmptyBlocks = false } = {}) {
    this.joins = joinEmptyBlocks;
    this.minPages = Math.ceil(minBlockSize / PAGE);
    // Main blocks { start, end, segments } with segments { live, start, end }, all in the order
    // of their addresses. Addresses are plain numbers here, and `end` is the last byte, as printed.
    this.blocks = [];
    this.peak = { mapped: 0, live: 0, holes: 0, largestHole: 0 };
    this.totals = { malloc: 0, free: 0 };
    this.liveBytes = 0;
  }

  malloc(size) {
    const bytes = checkedSize(size);
    const { segments, index } = this.firstFit(bytes) ?? this.appendBlock(bytes);
    const hole = segments[index];
    const taken = { live: true, start: hole.start, end: hole.start + bytes - 1 };
    if (taken.end === hole.end) {
      segments.splice(index, 1, taken);
    } else {
      segments.splice(index, 1, taken, { live: false, start: taken.end + 1, end: hole.end });
    }
    this.totals.malloc += 1;
    this.liveBytes += bytes;
    this.peak.live = Math.max(this.peak.live, this.liveBytes);
    this.noteHoles();
    return BigInt(taken.start);
  }

  /** The lowest hole of at least this many bytes; undefined if there is none. */
  firstFit(bytes) {
    for (const { segments } of this.blocks) {
      for (let index = 0; index < segments.length; index += 1) {
        const { live, start, end } = segments[index];
        if (!live && end - start + 1 >= bytes) return { segments, index };
      }
    }
    return undefined;
  }

  /** A new main block behind the last one, all of it one hole. */
  appendBlock(bytes) {
    const pages = Math.max(Math.ceil(bytes / PAGE), this.minPages);
    const last = this.blocks.at(-1);
    if (this.joins && last && isEmpty(last)) this.blocks.pop();
    const start = this.endOfHeap();
    const end = start + pages * PAGE - 1;
    const segments = [{ live: false, start, end }];
    this.blocks.push({ start, end, segments });
    this.peak.mapped = Math.max(this.peak.mapped, this.mappedBytes());
    return { segments, index: 0 };
  }

  free(address) {
    const { code, block, index, segment } = this.find(address);
    if (code !== undefined) fail(code, address);
    if (BigInt(segment.start) !== address) fail('ERR_MEMS_NOT_BLOCK_START', address);
    segment.live = false;
    this.totals.free += 1;
    this.liveBytes -= segment.end - segment.start + 1;
    // The neighbour behind first, so that `index` still points at the freed segment afterwards.
    const { segments } = block;
    if (index + 1 < segments.length && !segments[index + 1].live) {
      segment.end = segments[index + 1].end;
      segments.splice(index + 1, 1);
    }
    if (index > 0 && !segments[index - 1].live) {
      segments[index - 1].end = segment.end;
      segments.splice(index, 1);
    }
    if (this.joins) this.joinEmptyBlocks();
    this.noteHoles();
  }

  noteHoles() {
    const sizes = this.holes().map(({ start, end }) => end - start + 1);
    this.peak.holes = Math.max(this.peak.holes, this.mappedBytes() - this.liveBytes);
    this.peak.largestHole = sizes.reduce(
      (most, size) => Math.max(most, size),
      this.peak.largestHole,
    );
  }

  /** Neighbouring main blocks that are wholly free become one. */
  joinEmptyBlocks() {
    for (let index = this.blocks.length - 1; index > 0; index -= 1) {
      const [before, after] = [this.blocks[index - 1], this.blocks[index]];
      if (isEmpty(before) && isEmpty(after)) {
        before.end = after.end;
        before.segments[0].end = after.end;
        this.blocks.splice(index, 1);
      }
    }
  }

  /** What get must answer: nothing if the address is live, else it throws. */
  get(address) {
    const { code } = this.find(address);
    if (code !== undefined) fail(code, address);
  }

  /** The live segment around an address as { block, index, segment }, or { code } of the error. */
  find(address) {
    if (typeof address !== 'bigint') return { code: 'ERR_INVALID_ARG_TYPE' };
    // JavaScript compares BigInts with numbers exactly, so no address is truncated here.
    const block = this.blocks.find(({ start, end }) => address >= start && address <= end);
    if (block === undefined) return { code: 'ERR_MEMS_OUT_OF_RANGE' };
    const index = block.segments.findIndex(({ end }) => address <= end);
    const segment = block.segments[index];
    return segment.live ? { block, index, segment } : { code: 'ERR_MEMS_NOT_ALLOCATED' };
  }

  /** The address that the next main block would get. */
  endOfHeap() {
    return this.blocks.length === 0 ? FIRST_ADDRESS : this.blocks.at(-1).end + 1;
  }

  mappedBytes() {
    return this.blocks.reduce((sum, { start, end }) => sum + (end - start + 1), 0);
  }

  holes() {
    return this.blocks.flatMap(({ segments }) => segments.filter(({ live }) => !live));
  }

  /** The lines of printStats. */
  statsText() {
    let unused = 0;
    const lines = ['MeMS Stats:'];
    for (const { start, end, segments } of this.blocks) {
      let line = `MAIN[${start}:${end}] -> `;
      for (const segment of segments) {
        line += `<${segment.live ? 'P' : 'H'}>[SVA:${segment.start}:EVA:${segment.end}] <-> `;
        if (!segment.live) unused += segment.end - segment.start + 1;
      }
      lines.push(`${line}<NULL>`);
    }
    lines.push(`Page used: ${this.mappedBytes() / PAGE}`);
    lines.push(`Space unused: ${unused}`);
    lines.push(`Main Chain Length: ${this.blocks.length}`);
    const lengths = this.blocks.map(({ segments }) => segments.length);
    lines.push(`Sub-chain Length array: ${lengths.join(' ')}`);
    return lines;
  }

  /** What stats() must answer, without `metadata`: that one is the heap's own affair. */
  stats() {
    const mapped = this.mappedBytes();
    const sizes = this.holes().map(({ start, end }) => end - start + 1);
    const segments = this.blocks.reduce((sum, block) => sum + block.segments.length, 0);
    return {
      bytes: {
        mapped,
        live: this.liveBytes,
        requested: this.liveBytes,
        quarantined: 0,
        holes: sizes.reduce((sum, size) => sum + size, 0),
        largestHole: sizes.reduce((largest, size) => Math.max(largest, size), 0),
      },
      counts: {
        pages: mapped / PAGE,
        mainBlocks: this.blocks.length,
        live: segments - sizes.length,
        quarantined: 0,
        holes: sizes.length,
      },
      peak: { ...this.peak },
      totals: { ...this.totals },
    };
  }
}

module.exports = { Model, PAGE, errorClass };
