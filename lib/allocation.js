// A block as an object: for `using`, or where pointer and view travel together.

'use strict';

const { fail } = require('./arguments.js');

class Allocation {
  #heap;
  #view;
  #freed = false;

  constructor(heap, ptr) {
    this.#heap = heap;
    this.ptr = ptr;
    Object.defineProperty(this, 'ptr', { writable: false });
  }

  get view() {
    // Made when it is wanted: many blocks are only pointers.
    if (this.#view === undefined) {
      this.#refuseFreed();
      this.#view = this.#heap.buffer(this.ptr);
    }
    return this.#view;
  }

  free() {
    // The address may be another block's by now.
    this.#refuseFreed();
    this.#heap.free(this.ptr);
    this.#freed = true;
  }

  #refuseFreed() {
    if (!this.#freed) return;
    throw fail(Error, 'ERR_MEMS_NOT_ALLOCATED', `the block at ${this.ptr} has been freed already`);
  }
}

if (Symbol.dispose) {
  Allocation.prototype[Symbol.dispose] = function dispose() {
    try {
      this.free();
    } catch (error) {
      // Freed by hand, or with its heap: there is nothing left to do.
      if (error.code !== 'ERR_MEMS_NOT_ALLOCATED' && error.code !== 'ERR_MEMS_CLOSED') throw error;
    }
  };
}

module.exports = { Allocation };
