'use strict';

// What a process that has died with the lock has left is finished or undone by the next, even if the dead one's slot has another owner. The
// file is made to look as deaths at chosen moments leave it.

const { after, before, beforeEach, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('../..');
const { remove } = require('../helpers/remove.js');

const ROOT = path.join(__dirname, '..', '..');
/** Offsets in the file, in bytes, and where the first extent's starts and ends are. */
const [LOCK, SEQUENCE, INTENT, GENERATIONS, PLANES] = [1024, 1088, 1152, 8 * 512, 256 << 10];
const FIRST_ADDRESS = 1000;
/** Kinds of intents. */
const [TAKE, RELEASE, RESIZE] = [1n, 2n, 3n];

let folder;
let file;
let number = 0;

before(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-takeover-'));
});
after(() => remove(folder));
beforeEach(() => {
  file = path.join(folder, `${++number}.mems`);
});

/** Calls a function with functions that read and write words of the file, as another process would. */
function inFile(operation) {
  const handle = fs.openSync(file, 'r+');
  const bytes = Buffer.alloc(8);
  const get = (offset) => {
    fs.readSync(handle, bytes, 0, 8, offset);
    return bytes.readBigUInt64LE();
  };
  const put = (offset, value) => {
    bytes.writeBigUInt64LE(value);
    fs.writeSync(handle, bytes, 0, 8, offset);
  };
  try {
    return operation(get, put);
  } finally {
    fs.closeSync(handle);
  }
}

const owner = (slot, generation) => (generation << 16n) | BigInt(slot + 1);

/** Allocates and frees in another process. Prints the code of an error, or that there is none. */
function inAnother(lockTimeout) {
  const program = `
    const { Heap } = require(${JSON.stringify(ROOT)});
    const heap = Heap.open(${JSON.stringify(file)}, { lockTimeout: ${lockTimeout} });
    try { heap.free(heap.malloc(8)); heap.verify(); console.log('done'); } catch (error) { console.log(error.code); }`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  return stdout.trim() + stderr;
}

test('the lock of a dead process is not that of the living one in its slot', () => {
  const heap = Heap.open(file);
  heap.malloc(8);
  const generation = inFile((get) => get(GENERATIONS));
  inFile((_, put) => put(LOCK, owner(0, generation - 1n)));
  // Long enough for the test to fail only if it waits in vain.
  assert.equal(inAnother(5000), 'done');
  // One that lives is waited for.
  inFile((_, put) => put(LOCK, owner(0, generation)));
  assert.equal(inAnother(50), 'ERR_MEMS_LOCK_TIMEOUT');
  inFile((_, put) => put(LOCK, 0n));
  assert.equal(inAnother(5000), 'done');
  // No slot has this number.
  inFile((_, put) => put(LOCK, 0xffffn));
  heap.malloc(8);
  heap.verify();
  heap.close();
});

/** Lets a process die in an operation on `block`: before the bits change as `change` says, the intent is written. */
function dieIn(kind, numbers, change) {
  inFile((get, put) => {
    const words = [kind, ...numbers.map(BigInt), 0n, 0n];
    words.forEach((value, i) => {
      put(INTENT + 8 * (i + 1), value);
    });
    put(INTENT, get(SEQUENCE) + 1n);
    // The slot 9 was never taken.
    put(LOCK, owner(9, 0n));
    const flip = (plane) => (unit) => {
      const at = PLANES + 16 * Math.floor(unit / 64) + plane;
      put(at, get(at) ^ (1n << BigInt(unit % 64)));
    };
    change(flip(0), flip(8));
  });
}

/** Three blocks of ten units, and what is where a process dies in an operation on the second. */
function prepare() {
  const heap = Heap.open(file, { addresses: 'number' });
  const [first, block, last] = [heap.malloc(160), heap.malloc(160), heap.malloc(160)];
  const unit = (block - FIRST_ADDRESS) / 16;
  const units = (first + heap.stats().bytes.mapped - FIRST_ADDRESS) / 16;
  return { heap, block, last, unit, units };
}

/** The heap’s state after the takeover by a malloc of one unit: whether the block lives, how large, and what was counted. */
function seen(heap, block) {
  const address = heap.malloc(16);
  heap.verify();
  const { totals, bytes } = heap.stats();
  const isBlock = heap.owns(block) && heap.blockOf(block).address === block;
  return [
    isBlock && address !== block ? heap.blockOf(block).size : 0,
    totals.free,
    bytes.live - 16,
  ];
}

test('a free is undone before its first store, and finished after it', () => {
  for (const [change, expected] of [
    [() => {}, [160, 0, 480]],
    [(flipStart, _, unit) => flipStart(unit), [0, 1, 320]],
    [(flipStart, flipEnd, unit) => [flipStart(unit), flipEnd(unit + 9)], [0, 1, 320]],
  ]) {
    const { heap, block, unit } = prepare();
    dieIn(RELEASE, [unit, unit + 9, unit, unit + 10], (starts, ends) => change(starts, ends, unit));
    assert.deepEqual(seen(heap, block), expected);
    heap.close();
    fs.rmSync(file);
  }
});

test('a malloc is undone until the block has its start, and finished then', () => {
  for (const [change, expected] of [
    [() => {}, [0, 1, 320]],
    [(_, flipEnd, unit) => flipEnd(unit + 9), [0, 1, 320]],
    [(flipStart, flipEnd, unit) => [flipEnd(unit + 9), flipStart(unit)], [160, 1, 480]],
  ]) {
    const { heap, block, unit } = prepare();
    heap.free(block);
    dieIn(TAKE, [unit, unit + 9, unit, unit + 10], (starts, ends) => change(starts, ends, unit));
    assert.deepEqual(seen(heap, block), expected);
    heap.close();
    fs.rmSync(file);
  }
});

test('a block that was to be resized has one size or the other', () => {
  for (const [to, change, expected] of [
    [4, () => {}, 160],
    [4, (flipEnd, unit) => flipEnd(unit + 4), 80],
    [14, (flipEnd, unit) => flipEnd(unit + 14), 160],
    [14, (flipEnd, unit) => [flipEnd(unit + 14), flipEnd(unit + 9)], 240],
  ]) {
    const { heap, block, last, unit } = prepare();
    heap.free(last);
    const end = unit + 10 + heap.stats().bytes.holes / 16;
    dieIn(RESIZE, [unit, unit + 9, unit + to, end], (_, ends) => change(ends, unit));
    assert.deepEqual(seen(heap, block), [expected, 1, 160 + expected]);
    heap.close();
    fs.rmSync(file);
  }
});

test('an intent that makes no sense is damage, and everything is derived anew', () => {
  for (const [kind, numbers] of [
    [77n, [1, 2, 3, 4]],
    [RELEASE, [500, 400, 300, 200]],
    [TAKE, [2 ** 40, 2 ** 41, 2 ** 40, 2 ** 42]],
    [RESIZE, [0, 0, 0, 0]],
    [4n, [4095, 0, 0, 0]],
  ]) {
    const { heap, block } = prepare();
    dieIn(kind, numbers, () => {});
    assert.deepEqual(seen(heap, block).slice(0, 1), [160]);
    heap.close();
    fs.rmSync(file);
  }
});
