// MeMS: its default heap, which is first fit.

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
  const { malloc, realloc, free, get, buffer, view } = mems;
  return { heap: { malloc, realloc, free, get, buffer, view }, stop };
}

module.exports = { name: 'MeMS, first fit', start, stop };
