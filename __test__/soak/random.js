// Random numbers that can be repeated: mulberry32, with a seed for each thread.

'use strict';

class Random {
  constructor(seed) {
    this.state = seed | 0;
  }

  /** At least 0 and less than 1. */
  next() {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both bounds included. */
  int(lowest, highest) {
    return lowest + Math.floor(this.next() * (highest - lowest + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.int(0, list.length - 1)];
  }

  /** Takes an element out of a list; the others change places. */
  take(list) {
    const at = this.int(0, list.length - 1);
    const taken = list[at];
    list[at] = list[list.length - 1];
    list.pop();
    return taken;
  }

  /** One of a list of [weight, value]. */
  weighed(list) {
    let left = this.next() * list.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of list) {
      left -= weight;
      if (left < 0) return value;
    }
    return list[0][1];
  }

  /** A size in bytes: mostly small, seldom of many pages. */
  size() {
    if (this.chance(0.02)) return this.int(1, 300000);
    return this.int(1, this.chance(0.2) ? 9000 : 300);
  }
}

module.exports = { Random };
