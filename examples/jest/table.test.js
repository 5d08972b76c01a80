// How to test code that uses MeMS with jest: a heap for each test file, made before its tests and closed after them.
//
// Jest runs many test files in one process, each in a realm of its own. All of them share the default heap, that of init() and
// finish(): what one file leaves there, the next one finds. A Heap of its own belongs to one file.

'use strict';

const { Heap } = require('@sambhav-gautam/osmemoryallocator');

/** What is tested: a table of numbers outside the JavaScript heap. */
class Table {
  #heap;

  constructor(heap, rows) {
    this.#heap = heap;
    ({ address: this.address, view: this.rows } = heap.mallocAs(Float64Array, rows));
  }

  drop() {
    this.#heap.free(this.address);
  }
}

let heap;
beforeAll(() => {
  // The limit detects memory that grows without end; the stacks show where a block that is left was allocated.
  heap = new Heap({ maxSize: 1 << 20, trackAllocations: true });
});
afterEach(() => {
  // Each test gives back what it takes.
  expect([...heap.leaks()]).toEqual([]);
  heap.verify();
});
afterAll(() => heap.close());

test('keeps its rows', () => {
  const table = new Table(heap, 3);
  table.rows.set([1, 2, 3]);
  expect(table.rows).toEqual(new Float64Array([1, 2, 3]));
  expect(heap.stats()).toMatchObject({ counts: { live: 1 } });
  expect(heap.blockOf(table.address)).toEqual({ address: table.address, size: 24, usableSize: 32 });
  table.drop();
});

test('cannot be dropped twice', () => {
  const table = new Table(heap, 3);
  table.drop();
  expect(() => table.drop()).toThrow(expect.objectContaining({ code: 'ERR_MEMS_NOT_ALLOCATED' }));
});

test('has a limit, and errors of the classes that are documented', () => {
  expect(() => new Table(heap, 1 << 20)).toThrow(/maxSize of 1048576/);
  expect(() => heap.malloc(0)).toThrow(RangeError);
  expect(() => heap.malloc('8')).toThrow(TypeError);
  expect(() => heap.free(0n)).toThrow(Error);
});
