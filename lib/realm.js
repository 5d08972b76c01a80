// The addon for a realm that is not its own.
//
// Test runners (jest; vitest with the pools vmThreads and vmForks) evaluate each test file, and this package with it, in a
// context of node:vm, which has an Error, an Object and an Array of its own. An addon is loaded once for all of them: what
// it throws and makes is of the main context, so `error instanceof RangeError` would be false. In such a realm the addon's
// functions are wrapped: what they throw and return is made anew of this realm's classes. Anywhere else the addon is what
// it is, and nothing is spent.
//
// Invariant: only what the addon makes is made anew. Errors thrown by what it calls (a getter among options) pass as they are.

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

/** The addon as code of this realm can use it. */
function inThisRealm(addon) {
  // All of a realm's functions have one prototype, and only they.
  const FunctionPrototype = getPrototypeOf(addon.libraryPath);
  if (FunctionPrototype === Function.prototype) return addon;
  const ObjectPrototype = getPrototypeOf(FunctionPrototype);

  /** What the addon has made, made of this realm's classes. */
  function madeHere(value) {
    if (typeof value === 'function') return wrapped(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return Array.from(value, madeHere);
    if (getPrototypeOf(value) === ObjectPrototype) {
      return Object.fromEntries(keys(value).map((key) => [key, madeHere(value[key])]));
    }
    // A buffer over the addon's memory cannot be made here, but be made one of this realm's.
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

/** An error that the addon has thrown, made of this realm's classes; any other as it is. Its stack begins below `from`. */
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
