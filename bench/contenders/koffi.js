// The C library's malloc, realloc and free, called through an FFI.

'use strict';

const LIBRARIES = { linux: 'libc.so.6', darwin: 'libSystem.dylib', win32: 'msvcrt.dll' };

/** The C library. */
const load = () => require('koffi').load(LIBRARIES[process.platform]);

function start() {
  const libc = load();
  const malloc = libc.func('uint64_t malloc(size_t size)');
  const realloc = libc.func('uint64_t realloc(uint64_t address, size_t size)');
  const free = libc.func('void free(uint64_t address)');
  return { heap: { malloc, realloc, free }, stop() {} };
}

module.exports = { name: 'koffi + libc', start, load };
