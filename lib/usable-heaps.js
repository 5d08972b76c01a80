// The heaps of a list that this thread may use.

'use strict';

const binding = require('../binding.js');

/** The codes of errors that say that there is no such heap for this thread: it has ended, or only another thread knows it. */
const ABSENT = new Set(['ERR_MEMS_CLOSED', 'ERR_MEMS_UNKNOWN_HEAP', 'ERR_MEMS_NOT_INITIALIZED']);

const isAbsent = (error) => ABSENT.has(error.code);

/** Calls `use` with the id of each heap that this thread may use, and leaves out those that end meanwhile. */
function forUsable(heaps, use) {
  for (const heap of heaps) {
    try {
      binding.attach(heap);
      use(heap);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
}

module.exports = { forUsable, isAbsent };
