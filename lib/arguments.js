// The arguments that are checked before the addon is called, and the errors that are thrown then.
//
// Nothing here trusts its arguments: a list can have any length, a Proxy can be revoked, and a name can be a getter that throws.
// No argument is iterated before its kind is known.

'use strict';

/** The most characters of a value in a message. */
const SHOWN = 80;

/** Gives an object a property of its own, whatever setters and properties there are on Object.prototype. */
function define(object, name, value, enumerable = true) {
  const rest = { configurable: true, enumerable, writable: enumerable };
  Object.defineProperty(object, name, { __proto__: null, ...rest, value });
}

/** An error as users see it, with a stack that begins below `from`. */
function fail(Type, code, message, from = fail) {
  const error = new Type(message);
  define(error, 'code', code);
  if (Error.captureStackTrace) Error.captureStackTrace(error, from);
  return error;
}

/** A text, cut off if it is long. */
const cut = (text) => (text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text);

/** A primitive value as messages print it. */
function shown(value) {
  // Printing a long BigInt takes time that grows with the square of its length, but not in a base that is a power of two.
  if (typeof value === 'bigint' && BigInt.asIntN(257, value) !== value) {
    return `a BigInt of ${4 * value.toString(16).replace('-', '').length} bits`;
  }
  return cut(String(value));
}

/** Whether this is a Proxy that is revoked: whatever is done with it throws, even asking whether it is an array. */
function isRevoked(value) {
  try {
    Array.isArray(value);
    return false;
  } catch (_) {
    return true;
  }
}

/** The name that `read` returns for a function or class; undefined if there is none. `read` may run a getter that throws. */
function nameOf(owner, read) {
  try {
    const name = read(owner);
    return typeof name === 'string' && name !== '' ? cut(name) : undefined;
  } catch (_) {
    return undefined;
  }
}

/** A value as error messages name it. */
function described(value) {
  if (value === null || value === undefined) return String(value);
  if (isRevoked(value)) return 'a revoked Proxy';
  if (typeof value === 'function')
    return `function ${nameOf(value, (f) => f.name) ?? '(anonymous)'}`;
  if (typeof value === 'object') {
    return `an instance of ${nameOf(value, (object) => object.constructor.name) ?? 'Object'}`;
  }
  return `type ${typeof value} (${shown(value)})`;
}

function wrongType(name, expected, value, from = wrongType) {
  const message = `The "${name}" argument must be ${expected}. Received ${described(value)}`;
  return fail(TypeError, 'ERR_INVALID_ARG_TYPE', message, from);
}

/** Whether malloc() takes `size`. */
function isSize(size) {
  if (typeof size === 'bigint') return size > 0n && size <= Number.MAX_SAFE_INTEGER;
  return Number.isSafeInteger(size) && size > 0;
}

/** Whether `address` is a BigInt from 0 to 2^64 - 1. */
function isBigAddress(address) {
  return typeof address === 'bigint' && BigInt.asUintN(64, address) === address;
}

/** Whether `address` is a number that can be an address: whole, and from 0 to 2^53 - 1. */
function isNumberAddress(address) {
  return Number.isSafeInteger(address) && address >= 0;
}

/** Whether `address` is a BigInt or a number that can be an address. */
const isAddress = (address) => isBigAddress(address) || isNumberAddress(address);

/** A count or length, from 0, as a number. */
function checkedCount(name, count) {
  if (typeof count !== 'number' && typeof count !== 'bigint') {
    throw wrongType(name, 'of type number or bigint', count, checkedCount);
  }
  if (!(count >= 0 && count <= Number.MAX_SAFE_INTEGER) || !Number.isInteger(Number(count))) {
    const message = `The ${name} must be a whole number from 0 to 9007199254740991. Received ${shown(count)}`;
    throw fail(RangeError, 'ERR_MEMS_INVALID_SIZE', message, checkedCount);
  }
  return Number(count);
}

// These getters work on the typed arrays and DataViews of every realm, and return the truth whatever a subclass overrides.
const getter = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;
const TypedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype);
const getTypeName = getter(TypedArrayPrototype, Symbol.toStringTag);
const getByteLength = getter(TypedArrayPrototype, 'byteLength');
const getByteOffset = getter(TypedArrayPrototype, 'byteOffset');
const getBuffer = getter(TypedArrayPrototype, 'buffer');
const getViewLength = getter(DataView.prototype, 'byteLength');
const getViewOffset = getter(DataView.prototype, 'byteOffset');
const getViewBuffer = getter(DataView.prototype, 'buffer');

/** The name of the type of a typed array; undefined for every other value, `DataView` included. */
const typeNameOf = (value) => getTypeName.call(value);

/** The bytes that a typed array has now: 0 if its buffer is detached. */
const byteLengthOf = (array) => getByteLength.call(array);

/** Whether a buffer is detached, by transfer() or because it was sent to another thread. */
function isDetached(buffer) {
  try {
    new Uint8Array(buffer);
    return false;
  } catch (_) {
    return true;
  }
}

/** The bytes of a typed array or DataView. */
function bytesOf(name, view) {
  const type = typeNameOf(view);
  if (type === undefined) return bytesOfDataView(name, view);
  const length = getByteLength.call(view);
  if (length === 0 && isDetached(getBuffer.call(view))) throw detached(name, bytesOf);
  if (type === 'Uint8Array' && view.length === length) return view;
  return new Uint8Array(getBuffer.call(view), getByteOffset.call(view), length);
}

function bytesOfDataView(name, view) {
  if (!ArrayBuffer.isView(view)) {
    throw wrongType(name, 'a typed array, DataView or string', view, bytesOf);
  }
  try {
    return new Uint8Array(
      getViewBuffer.call(view),
      getViewOffset.call(view),
      getViewLength.call(view),
    );
  } catch (_) {
    throw detached(name, bytesOf);
  }
}

function detached(name, from) {
  const message = `The "${name}" argument has no bytes any more. Its buffer was transferred, or has become smaller`;
  return fail(TypeError, 'ERR_INVALID_ARG_VALUE', message, from);
}

// Objects of these kinds are not options: their elements would be taken for names of options.
const NO_OPTIONS = new Set(
  (
    'Arguments Array ArrayBuffer BigInt Boolean DataView Date Error Function Map Number Promise RegExp Set ' +
    'SharedArrayBuffer String Symbol WeakMap WeakRef WeakSet'
  ).split(' '),
);

/** Options for the addon, which checks their names. Throws for objects that cannot be options. */
function checkedOptions(options) {
  if (typeof options !== 'object' || options === null || isRecord(options)) return options;
  throw wrongType('options', 'an object', options, checkedOptions);
}

/** Whether a value is an object whose own properties are what it has: not a list, a collection, or bytes. */
function isRecord(value) {
  if (typeof value !== 'object' || value === null || isRevoked(value)) return false;
  return typeNameOf(value) === undefined && !NO_OPTIONS.has(kindOf(value));
}

/** Whether an object has a property itself. */
const hasOwn = Function.prototype.call.bind(Object.prototype.hasOwnProperty);

/** Refuses options that `call` does not have; `known` are the names of those that it has. */
function refuseOthers(options, known, call, caller = refuseOthers) {
  // Own properties only, since Object.prototype may have been polluted.
  const other = Object.keys(options).find((name) => !known.includes(name));
  if (other === undefined) return;
  const message = `"${cut(other)}" is not an option of ${call}. The options are ${known.join(', ')}`;
  throw fail(TypeError, 'ERR_INVALID_ARG_VALUE', message, caller);
}

/** The own property `shared` of the options of a call that makes views; undefined if there is none. */
function sharedIn(options, name) {
  if (typeof options !== 'object' || options === null)
    throw wrongType('options', 'an object', options);
  refuseOthers(checkedOptions(options), ['shared'], name, sharedIn);
  const shared = hasOwn(options, 'shared') ? options.shared : undefined;
  if (shared === undefined || typeof shared === 'boolean') return shared;
  throw wrongType('options.shared', 'of type boolean', shared, sharedIn);
}

/** The kind of an object, as `Object.prototype.toString` returns it. */
const kindOf = (object) => Object.prototype.toString.call(object).slice('[object '.length, -1);

module.exports = {
  byteLengthOf,
  bytesOf,
  checkedCount,
  checkedOptions,
  define,
  described,
  fail,
  hasOwn,
  isAddress,
  isBigAddress,
  isNumberAddress,
  isRecord,
  isRevoked,
  isSize,
  nameOf,
  refuseOthers,
  sharedIn,
  shown,
  typeNameOf,
  wrongType,
};
