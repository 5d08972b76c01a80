// What console.log and util.inspect() show of a heap: its id, its policy and its bytes, rather than an object that looks empty.
// Showing must never throw: a heap may be closed, damaged, or no heap at all but its class's prototype.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const util = require('util');
const { nameOf } = require('./arguments.js');

/** What is shown of the heap with an id. `read` returns its entry in `Heap.list()`. A heap in a file has a path, too. */
function detailsOf(id, read) {
  try {
    const { path, bytes, options } = read(id);
    const details = { policy: options.policy, bytes };
    return path === undefined ? { id, ...details } : { id, path, ...details };
  } catch (error) {
    return error.code === 'ERR_MEMS_CLOSED' ? { id, closed: true } : { id, error: error.code };
  }
}

/** What is shown of the heap with an id; nothing if there is no id. */
const now = (id, read) => (id === undefined ? {} : detailsOf(id, read));

/**
 * Makes the method for util.inspect(): `id` reads a heap's id, which no other object that inherits the method has, and `read` the
 * entry of an id in `Heap.list()`; `former` reads the id that an object had which is closed, if it has another now. Newer runtimes pass their own function for inspecting nested values as the third argument.
 */
function inspector(id, read, former) {
  return function inspect(depth, options, inspectInside = util.inspect) {
    const name = nameOf(this, (heap) => heap.constructor.name) ?? 'Heap';
    // As util.inspect() shows every object that is nested deeper than was requested.
    if (depth < 0) return `[${name}]`;
    try {
      const before = former(this);
      const details = before === undefined ? now(id(this), read) : { id: before, closed: true };
      // What a subclass adds is shown as well.
      return `${name} ${inspectInside({ ...details, ...this }, options)}`;
    } catch (_) {
      // A getter that a subclass adds has thrown, or a trap of a Proxy.
      return `[${name}]`;
    }
  };
}

/** The name of the method that util.inspect() calls. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

module.exports = { INSPECT, inspector };
