// The calls that programs make by the million: malloc, free, get, and the look-up behind views.
//
// What they take and return is in a few words of memory that the addon reaches as well: a call without arguments costs
// a third of one that takes a number and returns a BigInt. Arguments that do not fit there, and
// those that are not valid, go to the addon's functions with arguments, which know all cases.

'use strict';

const binding = require('../binding.js');
const { readNumber, readPhysical, returned, writeNumber } = require('./addresses.js');
const { checkedOptions, isBigAddress, isNumberAddress } = require('./arguments.js');

const {
  memory,
  malloc: callMalloc,
  free: callFree,
  get: callGet,
  locate: callLocate,
  realloc: callRealloc,
  fillFront,
  flushFront,
} = binding.makeCalls();
const numbers = new Float64Array(memory);
const words = new BigUint64Array(memory);
const integers = new Int32Array(memory);
const halves = new Uint32Array(memory);

// What a call takes: the heap's id, and a size as a number or an address as a whole number of 64 bits;
const HEAP = 0;
const ARGUMENT = 1;
// which has two halves of 32 bits;
const LOW = 2 * ARGUMENT;
const HIGH = LOW + 1;
// what it returns: an address,
const RESULT = 2;
// or a place: the name of the buffer span round an address,
const NAME = 3;
// the address's offset in its block, and the bytes from there to the end of what was asked for (negative behind it) and to
// the end of the block;
const INSIDE = 4;
const REST = 5;
const AVAILABLE = 6;
// and among the integers, which views are made from in half the time: its offset in the buffer span, below 2^31, and the rest
// again, at least 0 and at most MOST.
const OFFSET = 14;
const SMALL_REST = 15;
const MOST = 2 ** 31 - 1;

/** Writes an address that is a number where the addon finds it. Returns whether it could be one. */
function writeNumberAddress(address) {
  // Whole numbers below 2^32, the commonest ones, need no other check.
  if (typeof address === 'number' && address >>> 0 === address) {
    halves[LOW] = address;
    halves[HIGH] = 0;
    return true;
  }
  if (!isNumberAddress(address)) return false;
  writeNumber(halves, LOW, address);
  return true;
}

/** `asNumber`: the heap's object returns addresses as numbers. */
function malloc(heap, size, options, asNumber) {
  // Only objects are options: `sizes.map(malloc)` passes a position here.
  if (typeof size !== 'number' || typeof options === 'object') {
    return returned(binding.heapMalloc(heap, size, checkedOptions(options)), asNumber);
  }
  numbers[HEAP] = heap;
  numbers[ARGUMENT] = size;
  callMalloc();
  return asNumber ? readNumber(halves, 2 * RESULT) : words[RESULT];
}

function free(heap, address) {
  if (isBigAddress(address)) words[ARGUMENT] = address;
  else if (!writeNumberAddress(address)) return binding.heapFree(heap, address);
  numbers[HEAP] = heap;
  callFree();
}

function get(heap, address, asNumber) {
  if (isBigAddress(address)) words[ARGUMENT] = address;
  else if (!writeNumberAddress(address)) return binding.heapGet(heap, address);
  numbers[HEAP] = heap;
  callGet();
  return asNumber ? readPhysical(halves, 2 * RESULT, address) : words[RESULT];
}

/** Looks an address up: the result is in `place`, until the next call. */
function locate(heap, address) {
  if (isBigAddress(address)) words[ARGUMENT] = address;
  // The addon throws for a value that is not an address, and names it.
  else if (!writeNumberAddress(address)) binding.heapGet(heap, address);
  numbers[HEAP] = heap;
  callLocate();
}

/** Resizes a block, to a number of bytes that is its size from then on. */
function realloc(heap, address, size, options, asNumber) {
  if (typeof size === 'number' && options === undefined) {
    const isBig = isBigAddress(address);
    if (isBig) words[ARGUMENT] = address;
    if (isBig || writeNumberAddress(address)) {
      numbers[HEAP] = heap;
      numbers[RESULT] = size;
      callRealloc();
      if (words[RESULT] !== 0n) return asNumber ? readNumber(halves, 2 * RESULT) : words[RESULT];
    }
  }
  return returned(binding.realloc(heap, address, size, options), asNumber);
}

/** Makes one of the two calls for fronts, with a class. */
function callWith(call, heap, number) {
  numbers[HEAP] = heap;
  numbers[ARGUMENT] = number;
  call();
}

module.exports = {
  callWith,
  fillFront,
  flushFront,
  malloc,
  free,
  realloc,
  get,
  locate,
  place: numbers,
  NAME,
  INSIDE,
  REST,
  AVAILABLE,
  integers,
  OFFSET,
  SMALL_REST,
  MOST,
};
