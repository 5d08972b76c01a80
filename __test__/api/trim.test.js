'use strict';

// trim() gives the whole pages inside holes back to the system, and nothing else changes.

const { afterEach, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, capture, finishQuietly } = require('../helpers/capture.js');
const { bytes, forget, isFilled } = require('../helpers/memory.js');
const { rss } = require('../helpers/rss.js');

const MIB = 2 ** 20;

afterEach(() => {
  finishQuietly(mems);
  forget();
});

/** The pages given back, if the system's pages are as large as those of MeMS (4 KiB); if they are larger, only bounds are known. */
function assertTrimmed(expected) {
  const trimmed = mems.trim();
  if (process.platform === 'win32' || process.arch === 'x64') assert.equal(trimmed, expected);
  else assert.ok(trimmed <= expected);
}

test('counts whole pages inside holes, and leaves their neighbours alone', () => {
  mems.init();
  const [before, middle, after] = [100, 5 * 4096, 100].map((size) => mems.malloc(size));
  for (const [address, size] of [
    [before, 100],
    [middle, 5 * 4096],
    [after, 100],
  ]) {
    bytes(address, size).fill(7);
  }
  const text = capture(mems.printStats);
  assertTrimmed(0);
  mems.free(middle);
  // The first page holds `before` and `after`; the five pages of the block are free.
  assertTrimmed(5 * 4096);
  assert.ok(isFilled(bytes(before, 100), 7));
  assert.ok(isFilled(bytes(after, 100), 7));
  assert.equal(mems.malloc(5 * 4096), middle);
  assert.ok(isFilled(bytes(middle, 5 * 4096), 0));
  assert.deepEqual(capture(mems.printStats), text);
  mems.verify();
});

test('lowers the memory of the process by what was freed', () => {
  mems.init();
  const blocks = mems.mallocMany(new Float64Array(64).fill(MIB));
  for (const block of blocks) bytes(block, MIB).fill(1);
  const full = rss();
  mems.freeMany(blocks.subarray(1));
  assertTrimmed(63 * MIB);
  const fallen = full - rss();
  assert.ok(fallen > 48 * MIB, `RSS fell by ${fallen} bytes`);
  assert.ok(isFilled(bytes(blocks[0], MIB), 1));
});

test('needs a heap', () => {
  assertRefused(() => mems.trim(), 'ERR_MEMS_NOT_INITIALIZED');
});

test('happens by itself with the option', () => {
  mems.init({ autoTrim: true });
  // 64 MiB in blocks of less than a page: none of them alone makes a page free.
  const blocks = mems.mallocMany(new Float64Array(32768).fill(2048));
  for (const block of blocks) bytes(block, 2048).fill(1);
  const full = rss();
  for (const block of blocks.subarray(1)) mems.free(block);
  const fallen = full - rss();
  assert.ok(fallen > 48 * MIB, `RSS fell by ${fallen} bytes`);
  assert.ok(isFilled(bytes(blocks[0], 2048), 1));
  // Blocks in the rest of the first page, which was never wholly free, and in the second page.
  assert.ok(isFilled(bytes(mems.malloc(2048), 2048), 1));
  assert.ok(isFilled(bytes(mems.malloc(2048), 2048), 0), 'pages given back read as zeros');
  mems.verify();
});

test('waits with the pages of a large block that is allocated again', (t) => {
  const heap = new mems.Heap();
  t.after(() => heap.close());
  const use = (size) => {
    const block = heap.malloc(size);
    heap.fill(block, 1);
    heap.free(block);
    return heap.stats({ resident: true }).bytes.resident;
  };
  assert.ok(use(8 * MIB) < MIB, 'given back at once');
  assert.ok(use(8 * MIB) >= 8 * MIB, 'kept, since it was given back for nothing');
  assert.ok(use(8 * MIB) >= 8 * MIB);
  assert.ok(use(256 * MIB) < 64 * MIB, 'so much does not wait');
});
