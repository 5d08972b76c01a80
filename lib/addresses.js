// Addresses as numbers. The addon deals in whole numbers of 64 bits, which are BigInts in JavaScript. A heap's object can be made
// to return numbers instead, by `addresses: 'number'`. What calls take may be either.
//
// Invariant: an address of a heap is at most Number.MAX_SAFE_INTEGER (src/heap/address.rs), so a number has all of it. A
// physical address is below 2^48 on every system that there is an addon for, and is checked all the same.
//
// A number of 64 bits is read and written as two halves of 32, the low one first, so that no BigInt has to be made in between.
// (All processors that MeMS runs on are little-endian.)

'use strict';

const { fail, hasOwn, isRevoked, wrongType } = require('./arguments.js');

/** One unit of the upper half. */
const UPPER = 2 ** 32;

/** The first value of the upper half that makes a number unsafe. */
const UNSAFE = 2 ** 21;

/** The number below 2^53 in two halves, from `at` on. */
const readNumber = (halves, at) => halves[at] + halves[at + 1] * UPPER;

/** Writes a number from 0 to 2^53 - 1 into two halves, from `at` on. */
function writeNumber(halves, at, number) {
  halves[at] = number;
  // Most numbers are below 2^32, and no division is needed.
  halves[at + 1] = number < UPPER ? 0 : number / UPPER;
}

/** The physical address in two halves, from `at` on. `address` is the virtual one, for the message. */
function readPhysical(halves, at, address) {
  if (halves[at + 1] < UNSAFE) return readNumber(halves, at);
  const message =
    `The physical address of ${address} is above 9007199254740991, and cannot be a number. Get it as a BigInt: ` +
    'Heap.attach(heap.id).get(address)';
  throw fail(RangeError, 'ERR_MEMS_OUT_OF_RANGE', message, readPhysical);
}

/** An address that the addon has returned, as a heap returns it. */
const returned = (address, asNumber) => (asNumber ? Number(address) : address);

/** An address that the caller has passed, of either kind, as a heap returns it. */
function inKind(address, asNumber) {
  if (asNumber) return Number(address);
  return typeof address === 'bigint' ? address : BigInt(address);
}

/** The addresses of a BigUint64Array as numbers, in a Float64Array over the same memory. */
function asNumbers(addresses) {
  const { buffer } = addresses;
  const [halves, numbers] = [new Uint32Array(buffer), new Float64Array(buffer)];
  for (let i = 0; i < numbers.length; i++) numbers[i] = readNumber(halves, 2 * i);
  return numbers;
}

/** Whether the options that an object of a heap is made with, which may be any value, ask for numbers. */
function wantsNumbers(options) {
  if (typeof options !== 'object' || options === null || isRevoked(options)) return false;
  const addresses = hasOwn(options, 'addresses') ? options.addresses : undefined;
  if (addresses === undefined || addresses === 'bigint') return false;
  if (addresses === 'number') return true;
  throw wrongType('options.addresses', "'bigint' or 'number'", addresses, wantsNumbers);
}

/**
 * An address as a whole number of 64 bits, and its halves. Arrays that are constants, over memory outside of the JavaScript heap,
 * are reached without a look at the arrays.
 */
const WHOLE = new BigUint64Array(new ArrayBuffer(8));
const { asUintN } = BigInt;
const HALVES = new Int32Array(WHOLE.buffer);

/** The unit of an address that is no number, in fronts (front.js): an address of a slot is 16 times its unit, and 8. Else 0. */
function unitOfBig(address) {
  if (typeof address !== 'bigint' || asUintN(35, address) !== address) return 0;
  WHOLE[0] = address;
  const low = HALVES[0];
  return (low & 15) === 8 ? (low >>> 4) | (HALVES[1] << 28) : 0;
}

/** The bits of a whole number that are its sign and its rest when it is divided by 16. */
const SIGN_AND_REST = -(2 ** 31) | 15;

/** The largest unit that a number of 31 bits can be. */
const MOST_UNIT = 2 ** 31 - 1;

/** What `unitOfBig` is for addresses that are numbers. (Two functions, so that V8 compiles the one into callers that needs be.) */
function unitOfNumber(address) {
  const low = address | 0;
  // Most heaps have no addresses from 2 GiB on, and whole numbers take less time.
  if (low === address) return (low & SIGN_AND_REST) === 8 ? low >>> 4 : 0;
  const exact = (address - 8) / 16;
  // Without a sign and a fraction it is the same number only if it has neither.
  const unit = exact & MOST_UNIT;
  return unit === exact ? unit : 0;
}

/**
 * Address objects of blocks that came or went last, and the unit of each, by a hash of the unit. To make a BigInt takes longer than
 * to find it here, and each has to be collected again. An address is the same in all heaps, so all heaps of a thread share them.
 */
const HASH_BITS = 12;
const UNITS = new Int32Array(new ArrayBuffer(4 << HASH_BITS));
const OBJECTS = new Array(1 << HASH_BITS).fill(undefined);

/** The multiplier of multiplicative hashing (Knuth, The Art of Computer Programming, 6.4): 2^32 divided by the golden ratio. */
const GOLDEN = 0x9e3779b1 | 0;

// The next two call nothing that could find no room on the engine's stack, since the block has been taken, or freed, by then.

/** The address, a BigInt, of the slot at a unit, which is not 0. */
function bigOf(unit) {
  const place = Math.imul(unit, GOLDEN) >>> (32 - HASH_BITS);
  if (UNITS[place] === unit) return OBJECTS[place];
  HALVES[0] = (unit << 4) | 8;
  HALVES[1] = unit >>> 28;
  const address = WHOLE[0];
  OBJECTS[place] = address;
  UNITS[place] = unit;
  return address;
}

/** The BigInt of a whole number from 0 to 2^53 - 1. To make it of two halves takes less time than to add two BigInts. */
function bigOfNumber(number) {
  HALVES[0] = number | 0;
  HALVES[1] = (number / UPPER) | 0;
  return WHOLE[0];
}

/** Keeps the address of the slot at a unit, which has been freed: the next malloc is likely to return it. */
function keepBig(unit, address) {
  const place = Math.imul(unit, GOLDEN) >>> (32 - HASH_BITS);
  if (UNITS[place] === unit || typeof address !== 'bigint') return;
  OBJECTS[place] = address;
  UNITS[place] = unit;
}

/** What the functions of the module take: a BigInt, as in the original. Methods of a Heap take numbers as well. */
function bigintOnly(address) {
  if (typeof address === 'bigint') return address;
  const expected = 'a BigInt, as malloc() returns (1000n, or BigInt(1000))';
  throw wrongType('address', expected, address, bigintOnly);
}

module.exports = {
  asNumbers,
  bigOf,
  bigOfNumber,
  bigintOnly,
  inKind,
  keepBig,
  readNumber,
  readPhysical,
  returned,
  unitOfBig,
  unitOfNumber,
  wantsNumbers,
  writeNumber,
};
