'use strict';

// Heaps as objects: their options, how they end, and that they are independent of each other.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, capture, finishQuietly } = require('../helpers/capture.js');
const { Numbers } = require('../helpers/random.js');

const { Heap } = mems;
const root = JSON.stringify(require.resolve('@sambhav-gautam/osmemoryallocator'));

afterEach(() => finishQuietly(mems));

describe('a heap', () => {
  test('is independent of other heaps', () => {
    const [a, b] = [new Heap(), new Heap()];
    assert.notEqual(a.id, b.id);
    const [p, q] = [a.malloc(100), b.malloc(100)];
    assert.equal(p, q, 'addresses are a heap’s own');
    a.fill(p, 1);
    b.fill(q, 2);
    assert.equal(a.read(p)[99], 1);
    assert.equal(b.read(q)[99], 2);
    assert.notEqual(a.get(p), b.get(q));
    assertRefused(() => mems.get(p), 'ERR_MEMS_NOT_INITIALIZED');
    a.close();
    assert.equal(b.read(q)[0], 2);
    b.close();
  });

  test('of first fit rounds sizes up to 16 by default', () => {
    const heap = new Heap({ policy: 'first-fit' });
    const [p, q] = [heap.malloc(1), heap.malloc(20)];
    assert.equal(q - p, 16n);
    assert.equal(heap.get(q) % 16n, 0n);
    assert.deepEqual(heap.blockOf(q + 5n), { address: q, size: 20, usableSize: 32 });
    assert.equal(heap.buffer(q).length, 20, 'a view has what was asked for');
    assert.equal(heap.buffer(q, 32).length, 32, 'or all, for the asking');
    assertRefused(() => heap.buffer(q, 33), 'ERR_MEMS_OUT_OF_BLOCK');
    // The bytes behind the requested size were not used, but can be.
    const behind = q + 25n;
    assert.deepEqual(heap.blockOf(behind), { address: q, size: 20, usableSize: 32 });
    assert.equal(heap.buffer(behind).length, 0);
    assert.equal(heap.view(q + 24n, Float64Array).length, 0);
    assert.equal(heap.read(behind).length, 0);
    assert.equal(heap.buffer(behind, 7).length, 7);
    assertRefused(() => heap.buffer(behind, 8), 'ERR_MEMS_OUT_OF_BLOCK');
    const { live, requested } = heap.stats().bytes;
    assert.deepEqual([live, requested], [48, 21]);
    assert.equal(heap.stats().fragmentation.internal, 1 - 21 / 48);
    heap.free(q);
    assert.equal(heap.stats().bytes.requested, 1);
    heap.close();
    const exact = new Heap({ alignment: 1, minBlockSize: 1, growingBlocks: false });
    assert.deepEqual([exact.malloc(1), exact.malloc(3)], [1000n, 1001n]);
    assert.equal(exact.stats().bytes.mapped, 4096);
    exact.close();
  });

  test('rounds sizes up to its size classes by default, and to whole pages above 32 KiB', () => {
    const heap = new Heap();
    const usable = (size) => heap.usableSize(heap.malloc(size));
    const expected = {
      1: 16,
      16: 16,
      20: 32,
      100: 112,
      128: 128,
      129: 144,
      257: 288,
      1000: 1024,
      1025: 1152,
      1153: 1280,
      4104: 4608,
      5000: 5120,
      32768: 32_768,
      32769: 36_864,
      1000000: 1_003_520,
    };
    for (const [size, bytes] of Object.entries(expected)) assert.equal(usable(Number(size)), bytes);
    const p = heap.malloc(20);
    assert.equal(heap.get(p) % 16n, 0n);
    assert.deepEqual(heap.blockOf(p + 25n), { address: p, size: 20, usableSize: 32 });
    assert.equal(heap.buffer(p).length, 20, 'a view has what was asked for');
    assert.equal(heap.buffer(p, 32).length, 32, 'or all, for the asking');
    assertRefused(() => heap.buffer(p, 33), 'ERR_MEMS_OUT_OF_BLOCK');
    assert.equal(heap.buffer(p + 25n).length, 0);
    assert.equal(heap.buffer(p + 25n, 7).length, 7);
    assertRefused(() => heap.buffer(p + 25n, 8), 'ERR_MEMS_OUT_OF_BLOCK');
    const sizes = Object.entries(expected);
    const { live, requested } = heap.stats().bytes;
    assert.equal(live, 32 + sizes.reduce((sum, [, bytes]) => sum + bytes, 0));
    assert.equal(requested, 20 + sizes.reduce((sum, [size]) => sum + Number(size), 0));
    assert.equal(heap.stats().fragmentation.internal, 1 - requested / live);
    heap.verify();
    heap.close();
  });

  test('that holds 8 kB of blocks of many sizes maps 64 KiB', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const [heap, numbers] = [new Heap(), new Numbers(seed)];
      for (let left = 8000; left > 0; ) {
        const size = Math.min(left, Math.round(2 ** (3 + numbers.int(0, 6000) / 1000)));
        heap.write(heap.malloc(size), Buffer.alloc(size, size));
        left -= size;
      }
      heap.verify();
      assert.equal(heap.stats().bytes.mapped, 65_536, `seed ${seed}`);
      heap.close();
    }
  });

  test('has the policy that its options leave it', () => {
    const chosen = (options) => {
      const heap = new Heap(options);
      const { policy, alignment, joinEmptyBlocks } = Heap.list().find(
        ({ id }) => id === heap.id,
      ).options;
      heap.close();
      return [policy, alignment, joinEmptyBlocks];
    };
    for (const options of [
      undefined,
      {},
      { policy: undefined },
      { alignment: 16 },
      { joinEmptyBlocks: true },
      { hardened: true },
      { zeroOnFree: true, trackAllocations: true },
      { maxSize: 1 << 20, minBlockSize: 4096, growingBlocks: false, autoTrim: false },
      { policy: 'segregated' },
    ]) {
      assert.deepEqual(chosen(options), ['segregated', 16, true], JSON.stringify(options));
    }
    // These ask for something that size classes cannot do.
    assert.deepEqual(chosen({ alignment: 1 }), ['first-fit', 1, true]);
    assert.deepEqual(chosen({ hardened: true, alignment: 1 }), ['first-fit', 16, true]);
    assert.deepEqual(chosen({ joinEmptyBlocks: false }), ['first-fit', 16, false]);
    assert.deepEqual(chosen({ policy: 'best-fit' }), ['best-fit', 16, true]);
    // A policy that the program has chosen is not exchanged.
    for (const [option, value] of [
      ['alignment', 1],
      ['joinEmptyBlocks', false],
    ]) {
      for (const make of [(options) => new Heap(options), mems.init]) {
        const options = { policy: 'segregated', [option]: value };
        assertRefused(() => make(options), 'ERR_INVALID_ARG_VALUE', option, 'segregated');
      }
    }
    mems.init({ policy: 'segregated' });
    mems.finish();
    mems.init();
    assert.equal(Heap.list()[0].options.policy, 'first-fit');
  });

  test('keeps within its limit', () => {
    const heap = new Heap({ maxSize: 1 << 20 });
    heap.malloc(1 << 19);
    const error = assertRefused(() => heap.malloc(1 << 20), 'ERR_MEMS_OUT_OF_MEMORY', '1048576');
    assert.equal(error.size, 1 << 20);
    heap.malloc(error.available);
    assert.ok(heap.stats().bytes.mapped <= 1 << 20);
    heap.verify();
    heap.close();
  });

  test('grows its main blocks with itself', () => {
    const heap = new Heap({ alignment: 1 });
    for (let i = 0; i < 1000; i++) heap.malloc(10_000);
    assert.ok(heap.stats().counts.mainBlocks < 100);
    heap.verify();
    heap.close();
  });

  test('refuses options that do not exist or are not valid', () => {
    assertRefused(
      () => new Heap({ aligment: 16 }),
      'ERR_INVALID_ARG_VALUE',
      'aligment',
      'new Heap()',
    );
    assertRefused(() => new Heap({ alignment: 32 }), 'ERR_MEMS_INVALID_ALIGNMENT', '32');
    assertRefused(() => new Heap({ alignment: '16' }), 'ERR_INVALID_ARG_TYPE', 'alignment');
    assertRefused(() => new Heap({ maxSize: 0 }), 'ERR_MEMS_INVALID_SIZE');
    assertRefused(() => new Heap({ autoTrim: 1 }), 'ERR_INVALID_ARG_TYPE', 'autoTrim');
    assertRefused(() => new Heap([]), 'ERR_INVALID_ARG_TYPE', 'options');
    assert.throws(() => Heap(), TypeError);
  });

  test('has options that init() has as well', () => {
    mems.init({ alignment: 16, maxSize: 8192 });
    assert.deepEqual([mems.malloc(1), mems.malloc(1)], [1000n, 1016n]);
    assertRefused(
      () => mems.init(),
      'ERR_MEMS_ALREADY_INITIALIZED',
      'alignment: 16',
      'maxSize: 8192',
    );
  });
});

describe('close', () => {
  test('ends a heap for all its objects, and views show zeros', () => {
    const heap = new Heap();
    const other = Heap.attach(heap.id);
    const bytes = heap.buffer(heap.malloc(100)).fill(1);
    assert.equal(other.read(1000n)[0], 1);
    heap.close();
    assert.equal(bytes[0], 0);
    bytes.fill(2);
    for (const each of [heap, other]) {
      for (const call of [
        () => each.malloc(1),
        () => each.free(1000n),
        () => each.get(1000n),
        () => each.buffer(1000n),
        () => each.owns(1000n),
        () => each.stats(),
        () => each.chains().next(),
        () => each.verify(),
        () => each.realloc(1000n, 8),
        () => each.mallocMany([1]),
        () => each.printStats(),
      ]) {
        assertRefused(call, 'ERR_MEMS_CLOSED', 'new Heap()');
      }
    }
    assert.equal(other.close(), undefined, 'closing again is nothing');
    assertRefused(() => Heap.attach(heap.id), 'ERR_MEMS_CLOSED');
  });

  test('gives the place to another heap, never the id', () => {
    const ids = new Set();
    for (let i = 0; i < 2000; i++) {
      const heap = new Heap();
      ids.add(heap.id);
      if (i % 3) heap.malloc(10);
      heap.close();
      assertRefused(() => heap.malloc(1), 'ERR_MEMS_CLOSED');
    }
    assert.equal(ids.size, 2000);
  });

  test('hundreds can be open at once', () => {
    const heaps = Array.from({ length: 600 }, () => new Heap());
    for (const [i, heap] of heaps.entries()) heap.write(heap.malloc(8), `heap ${i}`);
    for (const [i, heap] of heaps.entries()) {
      assert.ok(heap.read(1000n).toString().startsWith(`heap ${i}`));
      heap.close();
    }
  });

  test('does not end the default heap', () => {
    mems.init();
    assertRefused(() => Heap.attach(0).close(), 'ERR_MEMS_CLOSED', 'finish()');
    assert.equal(Heap.attach(0).malloc(1), 1000n);
    assert.equal(mems.malloc(1), 1001n);
  });

  test('comes by itself with using', { skip: Symbol.dispose === undefined }, () => {
    const heap = new Heap();
    heap[Symbol.dispose]();
    assertRefused(() => heap.malloc(1), 'ERR_MEMS_CLOSED');
  });
});

describe('attach', () => {
  test('refuses values that are not ids', () => {
    for (const id of [1, 65535, 65536, 65536 * 1000, 2 ** 50, Number.MAX_SAFE_INTEGER, -1])
      assertRefused(() => Heap.attach(id), 'ERR_MEMS_UNKNOWN_HEAP');
    for (const id of [undefined, '1', 1n, 1.5, NaN]) {
      assertRefused(() => Heap.attach(id), 'ERR_INVALID_ARG_TYPE', 'id');
    }
  });

  test('distinguishes a closed heap from one that never existed', () => {
    const heap = new Heap();
    const { id } = heap;
    heap.close();
    assertRefused(() => Heap.attach(id), 'ERR_MEMS_CLOSED');
    assertRefused(
      () => Heap.attach(id + 65536 * 100),
      'ERR_MEMS_UNKNOWN_HEAP',
      String(id + 6553600),
    );
    const next = new Heap();
    assert.equal(next.id, id + 65536, 'the slot has another heap now');
    assertRefused(() => Heap.attach(id), 'ERR_MEMS_CLOSED');
    next.close();
  });

  test('finds no heap by the id of another process, whose heaps began as these did', () => {
    const program = `
      const { Heap } = require(${root});
      console.log(JSON.stringify(Array.from({ length: 50 }, () => new Heap().id)));`;
    const foreign = [1, 2].flatMap(() =>
      JSON.parse(execFileSync(process.execPath, ['-e', program])),
    );
    const heaps = Array.from({ length: 50 }, () => new Heap());
    assert.equal(new Set([...foreign, ...heaps.map(({ id }) => id)]).size, 150);
    for (const id of foreign) assertRefused(() => Heap.attach(id), 'ERR_MEMS_UNKNOWN_HEAP');
    for (const heap of heaps) heap.close();
  });

  test('shares a heap with a worker', async () => {
    const heap = new Heap();
    const { address, view } = heap.mallocAs(Int32Array, 4);
    const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      const { Heap } = require(${root});
      const heap = Heap.attach(workerData.id);
      heap.view(workerData.address, Int32Array)[1] = 42;
      parentPort.postMessage(heap.malloc(100));`;
    const worker = new Worker(source, { eval: true, workerData: { id: heap.id, address } });
    const answer = await new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
    assert.equal(view[1], 42);
    assert.ok(heap.owns(answer));
    await worker.terminate();
    assert.equal(view[1], 42, 'the heap outlives the worker');
    heap.close();
  });
});

describe('allocate', () => {
  test('returns an object that frees its block once', () => {
    const heap = new Heap();
    const block = heap.allocate(20);
    assert.equal(block.view.length, 20);
    block.view.write('twenty');
    assert.equal(heap.read(block.address, 6).toString(), 'twenty');
    block.free();
    const next = heap.malloc(20);
    assert.equal(next, block.address);
    assertRefused(() => block.free(), 'ERR_MEMS_NOT_ALLOCATED', `${block.address}`);
    assert.ok(heap.owns(next), 'another block at the same address is left alone');
    assert.throws(() => {
      block.address = 1n;
    }, TypeError);
    assertRefused(() => heap.allocate(8, { alignment: 3 }), 'ERR_MEMS_INVALID_ALIGNMENT', '3');
    const late = heap.allocate(8);
    late.free();
    assertRefused(() => late.view, 'ERR_MEMS_NOT_ALLOCATED');
    heap.close();
  });

  test('is disposed of without harm', { skip: Symbol.dispose === undefined }, () => {
    const heap = new Heap();
    const [a, b, c] = [heap.allocate(8), heap.allocate(8), heap.allocate(8)];
    a[Symbol.dispose]();
    assert.equal(heap.owns(a.address), false);
    b.free();
    b[Symbol.dispose]();
    heap.close();
    c[Symbol.dispose]();
  });
});

describe('chains', () => {
  test('walk what printStats prints', () => {
    mems.init();
    mems.freeMany(mems.mallocMany([1000, 5000, 300]).subarray(1, 2));
    const text = [];
    for (const { start, size, segments } of mems.chains()) {
      let line = `MAIN[${start}:${start + BigInt(size) - 1n}] -> `;
      for (const { kind, start, size } of segments) {
        line += `<${kind === 'live' ? 'P' : 'H'}>[SVA:${start}:EVA:${start + BigInt(size) - 1n}] <-> `;
      }
      text.push(`${line}<NULL>`);
    }
    const printed = capture(() => mems.printStats());
    assert.deepEqual(text, printed.slice(1, 1 + text.length));
    assert.match(printed[1 + text.length], /^Page used/);
  });

  test('are read in parts, however long', () => {
    const heap = new Heap({ alignment: 1 });
    const blocks = heap.mallocMany(new Uint32Array(10_000).fill(7));
    heap.freeMany(blocks.filter((_, i) => i % 2));
    const kinds = [...heap.chains()].flatMap(({ segments }) => [...segments]);
    assert.equal(kinds.length, heap.stats().counts.live + heap.stats().counts.holes);
    const sum = kinds.reduce((sum, { size }) => sum + size, 0);
    assert.equal(sum, heap.stats().bytes.mapped);
    heap.close();
  });

  test('can be left early, and walked while the heap changes', () => {
    mems.init();
    for (let i = 0; i < 5; i++) mems.malloc(4096);
    let seen = 0;
    for (const { start, segments } of mems.chains()) {
      for (const segment of segments) {
        assert.equal(segment.start, start);
        if (segment.kind === 'live') mems.free(start);
        break;
      }
      seen += 1;
    }
    assert.equal(seen, 5);
    assert.equal(mems.stats().counts.live, 0);
    const walk = mems.chains();
    walk.next();
    finishQuietly(mems);
    assertRefused(() => walk.next(), 'ERR_MEMS_NOT_INITIALIZED');
  });
});

describe('Heap.list()', () => {
  test('lists what is open, with its bytes and options', () => {
    const before = Heap.list().length;
    const heap = new Heap({ maxSize: 1 << 20, autoTrim: false });
    heap.malloc(100);
    mems.init();
    const list = Heap.list();
    assert.equal(list.length, before + 2);
    const entry = list.find(({ id }) => id === heap.id);
    const { mapped, live } = heap.stats().bytes;
    const { options, ...rest } = entry;
    assert.deepEqual(rest, { id: heap.id, bytes: { mapped, live } });
    // The options that were given; package/tables.test.js checks the defaults.
    const other = new Heap();
    const defaults = Heap.list().find(({ id }) => id === other.id).options;
    other.close();
    assert.deepEqual(options, { ...defaults, maxSize: 1 << 20, autoTrim: false });
    // What it shows can be given to the constructor.
    new Heap(entry.options).close();
    assert.deepEqual([list[0].id, list[0].options.minBlockSize], [0, 4096]);
    assert.equal('maxSize' in list[0].options, false);
    heap.close();
    finishQuietly(mems);
    assert.equal(Heap.list().length, before);
  });

  test('finds heaps that a dead worker has left', async () => {
    const source = `
      const { parentPort } = require('node:worker_threads');
      const { Heap } = require(${root});
      new Heap({ maxSize: 123 * 4096 }).malloc(100);
      parentPort.postMessage('up');
      setInterval(() => {}, 1000);`;
    const worker = new Worker(source, { eval: true });
    await once(worker, 'message');
    await worker.terminate();
    const left = Heap.list().filter(({ options }) => options.maxSize === 123 * 4096);
    assert.equal(left.length, 1);
    Heap.attach(left[0].id).close();
    assertRefused(() => Heap.attach(left[0].id), 'ERR_MEMS_CLOSED');
  });
});

describe('the owner of a heap', () => {
  const source = (end) => `
    const { parentPort } = require('node:worker_threads');
    const { Heap } = require(${root});
    const heaps = Array.from({ length: 10 }, () => new Heap({ owner: 'thread' }));
    heaps[0].close();
    globalThis.view = heaps[1].mallocAs(Uint8Array, 100).view;
    const shared = new Heap({ owner: 'process' });
    parentPort.postMessage([...heaps, shared].map(({ id }) => id));
    ${end}`;

  for (const [how, end] of [
    ['that is terminated', 'setInterval(() => {}, 1000);'],
    ['that throws', 'throw new Error("on purpose");'],
    ['that comes to its end', ''],
  ]) {
    test(`is a thread ${how}: its heaps end with it`, async () => {
      const worker = new Worker(source(end), { eval: true });
      // Node's once() would throw the error.
      const event = (name) => new Promise((resolve) => worker.once(name, resolve));
      const [exit, message] = [event('exit'), event('message')];
      worker.on('error', (error) => assert.equal(error.message, 'on purpose'));
      const ids = await message;
      if (end.startsWith('setInterval')) {
        assert.equal(Heap.attach(ids[1]).stats().counts.live, 1);
        await worker.terminate();
      }
      await exit;
      for (const id of ids.slice(0, -1)) assertRefused(() => Heap.attach(id), 'ERR_MEMS_CLOSED');
      Heap.attach(ids.at(-1)).close();
    });
  }

  test('is one of two values, and the default heap has none', () => {
    for (const owner of ['', 'worker', 1, null, true])
      assertRefused(() => new Heap({ owner }), 'ERR_INVALID_ARG_TYPE', 'options.owner');
    assertRefused(() => mems.init({ owner: 'thread' }), 'ERR_INVALID_ARG_VALUE', 'owner', 'init()');
    new Heap({ owner: undefined }).close();
  });
});
