// The public face of MeMS. The addon does the work; printing is done here, because output of native code would
// bypass process.stdout: it could not be captured and would lose its order.

'use strict';

const binding = require('./binding.js');

// The calls a program makes by the million are the addon's own functions, with nothing in between.
const { malloc, get, free, trim, verify, stats } = binding;

function init(options) {
  binding.init(options);
}

/** Whether malloc() takes this for a size. */
function isSize(size) {
  if (typeof size === 'bigint') return size > 0n && size <= Number.MAX_SAFE_INTEGER;
  return Number.isSafeInteger(size) && size > 0;
}

/** Whether this is a BigInt of 64 bits without a sign. */
function isAddress(address) {
  return typeof address === 'bigint' && BigInt.asUintN(64, address) === address;
}

/**
 * A copy of a list's elements, each read once: another thread may write to a shared array meanwhile. What is not valid is
 * refused by the single call, which names it.
 */
function copyOf(name, list, isValid, refuse) {
  // What else is iterable, a string say, is a mistake here.
  const isList = Array.isArray(list) || (ArrayBuffer.isView(list) && !(list instanceof DataView));
  if (!isList) {
    const received = list === null ? 'null' : `type ${typeof list}`;
    const message = `The "${name}" argument must be an array or typed array. Received ${received}`;
    throw Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' });
  }
  const copy = new BigUint64Array(list.length);
  for (let i = 0; i < copy.length; i++) {
    const element = list[i];
    if (!isValid(element)) refuse(element);
    copy[i] = BigInt(element);
  }
  return copy;
}

function mallocMany(sizes) {
  const copy = copyOf('sizes', sizes, isSize, malloc);
  const addresses = new BigUint64Array(copy.length);
  binding.mallocMany(copy, addresses);
  return addresses;
}

function freeMany(addresses) {
  binding.freeMany(copyOf('addresses', addresses, isAddress, get));
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
