'use strict';

// Any program can call the addon's own exports, by `require(library)`, so they check their arguments. Whatever these are, the
// process lives, no heap is poisoned, and a call that throws has changed nothing.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { Random, reproducible } = require('../helpers/random.js');

// Some of the values are paths, to which recordings are written.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-raw-'));
process.chdir(folder);
after(() => {
  process.chdir(os.tmpdir());
  fs.rmSync(folder, { recursive: true });
});

/** MEMS_RAW_CALLS=<n> makes another number of random calls. */
const CALLS = Number(process.env.MEMS_RAW_CALLS ?? 10_000);

// What MEMS_LIBRARY_PATH names, where that is set: the path that the addon itself knows.
const raw = require(mems.library);
const WRONG_TYPE = 'ERR_INVALID_ARG_TYPE';
/** The error for a value that is no id, or for an id that no heap has. */
const NO_HEAP = /^ERR_MEMS_(CLOSED|UNKNOWN_HEAP)$/;

/** An array whose memory has gone to another buffer. */
function moved(Type, length) {
  const array = new Type(length);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const shared = (Type, length) =>
  new Type(new SharedArrayBuffer(length * Type.BYTES_PER_ELEMENT)).fill(
    Type === Float64Array ? 8 : 8n,
  );

describe('lists of many blocks', () => {
  test('of different lengths are refused, and harm no heap', () => {
    mems.init();
    const sizes = new BigUint64Array([8n, 8n]);
    for (const addresses of [
      new BigUint64Array(1),
      new BigUint64Array(3),
      new BigUint64Array(0),
      moved(BigUint64Array, 2),
      new BigInt64Array(2),
      new Float64Array(2),
      [0n, 0n],
      new DataView(new ArrayBuffer(16)),
      undefined,
    ]) {
      assertRefused(() => raw.mallocMany(0, sizes, addresses), WRONG_TYPE, /"addresses"/);
    }
    for (const wrong of [[8n, 8n], new Float64Array(2), new BigInt64Array(2), null, 'ab']) {
      assertRefused(() => raw.mallocMany(0, wrong, new BigUint64Array(2)), WRONG_TYPE, /"sizes"/);
      assertRefused(() => raw.freeMany(0, wrong), WRONG_TYPE, /"addresses"/);
    }
    assert.equal(mems.stats().counts.live, 0);
    assert.equal(mems.malloc(8), 1000n);
    mems.verify();
    finishQuietly(mems);
  });

  test('may be one array, or lie over each other in memory', () => {
    const heap = new mems.Heap({ alignment: 1 });
    const both = new BigUint64Array([8n, 16n, 24n]);
    raw.mallocMany(heap.id, both, both);
    assert.deepEqual([...both], [1000n, 1008n, 1024n]);
    const four = new BigUint64Array([8n, 16n, 24n, 0n]);
    raw.mallocMany(heap.id, four.subarray(0, 3), four.subarray(1));
    assert.deepEqual([...four], [8n, 1048n, 1056n, 1072n]);
    raw.freeMany(heap.id, both);
    raw.freeMany(heap.id, four.subarray(1));
    heap.close();
  });

  test('may lose their memory while the stack of the call is captured', () => {
    const heap = new mems.Heap({ trackAllocations: true });
    const { prepareStackTrace } = Error;
    const sizes = new BigUint64Array([8n]);
    const addresses = new BigUint64Array(1);
    try {
      Error.prepareStackTrace = () => {
        const all = [sizes.buffer, addresses.buffer].filter((buffer) => buffer.byteLength !== 0);
        structuredClone(all, { transfer: all });
        return '';
      };
      raw.mallocMany(heap.id, sizes, addresses);
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
    }
    assert.equal(heap.stats().counts.live, 0);
    heap.close();
  });
});

describe('the memory of quick calls', () => {
  test('belongs to the addon: moving its buffer away takes nothing from it', () => {
    const heap = new mems.Heap();
    const calls = raw.makeCalls();
    const numbers = new Float64Array(calls.memory);
    assert.equal(calls.memory.byteLength, 64);
    // Node 20 has no transfer(), and gives the other a copy; later ones refuse to clone it.
    const { memory } = calls;
    const elsewhere =
      typeof memory.transfer === 'function'
        ? memory.transfer()
        : structuredClone(memory, { transfer: [memory] });
    assert.ok(numbers.length === 0 || numbers.length === 8);
    const [theirs, words] = [new Float64Array(elsewhere), new BigUint64Array(elsewhere)];
    theirs[0] = heap.id;
    theirs[1] = 64;
    try {
      calls.malloc();
      assert.ok(heap.owns(words[2]));
    } catch ({ code }) {
      // In the memory that stayed there is no heap's id and no size.
      assert.match(code, /ERR_MEMS_(NOT_INITIALIZED|INVALID_SIZE)/);
      assert.equal(words[2], 0n);
    }
    heap.verify();
    heap.close();
  });

  test('is checked at each call, whatever is written there', () => {
    const heap = new mems.Heap();
    const calls = raw.makeCalls();
    const numbers = new Float64Array(calls.memory);
    for (const id of [Number.NaN, -1, 0.5, Infinity, -Infinity, 1e300, 2 ** 53]) {
      numbers.fill(8);
      numbers[0] = id;
      for (const name of ['malloc', 'free', 'get', 'locate']) {
        assert.throws(calls[name], { code: NO_HEAP }, `${name} for ${id}`);
      }
    }
    for (const size of [Number.NaN, -1, 0.5, Infinity, 0, 2 ** 53]) {
      numbers.fill(size);
      numbers[0] = heap.id;
      assertRefused(calls.malloc, 'ERR_MEMS_INVALID_SIZE', size);
    }
    assert.equal(heap.stats().counts.live, 0);
    heap.close();
  });
});

test('ids and places that are no whole numbers name nothing', () => {
  mems.init();
  mems.malloc(8);
  for (const heap of [Number.NaN, 0.5, -1, '0', 0n, null, undefined, {}, [0]]) {
    for (const name of ['stats', 'verify', 'trim', 'attach', 'statsLines']) {
      assert.throws(() => raw[name](heap), { code: NO_HEAP }, `${name}(${String(heap)})`);
    }
    assert.throws(() => raw.bufferSpan(heap, 1000n, 0), { code: NO_HEAP });
  }
  for (const wrong of [Number.NaN, -1, 0.5, Infinity, 2 ** 53]) {
    const invalid = { code: 'ERR_MEMS_INVALID_SIZE' };
    assert.throws(() => raw.bufferSpan(0, 1000n, wrong), invalid);
    assert.throws(() => raw.mainBlock(0, wrong), invalid);
    assert.throws(() => raw.segments(0, wrong, 5000, new Float64Array(3)), invalid);
    assert.throws(() => raw.segments(0, 1000, wrong, new Float64Array(3)), invalid);
  }
  for (const out of [[], new Float32Array(3), new BigUint64Array(3), undefined]) {
    assertRefused(() => raw.segments(0, 1000, 5000, out), WRONG_TYPE, /"out"/);
  }
  assert.equal(raw.segments(0, 1000, 5000, moved(Float64Array, 3)), 0);
  assert.throws(() => raw.bufferSpan(0, 1000n, 9), { code: 'ERR_MEMS_OUT_OF_BLOCK' });
  finishQuietly(mems);
});

/** Values that no caller should pass: new ones each time, since calls may keep or change them. */
function oddValues(random, ids, addresses) {
  const lists = [
    BigUint64Array,
    BigInt64Array,
    Float64Array,
    Float32Array,
    Uint8Array,
    Int32Array,
    Uint8ClampedArray,
  ];
  const pick = (list) => random.pick(list);
  const numbers = [0, -0, 1, 8, 100, 1000, 4096, 65536, -1, 0.5, Number.NaN, 1e300];
  const bigints = [
    0n,
    1n,
    8n,
    1000n,
    4096n,
    -1n,
    2n ** 53n,
    2n ** 64n - 1n,
    2n ** 64n,
    1n << 5000n,
  ];
  const kinds = [
    () => pick(ids),
    () => pick(ids),
    () => pick(ids),
    () => pick(addresses) ?? 1000n,
    () => pick(addresses) ?? 1016n,
    () => pick(numbers),
    () => pick(numbers),
    () => pick([Infinity, -Infinity, 2 ** 53, 2 ** 53 - 1, 2 ** 47, -(2 ** 31), 2 ** 63, 2 ** 64]),
    () => pick(bigints),
    () => pick(bigints),
    () => pick([undefined, null, true, false, '', '8', 'x'.repeat(5000), Symbol('odd')]),
    () => new (pick(lists))(pick([0, 1, 3, 8, 100])),
    () => new BigUint64Array([8n, pick(addresses) ?? 8n]),
    () => shared(pick([BigUint64Array, Float64Array]), pick([0, 2, 9])),
    () => moved(pick(lists), 4),
    () => new BigUint64Array(4).subarray(pick([0, 1, 4])),
    () => pick([new ArrayBuffer(8), new DataView(new ArrayBuffer(8)), new SharedArrayBuffer(8)]),
    () => pick([{}, [], [8n], [8], { alignment: pick(numbers) }, { alignment: '16' }, { odd: 1 }]),
    () => ({ trackAllocations: pick([true, false, 1]), hardened: pick([true, false]) }),
    () => ({ maxSize: pick([...numbers, ...bigints]), minBlockSize: pick(numbers) }),
    () => pick([() => 'a stack', () => 7, class {}, async () => {}, function* () {}]),
    () =>
      new Proxy(pick([{}, () => {}]), {
        get: () => pick(numbers),
        ownKeys: () => pick([[], ['maxSize'], ['odd']]),
      }),
    () =>
      new Proxy(
        {},
        {
          ownKeys() {
            throw Object.assign(new Error('a trap'), { code: 'TRAP' });
          },
        },
      ),
    () => pick([new Date(0), /x/, new Map(), new Error('odd'), Promise.resolve(), globalThis]),
  ];
  return () => pick(kinds)();
}

/** Functions of the addon for tests that do harm on purpose. */
const ON_PURPOSE = new Set([
  'dieBeforeStore',
  'failNextFlush',
  'panicWithTheHeapLocked',
  'refuseBuffers',
]);

test(`${CALLS} calls with random arguments end no process and poison no heap`, (t) =>
  reproducible(t, () => {
    const random = new Random();
    const control = new mems.Heap();
    const kept = control.malloc(1000);
    control.buffer(kept).fill(0x5a);
    const ids = [0];
    for (const options of [
      {},
      { hardened: true },
      { trackAllocations: true },
      { zeroOnFree: true },
    ]) {
      ids.push(raw.open({ maxSize: 1 << 20, ...options }));
    }
    const addresses = [];
    const odd = oddValues(random, ids, addresses);
    const exports = Object.entries(raw).filter(
      ([name, value]) => typeof value === 'function' && !ON_PURPOSE.has(name),
    );
    const calls = raw.makeCalls();
    const numbers = new Float64Array(calls.memory);
    const words = new BigUint64Array(calls.memory);
    let worked = 0;
    for (let i = 0; i < CALLS; i++) {
      let [name, call] = random.pick(exports);
      // Without a limit of theirs, heaps would have gigabytes to clear.
      if (name === 'init' || name === 'open') call = (...args) => limited(raw[name], args);
      let args = Array.from({ length: random.int(0, 5) }, odd);
      if (random.int(0, 2) === 0) args = [random.pick(ids), ...args];
      if (random.int(0, 7) === 0) {
        name = random.pick(['malloc', 'free', 'get', 'locate']);
        call = calls[name];
        args.forEach((value, at) => {
          if (typeof value === 'number') numbers[at] = value;
          if (typeof value === 'bigint') words[at] = BigInt.asUintN(64, value);
        });
        args = [];
      }
      try {
        const answer = call(...args);
        worked++;
        if (typeof answer === 'bigint') addresses[addresses.length % 20] = answer;
        // A function that returns the next part of a list: the list's heap may have ended.
        if (typeof answer === 'function') answer();
        // A file cannot be synced, or its heap ends first.
        if (answer instanceof Promise)
          answer.catch(({ code }) =>
            assert.match(code, /^ERR_MEMS_(NOT_DURABLE|CLOSED|READ_ONLY)$/),
          );
      } catch (error) {
        const { code } = error;
        assert.equal(typeof code, 'string', `${name}: ${error.stack}`);
        assert.ok(code === 'TRAP' || code.startsWith('ERR_'), `${name}: ${code}: ${error.message}`);
        assert.notEqual(code, 'ERR_MEMS_INTERNAL', `${name}: ${error.message}`);
        assert.notEqual(code, 'ERR_MEMS_CORRUPT', `${name}: ${error.message}`);
      }
      if (i % 1000 === 0) control.verify();
    }
    // Enough of the calls succeed: the heaps have been used.
    assert.ok(worked > CALLS / 20, `${worked} calls worked`);
    for (const id of ids) {
      try {
        raw.verify(id);
      } catch ({ code }) {
        assert.match(code, /^ERR_MEMS_(CLOSED|UNKNOWN_HEAP|NOT_INITIALIZED)$/);
      }
      raw.close(id);
    }
    finishQuietly(mems);
    control.verify();
    assert.ok(control.read(kept).every((byte) => byte === 0x5a));
    assert.equal(control.stats().counts.live, 1);
    control.close();
    mems.init();
    assert.equal(mems.malloc(8), 1000n);
    finishQuietly(mems);
  }));

/** Starts a heap with options; a small one by default. */
function limited(start, [options, ...rest]) {
  const plain = typeof options === 'object' && options?.constructor === Object;
  return start(
    plain || options === undefined ? { maxSize: 1 << 20, ...options } : options,
    ...rest,
  );
}

test('what captures stacks may return anything, or throw', async () => {
  const { Worker } = require('node:worker_threads');
  // Each return value with the stack that it stands for. In a thread of its own, since the last capturing function is used for all
  // of a thread.
  const program = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { Heap, library } = require(workerData);
    const returned = [
      [0, ''], ['plain', 'plain'], [[0, 'first'], 'first'], [0, 'first'], [[1, 'second'], 'second'], [1, 'second'],
      [[0, 'other'], 'other'], [0, 'other'], [1, 'second'], [2, ''], [[7, 'far'], 'far'], [7, ''],
      [-1, ''], [-0, ''], [0.5, ''], [NaN, ''], [2 ** 32, ''], [[2 ** 32, 'huge'], ''], [[-1, 'below'], ''],
      [[], ''], [[0], ''], [['0', 'text'], ''], [[0, 7], ''], [0, 'other'], [null, ''], [undefined, ''], [{}, ''],
      [1n, ''], [Symbol.iterator, ''], [() => 0, ''], [new Proxy([0, 'a'], {}), ''], ['', ''], [['0'.repeat(9), 7], ''],
    ];
    let value;
    const capture = () => {
      if (value === undefined) throw new Error('nothing');
      return value;
    };
    require(library).captureStacks(capture);
    const heap = new Heap({ trackAllocations: true });
    const stacks = [];
    for ([value] of returned) {
      const address = heap.malloc(8);
      stacks.push([...heap.leaks()][0].stack);
      heap.free(address);
    }
    heap.verify();
    heap.close();
    parentPort.postMessage([stacks, returned.map(([, stack]) => stack), typeof capture]);`;
  const worker = new Worker(program, { eval: true, workerData: require.resolve('../..') });
  const [stacks, expected] = await new Promise((resolve, reject) =>
    worker.on('message', resolve).on('error', reject),
  );
  assert.deepEqual(stacks, expected);
});
