// A block as an object, for `using`, or to keep the address and the view together.

'use strict';

const { define, described, fail, isRevoked } = require('./arguments.js');

const READ_ONLY = { configurable: true, enumerable: true, writable: false };

// The state is under a symbol and not in private fields, which a Proxy of the allocation would not have.
const STATE = Symbol('state');

/** The state of the allocation that a method was called on. */
function stateOf(allocation) {
  let state;
  try {
    state = allocation?.[STATE];
  } catch (error) {
    if (!isRevoked(allocation)) throw error;
  }
  if (state !== undefined) return state;
  const message =
    'The method must be called on an Allocation, as in block.free(). To pass it on, use bind(block). ' +
    `It was called on ${described(allocation)}`;
  throw fail(TypeError, 'ERR_INVALID_THIS', message, stateOf);
}

function refuseFreed({ freed, address }) {
  if (!freed) return;
  const message = `The block at ${address} has been freed before`;
  throw fail(Error, 'ERR_MEMS_NOT_ALLOCATED', message, refuseFreed);
}

class Allocation {
  constructor(heap, address, options) {
    // `options` are those of buffer(), for the view.
    define(this, STATE, { heap, address, options, view: undefined, freed: false }, false);
    Object.defineProperty(this, 'address', { __proto__: null, value: address, ...READ_ONLY });
  }

  get view() {
    const state = stateOf(this);
    // Made when it is first read: many programs use only the address.
    if (state.view === undefined) {
      refuseFreed(state);
      state.view = state.heap.buffer(state.address, undefined, state.options);
    }
    return state.view;
  }

  free() {
    const state = stateOf(this);
    // Another block may be at the address by now.
    refuseFreed(state);
    state.heap.free(state.address);
    state.freed = true;
  }
}

if (Symbol.dispose) {
  Allocation.prototype[Symbol.dispose] = function dispose() {
    try {
      this.free();
    } catch (error) {
      // The block was freed, or its heap has ended: nothing is left to do.
      if (error.code !== 'ERR_MEMS_NOT_ALLOCATED' && error.code !== 'ERR_MEMS_CLOSED') throw error;
    }
  };
}

module.exports = { Allocation };
