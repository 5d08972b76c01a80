// The addon for a realm that is not its own.
//
// Test runners (jest; vitest with the pools vmThreads and vmForks) evaluate each test file, and this package with it, in a
// context of node:vm, which has an Error, an Object and an Array of its own. An addon is loaded once for all of them: what
// it throws and makes is of the main context, so `error instanceof RangeError` would be false. In such a realm the addon's
// functions are wrapped: what they throw and return is converted to this realm's classes. Everywhere else the addon is used
// as it is, at no cost.
//
// Invariant: only what the addon makes is converted. Errors thrown by what it calls (a getter among options) pass as they are.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const { isNativeError } = require('util').types;
const { define } = require('./arguments.js');

const CLASSES = { Error, RangeError, TypeError };
const BUFFERS = { ArrayBuffer, SharedArrayBuffer };

/** The codes that the addon's errors have. */
const CODE = /^ERR_(MEMS_|INVALID_ARG_)/;

const { getPrototypeOf, keys, setPrototypeOf } = Object;
const kindOf = (value) => Object.prototype.toString.call(value).slice('[object '.length, -1);

/** The addon, with functions that return and throw objects of this realm. */
function inThisRealm(addon) {
  // The functions of a realm have one prototype, which no other functions have.
  const FunctionPrototype = getPrototypeOf(addon.libraryPath);
  if (FunctionPrototype === Function.prototype) return addon;
  const ObjectPrototype = getPrototypeOf(FunctionPrototype);

  /** A value that the addon has made, converted to this realm's classes. */
  function madeHere(value) {
    if (typeof value === 'function') return wrapped(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return Array.from(value, madeHere);
    if (getPrototypeOf(value) === ObjectPrototype) {
      return Object.fromEntries(keys(value).map((key) => [key, madeHere(value[key])]));
    }
    // A buffer over the addon's memory cannot be made here, but its prototype can be set to this realm's.
    const Class = BUFFERS[kindOf(value)];
    return Class === undefined ? value : setPrototypeOf(value, Class.prototype);
  }

  function wrapped(call) {
    return function callInThisRealm(...given) {
      let made;
      try {
        made = call(...given);
      } catch (error) {
        throw thrownHere(error, callInThisRealm);
      }
      return madeHere(made);
    };
  }

  return madeHere(addon);
}

/**
 * An error that the addon has thrown, converted to this realm's classes. Other errors stay as they are. Its stack begins
 * below `from`.
 */
function thrownHere(error, from) {
  if (!isNativeError(error) || error instanceof Error) return error;
  const { code, message, name } = error;
  const Class = CLASSES[name];
  if (Class === undefined || !CODE.test(code)) return error;
  const made = new Class(message);
  for (const key of keys(error)) define(made, key, error[key]);
  if (Error.captureStackTrace) Error.captureStackTrace(made, from);
  return made;
}

module.exports = { inThisRealm };
