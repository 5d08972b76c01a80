// What the face checks before it calls the addon, and the errors it throws then.

'use strict';

function fail(Type, code, message) {
  return Object.assign(new Type(message), { code });
}

/** A value as error messages name it. */
function described(value) {
  if (value === null) return 'null';
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value === 'object') return `an instance of ${value.constructor?.name ?? 'Object'}`;
  return value === undefined ? 'undefined' : `type ${typeof value} (${String(value)})`;
}

function wrongType(name, expected, value) {
  const message = `The "${name}" argument must be ${expected}. Received ${described(value)}`;
  return fail(TypeError, 'ERR_INVALID_ARG_TYPE', message);
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

/** A number of things, 0 or more, as a number. */
function checkedCount(name, count) {
  if (typeof count !== 'number' && typeof count !== 'bigint') {
    throw wrongType(name, 'of type number or bigint', count);
  }
  if (!(count >= 0 && count <= Number.MAX_SAFE_INTEGER) || !Number.isInteger(Number(count))) {
    const message = `${count} is not a ${name}: give a whole number from 0 to 9007199254740991`;
    throw fail(RangeError, 'ERR_MEMS_INVALID_SIZE', message);
  }
  return Number(count);
}

/**
 * A copy of a list's elements, each read once: another thread may write to a shared array meanwhile. What is not valid is
 * refused by the single call, which names it.
 */
function copyOf(name, list, isValid, refuse) {
  // What else is iterable, a string say, is a mistake here.
  const isList = Array.isArray(list) || (ArrayBuffer.isView(list) && !(list instanceof DataView));
  if (!isList) throw wrongType(name, 'an array or typed array', list);
  const copy = new BigUint64Array(list.length);
  for (let i = 0; i < copy.length; i++) {
    const element = list[i];
    if (!isValid(element)) refuse(element);
    copy[i] = BigInt(element);
  }
  return copy;
}

module.exports = { checkedCount, copyOf, fail, isAddress, isSize, wrongType };
