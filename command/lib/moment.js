// What a heap is like after an operation, and what the operation has done: all that a view of it shows, of bounded size however large the
// heap is.
//
// Which holes were looked at is what a list of holes in order of address would have visited (lookedAt() of the library): by first and next
// fit up to the one that was taken, by the others all of them. Costs O(n) for n segments.

'use strict';

/** Parts of the map of a heap, and of a main block. */
const CELLS = 4096;
/** Segments that are kept around the one that was touched, on each side. */
const NEAR = 128;
/** Holes that are kept of those that were looked at. */
const MOST_HOLES = 256;
/** Policies that look at a list of holes. */
const LISTED = ['first-fit', 'next-fit', 'best-fit', 'worst-fit'];

/** The segments of a heap as columns, in order: objects for a hundred thousand of them would take longer than the walk. */
class Layout {
  count = 0;
  /** The main blocks: `first` is the position of the first segment of each, and of one that would come next. */
  mains = { start: [], size: [], first: [] };

  /** Walks a heap. `room` is how many segments there are, more or less. */
  constructor(heap, room = 64) {
    this.#grow(room);
    for (const { start, size, segments } of heap.chains()) {
      this.mains.start.push(start);
      this.mains.size.push(size);
      this.mains.first.push(this.count);
      for (const segment of segments) {
        const at = this.count++;
        if (at === this.start.length) this.#grow(2 * at);
        this.start[at] = segment.start;
        this.size[at] = segment.size;
        this.isHole[at] = segment.kind === 'hole' ? 1 : 0;
      }
    }
    this.mains.first.push(this.count);
  }

  #grow(room) {
    const longer = { start: new Float64Array(room), size: new Float64Array(room) };
    longer.isHole = new Uint8Array(room);
    for (const [name, column] of Object.entries(longer)) {
      if (this[name] !== undefined) column.set(this[name]);
      this[name] = column;
    }
  }

  /** The segments from one position to another, as objects. */
  segments(from, to) {
    return Array.from({ length: to - from }, (_, at) => this.segment(from + at));
  }

  segment(at) {
    const kind = this.isHole[at] === 1 ? 'hole' : 'live';
    return { kind, start: this.start[at], size: this.size[at] };
  }

  /** The position of the segment that has `address` in it, or of the nearest before. */
  at(address) {
    return indexOf(this.start, this.count, address);
  }

  /** The position of such a main block. */
  mainAt(address) {
    return indexOf(this.mains.start, this.mains.start.length, address);
  }

  /** The main block with this number, with all of its segments. */
  main(number) {
    const { start, size, first } = this.mains;
    return {
      start: start[number],
      size: size[number],
      segments: this.segments(first[number], first[number + 1]),
    };
  }

  get mapped() {
    return this.mains.size.reduce((sum, size) => sum + size, 0);
  }

  /** The positions of all holes. */
  holes() {
    const found = [];
    for (let at = 0; at < this.count; at++) if (this.isHole[at] === 1) found.push(at);
    return found;
  }

  /** The share of live bytes in each of `cells` equal parts of the segments from one position to another. */
  coverage(from, to, cells) {
    const shares = new Float32Array(cells);
    if (from === to) return shares;
    const first = this.start[from];
    const scale = cells / (this.start[to - 1] + this.size[to - 1] - first);
    for (let at = from; at < to; at++) {
      if (this.isHole[at] === 1) continue;
      const left = (this.start[at] - first) * scale;
      const right = left + this.size[at] * scale;
      for (let cell = Math.floor(left); cell < Math.min(cells, right); cell++) {
        shares[cell] += Math.min(right, cell + 1) - Math.max(left, cell);
      }
    }
    return shares;
  }

  /** What is in a main block, in numbers. */
  summary(number) {
    const { start, size, first } = this.mains;
    const is = {
      start: start[number],
      size: size[number],
      blocks: 0,
      holes: 0,
      live: 0,
      largest: 0,
    };
    for (let at = first[number]; at < first[number + 1]; at++) {
      if (this.isHole[at] === 1) {
        is.holes += 1;
        is.largest = Math.max(is.largest, this.size[at]);
      } else {
        is.blocks += 1;
        is.live += this.size[at];
      }
    }
    return is;
  }

  /** Some of the largest holes, the largest first. */
  largestHoles(most) {
    const powers = new Uint32Array(64);
    for (let at = 0; at < this.count; at++) {
      if (this.isHole[at] === 1) powers[Math.floor(Math.log2(this.size[at]))] += 1;
    }
    // Only those are sorted that may be among the largest.
    let power = 63;
    for (let seen = 0; power > 0; power--) {
      seen += powers[power];
      if (seen >= most) break;
    }
    const large = [];
    for (let at = 0; at < this.count; at++) {
      if (this.isHole[at] === 1 && this.size[at] >= 2 ** power) large.push(at);
    }
    large.sort((a, b) => this.size[b] - this.size[a] || a - b);
    return large.slice(0, most).map((at) => this.segment(at));
  }
}

/** The position in an ordered column of the last value that is not above `address`, or 0. */
function indexOf(starts, length, address) {
  let [low, high] = [0, length];
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= address) low = middle;
    else high = middle;
  }
  return low;
}

/** Which holes were looked at for a block of `need` bytes, and why each was refused. `taken` is the number of the one that was used. */
function looked(layout, holes, { policy, number, need, taken }) {
  const isAll = policy === 'best-fit' || policy === 'worst-fit' || taken < 0;
  const first = isAll ? 0 : (taken - number + 1 + holes.length) % holes.length;
  const total = Math.min(number, holes.length);
  const sizeOf = (hole) => layout.size[holes[hole]];
  const why = (hole) => {
    const size = sizeOf(hole);
    if (hole === taken) {
      if (policy === 'best-fit') return 'fits: the smallest that does';
      return policy === 'worst-fit' ? 'fits: the largest' : 'fits';
    }
    if (size < need) return 'too small';
    if (taken >= 0) {
      const isLater = size === sizeOf(taken) && hole > taken;
      if (policy === 'best-fit' && size > sizeOf(taken)) return 'not the smallest';
      if (policy === 'best-fit' && isLater) return 'as small, but later';
      if (policy === 'worst-fit' && size < sizeOf(taken)) return 'not the largest';
      if (policy === 'worst-fit' && isLater) return 'as large, but later';
    }
    return 'too small from an aligned address on';
  };
  // Those near the hole that was taken say most.
  const middle = isAll ? Math.max(0, taken) : total;
  const before = Math.max(0, Math.min(middle - NEAR, total - MOST_HOLES));
  const kept = Array.from({ length: Math.min(MOST_HOLES, total - before) }, (_, at) => {
    const hole = (first + before + at) % holes.length;
    return { ...layout.segment(holes[hole]), why: why(hole), isTaken: hole === taken };
  });
  return { number: total, isTaken: taken >= 0, before, holes: kept };
}

/** What a request has led to: `address` is 0 if it was refused, `number` how many holes were looked at, if that is known. */
function placement(before, after, { address, size, policy, number, alignment }) {
  const block = address === 0 ? undefined : after.segment(after.at(address));
  const need = block?.size ?? Math.ceil(size / alignment) * alignment;
  const holes = before.holes();
  const at = address === 0 || holes.length === 0 ? -1 : before.at(address);
  const isInside =
    at >= 0 && before.isHole[at] === 1 && address + need <= before.start[at] + before.size[at];
  const isListed = LISTED.includes(policy) && number !== undefined;
  const taken = isInside && isListed ? holes.indexOf(at) : -1;
  return {
    need,
    appended: Math.max(0, after.mapped - before.mapped),
    hole: isInside ? before.segment(at) : undefined,
    looked: isListed ? looked(before, holes, { policy, number, need, taken }) : undefined,
  };
}

/** What a free has joined: the holes beside the block, and whether its main block was given back. */
function freed(before, after, address) {
  const block = before.segment(before.at(address));
  const hole = after.count === 0 ? undefined : after.segment(after.at(address));
  const isThere =
    hole?.kind === 'hole' && hole.start <= address && address < hole.start + hole.size;
  if (!isThere) return { size: block.size, isGone: true };
  return {
    size: block.size,
    isBefore: hole.start < address,
    isAfter: hole.start + hole.size > address + block.size,
    hole,
  };
}

function totalOf(layout) {
  const total = { live: 0, blocks: 0, holes: 0, holeBytes: 0, largest: 0, mapped: layout.mapped };
  for (let at = 0; at < layout.count; at++) {
    const size = layout.size[at];
    if (layout.isHole[at] === 1) {
      total.holes += 1;
      total.holeBytes += size;
      if (size > total.largest) total.largest = size;
    } else {
      total.blocks += 1;
      total.live += size;
    }
  }
  return total;
}

/** The main block with the number `main` near the segment at `at`: all that a line and a chain show. */
function focusOf(layout, main, at) {
  const { start, size, first } = layout.mains;
  const [from, to] = [first[main], first[main + 1]];
  const begin = Math.max(from, at - NEAR);
  return {
    start: start[main],
    size: size[main],
    count: to - from,
    first: begin - from,
    segments: layout.segments(begin, Math.min(to, at + NEAR)),
    touchedAt: at - begin,
    cells: layout.coverage(from, to, CELLS),
    summary: layout.summary(main),
    before: main > 0 ? layout.summary(main - 1) : undefined,
    after: main + 1 < start.length ? layout.summary(main + 1) : undefined,
  };
}

/** The state of a heap; `touched` is the address that the operation was about, if there is one. */
function stateOf(layout, touched) {
  const { count, mains } = layout;
  const isEmpty = mains.start.length === 0;
  const at = touched === undefined ? 0 : layout.at(touched);
  const main = touched === undefined ? 0 : layout.mainAt(touched);
  return {
    total: totalOf(layout),
    touched,
    mainBlocks: mains.start.length,
    segments: count,
    // Everything, if that is little.
    all: count <= NEAR ? mains.start.map((_, number) => layout.main(number)) : undefined,
    focus: isEmpty ? undefined : focusOf(layout, main, at),
    cells: layout.coverage(0, count, CELLS),
    range: isEmpty
      ? undefined
      : [layout.start[0], layout.start[count - 1] + layout.size[count - 1]],
    largestHoles: layout.largestHoles(MOST_HOLES),
  };
}

module.exports = { LISTED, Layout, freed, looked, placement, stateOf };
