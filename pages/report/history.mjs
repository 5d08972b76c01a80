// The history of a heap: which blocks there were, where and from when to when, and what each operation has done.
//
// Operations are numbered from 1; the moment 0 is before the first. A block is there at a moment `t` if `birth <= t && t < death`; a
// block that is never freed dies at NEVER. A realloc ends a block and begins another one, whose `previous` is the first; so a block is
// a rectangle of addresses and time. Whatever else lasts for a time has `from` and `to` in place of birth and death.
//
// Columns are typed arrays. Sizes are bytes with what the heap has rounded them up by; `asked` are those of the request.

export { KIND as OPERATION } from '../../command/lib/kinds.js';

/** What dies then does not. */
export const NEVER = 0xffff_ffff;
/** The number of no block. */
export const NONE = 0xffff_ffff;

/** The first address of every heap. */
export const FIRST_ADDRESS = 1000;
export const PAGE = 4096;

/**
 * How a heap rounds sizes up, and where holes that touch each other end. `joined`: they never touch, but at the start of a main block.
 * `halves`: each is a power of two at a multiple of its size, from the start of its main block on. `slots`: in spans each slot is one.
 */
export const LAYOUT = {
  'first-fit': 'joined',
  'next-fit': 'joined',
  'best-fit': 'joined',
  'worst-fit': 'joined',
  buddy: 'halves',
  segregated: 'slots',
};

/** The smallest power of two that is not below `size`. */
export function powerFrom(size) {
  let power = 2 ** Math.floor(Math.log2(size));
  while (power < size) power *= 2;
  return power;
}

/** The position of the first element of an ordered array that is not below `value`. */
export function lowerBound(ordered, value, length = ordered.length) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ordered[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** An array that grows, of the numbers of `Numbers`. */
export class Column {
  length = 0;

  constructor(Numbers, room = 1024) {
    this.values = new Numbers(room);
  }

  push(value) {
    if (this.length === this.values.length) {
      const longer = new this.values.constructor(2 * this.length);
      longer.set(this.values);
      this.values = longer;
    }
    this.values[this.length++] = value;
  }

  get array() {
    return this.values.subarray(0, this.length);
  }
}

/** The operations of one of these kinds, in order. */
export function operationsOf(kinds, wanted) {
  const found = new Column(Uint32Array, 64);
  for (let at = 0; at < kinds.length; at++) if (wanted.includes(kinds[at])) found.push(at + 1);
  return found.array;
}
