'use strict';

// Heaps that detect mistakes: overflows, writes to freed blocks, double frees, leaks; and heaps for secrets.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const koffi = require('koffi');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused } = require('../helpers/capture.js');
const { POLICIES } = require('../helpers/policies.js');

const root = JSON.stringify(require.resolve('@sambhav-gautam/osmemoryallocator'));
/** C's memset, which knows nothing of blocks. */
const memset = koffi
  .load(
    process.platform === 'win32'
      ? 'msvcrt.dll'
      : process.platform === 'darwin'
        ? 'libSystem.dylib'
        : null,
  )
  .func('void *memset(uintptr_t, int, size_t)');

describe('a hardened heap', () => {
  for (const policy of Object.keys(POLICIES)) {
    test(`finds a write past the end by native code, and names block and byte (${policy})`, () => {
      const heap = new Heap({ hardened: true, policy });
      for (const size of [1, 15, 16, 17, 100, 5000]) {
        const p = heap.malloc(size);
        const next = heap.malloc(10);
        heap.verify();
        memset(heap.get(p), 7, size);
        heap.verify();
        memset(heap.get(p), 7, size + 1);
        const [end, at] = [p + BigInt(size) - 1n, p + BigInt(size)];
        assertRefused(() => heap.verify(), 'ERR_MEMS_OVERFLOW', `${p}..${end}`, at);
        assertRefused(() => heap.free(p), 'ERR_MEMS_OVERFLOW', `${p}..${end}`, at);
        assert.ok(heap.owns(p), 'the block is live still');
        heap.free(p);
        heap.free(next);
        heap.verify();
      }
      heap.close();
    });
  }

  test('shows no byte behind the requested size', () => {
    const heap = new Heap({ hardened: true });
    const p = heap.malloc(20);
    assert.deepEqual(heap.blockOf(p), { address: p, size: 20, usableSize: 20 });
    assert.equal(heap.buffer(p).length, 20);
    assertRefused(() => heap.buffer(p, 21), 'ERR_MEMS_OUT_OF_BLOCK');
    assertRefused(() => heap.write(p + 19n, 'ab'), 'ERR_MEMS_OUT_OF_BLOCK');
    for (const address of [p + 20n, p + 21n, p + 47n]) {
      assert.equal(heap.owns(address), false);
      for (const call of [
        () => heap.get(address),
        () => heap.buffer(address, 0),
        () => heap.read(address, 1),
        () => heap.write(address, 'a'),
        () => heap.copy(address, p, 1),
        () => heap.blockOf(address),
      ]) {
        assertRefused(call, 'ERR_MEMS_NOT_ALLOCATED', address);
      }
    }
    const { bytes } = heap.stats();
    assert.deepEqual([bytes.live, bytes.requested], [48, 20]);
    heap.close();
  });

  test('finds a write to a freed block through a stale view', () => {
    const heap = new Heap({ hardened: true });
    const p = heap.malloc(100);
    const stale = heap.buffer(p);
    heap.free(p);
    assert.ok(
      stale.every((byte) => byte === 0xdf),
      'what was in it is gone',
    );
    heap.verify();
    stale[42] = 1;
    assertRefused(() => heap.verify(), 'ERR_MEMS_WRITE_AFTER_FREE', p, p + 42n);
    stale[42] = 0xdf;
    heap.verify();
    heap.close();
  });

  test('finds it at the latest when the block would be handed out again', () => {
    const heap = new Heap({ hardened: true });
    const p = heap.malloc(100);
    const stale = heap.buffer(p);
    heap.free(p);
    stale[0] = 0;
    // As much as the quarantine holds: the block has to leave it.
    const large = heap.malloc(40 << 20);
    assertRefused(() => heap.free(large), 'ERR_MEMS_WRITE_AFTER_FREE', p);
    assert.ok(heap.owns(large), 'it is live still');
    heap.free(large);
    heap.verify();
    assert.equal(heap.malloc(100), p);
    heap.close();
  });

  test('keeps a write that a malloc finds for the next call that can report it', () => {
    for (const tell of [
      (heap) => heap.verify(),
      (heap, block) => heap.free(block),
      (heap, block) => heap.freeMany([block]),
    ]) {
      const heap = new Heap({ hardened: true, maxSize: 1 << 16 });
      const written = [1000, 500].map((size) => heap.malloc(size));
      for (const block of written) {
        const stale = heap.buffer(block);
        heap.free(block);
        stale[7] = 1;
      }
      // There is room only where the two were.
      const large = heap.malloc(65_000);
      assertRefused(() => tell(heap, large), 'ERR_MEMS_WRITE_AFTER_FREE', written[0] + 7n);
      assert.ok(heap.owns(large), 'it is live still');
      tell(heap, large);
      heap.verify();
      heap.close();
    }
  });

  for (const [policy, edge] of [
    // The blocks of first fit begin and end inside a page, and only whole pages are given back.
    ['first-fit', 0xdf],
    ['segregated', 0],
  ]) {
    test(`finds a write to a large freed block, whose pages were given back (${policy})`, () => {
      const heap = new Heap({ hardened: true, policy, minBlockSize: 32 << 20 });
      heap.malloc(100);
      for (const at of [0, 1 << 20, (3 << 20) - 1]) {
        const p = heap.malloc(3 << 20);
        const stale = heap.buffer(p).fill(1);
        heap.free(p);
        assert.equal(stale[1 << 20], 0);
        assert.deepEqual([stale[0], stale[stale.length - 1]], [edge, edge]);
        heap.verify();
        const before = stale[at];
        stale[at] = 1;
        assertRefused(() => heap.verify(), 'ERR_MEMS_WRITE_AFTER_FREE', p, p + BigInt(at));
        stale[at] = before;
        heap.verify();
      }
      heap.close();
    });
  }

  for (const [policy, live, quarantined] of [
    ['first-fit', 224, 128 + (2 << 20) + 16],
    ['segregated', 224, 128 + (2 << 20) + 4096],
  ]) {
    test(`counts calls, and quarantined blocks apart from live ones (${policy})`, () => {
      const heap = new Heap({ hardened: true, policy });
      const blocks = [100, 200, 2 << 20].map((size) => heap.malloc(size));
      heap.free(blocks[0]);
      heap.free(blocks[2]);
      const { bytes, counts, totals } = heap.stats();
      const allocatedBytes = bytes.live + bytes.quarantined;
      assert.deepEqual(totals, { malloc: 3, free: 2, allocatedBytes });
      assert.deepEqual([counts.live, counts.quarantined], [1, 2]);
      assert.deepEqual([bytes.live, bytes.requested], [live, 200]);
      assert.equal(bytes.quarantined, quarantined);
      assert.equal(bytes.live + bytes.quarantined + bytes.holes, bytes.mapped);
      heap.close();
    });
  }

  test('hands a freed block out late, and knows that it is freed', () => {
    const heap = new Heap({ hardened: true });
    const p = heap.malloc(100);
    heap.free(p);
    assert.notEqual(heap.malloc(100), p);
    assert.equal(heap.owns(p), false);
    assert.ok(heap.stats().bytes.quarantined >= 100);
    for (const call of [
      () => heap.free(p),
      () => heap.freeMany([p]),
      () => heap.get(p),
      () => heap.buffer(p),
      () => heap.read(p, 1),
      () => heap.realloc(p, 10),
    ]) {
      assertRefused(call, 'ERR_MEMS_NOT_ALLOCATED', p);
    }
    heap.close();
  });

  test('moves a block at every realloc', () => {
    const heap = new Heap({ hardened: true });
    const p = heap.malloc(100);
    heap.fill(p, 5);
    const q = heap.realloc(p, 50);
    assert.notEqual(q, p);
    assert.ok(heap.read(q).every((byte) => byte === 5));
    assert.equal(heap.owns(p), false);
    heap.verify();
    heap.close();
  });

  test('hands out quarantined blocks before it refuses', () => {
    const heap = new Heap({ hardened: true, maxSize: 1 << 20 });
    for (let i = 0; i < 100; i++) heap.free(heap.malloc(200_000));
    heap.verify();
    assert.equal(heap.stats().bytes.requested, 0);
    assert.ok(heap.stats().bytes.quarantined > 200_000);
    heap.free(heap.calloc(200_000, 1));
    heap.free(heap.malloc(200_000, { alignment: 4096 }));
    heap.verify();
    heap.close();
  });

  test('frees many blocks or none', () => {
    const heap = new Heap({ hardened: true });
    const blocks = [100, 200, 300].map((size) => heap.malloc(size));
    memset(heap.get(blocks[1]), 7, 201);
    assertRefused(() => heap.freeMany(blocks), 'ERR_MEMS_OVERFLOW', blocks[1] + 200n);
    assert.deepEqual(blocks.map(heap.owns, heap), [true, true, true]);
    heap.freeMany(blocks);
    assert.equal([...heap.leaks()].length, 0);
    // Blocks that have to leave quarantine for these are looked at before any is freed.
    const stale = heap.malloc(10);
    const view = heap.buffer(stale);
    heap.free(stale);
    view[3] = 0;
    const many = [heap.malloc(10), heap.malloc(33 << 20)];
    assertRefused(() => heap.freeMany(many), 'ERR_MEMS_WRITE_AFTER_FREE', stale + 3n);
    assert.deepEqual(many.map(heap.owns, heap), [true, true]);
    heap.freeMany(many);
    heap.verify();
    heap.close();
  });

  for (const [policy, live] of [
    ['first-fit', 60_000 + 16],
    ['segregated', 61_440],
  ]) {
    test(`is sound after a mallocMany that fails after the quarantine was emptied (${policy})`, () => {
      const heap = new Heap({ hardened: true, policy, maxSize: 1 << 16 });
      const kept = heap.malloc(1000);
      for (let i = 0; i < 10; i++) heap.free(heap.malloc(2000));
      assert.equal(heap.mallocMany([60_000]).length, 1, 'what waits is better than nothing');
      assertRefused(() => heap.mallocMany([1000, 1000, 60_000]), 'ERR_MEMS_OUT_OF_MEMORY');
      heap.verify();
      heap.freeMany([kept]);
      for (let i = 0; i < 10; i++) heap.free(heap.malloc(200));
      const before = [...heap.leaks()];
      assertRefused(() => heap.mallocMany([1000, 1000, 60_000]), 'ERR_MEMS_OUT_OF_MEMORY');
      heap.verify();
      assert.deepEqual([...heap.leaks()], before);
      assert.equal(heap.stats().bytes.live, live);
      heap.close();
    });
  }

  test('a realloc that reports a write leaves no block behind', () => {
    const heap = new Heap({ hardened: true });
    const p = heap.malloc(17 << 20);
    const stale = [10, 17 << 20].map((size) => heap.malloc(size));
    for (const block of stale) {
      const view = heap.buffer(block);
      heap.free(block);
      view[0] = 1;
    }
    // The first leaves quarantine for the block that moves, the other for the one that it was to move to.
    const size = 16 << 20;
    for (const block of stale) {
      assertRefused(() => heap.realloc(p, size), 'ERR_MEMS_WRITE_AFTER_FREE', block);
      assert.deepEqual(
        [...heap.leaks()].map(({ address }) => address),
        [p],
      );
    }
    heap.free(heap.realloc(p, size));
    assert.equal([...heap.leaks()].length, 0);
    heap.verify();
    heap.close();
  });

  test('knows of every byte of a freed block that it is freed', () => {
    const heap = new Heap({ hardened: true });
    const p = heap.malloc(100);
    heap.free(p);
    assertRefused(() => heap.free(p + 1n), 'ERR_MEMS_NOT_ALLOCATED', p + 1n);
    heap.close();
  });

  test('is sound after any program', () => {
    const heap = new Heap({ hardened: true, trackAllocations: true, zeroOnFree: true });
    const live = [];
    for (let i = 0; i < 3000; i++) {
      if (live.length < 50 || i % 3) live.push(heap.malloc((i * 7919) % 3000 || 1));
      else heap.free(live.splice((i * 31) % live.length, 1)[0]);
      if (i % 7 === 0) live[0] = heap.realloc(live[0], (i % 500) + 1);
      if (i % 500 === 0) heap.verify();
    }
    heap.freeMany(live);
    heap.verify();
    assert.deepEqual([...heap.leaks()], []);
    heap.close();
  });
});

describe('trackAllocations', () => {
  function allocateHere(heap, size) {
    return heap.malloc(size);
  }

  test('lists live blocks, with the stacks of the calls that allocated them', () => {
    const heap = new Heap({ trackAllocations: true });
    const p = allocateHere(heap, 100);
    const [q, r] = [heap.calloc(2, 8), heap.mallocMany([10])[0]];
    const { address } = heap.mallocAs(Float64Array, 4);
    const found = [...heap.leaks()];
    assert.deepEqual(
      found.map(({ address, size }) => [address, size]),
      [
        [p, 100],
        [q, 16],
        [r, 10],
        [address, 32],
      ],
    );
    assert.match(found[0].stack, /^ *at allocateHere .*hardened\.test\.js/);
    for (const { stack } of found) assert.match(stack.split('\n')[0], /hardened\.test\.js/, stack);
    heap.freeMany([q, r]);
    heap.free(address);
    const moved = heap.realloc(p, 100_000);
    assert.deepEqual(
      [...heap.leaks()].map(({ address }) => address),
      [moved],
    );
    heap.close();
  });

  test('a capture that allocates itself takes no block of the call it is for', () => {
    const heap = new Heap({ trackAllocations: true });
    const { prepareStackTrace } = Error;
    const inner = [];
    Error.prepareStackTrace = () => {
      // Only once, since this malloc() captures a stack, too.
      if (inner.length === 0) {
        inner.push(undefined);
        inner[0] = heap.malloc(48);
      }
      return '    at somewhere';
    };
    try {
      const outer = heap.malloc(32);
      assert.notEqual(outer, inner[0]);
      assert.equal(heap.usableSize(outer), 32);
      assert.equal(heap.usableSize(inner[0]), 48);
      inner.length = 0;
      heap.free(outer);
      assert.equal(heap.owns(outer), inner[0] === outer);
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
    }
    heap.close();
  });

  test('a block freed twice names where it was allocated and first freed', () => {
    const heap = new Heap({ trackAllocations: true });
    const p = allocateHere(heap, 100);
    function freeHere() {
      heap.free(p);
    }
    freeHere();
    const calls = [() => heap.free(p), () => heap.freeMany([p]), () => heap.realloc(p, 8)];
    for (const call of calls) {
      const { message } = assertRefused(call, 'ERR_MEMS_NOT_ALLOCATED', p);
      assert.match(message, /allocated\n *at allocateHere .*first freed\n *at freeHere /s);
    }
    heap.close();
  });

  test('an overflow names where the block was allocated', () => {
    const heap = new Heap({ trackAllocations: true, hardened: true });
    const p = allocateHere(heap, 100);
    memset(heap.get(p), 0, 101);
    assertRefused(() => heap.free(p), 'ERR_MEMS_OVERFLOW', /it was allocated\n *at allocateHere /);
    heap.close();
  });

  test('without it leaks() has no stacks', () => {
    const heap = new Heap();
    heap.mallocMany(new Uint8Array(2500).fill(1));
    const found = [...heap.leaks()];
    assert.equal(found.length, 2500);
    assert.ok(found.every(({ size, stack }) => size === 1 && stack === ''));
    heap.close();
  });
});

describe('secrets', () => {
  test('zeroOnFree leaves nothing behind', () => {
    const heap = new Heap({ zeroOnFree: true });
    const p = heap.malloc(5000);
    const stale = heap.buffer(p).fill(0x55);
    assert.equal(heap.realloc(p, 100), p);
    assert.equal(stale.indexOf(0x55, 112), -1, 'the end that was cut off');
    heap.malloc(10);
    const q = heap.realloc(p, 9000);
    assert.equal(stale.subarray(0, 100).indexOf(0x55), -1, 'the place it moved from');
    assert.ok(heap.read(q, 100).every((byte) => byte === 0x55));
    const view = heap.buffer(q);
    heap.free(q);
    assert.equal(view.indexOf(0x55), -1);
    heap.close();
  });

  test('lock keeps pages in memory', { skip: process.platform !== 'linux' }, () => {
    const { readFileSync } = require('node:fs');
    const locked = () =>
      Number(/VmLck:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
    const before = locked();
    const heap = new Heap({ lockMemory: true, minBlockSize: 4096 });
    heap.malloc(4096);
    assert.ok(locked() >= before + 4, `${locked()} KiB are locked, ${before} before`);
    heap.close();
    assert.equal(locked(), before);
  });

  test('locked pages are in memory, and stay there when trimmed', () => {
    const heap = new Heap({ lockMemory: true, minBlockSize: 1 << 16 });
    const p = heap.malloc(1 << 16);
    const { mapped, resident } = heap.stats({ resident: true }).bytes;
    assert.ok(resident === undefined || resident === mapped, `${resident} of ${mapped} bytes`);
    heap.free(p);
    assert.equal(heap.trim(), 0);
    assert.equal(heap.stats({ resident: true }).bytes.resident, resident);
    heap.close();
  });

  test('lock names the limit that it reaches', { skip: process.platform !== 'linux' }, () => {
    const script = `
      const { Heap } = require(${root});
      const heap = new Heap({ lockMemory: true, growingBlocks: false, minBlockSize: 65536 });
      const made = heap.malloc(10);
      try {
        heap.malloc(1 << 20);
        console.log('no limit');
      } catch ({ code, message }) {
        console.log(code, message, heap.stats().bytes.mapped, heap.owns(made));
      }
      heap.verify();
      heap.malloc(4096);
      heap.verify();
      console.log('whole');`;
    const limited = 'ulimit -l 128 && exec "$0" -e "$SCRIPT"';
    // The superuser is not limited.
    const drop =
      process.getuid?.() === 0
        ? ['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock']
        : [];
    const [command, ...args] = [...drop, 'sh', '-c', limited, process.execPath];
    const env = { ...process.env, SCRIPT: script };
    const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', env });
    if (error?.code === 'ENOENT') return;
    assert.match(
      stdout,
      /no limit|^ERR_MEMS_LOCK_LIMIT .*\(the process may lock 131072 in all\).* 65536 true\nwhole\n/,
      stderr,
    );
  });
});
