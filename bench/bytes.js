// What using memory costs from JavaScript: reading and writing, copying, growing, heaps of one's own. Each is measured
// beside what a Node user has without MeMS.

'use strict';

const mems = require('@sambhav-gautam/osmemoryallocator');
const { load } = require('./contenders/koffi.js');
const ours = require('./contenders/mems.js');
const { inTurns, time } = require('./lib/measure.js');

const { Heap } = mems;
const KIB = 1024;
const MIB = 1024 * KIB;

/** A size as people write it. */
function named(bytes) {
  if (bytes >= MIB) return `${bytes / MIB} MiB`;
  return bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`;
}

/** One contender for each action, timed over n calls. */
function contenders(n, actions) {
  return Object.entries(actions).map(([name, action]) => ({
    name,
    run: () =>
      time(() => {
        for (let i = 0; i < n; i++) action();
      }) / n,
  }));
}

/** libc's memmove, called at physical addresses: the speed of the machine, and a call through an FFI. */
function memmove() {
  return load().func('uint64_t memmove(uint64_t to, uint64_t from, size_t bytes)');
}

/** `read` and `write`, against a Buffer's copy: into a new Buffer, which `read` returns too, and into an existing one. */
async function bytes({ quick, turns }) {
  const heap = new Heap();
  const tables = [];
  for (const size of [64, KIB, 64 * KIB]) {
    const n = Math.ceil((quick ? 2e7 : 1e8) / (size + 400));
    const address = heap.malloc(size);
    const source = Buffer.alloc(size, 1);
    const target = Buffer.alloc(size, 2);
    heap.write(address, source);
    const reading = {
      'Buffer.copy to a new Buffer': () => source.copy(Buffer.allocUnsafeSlow(size)),
      read: () => heap.read(address),
    };
    const writing = {
      'Buffer.copy': () => source.copy(target),
      write: () => heap.write(address, source),
    };
    tables.push(await turns('bytes', `read, ${named(size)}`, contenders(n, reading)));
    tables.push(await turns('bytes', `write, ${named(size)}`, contenders(n, writing)));
  }
  heap.close();
  return tables;
}

/** `copy` between two blocks, against Buffers and memmove on the same blocks. */
async function copies({ quick, turns }) {
  const native = memmove();
  const heap = new Heap();
  const tables = [];
  for (const size of [64, KIB, MIB, 64 * MIB]) {
    const n = Math.ceil((quick ? 1e8 : 1e9) / (size + 4 * KIB));
    const [to, from] = [heap.malloc(size), heap.malloc(size)];
    for (const address of [to, from]) heap.fill(address, 1);
    const [physicalTo, physicalFrom] = [heap.get(to), heap.get(from)];
    const [target, source] = [Buffer.alloc(size, 1), Buffer.alloc(size, 2)];
    const actions = {
      'Buffer.copy': () => source.copy(target),
      copy: () => heap.copy(to, from, size),
      'koffi + memmove': () => native(physicalTo, physicalFrom, size),
    };
    tables.push(await turns('copy', named(size), contenders(n, actions)));
    heap.freeMany([to, from]);
  }
  heap.close();
  return tables;
}

/** `fill` and `compare`, against those of Buffers. */
async function fills({ quick, turns }) {
  const heap = new Heap();
  const tables = [];
  for (const size of [64, KIB, 64 * KIB]) {
    const n = Math.ceil((quick ? 2e7 : 1e8) / (size + 400));
    const [a, b] = [heap.malloc(size), heap.malloc(size)];
    const [target, source] = [Buffer.alloc(size, 1), Buffer.alloc(size, 1)];
    for (const address of [a, b]) heap.fill(address, 1);
    const filling = { 'Buffer.fill': () => target.fill(1), fill: () => heap.fill(a, 1) };
    const comparing = {
      'Buffer.compare': () => Buffer.compare(target, source),
      compare: () => heap.compare(a, b, size),
    };
    tables.push(await turns('fill', `fill, ${named(size)}`, contenders(n, filling)));
    tables.push(await turns('fill', `compare, ${named(size)}`, contenders(n, comparing)));
  }
  heap.close();
  return tables;
}

/** A buffer that grows to a size as data comes, every byte of it written once. */
async function growth({ turns }) {
  const ways = {
    'doubling to 16 MiB': [16 * MIB, (size) => size * 2],
    'by 4 KiB to 4 MiB': [4 * MIB, (size) => size + 4 * KIB],
  };
  // With trimming, memory that is freed is given back, and the next round pays for its pages anew.
  const heaps = [new Heap(), new Heap({ autoTrim: false })];
  const tables = [];
  for (const [name, [end, next]] of Object.entries(ways)) {
    const inHeap = (heap) => () => {
      let size = 4 * KIB;
      let address = heap.malloc(size);
      heap.fill(address, 1);
      while (size < end) {
        const larger = next(size);
        address = heap.realloc(address, larger);
        heap.fill(address + BigInt(size), 1, larger - size);
        size = larger;
      }
      heap.free(address);
    };
    const actions = {
      'a new Buffer, and copy': () => {
        let buffer = Buffer.allocUnsafeSlow(4 * KIB).fill(1);
        while (buffer.length < end) {
          const larger = Buffer.allocUnsafeSlow(next(buffer.length));
          buffer.copy(larger);
          buffer = larger.fill(1, buffer.length);
        }
      },
      realloc: inHeap(heaps[0]),
      'realloc, without trimming': inHeap(heaps[1]),
    };
    tables.push(await turns('growth', name, contenders(1, actions)));
  }
  for (const heap of heaps) heap.close();
  return tables;
}

/** malloc and free of a `Heap`, against those of the default heap. */
async function heaps({ quick, turns }) {
  mems.init();
  const kinds = {
    'a Heap': new Heap(),
    'a Heap, hardened': new Heap({ hardened: true }),
    'a Heap with zeroOnFree': new Heap({ zeroOnFree: true }),
    'a Heap with trackAllocations': new Heap({ trackAllocations: true }),
  };
  const actions = { 'the default heap': () => mems.free(mems.malloc(64)) };
  for (const [name, heap] of Object.entries(kinds)) {
    // A block stays in each heap, so that none is empty.
    heap.malloc(64);
    actions[name] = () => heap.free(heap.malloc(64));
  }
  mems.malloc(64);
  const n = quick ? 20_000 : 200_000;
  const table = await turns('heap', 'malloc(64) + free, the pair', contenders(n, actions));
  for (const heap of Object.values(kinds)) heap.close();
  ours.stop();
  return [table];
}

/** All tables: `{ group, workload, rows }`. */
async function measureBytes({ quick, progress }) {
  const rounds = quick ? 5 : 15;
  const turns = async (group, workload, actions) => ({
    group,
    workload,
    rows: await inTurns(actions, rounds, progress),
  });
  const tables = [];
  for (const measure of [bytes, copies, fills, growth, heaps]) {
    tables.push(...(await measure({ quick, turns })));
  }
  return tables;
}

module.exports = { measureBytes, named };
