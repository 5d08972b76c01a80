// The C library's malloc and free, called through an FFI.

'use strict';

const LIBRARIES = { linux: 'libc.so.6', darwin: 'libSystem.dylib', win32: 'msvcrt.dll' };

/** The C library. */
const load = () => require('koffi').load(LIBRARIES[process.platform]);

function start() {
  const libc = load();
  const malloc = libc.func('uint64_t malloc(size_t size)');
  const free = libc.func('void free(uint64_t address)');
  return { malloc, free, stop() {} };
}

module.exports = { name: 'koffi + libc', start, load };
