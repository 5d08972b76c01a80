// Callbacks of an addon that convert their arguments and do nothing else: what a call into native code costs by itself.

'use strict';

const { loadFloor } = require('../lib/floor.js');

function start() {
  const { numberToBigInt, bigIntToUndefined, bigIntToBigInt } = loadFloor();
  return {
    heap: { malloc: numberToBigInt, free: bigIntToUndefined, get: bigIntToBigInt },
    stop() {},
  };
}

module.exports = { name: 'empty callbacks', start };
