// MeMS: its default heap.

'use strict';

const mems = require('@sambhav-gautam/osmemoryallocator');

/** `finish` without the line that it prints. */
function stop() {
  const { log } = console;
  console.log = () => {};
  mems.finish();
  console.log = log;
}

function start() {
  mems.init();
  return { malloc: mems.malloc, free: mems.free, stop };
}

module.exports = { name: 'MeMS', start, stop };
