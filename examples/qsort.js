// Native code works on MeMS memory in place: the C library's qsort() sorts doubles there, with a comparison in
// JavaScript, and a view shows them sorted. Nothing is copied. By koffi: npm install koffi

const koffi = require('koffi');
const mems = require('@sambhav-gautam/osmemoryallocator');

// On Windows the C library is a file of its own; elsewhere the process has loaded it.
const libc = koffi.load(process.platform === 'win32' ? 'msvcrt.dll' : null);
koffi.proto('int Compare(const double *a, const double *b)');
const qsort = libc.func('void qsort(void *base, size_t count, size_t size, Compare *compare)');

// The C functions of MeMS, in the addon that is loaded already.
const addon = koffi.load(mems.library);
const pointerTo = addon.func('void *mems_heap_get(uint64_t heap, uint64_t address)');

const heap = new mems.Heap();
const { address, view } = heap.mallocAs(Float64Array, 10);
view.set([3.5, -1, 2, 1e9, 0, 0.25, -7, 42, 6, 1]);
console.log('before:', view.join(' '));

qsort(pointerTo(heap.id, address), view.length, view.BYTES_PER_ELEMENT, (a, b) =>
  Math.sign(koffi.decode(a, 'double') - koffi.decode(b, 'double')),
);
console.log('after: ', view.join(' '));

heap.close();
