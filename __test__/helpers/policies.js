'use strict';

// Every policy, written as plainly as possible: which of all holes serves a request. `choose(holes, size)` takes the holes in order
// of address, as { starts, sizes }, and returns the position of one, or -1.
//
// A policy also decides about the sizes of blocks and main blocks and about which holes join; only the buddy system has rules of its
// own for that.

const PAGE = 4096;

const powerOfTwo = (size) => 2 ** Math.ceil(Math.log2(size));

class Policy {
  /** The bytes that a block of `size` bytes takes. */
  blockSize(size) {
    return size;
  }

  /** The bytes of a main block of at least `bytes`. */
  mainBlockSize(bytes) {
    return Math.ceil(bytes / PAGE) * PAGE;
  }

  /** The bytes of the largest main block of at most `bytes`. */
  mainBlockWithin(bytes) {
    return Math.floor(bytes / PAGE) * PAGE;
  }

  /** The sizes of the holes that `left` bytes become behind a block of `size` bytes. */
  rests(_size, left) {
    return left > 0 ? [left] : [];
  }

  /** Whether two neighbouring holes join: the first is at `offset` in its main block. */
  joins(_offset, _size, _next) {
    return true;
  }

  /** Records that the block from `start` to before `end` was taken. */
  taken(_start, _end) {}
}

class FirstFit extends Policy {
  choose({ sizes }, size) {
    for (let i = 0; i < sizes.length; i++) if (sizes[i] >= size) return i;
    return -1;
  }
}

/** Continues where the last search ended: at the rest of the hole that it used, or the hole that the rest is part of now. */
class NextFit extends Policy {
  rover = 0;

  choose({ starts, sizes }, size) {
    for (let i = 0; i < sizes.length; i++) {
      if (sizes[i] >= size && starts[i] + sizes[i] > this.rover) return i;
    }
    return FirstFit.prototype.choose({ sizes }, size);
  }

  taken(_start, end) {
    this.rover = end;
  }
}

class BestFit extends Policy {
  choose({ sizes }, size) {
    let best = -1;
    for (let i = 0; i < sizes.length; i++) {
      if (sizes[i] >= size && (best === -1 || sizes[i] < sizes[best])) best = i;
    }
    return best;
  }
}

class WorstFit extends Policy {
  choose({ sizes }, size) {
    let worst = -1;
    for (let i = 0; i < sizes.length; i++) {
      if (sizes[i] >= size && (worst === -1 || sizes[i] > sizes[worst])) worst = i;
    }
    return worst;
  }
}

/** Holes are split in halves until the request fits, and joined with the other half only. */
class Buddy extends BestFit {
  blockSize(size) {
    return powerOfTwo(size);
  }

  mainBlockSize(bytes) {
    return Math.max(PAGE, powerOfTwo(bytes));
  }

  mainBlockWithin(bytes) {
    return bytes < 1 ? 0 : 2 ** Math.floor(Math.log2(bytes));
  }

  rests(size, left) {
    const rests = [];
    for (let half = size; half <= left; half *= 2) rests.push(half);
    return rests;
  }

  joins(offset, size, next) {
    return size === next && offset % (2 * size) === 0;
  }
}

/** The class of each policy, by its name. */
const POLICIES = {
  'first-fit': FirstFit,
  'next-fit': NextFit,
  'best-fit': BestFit,
  'worst-fit': WorstFit,
  buddy: Buddy,
};

module.exports = { PAGE, POLICIES };
