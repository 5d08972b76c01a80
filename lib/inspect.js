// What console.log and util.inspect() show of a heap: its id, its policy and its bytes, rather than an object that looks empty.
// Showing must never throw: a heap may be closed, damaged, or no heap at all but its class's prototype.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const util = require('util');
const { nameOf } = require('./arguments.js');

/** What there is to say of the heap of an id, which `read` returns as `Heap.list()` does. */
function detailsOf(id, read) {
  try {
    const { bytes, options } = read(id);
    return { id, policy: options.policy, bytes };
  } catch (error) {
    return error.code === 'ERR_MEMS_CLOSED' ? { id, closed: true } : { id, error: error.code };
  }
}

/**
 * The method of that name: `id` reads a heap's id, which nothing else that inherits the method has, and `read` the entry of an
 * id in `Heap.list()`. A runtime gives its own way to inspect what is inside as the third argument, the older ones of them do not.
 */
function inspector(id, read) {
  return function inspect(depth, options, inspectInside = util.inspect) {
    const name = nameOf(this, (heap) => heap.constructor.name) ?? 'Heap';
    // As everything else that lies deeper than is wanted.
    if (depth < 0) return `[${name}]`;
    try {
      const details = id(this) === undefined ? {} : detailsOf(id(this), read);
      // What a subclass adds is shown as well.
      return `${name} ${inspectInside({ ...details, ...this }, options)}`;
    } catch (_) {
      // A getter that a subclass adds has thrown, or a trap of a Proxy.
      return `[${name}]`;
    }
  };
}

/** The name of the method. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

module.exports = { INSPECT, inspector };
