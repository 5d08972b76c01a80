'use strict';

// The C functions called by FFI, in a process whose JavaScript uses MeMS: both have the same heaps.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { channel } = require('node:diagnostics_channel');
const { spawnSync } = require('node:child_process');
const { existsSync, mkdtempSync, readFileSync, rmSync, statSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const koffi = require('koffi');
const mems = require('@sambhav-gautam/osmemoryallocator');
const binding = require('../../binding.js');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { codes, functions, policies, structs } = require('../helpers/header.js');
const { commentsOf, options, statistics } = require('../helpers/tables.js');

// koffi gets only the header: structs, then prototypes.
for (const [name, fields] of structs) {
  const types = fields.map((field) => {
    const [, type, key, length] = field.match(/^(\w+) (\w+)(?:\[(\d+)\])?$/);
    return [key, length ? koffi.array(type, Number(length)) : type];
  });
  koffi.struct(name, Object.fromEntries(types));
}
koffi.opaque('mems_map');
const loaded = koffi.load(mems.library);
const c = {};
for (const [name, prototype] of functions) {
  const direction =
    name === 'mems_heap_open'
      ? prototype
      : prototype.replace(/(?<!const )(\b(?!mems_map )\w+ \*\w+)\)/, '_Out_ $1)');
  c[name.replace('mems_', '')] = loaded.func(direction);
}

/** Code and message of the last failure. */
const last = () => [c.last_error(), c.last_error_message()];

beforeEach(() => mems.init());
afterEach(() => finishQuietly(mems));

test('maps have the entries that JavaScript sees', () => {
  const heap = new mems.Heap();
  const map = heap.map('pages', { encoding: 'string' });
  map.set('here', 'set by JavaScript');
  const opened = c.map_open(heap.id, 'pages', { encoding: 1 });
  assert.ok(opened, c.last_error_message());
  const [key, into, length] = [Buffer.from('here'), Buffer.alloc(100), [0]];
  assert.equal(c.map_get(opened, key, key.length, into, into.length, length), 0);
  assert.equal(into.toString('utf8', 0, length[0]), 'set by JavaScript');
  const value = Buffer.from('set by FFI');
  assert.equal(c.map_set(opened, Buffer.from('there'), 5, value, value.length, 0), 0);
  assert.equal(map.get('there'), 'set by FFI');
  const removed = [7];
  assert.equal(c.map_delete(opened, key, key.length, removed), 0);
  assert.deepEqual([removed, [...map.keys()]], [[1], ['there']]);
  assert.equal(c.map_close(opened), 0);
  heap.close();
});

describe('library', () => {
  test('is the absolute path of the addon', () => {
    assert.ok(path.isAbsolute(mems.library));
    assert.ok(existsSync(mems.library));
    assert.match(mems.library, /\.node$/);
    assert.ok(require.cache[mems.library], 'the very file that require() loaded');
  });

  test('is the same in a worker', async () => {
    const program = `require('worker_threads').parentPort.postMessage(
      require('@sambhav-gautam/osmemoryallocator').library)`;
    const worker = new Worker(program, { eval: true });
    const answer = await new Promise((done, fail) =>
      worker.once('message', done).once('error', fail),
    );
    assert.equal(answer, mems.library);
  });

  test('has the version of the package', () => {
    assert.equal(c.version(), require('../../package.json').version);
  });

  test('comes with a header that can be resolved', () => {
    const header = require.resolve('@sambhav-gautam/osmemoryallocator/include/mems.h');
    assert.equal(header, path.join(__dirname, '..', '..', 'include', 'mems.h'));
  });
});

describe('the default heap', () => {
  test('has the blocks that C allocates', () => {
    assert.equal(c.init(), 0, 'it runs with the default options');
    const address = BigInt(c.malloc(80));
    assert.equal(address, 1000n);
    const numbers = mems.view(address, Float64Array);
    assert.equal(numbers.length, 10);
    const pointer = c.get(address);
    assert.equal(koffi.address(pointer), mems.get(address));
    koffi.encode(pointer, koffi.array('double', 10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.deepEqual([...numbers], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    numbers[9] = 0.5;
    assert.equal(koffi.decode(c.get(address + 72n), 'double'), 0.5);
    mems.free(address);
    assert.equal(c.free(address), codes.get('MEMS_ERROR_NOT_ALLOCATED'));
  });

  test('shows C the blocks of JavaScript', () => {
    const address = mems.malloc(11);
    mems.write(address, 'from script');
    assert.equal(koffi.decode(c.get(address), 'char', 11), 'from script');
    const moved = BigInt(c.heap_realloc(0, address, 5000));
    assert.equal(mems.read(moved, 11).toString(), 'from script');
    assert.deepEqual(mems.blockOf(moved), { address: moved, size: 5000, usableSize: 5000 });
    const block = {};
    assert.equal(c.heap_block(0, moved + 4999n, block), 0);
    assert.deepEqual(block, { start: Number(moved), size: 5000, usable: 5000 });
    assert.equal(c.free(moved), 0);
    assert.equal(mems.owns(moved), false);
    mems.verify();
  });

  test('is started and ended from either side', () => {
    assert.equal(c.finish(), 0);
    assert.throws(() => mems.malloc(8), { code: 'ERR_MEMS_NOT_INITIALIZED' });
    assert.equal(c.malloc(8), 0);
    assert.deepEqual(last(), [
      codes.get('MEMS_ERROR_NOT_INITIALIZED'),
      'The default heap is not initialized. Call mems_init() first',
    ]);
    assert.equal(c.init(), 0);
    assert.equal(mems.malloc(8), 1000n);
    finishQuietly(mems);
    mems.init({ minBlockSize: 1 << 20 });
    assert.equal(c.init(), codes.get('MEMS_ERROR_ALREADY_INITIALIZED'));
  });

  test('has the same statistics on both sides', () => {
    finishQuietly(mems);
    mems.init({ hardened: true });
    for (const size of [100, 200, 300]) mems.free(mems.malloc(size));
    mems.malloc(1000);
    const found = {};
    assert.equal(c.heap_stats(0, found), 0);
    const { reserved, ...stats } = found;
    const here = mems.stats();
    const expected = statistics.map(({ field, group, name }) => [field, here[group][name]]);
    assert.deepEqual(stats, Object.fromEntries(expected));
    assert.ok(stats.quarantined > 0 && stats.hole_bytes > 0);
    assert.deepEqual(reserved, new BigUint64Array(24 - expected.length));
    assert.equal(c.heap_verify(0), 0);
  });
});

describe('a heap by its id', () => {
  test('made in JavaScript is used in C', () => {
    const heap = new mems.Heap();
    const address = BigInt(c.heap_calloc(heap.id, 4, 8));
    assert.deepEqual([...heap.view(address, BigInt64Array)], [0n, 0n, 0n, 0n]);
    const view = heap.view(address, Int32Array);
    view[7] = -5;
    assert.equal(koffi.decode(c.heap_get(heap.id, address + 28n), 'int32_t'), -5);
    const page = BigInt(c.heap_aligned(heap.id, 10, 4096));
    assert.equal(heap.get(page) % 4096n, 0n);
    assert.equal(c.heap_free(heap.id, address), 0);
    assert.throws(() => heap.free(address), { code: 'ERR_MEMS_NOT_ALLOCATED' });
    heap.close();
    assert.equal(c.heap_malloc(heap.id, 8), 0);
    assert.deepEqual(last(), [
      codes.get('MEMS_ERROR_CLOSED'),
      'The heap is closed. Make another with mems_heap_open()',
    ]);
  });

  test('made in C is attached to in JavaScript', () => {
    const id = c.heap_open({ max_size: 1 << 20, alignment: 1 });
    const heap = mems.Heap.attach(id);
    const address = heap.malloc(3);
    assert.equal(heap.usableSize(address), 3, 'sizes are exact, as C asked');
    assert.equal(heap.malloc(3), address + 3n);
    assert.throws(() => heap.malloc(2 << 20), { code: 'ERR_MEMS_OUT_OF_MEMORY' });
    assert.equal(c.heap_malloc(id, 2 << 20), 0);
    assert.equal(c.last_error(), codes.get('MEMS_ERROR_OUT_OF_MEMORY'));
    const bytes = [0];
    assert.equal(c.heap_trim(id, bytes), 0);
    assert.equal(c.heap_close(id), 0);
    assert.throws(() => heap.malloc(3), { code: 'ERR_MEMS_CLOSED' });
    assert.throws(() => mems.Heap.attach(id), { code: 'ERR_MEMS_CLOSED' });
  });

  test('that tracks allocations shows no stack of JavaScript for what C did', () => {
    const heap = new mems.Heap({ trackAllocations: true });
    const { id } = heap;
    const ways = [
      () => c.heap_malloc(id, 64),
      () => c.heap_calloc(id, 4, 16),
      () => c.heap_aligned(id, 64, 16),
      () => c.heap_realloc(id, 0, 64),
    ];
    for (const allocate of ways) {
      // Blocks at one address: one of JavaScript, which C frees, and one of C, which JavaScript frees.
      const p = heap.malloc(64);
      assert.notEqual([...heap.leaks()][0].stack, '');
      c.heap_free(id, p);
      assert.equal(BigInt(allocate()), p);
      assert.deepEqual([...heap.leaks()], [{ address: p, size: 64, stack: '' }]);
      heap.free(p);
      assertRefused(() => heap.free(p), 'ERR_MEMS_NOT_ALLOCATED', /in the hole/);
      // A block with both stacks known, and one that only C has allocated and freed.
      heap.free(heap.malloc(64));
      assertRefused(() => heap.free(p), 'ERR_MEMS_NOT_ALLOCATED', /first freed/);
      assert.equal(BigInt(allocate()), p);
      c.heap_free(id, p);
      assertRefused(() => heap.free(p), 'ERR_MEMS_NOT_ALLOCATED', /in the hole/);
    }
    const p = heap.malloc(64);
    heap.free(heap.malloc(4096));
    const first = heap.malloc(16);
    const moved = BigInt(c.heap_realloc(id, p, 4000));
    assert.notEqual(moved, p);
    const stacks = new Map([...heap.leaks()].map(({ address, stack }) => [address, stack]));
    assert.deepEqual([stacks.size, stacks.get(moved)], [2, '']);
    assert.notEqual(stacks.get(first), '');
    heap.close();
  });

  /** The options of a heap that C makes. */
  const optionsOf = (options) => {
    const id = c.heap_open(options);
    assert.notEqual(id, 0, c.last_error_message());
    const entry = mems.Heap.list().find((heap) => heap.id === id);
    assert.equal(c.heap_close(id), 0);
    return entry.options;
  };

  test('has the options that C gives, each by its own field', () => {
    const usual = optionsOf(null);
    assert.deepEqual(optionsOf({}), usual);
    const fields = structs.get('mems_options').map((field) => field.split(' ')[1]);
    const inC = options.filter(({ field }) => fields.includes(field));
    assert.equal(inC.length, fields.length - 1, 'all but what is reserved');
    for (const { name, field, kind } of inC) {
      const given = {
        Flag: usual[name] ? [-1, false] : [1, true],
        Size: [1 << 20, 1 << 20],
        Alignment: [1, 1],
        Policy: [4, 'worst-fit'],
      };
      const [value, shown] = given[kind];
      // What the default policy cannot do, first fit does.
      const policy = ['alignment', 'joinEmptyBlocks'].includes(name) ? 'first-fit' : usual.policy;
      assert.deepEqual(optionsOf({ [field]: value }), { ...usual, policy, [name]: shown }, name);
    }
  });

  test('is not made with a policy and an option that the policy does not have', () => {
    for (const given of [{ alignment: 1 }, { join_empty_blocks: -1 }]) {
      assert.equal(c.heap_open({ policy: policies.get('MEMS_POLICY_SEGREGATED'), ...given }), 0);
      assert.equal(c.last_error(), codes.get('MEMS_ERROR_INVALID_ARGUMENT'));
      const [option] = Object.keys(given);
      assert.match(c.last_error_message(), /'segregated'/, option);
    }
  });

  test('has the defaults that the header says', () => {
    const usual = optionsOf(null);
    const comments = commentsOf('mems_options');
    for (const { name, field, kind } of options.filter((option) => comments.has(option.field))) {
      const [, said] = /Default: (\w[\w ]*)/.exec(comments.get(field));
      const shown = {
        Flag: usual[name] ? 'yes' : 'no',
        Policy: `MEMS_POLICY_${String(usual.policy).toUpperCase().replace('-', '_')}`,
      };
      assert.equal(said, shown[kind] ?? String(usual[name] ?? 'no limit'), name);
    }
  });

  test('has the same defaults from both sides', () => {
    const ids = [c.heap_open(null), new mems.Heap().id];
    const [first, second] = ids.map((id) => {
      const heap = mems.Heap.attach(id);
      const blocks = [1, 100, 70_000, 5].map((size) => heap.malloc(size));
      heap.free(blocks[1]);
      const { bytes } = heap.stats();
      heap.close();
      return [blocks, bytes];
    });
    assert.deepEqual(first, second);
  });
});

describe('the example', () => {
  function printed(...args) {
    const options = { cwd: path.join(__dirname, '..', '..'), encoding: 'utf8' };
    const { stdout, stderr, status } = spawnSync(process.execPath, args, options);
    assert.deepEqual([stderr, status], ['', 0]);
    return stdout.split('\n').slice(0, 2);
  }

  test('sorts by the C library', () => {
    assert.deepEqual(printed('examples/qsort.js'), [
      'before: 3.5 -1 2 1000000000 0 0.25 -7 42 6 1',
      'after:  -7 -1 0 0.25 1 2 3.5 6 42 1000000000',
    ]);
  });

  test('calls MeMS by FFI', () => {
    assert.deepEqual(printed('examples/ffi.mjs'), [
      '1000n allocated by C, written by JavaScript',
      'freed: 0 and again: 9',
    ]);
  });
});

test('other threads allocate in the same heap', async () => {
  const heap = new mems.Heap();
  const call = (size) =>
    new Promise((done, fail) =>
      c.heap_malloc.async(heap.id, size, (error, address) => (error ? fail(error) : done(address))),
    );
  const addresses = await Promise.all(Array.from({ length: 200 }, (_, index) => call(index + 1)));
  assert.equal(new Set(addresses).size, 200);
  assert.equal(heap.stats().counts.live, 200);
  for (const [index, address] of addresses.entries()) {
    assert.equal(heap.blockOf(BigInt(address)).size, index + 1);
  }
  heap.verify();
  heap.close();
});

test('what any language does is published where statistics are read', () => {
  const heap = new mems.Heap({ maxSize: 2 ** 20 });
  const found = [];
  const hear = ({ heap: id, size, available, count }, name) => {
    found.push([name, id === heap.id, size, available, count]);
  };
  const channels = ['grow', 'out-of-memory'].map((name) => channel(`mems:${name}`));
  for (const each of channels) each.subscribe(hear);
  const block = c.heap_malloc(heap.id, 8);
  assert.ok(block > 0);
  for (let i = 0; i < 3; i++) assert.equal(c.heap_malloc(heap.id, 2 ** 21), 0);
  assert.deepEqual(found, []);
  const { bytes, events } = heap.stats();
  for (const each of channels) each.unsubscribe(hear);
  assert.deepEqual(events, { grow: 1, trim: 0, outOfMemory: 3 });
  const [[, , , available]] = found.slice(-1);
  assert.ok(available > 0 && available < 2 ** 20);
  assert.deepEqual(found, [
    ['mems:grow', true, bytes.mapped, undefined, 1],
    ['mems:out-of-memory', true, 2 ** 21, available, 3],
  ]);
  heap.close();
});

test('what any language does is recorded', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mems-ffi-'));
  const [file, now] = ['recorded.mems', 'now.mems'].map((name) => path.join(folder, name));
  const heap = new mems.Heap();
  const refused = codes.get('MEMS_ERROR_RECORDING');
  assert.equal(c.heap_stop_recording(heap.id), refused);
  assert.match(c.last_error_message(), /mems_heap_record\(\)/);
  assert.equal(c.heap_record(heap.id, file), 0);
  assert.equal(c.heap_record(heap.id, file), refused);
  assert.match(c.last_error_message(), /mems_heap_stop_recording\(\)/);
  const block = c.heap_malloc(heap.id, 100);
  assert.equal(c.heap_mark(heap.id, 'half'), 0);
  assert.equal(c.heap_free(heap.id, block), 0);
  heap.malloc(50);
  assert.equal(c.heap_stop_recording(heap.id), 0);
  const bytes = readFileSync(file);
  const { operations, chunks } = binding.readRecording(bytes, false);
  // A main block, two blocks, a free and a mark.
  assert.equal(operations, 5);
  assert.deepEqual(binding.recordingChunk(bytes, chunks[0], chunks[1]).texts, ['half']);
  const length = [0];
  assert.equal(c.heap_snapshot(heap.id, now, length), 0);
  assert.equal(length[0], statSync(now).size);
  assert.equal(c.heap_record(heap.id, path.join(folder, 'none', 'x')), refused);
  assert.equal(c.heap_record(heap.id, null), codes.get('MEMS_ERROR_INVALID_ARGUMENT'));
  assert.equal(c.heap_mark(heap.id, null), codes.get('MEMS_ERROR_INVALID_ARGUMENT'));
  heap.close();
  rmSync(folder, { recursive: true });
});
