// What a heap is made of, over time: where it has grown, where main blocks begin, and the spans of size classes. All of it is columns
// with `from` and `to`, moments between which it is there.
//
// Main blocks follow from the rules of the library. Spans are asked of a heap that replays the operations: one is made for the first
// slot that is not in any that is known; one is gone once the heap has none at its place. The heap drops a span only when it is empty,
// as slots of its class are freed or as there is no room, so that only empty spans are looked at then.
//
// Costs: O(1) for a malloc and free, O(log n) with `joinEmptyBlocks` for n main blocks, and a call of the addon for each empty span of
// the class where a slot is freed.

'use strict';

const { binding } = require('../library.js');

const FIRST = 1000;
const PAGE = 4096;
const NEVER = 0xffff_ffff;
/** The number of no span. */
const NONE = -1;

/** Main blocks: `mains` are where the heap has grown, `borders` where main blocks begin. */
class MainBlocks {
  mains = { start: [], size: [], from: [] };
  borders = { at: [], from: [], to: [] };
  mapped = 0;
  // The main blocks that are there: their starts, their rows in `borders`, their live blocks.
  #starts = [];
  #rows = [];
  #live = [];

  /** `joins`: whether neighbouring main blocks that are wholly free become one. `isOne`: whether the heap has no borders inside. */
  constructor({ joins, isOne }) {
    Object.assign(this, { joins, isOne });
  }

  /** Adds what the heap has grown by, or a main block that was there when a recording began (`isWhole`). */
  grow(size, moment, isWhole = false) {
    const start = FIRST + this.mapped;
    this.mains.start.push(start);
    this.mains.size.push(size);
    this.mains.from.push(moment);
    this.mapped += size;
    const isEmptyLast = this.joins && this.#live.at(-1) === 0;
    const isJoined = !isWhole && this.#starts.length > 0 && (this.isOne || isEmptyLast);
    if (isJoined) return;
    this.#rows.push(this.borders.at.length);
    this.#starts.push(start);
    this.#live.push(0);
    this.borders.at.push(start);
    this.borders.from.push(moment);
    this.borders.to.push(NEVER);
  }

  /** Counts a block that is there now, or is not any more. */
  count(address, blocks, moment) {
    if (!this.joins || this.isOne) return;
    let [low, high] = [0, this.#starts.length];
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] <= address) low = middle;
      else high = middle;
    }
    this.#live[low] += blocks;
    if (this.#live[low] > 0) return;
    if (this.#live[low + 1] === 0) this.#join(low + 1, moment);
    if (this.#live[low - 1] === 0) this.#join(low, moment);
  }

  /** Joins a main block with the one before it. */
  #join(number, moment) {
    this.borders.to[this.#rows[number]] = moment;
    for (const list of [this.#starts, this.#rows, this.#live]) list.splice(number, 1);
  }
}

/** Spans of a heap with size classes, which `heap` is. */
class Spans {
  columns = { start: [], end: [], slot: [], from: [], to: [] };
  #live = [];
  // By page: the number of the span that was seen there last.
  #byPage = new Int32Array(1024).fill(NONE);
  // By size of slot: spans without a live slot.
  #empty = new Map();

  constructor(heap) {
    this.id = heap.id;
  }

  #at(address) {
    const page = Math.floor((address - FIRST) / PAGE);
    return page < this.#byPage.length ? this.#byPage[page] : NONE;
  }

  #emptyOf(slot) {
    let spans = this.#empty.get(slot);
    if (spans === undefined) {
      spans = new Set();
      this.#empty.set(slot, spans);
    }
    return spans;
  }

  /** Whether the heap still has a span. */
  #isThere(number) {
    const { start, end, slot } = this.columns;
    const is = binding.spanAt(this.id, start[number]);
    return (
      is !== null &&
      is !== undefined &&
      is[0] === start[number] &&
      is[1] === end[number] &&
      is[2] === slot[number]
    );
  }

  #drop(number, moment) {
    const { start, end, slot, to } = this.columns;
    to[number] = moment;
    this.#emptyOf(slot[number]).delete(number);
    for (let address = start[number]; address < end[number]; address += PAGE) {
      const page = (address - FIRST) / PAGE;
      if (this.#byPage[page] === number) this.#byPage[page] = NONE;
    }
  }

  /** Looks whether empty spans are gone: those of one size of slot, or all. */
  look(moment, slot) {
    const sets = slot === undefined ? [...this.#empty.values()] : [this.#emptyOf(slot)];
    for (const number of sets.flatMap((set) => [...set])) {
      if (!this.#isThere(number)) this.#drop(number, moment);
    }
  }

  /** Records that a slot at an address was taken; returns whether a span was made for it. */
  take(address, moment) {
    let number = this.#at(address);
    const isKnown = number !== NONE && (this.#live[number] > 0 || this.#isThere(number));
    if (!isKnown) {
      // A new span, or a block of whole pages, may be where empty spans were.
      this.look(moment);
      const [start, end, slot] = binding.spanAt(this.id, address) ?? [];
      if (start === undefined) return true;
      number = this.#add(start, end, slot, moment);
    }
    this.#live[number] += 1;
    this.#emptyOf(this.columns.slot[number]).delete(number);
    return !isKnown;
  }

  #add(start, end, slot, moment) {
    const { columns } = this;
    const number = columns.start.length;
    for (const [name, value] of Object.entries({ start, end, slot, from: moment, to: NEVER })) {
      columns[name].push(value);
    }
    this.#live.push(0);
    const last = (end - FIRST) / PAGE;
    if (last > this.#byPage.length) {
      const longer = new Int32Array(2 * last).fill(NONE);
      longer.set(this.#byPage);
      this.#byPage = longer;
    }
    this.#byPage.fill(number, (start - FIRST) / PAGE, last);
    return number;
  }

  /** Records that the block at an address was freed. */
  free(address, moment) {
    const number = this.#at(address);
    if (number === NONE) return;
    const slot = this.columns.slot[number];
    this.#live[number] -= 1;
    if (this.#live[number] === 0) this.#emptyOf(slot).add(number);
    this.look(moment, slot);
  }
}

module.exports = { FIRST, MainBlocks, NEVER, Spans };
