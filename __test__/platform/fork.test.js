'use strict';

// Children and the memory of heaps: copying its page tables makes spawn() of a large process slow.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { finishQuietly } = require('../helpers/capture.js');

const { Heap } = mems;

/** Why the system does not say which mappings children get; false if it does. */
function untold() {
  if (process.platform !== 'linux') return 'Linux tells';
  // Every kernel has it for the stack. QEMU, which writes the file itself, has it for nothing.
  const isReal = /^VmFlags:.* gd\b/m.test(readFileSync('/proc/self/smaps', 'latin1'));
  return !isReal && 'an emulator does not tell';
}

/** Whether the mapping round a block is kept from children: VmFlags has "dc" then. */
function isKept(heap, address) {
  const physical = heap.get(address);
  const maps = readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const map = maps.find((text) => {
    const [, start, end] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(text);
    return BigInt(`0x${start}`) <= physical && physical < BigInt(`0x${end}`);
  });
  return /^VmFlags:.* dc\b/m.test(map);
}

afterEach(() => finishQuietly(mems));

describe('children', { skip: process.platform === 'win32' && 'Windows has no fork' }, () => {
  test('do not get the memory of heaps by default', { skip: untold() }, () => {
    for (const [dontFork, expected] of [
      [undefined, true],
      [true, true],
      [false, false],
    ]) {
      const heap = new Heap({ dontFork });
      assert.equal(isKept(heap, heap.malloc(100)), expected, `dontFork: ${dontFork}`);
      // A region of its own.
      const large = heap.malloc(2 ** 40);
      assert.equal(isKept(heap, large), expected, `dontFork: ${dontFork}, another region`);
      heap.close();
      mems.init({ dontFork });
      assert.equal(isKept(mems, mems.malloc(100)), expected, `init, dontFork: ${dontFork}`);
      finishQuietly(mems);
    }
  });

  test('run, and the heaps of this process continue to work', () => {
    mems.init();
    const heap = new Heap();
    const blocks = [mems, heap].map((one) => [one, one.malloc(100)]);
    for (const [one, block] of blocks) one.write(block, 'kept');
    assert.equal(spawnSync('true').status, 0);
    for (const [one, block] of blocks) {
      assert.equal(one.read(block, 4).toString(), 'kept');
      one.free(one.malloc(10));
      one.verify();
    }
    heap.close();
  });
});

test('init ignores dontFork on a running heap unless it is given', () => {
  for (const dontFork of [true, false]) {
    mems.init({ dontFork });
    mems.init();
    mems.init({ dontFork });
    assert.throws(() => mems.init({ dontFork: !dontFork }), {
      code: 'ERR_MEMS_ALREADY_INITIALIZED',
      message: new RegExp(`dontFork: ${dontFork}.*Received .*dontFork: ${!dontFork}`),
    });
    finishQuietly(mems);
  }
  assert.throws(() => new Heap({ dontFork: 1 }), { code: 'ERR_INVALID_ARG_TYPE' });
});
