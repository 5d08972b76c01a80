'use strict';

// What the addon does not have yet: tests of it are skipped, and say so.

const { Heap } = require('@sambhav-gautam/osmemoryallocator');

/** Why tests of a policy cannot run, or false if they can. */
function missing(policy) {
  try {
    new Heap({ policy }).close();
    return false;
  } catch (error) {
    if (error.code !== 'ERR_INVALID_ARG_VALUE' && error.code !== 'ERR_INVALID_ARG_TYPE')
      throw error;
    return `the addon has no ${policy}`;
  }
}

module.exports = { missing };
