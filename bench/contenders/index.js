// All contenders that are called from JavaScript, each `{ name, start }`. `start()` returns `{ heap, stop }`, or a promise of them:
// `heap` has the methods malloc, realloc and free, and `stop` ends it.

'use strict';

const buffer = require('./buffer.js');
const floor = require('./floor.js');
const koffi = require('./koffi.js');
const mems = require('./mems.js');
const heap = require('./mems-heap.js');
const thing = require('./thing.js');
const wasm = require('./wasm.js');

const contenders = { koffi, wasm, mems, ...heap, buffer, thing, floor };

/** The contender of a name. */
function named(name) {
  const found = Object.values(contenders).find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no contender ${name}`);
  return found;
}

module.exports = { contenders, named };
