// A process that makes its first two calls, `init` and `malloc` of MeMS or two empty callbacks, and prints how many
// nanoseconds they took: node bench/first.js mems|floor

'use strict';

const { loadFloor } = require('./lib/floor.js');
const { time } = require('./lib/measure.js');

const calls = {
  mems() {
    const { init, malloc } = require('@sambhav-gautam/osmemoryallocator');
    return () => {
      init();
      malloc(64);
    };
  },
  floor() {
    const { numberToBigInt, bigIntToUndefined } = loadFloor();
    return () => bigIntToUndefined(numberToBigInt(64));
  },
};

// Loading comes before timing, and so does the clock's own first call.
const first = calls[process.argv[2]]();
time(() => {});
console.log(time(first));
