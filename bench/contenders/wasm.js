// WebAssembly's malloc: Emscripten's dlmalloc, as the module of sql.js exports it. It has up to 4 GiB of a memory of its own, in
// which no other native code can use a block, and checks nothing.

'use strict';

const fs = require('node:fs');
const path = require('node:path');

const loader = require.resolve('sql.js');

/** Compiled once, so that a new heap has the code that V8 has optimised for those before it. */
let compiled;

/** An instance of the module, and with it a new heap: `{ malloc, free, memory }`. */
async function instance() {
  if (compiled === undefined) {
    const file = path.join(path.dirname(loader), 'sql-wasm.wasm');
    compiled = await WebAssembly.compile(fs.readFileSync(file));
  }
  // The loader keeps what it has made, and would return that again.
  delete require.cache[loader];
  let exported;
  const instantiateWasm = (imports, ready) => {
    const made = new WebAssembly.Instance(compiled, imports);
    exported = made.exports;
    ready(made, compiled);
  };
  const { _malloc: malloc, _free: free } = await require(loader)({ instantiateWasm });
  const memory = Object.values(exported).find((each) => each instanceof WebAssembly.Memory);
  return { malloc, free, memory };
}

/**
 * The module exports no realloc. Here a block stays where it is if its chunk has room and is not twice as large; else it moves, as
 * in dlmalloc if what follows is in use.
 */
function reallocOf({ malloc, free, memory }) {
  let bytes = new Uint8Array(memory.buffer);
  let words = new Uint32Array(memory.buffer);
  return (at, size) => {
    // An array of a memory that has grown since is empty.
    if (words.length === 0) words = new Uint32Array(memory.buffer);
    // Before a block is the size of its chunk, which includes this word, with flags in the lowest bits.
    const room = (words[(at >> 2) - 1] & ~7) - 4;
    if (size <= room && room <= 2 * size + 64) return at;
    const moved = malloc(size);
    if (bytes.length === 0) bytes = new Uint8Array(memory.buffer);
    bytes.copyWithin(moved, at, at + Math.min(room, size));
    free(at);
    return moved;
  };
}

async function start() {
  const made = await instance();
  const { malloc, free } = made;
  return { heap: { malloc, realloc: reallocOf(made), free }, stop() {} };
}

module.exports = { name: 'WebAssembly’s dlmalloc', start };
