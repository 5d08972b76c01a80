// Keys, values and draws for the measurements of maps. Keys are paths of pages, values are text, and a draw is checked for how many
// distinct keys it has reached: a poor generator would measure a small set of keys that stays in the processor's caches.

'use strict';

const { Buffer } = require('node:buffer');

/** How far the number of distinct keys may be from what is expected, as a share of it. */
const TOLERANCE = 0.02;

const keyOf = (index) => `/page/${index}`;
const keysOf = (count) => Array.from({ length: count }, (_, index) => keyOf(index));

/** A text of `bytes` letters, which is as long in UTF-8. */
function textOf(bytes) {
  return Buffer.alloc(
    bytes,
    'A page of letters, none of which needs more than a byte. ',
  ).toString();
}

/** A function that returns numbers below `limit`, drawn uniformly (xorshift). */
function drawing(seed) {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** Draws keys uniformly, from all of them, or from `hot` of them that lie apart. */
class Draw {
  #keys;
  #draw = drawing(0x2545f491);
  #reached;
  #count = 0;
  distinct = 0;

  constructor(keys, hot) {
    const step = hot === undefined ? 1 : Math.floor(keys.length / hot);
    this.#keys = keys.filter((_, index) => index % step === 0).slice(0, hot);
    this.#reached = new Uint8Array(this.#keys.length);
  }

  /** An array of `count` keys. */
  next(count) {
    const drawn = new Array(count);
    for (let i = 0; i < count; i++) {
      const at = this.#draw(this.#keys.length);
      this.distinct += 1 - this.#reached[at];
      this.#reached[at] = 1;
      drawn[i] = this.#keys[at];
    }
    this.#count += count;
    return drawn;
  }

  /** How many calls have drawn how many distinct keys. Throws if a uniform draw would have reached another number of them. */
  check() {
    const keys = this.#keys.length;
    const expected = keys * (1 - Math.exp(-this.#count / keys));
    if (Math.abs(this.distinct - expected) > Math.max(TOLERANCE * expected, 10))
      throw new Error(`${this.#count} draws reached ${this.distinct} keys of ${keys}`);
    return { draws: this.#count, distinct: this.distinct, keys };
  }
}

/** How many words of 4 bytes a value that checks itself has: 100 bytes, as the other values. */
const WORDS = 25;

/** Fills `words` for the key with a number: each word follows from it and from `version`. */
function seal(words, index, version) {
  words[0] = index;
  words[1] = version;
  for (let i = 2; i < WORDS; i++) words[i] = (index ^ Math.imul(version, 2 * i + 1)) >>> 0;
}

/** Whether `words` is a whole value of the key with a number. */
function isWhole(words, index) {
  const version = words[1];
  if (words[0] !== index) return false;
  for (let i = 2; i < WORDS; i++) {
    if (words[i] !== (index ^ Math.imul(version, 2 * i + 1)) >>> 0) return false;
  }
  return true;
}

module.exports = { Draw, WORDS, drawing, isWhole, keyOf, keysOf, seal, textOf };
