// Lists of sizes and of addresses, copied for `mallocMany` and `freeMany` into whole numbers of 64 bits, as the addon takes them.
//
// Nothing here trusts a list: it can have any length, change while it is read, and be a Proxy.

'use strict';

const { writeNumber } = require('./addresses.js');
const {
  byteLengthOf,
  define,
  fail,
  isRevoked,
  isSize,
  typeNameOf,
  wrongType,
} = require('./arguments.js');

/** How many elements a copy has room for at first, since a list can claim any length. */
const ROOM = 1024;

/** The most elements of a list: a copy takes 1 GiB, and the addresses as much. A Proxy can claim any number. */
const MOST_ELEMENTS = 2 ** 27;

/** The most bytes of a list that is copied in one piece. */
const MOST_AT_ONCE = 2 ** 25;

/**
 * Whether a list can be copied in one piece, which takes a tenth of the time. Not if it is empty, since its buffer may be
 * detached, nor if it is very long, since there may be no memory.
 */
function isCopiedAtOnce(list) {
  const bytes = byteLengthOf(list);
  return bytes > 0 && bytes <= MOST_AT_ONCE;
}

/** A copy of a `Float64Array`. */
function copyOfNumbers(list, isValid, refuse) {
  const numbers = new Float64Array(list);
  const halves = new Uint32Array(numbers.buffer);
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i];
    if (!isValid(number)) refuse(number);
    writeNumber(halves, 2 * i, number);
  }
  return new BigUint64Array(numbers.buffer);
}

/**
 * A copy of the elements of a list. Each is read once, since another thread may write to a shared array meanwhile. `refuse` is
 * called with an element that is not valid, and throws as the call for a single block does.
 */
function copyOf(name, list, isValid, refuse) {
  const type = typeNameOf(list);
  // All elements of a BigUint64Array are addresses.
  if (type === 'BigUint64Array' && isValid !== isSize && isCopiedAtOnce(list))
    return new BigUint64Array(list);
  if (type === 'Float64Array' && isCopiedAtOnce(list)) return copyOfNumbers(list, isValid, refuse);
  const length = lengthOf(name, list);
  let copy = new BigUint64Array(Math.min(length, ROOM));
  let halves = new Uint32Array(copy.buffer);
  for (let i = 0; i < length; i++) {
    const element = list[i];
    if (!isValid(element)) refuse(element);
    // Grown only when it is full: the list may claim thousands of millions of elements and have none.
    if (i === copy.length) {
      copy = grown(copy, length);
      halves = new Uint32Array(copy.buffer);
    }
    if (typeof element === 'number') writeNumber(halves, 2 * i, element);
    else copy[i] = element;
  }
  return copy;
}

/** The length of an array or typed array. Throws for everything else, also if it is iterable, as a string is. */
function lengthOf(name, list) {
  const isArray = !isRevoked(list) && Array.isArray(list);
  if (!isArray && typeNameOf(list) === undefined) {
    throw wrongType(name, 'an array or typed array', list, copyOf);
  }
  // The length of a Proxy or of a subclass can be any value.
  const { length } = list;
  if (!Number.isSafeInteger(length) || length < 0) {
    throw wrongType(`${name}.length`, 'a whole number', length, copyOf);
  }
  if (length <= MOST_ELEMENTS) return length;
  const message = `A call takes at most ${MOST_ELEMENTS} ${name}. Received ${length}`;
  throw fail(RangeError, 'ERR_MEMS_INVALID_SIZE', message, copyOf);
}

/** A longer copy, of at most `length` elements. */
function grown(copy, length) {
  try {
    const longer = new BigUint64Array(Math.min(length, 8 * copy.length));
    longer.set(copy);
    return longer;
  } catch (cause) {
    const message = `Out of memory for a copy of ${length} elements. Pass fewer at a time`;
    const error = fail(Error, 'ERR_MEMS_OUT_OF_MEMORY', message, copyOf);
    define(error, 'cause', cause);
    throw error;
  }
}

module.exports = { copyOf };
