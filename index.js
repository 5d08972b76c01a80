// The public face of MeMS. The addon does the work; printing is done here, because output of native code would
// bypass process.stdout: it could not be captured and would lose its order.

'use strict';

const binding = require('./binding.js');

// The calls a program makes by the million are the addon's own functions, with nothing in between.
const { malloc, get, free, verify, stats } = binding;

function init(options) {
  binding.init(options);
}

/** The elements as numbers; the addon checks their values. */
function toNumbers(sizes) {
  return Float64Array.from(listOf('sizes', sizes), (size) => {
    if (typeof size === 'number') return size;
    if (typeof size === 'bigint') return Number(size);
    throw argumentError('sizes', 'numbers or bigints', size);
  });
}

function toAddresses(addresses) {
  const list = listOf('addresses', addresses);
  if (list instanceof BigUint64Array) return list;
  for (const address of list) {
    if (typeof address !== 'bigint') throw argumentError('addresses', 'bigints', address);
    // A BigUint64Array would cut it off in silence.
    if (BigInt.asUintN(64, address) !== address) get(address);
  }
  return BigUint64Array.from(list);
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
  verify,
  stats,
};
