// The public face of MeMS. The addon does the work; printing is done here, because output of native code would
// bypass process.stdout: it could not be captured and would lose its order.

'use strict';

const binding = require('./binding.js');

// The calls a program makes by the million are the addon's own functions, with nothing in between.
const { malloc, get, free, trim, verify, stats } = binding;

function init(options) {
  binding.init(options);
}

const MAX_SIZE = BigInt(Number.MAX_SAFE_INTEGER);

/** The elements as numbers; the addon checks their values. */
function toNumbers(sizes) {
  return Float64Array.from(listOf('sizes', sizes), (size) => {
    if (typeof size === 'number') return size;
    if (typeof size === 'bigint') {
      // Beyond this a number is inexact; malloc() refuses it by its true value.
      return size > 0n && size <= MAX_SIZE ? Number(size) : malloc(size);
    }
    throw argumentError('sizes', 'numbers or bigints', size);
  });
}

/** A copy of the elements, each read once: another thread may write to a shared array meanwhile. */
function toAddresses(addresses) {
  const list = listOf('addresses', addresses);
  const copy = new BigUint64Array(list.length);
  for (let i = 0; i < copy.length; i++) {
    const address = list[i];
    if (typeof address !== 'bigint') throw argumentError('addresses', 'bigints', address);
    copy[i] = address;
    // The copy cuts off what is no address; get() refuses it by its true value.
    if (copy[i] !== address) get(address);
  }
  return copy;
}

/** An array or typed array: what else is iterable (a string, say) is a mistake here. */
function listOf(name, value) {
  if (Array.isArray(value)) return value;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return value;
  throw argumentError(name, 'an array or typed array', value);
}

function argumentError(name, expected, value) {
  const received = value === null ? 'null' : `type ${typeof value}`;
  const message = `The "${name}" argument must hold ${expected}. Received ${received}`;
  return Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' });
}

function mallocMany(sizes) {
  const numbers = toNumbers(sizes);
  const addresses = new BigUint64Array(numbers.length);
  binding.mallocMany(numbers, addresses);
  return addresses;
}

function freeMany(addresses) {
  binding.freeMany(toAddresses(addresses));
}

function printStats() {
  for (const line of binding.statsLines()) console.log(line);
}

function finish() {
  binding.finish();
  console.log('..........Successfully UnMapped the Memory without Errors .........');
}

module.exports = {
  init,
  malloc,
  get,
  free,
  mallocMany,
  freeMany,
  printStats,
  finish,
  trim,
  verify,
  stats,
};
