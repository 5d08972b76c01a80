// The C functions of MeMS by each runtime's FFI: they work on the heaps that JavaScript has.
//
//   node examples/ffi.mjs                  with koffi (npm install koffi)
//   node examples/ffi.mjs node:ffi         with what Node 26 has itself
//   bun examples/ffi.mjs
//   deno run -A examples/ffi.mjs

import mems from '../index.js';

/** mems_malloc() and mems_free(), which take and return BigInts here. */
async function open(library) {
  if (typeof Bun !== 'undefined') {
    const { dlopen } = await import('bun:ffi');
    return dlopen(library, {
      mems_malloc: { args: ['u64'], returns: 'u64' },
      mems_free: { args: ['u64'], returns: 'i32' },
    }).symbols;
  }
  if (typeof Deno !== 'undefined') {
    return Deno.dlopen(library, {
      mems_malloc: { parameters: ['u64'], result: 'u64' },
      mems_free: { parameters: ['u64'], result: 'i32' },
    }).symbols;
  }
  if (process.argv[2] === 'node:ffi') {
    const { dlopen } = await import('node:ffi');
    return dlopen(library, {
      mems_malloc: { arguments: ['u64'], return: 'u64' },
      mems_free: { arguments: ['u64'], return: 'i32' },
    }).functions;
  }
  const { default: koffi } = await import('koffi');
  const loaded = koffi.load(library);
  const malloc = loaded.func('uint64_t mems_malloc(uint64_t size)');
  // koffi returns a number where that is exact.
  return {
    mems_malloc: (size) => BigInt(malloc(size)),
    mems_free: loaded.func('int mems_free(uint64_t address)'),
  };
}

const { mems_malloc, mems_free } = await open(mems.library);

mems.init();
const address = mems_malloc(100n);
mems.write(address, 'allocated by C, written by JavaScript');
console.log(address, mems.read(address, 37).toString());
console.log('freed:', mems_free(address), 'and again:', mems_free(address)); // 9: MEMS_ERROR_NOT_ALLOCATED
mems.finish();
