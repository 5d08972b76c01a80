// What a heap is like at a moment: its segments in order of address, and the numbers of stats().
//
// The blocks of a history are sorted by address once. The live ones of any moment are found by one pass over all blocks in that order,
// so nothing has to be kept for moments, and none is dearer than another: some 2 ms for a million blocks that ever were. What is
// between live blocks are holes, which end as the heap's layout says (history.mjs).

import { FIRST_ADDRESS, LAYOUT, lowerBound, NONE } from './history.mjs';

const DIGIT = 11;
const BUCKETS = 1 << DIGIT;

/** The positions of a column's values in ascending order; equal ones stay in theirs. O(n) for each eleven bits. */
export function sortedPositions(values) {
  const { length } = values;
  let most = 0;
  for (let at = 0; at < length; at++) if (values[at] > most) most = values[at];
  let from = new Uint32Array(length);
  for (let at = 0; at < length; at++) from[at] = at;
  let to = new Uint32Array(length);
  const digits = new Uint16Array(length);
  for (let scale = 1; scale <= most; scale *= BUCKETS) {
    const starts = new Uint32Array(BUCKETS + 1);
    for (let at = 0; at < length; at++) {
      const digit = Math.floor(values[at] / scale) % BUCKETS;
      digits[at] = digit;
      starts[digit + 1] += 1;
    }
    for (let each = 0; each < BUCKETS; each++) starts[each + 1] += starts[each];
    for (let index = 0; index < length; index++) {
      const at = from[index];
      to[starts[digits[at]]++] = at;
    }
    [from, to] = [to, from];
  }
  return from;
}

/** The values of a column at some positions. */
function picked(values, positions) {
  const found = new values.constructor(positions.length);
  for (let at = 0; at < positions.length; at++) found[at] = values[positions[at]];
  return found;
}

/** What lasts for a time, sorted by where it is: `columns` has `from` and `to`. */
function sortedBy(columns, key) {
  const order = sortedPositions(columns[key]);
  const entries = Object.entries(columns).map(([name, values]) => {
    return [name, picked(Float64Array.from(values), order)];
  });
  return Object.fromEntries(entries);
}

/** Segments, in arrays that are used again for the next moment. */
class Segments {
  count = 0;
  start = new Float64Array(1024);
  size = new Float64Array(1024);
  /** The number of the block, or NONE for a hole. */
  block = new Uint32Array(1024);

  push(start, size, block) {
    const at = this.count++;
    if (at === this.start.length) {
      for (const name of ['start', 'size', 'block']) {
        const longer = new this[name].constructor(2 * at);
        longer.set(this[name]);
        this[name] = longer;
      }
    }
    this.start[at] = start;
    this.size[at] = size;
    this.block[at] = block;
  }

  /** The position of the segment that holds an address, or of the nearest before it. */
  at(address) {
    return Math.max(0, lowerBound(this.start, address + 1, this.count) - 1);
  }
}

/** The layout of a history's heap at any of its moments. */
export class Layout {
  #birth;
  #death;
  #order;
  #borders;
  #spans;
  #kind;
  segments = new Segments();
  /** The starts of main blocks at the moment that was looked at last, and the heap's end. */
  mains = [];
  end = FIRST_ADDRESS;

  constructor(history) {
    const { blocks, borders, spans, meta } = history;
    this.history = history;
    this.#order = sortedPositions(blocks.address);
    this.#birth = picked(blocks.birth, this.#order);
    this.#death = picked(blocks.death, this.#order);
    this.#borders = sortedBy(borders, 'at');
    this.#spans = sortedBy(spans, 'start');
    this.#kind = LAYOUT[meta.policy];
  }

  /** Bytes in main blocks at a moment. */
  mapped(moment) {
    const { size, from } = this.history.mains;
    let sum = 0;
    for (let at = 0; at < size.length && from[at] <= moment; at++) sum += size[at];
    return sum;
  }

  /**
   * Finds the segments of a moment. Returns the numbers of it; `powers` has, for each power of two, how many holes are at least that large
   * and less than twice that.
   */
  go(moment) {
    const { segments } = this;
    const { address, size, asked } = this.history.blocks;
    segments.count = 0;
    const mapped = this.mapped(moment);
    this.end = FIRST_ADDRESS + mapped;
    this.mains = here(this.#borders, moment, 'at').at;
    const found = {
      holes: 0,
      holeBytes: 0,
      largest: 0,
      powers: new Uint32Array(54),
      powerBytes: new Float64Array(54),
    };
    const fill = this.#filler(moment, found);
    const [order, birth, death] = [this.#order, this.#birth, this.#death];
    let [at, live, requested, blocks] = [FIRST_ADDRESS, 0, 0, 0];
    for (let index = 0; index < order.length; index++) {
      if (birth[index] > moment || death[index] <= moment) continue;
      const block = order[index];
      if (address[block] > at) fill(at, address[block]);
      segments.push(address[block], size[block], block);
      // Where operations are missing, a block may be there that was freed, and others in its place.
      at = Math.max(at, address[block] + size[block]);
      live += size[block];
      requested += asked[block];
      blocks += 1;
    }
    if (at < this.end) fill(at, this.end);
    const counted = { mapped, live, requested, blocks, mainBlocks: this.mains.length, ...found };
    // A live heap has said its numbers itself.
    return { ...counted, ...this.history.meta.numbers };
  }

  /** A function that adds the holes from one address to another, to the segments and to the numbers `found`. */
  #filler(moment, found) {
    const { segments, mains, end } = this;
    const hole = this.#hole(moment);
    const { powers, powerBytes } = found;
    let main = 0;
    return (from, to) => {
      let at = from;
      while (at < to) {
        while (main + 1 < mains.length && mains[main + 1] <= at) main += 1;
        const next = main + 1 < mains.length ? mains[main + 1] : end;
        const stop = Math.min(to, next);
        // Behind the heap's end, as far as that is known, there is one hole.
        const size = stop > at ? hole(at, stop, mains[main] ?? FIRST_ADDRESS, next) : to - at;
        segments.push(at, size, NONE);
        const power = size < 2 ** 31 ? 31 - Math.clz32(size) : Math.floor(Math.log2(size));
        powers[power] += 1;
        powerBytes[power] += size;
        found.holes += 1;
        found.holeBytes += size;
        if (size > found.largest) found.largest = size;
        at += size;
      }
    };
  }

  /** A function that returns the size of the hole at `at`, of all that is free up to `to` in the main block from `start` to `end`. */
  #hole(moment) {
    if (this.#kind === 'halves') {
      return (at, to, start, end) => {
        // A power of two itself, unless it follows from what is left of a damaged recording.
        let size = 2 ** Math.ceil(Math.log2(end - start));
        // The largest power of two that the offset is a multiple of, and that has room.
        while ((at - start) % size !== 0 || at + size > to) size /= 2;
        return Math.max(1, size);
      };
    }
    if (this.#kind !== 'slots') return (at, to) => to - at;
    const spans = here(this.#spans, moment, 'start');
    let span = 0;
    return (at, to) => {
      while (span < spans.start.length && spans.end[span] <= at) span += 1;
      if (span === spans.start.length || to <= spans.start[span]) return to - at;
      const [start, end, slot] = [spans.start[span], spans.end[span], spans.slot[span]];
      if (at < start) return start - at;
      const next = start + (Math.floor((at - start) / slot) + 1) * slot;
      return Math.min(next > end ? end : next, to) - at;
    };
  }

  /** The main block that holds an address, as { number, start, end, first, last }: positions of its segments, `last` exclusive. */
  mainAt(address) {
    const { mains, segments, end } = this;
    const number = Math.max(0, lowerBound(mains, address + 1) - 1);
    const start = mains[number] ?? FIRST_ADDRESS;
    const stop = mains[number + 1] ?? end;
    const [first, last] = [start, stop].map((at) => lowerBound(segments.start, at, segments.count));
    return { number, start, end: stop, first, last };
  }
}

/** What is there at a moment, of columns that are sorted by `key`. */
function here(columns, moment, key) {
  const { from, to } = columns;
  const kept = [];
  for (let at = 0; at < columns[key].length; at++) {
    if (from[at] <= moment && moment < to[at]) kept.push(at);
  }
  return Object.fromEntries(
    Object.entries(columns).map(([name, values]) => [name, kept.map((at) => values[at])]),
  );
}

/** The fractions that follow from the numbers of a moment, as stats() and unusable() have them. */
export function fractions({ mapped, live, requested, holeBytes, largest, powerBytes }) {
  const unusable = (power) => {
    if (holeBytes === 0) return 0;
    let small = 0;
    for (let each = 0; each < power; each++) small += powerBytes[each];
    return small / holeBytes;
  };
  return {
    external: holeBytes === 0 ? 0 : 1 - largest / holeBytes,
    internal: live === 0 ? 0 : 1 - requested / live,
    unused: mapped === 0 ? 0 : holeBytes / mapped,
    unusable64: unusable(6),
    unusable1K: unusable(10),
    unusable64K: unusable(16),
  };
}
