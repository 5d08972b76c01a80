'use strict';

// leaks(): live blocks, read as the heap is walked, in each order and by site; of millions of blocks or none.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { Random, reproducible } = require('../helpers/random.js');

const { Heap } = mems;
const root = path.join(__dirname, '..', '..');

/** Heaps to list: plain, with padding, with a quarantine. */
const KINDS = [{}, { alignment: 1 }, { hardened: true }];

/** Blocks of random sizes, allocated at three places, and those that are left after every third is freed. */
function filled(heap, random, count) {
  const places = {
    here: (size) => heap.malloc(size),
    there: (size) => heap.malloc(size),
    elsewhere: (size) => heap.mallocMany([size])[0],
  };
  const blocks = [];
  for (let i = 0; i < count; i++) {
    const place = random.pick(Object.keys(places));
    const size = random.int(1, 50);
    blocks.push({ address: places[place](size), size, place });
  }
  for (let i = 0; i < count; i += 3) heap.free(blocks[i].address);
  const byAddress = (a, b) => (a.address < b.address ? -1 : 1);
  return blocks.filter((_, i) => i % 3 !== 0).sort(byAddress);
}

/** An entry without its stack, as text: long lists of those are quick to compare. */
const withoutStack = ({ address, size }) => `${address} ${size}`;

test('lists blocks by address, size and site, and sites, each as many as are wanted', (t) =>
  reproducible(t, () => {
    const random = new Random();
    for (const options of KINDS) {
      const heap = new Heap({ trackAllocations: true, ...options });
      // More than one batch has, and than the first selection has room for.
      const blocks = filled(heap, random, 5000);
      const sums = {};
      for (const { place, size } of blocks) {
        sums[place] ??= { count: 0, bytes: 0 };
        sums[place].count++;
        sums[place].bytes += size;
      }
      const sites = Object.entries(sums).sort((a, b) => b[1].bytes - a[1].bytes);
      const ranks = sites.map(([place]) => place);
      const orders = {
        address: () => 0,
        size: (a, b) => b.size - a.size,
        site: (a, b) => ranks.indexOf(a.place) - ranks.indexOf(b.place),
      };
      for (const [order, compare] of Object.entries(orders)) {
        const expected = [...blocks].sort(compare);
        for (const limit of [undefined, 0, 1, 7, 1024, 1025, 3000, 10_000]) {
          const found = Array.from(heap.leaks({ order, limit }), withoutStack);
          assert.deepEqual(found, expected.slice(0, limit).map(withoutStack), `${order} ${limit}`);
        }
      }
      for (const [i, { stack }] of [...heap.leaks({ order: 'site' })].entries()) {
        const { place } = [...blocks].sort(orders.site)[i === 0 ? 0 : blocks.length - 1];
        if (i === 0 || i === blocks.length - 1) assert.match(stack, new RegExp(`^ +at .*${place}`));
      }
      for (const limit of [undefined, 0, 1, 2, 3, 4n]) {
        const found = [...heap.leaks({ by: 'site', limit })];
        const expected = sites.slice(0, limit === undefined ? 3 : Number(limit));
        assert.deepEqual(
          found.map(({ count, bytes }) => ({ count, bytes })),
          expected.map(([, sum]) => sum),
        );
        for (const [i, { stack }] of found.entries()) {
          assert.match(stack.split('\n')[0], new RegExp(`at .*${expected[i][0]}.*leak-list`));
        }
      }
      heap.close();
    }
  }));

describe('a list', () => {
  test('is an iterator that can be left, and continues with the blocks that exist then', () => {
    const heap = new Heap();
    heap.mallocMany(new Uint8Array(10_000).fill(8));
    const list = heap.leaks();
    assert.equal(list[Symbol.iterator](), list);
    const [first] = list;
    assert.equal(list.next().done, true, 'it has been left');
    const other = heap.leaks();
    assert.deepEqual(other.next().value, first);
    heap.freeMany(Array.from(heap.leaks(), ({ address }) => address));
    const late = heap.malloc(8);
    // Blocks that were read before may be listed, but none twice, and none at lower addresses.
    let last = first.address;
    for (const { address } of other) {
      assert.ok(address > last);
      last = address;
    }
    assert.deepEqual([...heap.leaks({ order: 'size' })], [{ address: late, size: 8, stack: '' }]);
    heap.close();
  });

  test('without stacks is of one site', () => {
    const heap = new Heap();
    assert.deepEqual([...heap.leaks({ by: 'site' })], []);
    heap.mallocMany([10, 20, 30]);
    assert.deepEqual([...heap.leaks({ by: 'site' })], [{ count: 3, bytes: 60, stack: '' }]);
    assert.equal([...heap.leaks({ order: 'site' })].length, 3);
    heap.close();
  });

  test('ends with its heap, and is no list of the next', () => {
    const heap = new Heap();
    heap.mallocMany(new Uint8Array(5000).fill(8));
    const list = heap.leaks({ order: 'size' });
    list.next();
    heap.close();
    assertRefused(() => [...list], 'ERR_MEMS_CLOSED');
    assertRefused(() => heap.leaks(), 'ERR_MEMS_CLOSED');
    assertRefused(() => mems.leaks(), 'ERR_MEMS_NOT_INITIALIZED');
    mems.init();
    mems.mallocMany(new Uint8Array(5000).fill(8));
    const [old, gone] = [mems.leaks(), mems.leaks({ order: 'size' })];
    old.next();
    finishQuietly(mems);
    mems.init();
    mems.mallocMany(new Uint8Array(5000).fill(8));
    assertRefused(() => [...old], 'ERR_MEMS_CLOSED');
    assertRefused(() => [...gone], 'ERR_MEMS_CLOSED');
    finishQuietly(mems);
  });

  test('refuses other options at once', () => {
    const heap = new Heap();
    const wrong = [
      [{ order: 'stack' }, 'ERR_INVALID_ARG_TYPE', /order.*'address', 'size' or 'site'/],
      [{ order: 1 }, 'ERR_INVALID_ARG_TYPE', /order/],
      [{ by: 'stack' }, 'ERR_INVALID_ARG_TYPE', /by.*'block' or 'site'.*\(stack\)/],
      [{ by: 'site', order: 'address' }, 'ERR_INVALID_ARG_TYPE', /order/],
      [{ limit: -1 }, 'ERR_MEMS_INVALID_SIZE', /^The limit must be .* from 0 .* Received -1$/],
      [{ limit: 1.5 }, 'ERR_MEMS_INVALID_SIZE', 1.5],
      [{ limit: '10' }, 'ERR_INVALID_ARG_TYPE', /limit/],
      [{ most: 10 }, 'ERR_INVALID_ARG_VALUE', /most.*leaks\(\)/],
      [10, 'ERR_INVALID_ARG_TYPE', /options/],
      [null, 'ERR_INVALID_ARG_TYPE', /options/],
      [[], 'ERR_INVALID_ARG_TYPE', /options/],
    ];
    for (const [options, ...refusal] of wrong) assertRefused(() => heap.leaks(options), ...refusal);
    for (const options of [undefined, {}, { by: undefined, limit: undefined, order: undefined }]) {
      assert.deepEqual([...heap.leaks(options)], []);
    }
    heap.close();
  });
});

test('a list of a million blocks takes little of the JavaScript heap', () => {
  // As an array of objects it would take 100 MB.
  const program = `
    const { Heap } = require(${JSON.stringify(root)});
    const heap = new Heap();
    const sizes = new Uint16Array(250_000).fill(16);
    for (let i = 0; i < 4; i++) heap.mallocMany(sizes);
    let count = 0;
    for (const { size } of heap.leaks()) count += size / 16;
    const largest = [...heap.leaks({ order: 'size', limit: 3 })];
    const [site] = heap.leaks({ by: 'site' });
    console.log(count, largest.length, site.count, site.bytes);`;
  const args = ['--max-old-space-size=24', '-e', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  assert.equal(stdout, '1000000 3 1000000 16000000\n', stderr);
});
