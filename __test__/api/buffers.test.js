'use strict';

// The buffers behind views: their two kinds and their types, which are kept, and when their memory is released.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { constants } = require('node:buffer');
const path = require('node:path');
const vm = require('node:vm');
const mems = require('@sambhav-gautam/osmemoryallocator');
const binding = require('../../binding.js');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { ARRAY_TYPES } = require('../helpers/types.js');

const { Heap } = mems;
const GIB = 2 ** 30;
const CAN_SHARE = binding.canShare();
const SHARED = CAN_SHARE ? SharedArrayBuffer : ArrayBuffer;

let heap;
beforeEach(() => {
  heap = new Heap();
});
afterEach(() => heap.close());

/** Runs a script in a process of its own, in which gc() can be called. */
function run(script) {
  const root = JSON.stringify(path.join(__dirname, '..', '..'));
  const args = ['--expose-gc', '-e', `const root = ${root};${script}`];
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
  });
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
  return stdout;
}

describe('the kind of buffer', () => {
  test('is an ArrayBuffer for Buffers, and one that can be shared for views', () => {
    const p = heap.malloc(64);
    const kinds = [
      [heap.buffer(p), ArrayBuffer],
      [heap.view(p, Buffer), ArrayBuffer],
      [heap.mallocAs(Buffer, 8).view, ArrayBuffer],
      [heap.allocate(8).view, ArrayBuffer],
      [heap.view(p), SHARED],
      [heap.view(p, Float64Array), SHARED],
      [heap.view(p, DataView), SHARED],
      [heap.mallocAs(Int32Array, 8).view, SHARED],
    ];
    for (const [{ buffer }, Kind] of kinds) assert.equal(buffer.constructor, Kind);
  });

  test('is what the option says', { skip: !CAN_SHARE && 'no shared buffers here' }, () => {
    const p = heap.malloc(64);
    for (const shared of [true, false]) {
      const Kind = shared ? SharedArrayBuffer : ArrayBuffer;
      const options = { shared };
      const views = [
        heap.buffer(p, undefined, options),
        heap.buffer(p, 8, options),
        heap.view(p, Buffer, 8, options),
        heap.view(p, Float64Array, undefined, options),
        heap.mallocAs(Buffer, 8, options).view,
        heap.mallocAs(Int32Array, 8, options).view,
        heap.allocate(8, options).view,
        heap.allocate(8, { alignment: 64, ...options }).view,
      ];
      for (const { buffer } of views) assert.equal(buffer.constructor, Kind);
    }
  });

  test('is refused by name where there is only one', { skip: CAN_SHARE && 'there are two' }, () => {
    const p = heap.malloc(64);
    const options = { shared: true };
    const calls = [
      () => heap.buffer(p, 8, options),
      () => heap.view(p, Int32Array, 2, options),
      () => heap.mallocAs(Int32Array, 2, options),
      () => heap.allocate(8, options),
    ];
    for (const call of calls) assertRefused(call, 'ERR_MEMS_UNSUPPORTED', 'Heap.attach');
    assert.equal(heap.stats().counts.live, 1);
    assert.equal(heap.buffer(p, 8, { shared: false }).length, 8);
  });

  test('is asked for by an option of that name and no other', () => {
    const p = heap.malloc(64);
    const calls = (options) => [
      () => heap.buffer(p, 8, options),
      () => heap.view(p, Int32Array, 2, options),
      () => heap.mallocAs(Int32Array, 2, options),
    ];
    for (const options of [null, 1, 'shared', [], new Uint8Array(4)]) {
      for (const call of calls(options)) assertRefused(call, 'ERR_INVALID_ARG_TYPE', 'options');
    }
    for (const call of [...calls({ shared: 1 }), () => heap.allocate(8, { shared: 1 })]) {
      assertRefused(call, 'ERR_INVALID_ARG_TYPE', 'options.shared');
    }
    for (const call of calls({ share: true })) {
      assertRefused(call, 'ERR_INVALID_ARG_VALUE', 'share', 'shared');
    }
    assertRefused(() => heap.allocate(8, { shared: false, aligment: 8 }), 'ERR_INVALID_ARG_VALUE');
    assert.equal(heap.stats().counts.live, 1, 'nothing was allocated');
    // Inherited properties are not options.
    const inherited = Object.create({ shared: 'no boolean', other: 1 });
    for (const call of calls(inherited)) call();
    assert.equal(heap.buffer(p, 8, {}).buffer.constructor, ArrayBuffer);
  });

  test('does not matter to the bytes: both show the same', () => {
    const p = heap.malloc(64);
    heap.buffer(p)[0] = 200;
    assert.equal(heap.view(p)[0], 200);
    heap.view(p, Float64Array)[1] = 1.5;
    assert.equal(heap.buffer(p).readDoubleLE(8), 1.5);
    assert.equal(heap.read(p)[0], 200);
    heap.write(p, Uint8Array.of(3));
    assert.deepEqual([heap.buffer(p)[0], heap.view(p)[0]], [3, 3]);
  });
});

describe('a type', () => {
  /** Asserts that a view has the bytes of the block, or some of them. */
  function assertInside(view, p, size) {
    const { buffer, byteOffset } = heap.view(p);
    assert.equal(view.buffer, buffer);
    assert.ok(view.byteOffset >= byteOffset && view.byteLength <= size);
  }

  test('has the width of the runtime’s own type that it extends, whatever it says', () => {
    const p = heap.malloc(64, { alignment: 64 });
    for (const width of [1, 0, -8, 64, Number.NaN, undefined, '4', 2 ** 40]) {
      class Liar extends Float64Array {}
      Object.defineProperty(Liar, 'BYTES_PER_ELEMENT', { value: width });
      Object.defineProperty(Liar.prototype, 'BYTES_PER_ELEMENT', { value: width });
      class Grandchild extends Liar {}
      for (const Type of [Liar, Grandchild]) {
        const view = heap.view(p, Type);
        assert.ok(view instanceof Type);
        assert.equal(view.length, 8);
        assertInside(view, p, 64);
        assertRefused(() => heap.view(p, Type, 9), 'ERR_MEMS_OUT_OF_BLOCK');
        assertRefused(() => heap.view(p + 1n, Type, 1), 'ERR_MEMS_MISALIGNED');
        const made = heap.mallocAs(Type, 3);
        assert.equal(heap.blockOf(made.address).size, 24);
        heap.free(made.address);
      }
    }
  });

  test('may be a subclass, of another realm, or both', () => {
    const p = heap.malloc(64, { alignment: 64 });
    const context = vm.createContext({});
    for (const { name, BYTES_PER_ELEMENT } of [...ARRAY_TYPES, DataView]) {
      const width = BYTES_PER_ELEMENT ?? 1;
      for (const source of [name, `(class Own extends ${name} {})`]) {
        const Type = vm.runInContext(source, context);
        const view = heap.view(p, Type);
        assert.ok(view instanceof Type && ArrayBuffer.isView(view));
        assert.equal(view.length ?? view.byteLength, 64 / width);
        assertInside(view, p, 64);
      }
    }
  });

  test('whose constructor returns anything gets nothing past the block', () => {
    heap.malloc(64);
    const p = heap.malloc(64, { alignment: 64 });
    heap.malloc(64);
    const returns = [
      (memory, start) => new Float64Array(memory, start, 9),
      (memory, start) => new Uint8Array(memory, start, 65),
      (memory, start) => new Uint8Array(memory, start - 8, 8),
      (memory) => new DataView(memory),
      (memory) => memory,
      (memory, start, length) => ({ buffer: memory, byteOffset: start, byteLength: 8 * length }),
      () => new Float64Array(8),
      () => heap.buffer(p - 64n, 8),
      () => [],
    ];
    for (const make of returns) {
      // `new` on such a function returns what the function returns.
      const Own = Object.setPrototypeOf(function Own(...args) {
        return make(...args);
      }, Float64Array);
      const before = heap.stats().bytes.live;
      for (const call of [() => heap.view(p, Own), () => heap.mallocAs(Own, 8)]) {
        assertRefused(call, 'ERR_INVALID_ARG_TYPE', 'Type', 'Own');
      }
      assert.equal(heap.stats().bytes.live, before);
    }
    const named = (name) => Object.defineProperty(class {}, 'name', { value: name });
    class Fewer extends Float64Array {
      constructor(memory, start) {
        super(memory, start + 8, 2);
      }
    }
    assert.equal(heap.view(p, Fewer).length, 2, 'fewer are its own business');
    const SayWhat = new Proxy(Float64Array, {
      get: (type, name) => (name === 'BYTES_PER_ELEMENT' ? 1 : type[name]),
    });
    assert.equal(heap.view(p, SayWhat).byteLength, 64);
    for (const Type of [
      class Plain {},
      named('DataView'),
      named('TypedArray'),
      () => {},
      Object.getPrototypeOf(Uint8Array).prototype,
    ]) {
      assertRefused(() => heap.view(p, Type), 'ERR_INVALID_ARG_TYPE', 'Type');
    }
  });
});

describe('a call that cannot make its view', () => {
  test('leaves no block behind, and throws what the constructor threw', () => {
    const mine = new Error('mine');
    class Refusing extends Float64Array {
      constructor(...args) {
        super(...args);
        throw mine;
      }
    }
    const before = heap.stats().bytes.live;
    for (let i = 0; i < 3; i++) {
      assert.throws(
        () => heap.mallocAs(Refusing, 10),
        (error) => error === mine,
      );
    }
    assert.equal(heap.stats().bytes.live, before);
    assert.equal(heap.stats().counts.live, 0);
    heap.verify();
  });

  test('frees no block of another heap where the constructor has ended the heap', () => {
    mems.init();
    const mine = new Error('mine');
    let stranger;
    class Restarting extends Uint8Array {
      constructor(...args) {
        super(...args);
        finishQuietly(mems);
        mems.init();
        stranger = mems.malloc(8);
        throw mine;
      }
    }
    assert.throws(
      () => mems.mallocAs(Restarting, 8),
      (error) => error === mine,
    );
    assert.equal(mems.blockOf(stranger).size, 8);
    finishQuietly(mems);
    class Closing extends Uint8Array {
      constructor(...args) {
        super(...args);
        other.close();
        throw mine;
      }
    }
    const other = new Heap();
    assert.throws(
      () => other.mallocAs(Closing, 8),
      (error) => error === mine,
    );
  });

  test('refuses what is too long for the runtime as it does what is too long for the block', () => {
    // Memory that is never touched.
    const size = Math.min(2 * constants.MAX_LENGTH, 2 ** 45);
    if (constants.MAX_LENGTH >= size) return;
    const p = heap.malloc(size);
    const before = heap.stats().bytes.live;
    const calls = [
      () => heap.buffer(p),
      () => heap.view(p),
      () => heap.view(p, Float64Array),
      () => heap.view(p, DataView),
      () => heap.view(p, Buffer, size),
      () => heap.view(p, class extends Uint8Array {}),
      () => heap.read(p),
      () => heap.mallocAs(Uint8Array, size),
      () => heap.mallocAs(Float64Array, size / 8),
      () => heap.allocate(size).view,
    ];
    for (const call of calls) {
      const error = assertRefused(call, 'ERR_MEMS_OUT_OF_BLOCK', 'This runtime', 'parts');
      assert.ok(error instanceof RangeError);
    }
    // Only the block of allocate() is left, which its caller has to free.
    assert.equal(heap.stats().bytes.live, before + size);
  });
});

describe('buffers are kept', () => {
  const SPAN = 4 * GIB;
  const LARGE = { skip: process.platform === 'win32' && 'Windows charges what is mapped' };
  /** Calls of the addon that make a buffer while an action runs. */
  function buffersMade(action) {
    const { bufferSpan } = binding;
    let made = 0;
    binding.bufferSpan = (...args) => {
      made += 1;
      return bufferSpan(...args);
    };
    try {
      action();
    } finally {
      binding.bufferSpan = bufferSpan;
    }
    return made;
  }

  test('all that a large heap needs, and each is made once', LARGE, () => {
    const p = heap.malloc(16 * SPAN);
    const views = [];
    const look = () => {
      for (let i = 0; i < 16; i++) views[i] = heap.view(p + BigInt(i * SPAN), Uint8Array, 8);
    };
    assert.ok(buffersMade(look) <= 16);
    assert.equal(buffersMade(look), 0);
    assert.equal(new Set(views.map(({ buffer }) => buffer)).size, 16);
  });

  test('and reading and writing make one only for repeated requests', LARGE, () => {
    const p = heap.malloc(16 * SPAN);
    const at = (i) => p + BigInt(i * SPAN);
    const bytes = Uint8Array.of(255, 254, 0);
    const copy = () => {
      for (let i = 0; i < 16; i++) {
        assert.equal(heap.write(at(i), bytes), 3);
        heap.buffer(p, 0);
        assert.equal(heap.write(at(i) + 1n, new Uint8Array(new SharedArrayBuffer(2))), 2);
      }
      for (let i = 0; i < 16; i++) assert.deepEqual([...heap.read(at(i), 3)], [255, 0, 0]);
    };
    heap.buffer(p, 1);
    // Each span is needed twice in a row, and then once.
    assert.ok(buffersMade(copy) <= 16);
    const other = new Heap();
    const q = other.malloc(16 * SPAN);
    const once = () => {
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 16; i++) other.write(q + BigInt(i * SPAN), bytes);
        for (let i = 0; i < 16; i++) assert.equal(other.read(q + BigInt(i * SPAN), 3)[1], 254);
      }
    };
    // One is made only where the last span of one round is the first of another.
    assert.ok(buffersMade(once) <= 2);
    assertRefused(() => other.read(q, 16 * SPAN + 1), 'ERR_MEMS_OUT_OF_BLOCK');
    assertRefused(() => other.write(q + BigInt(16 * SPAN) - 1n, bytes), 'ERR_MEMS_OUT_OF_BLOCK');
    other.close();
  });

  test('but not those of a default heap that has ended', () => {
    const script = (end) => `
      const mems = require(root);
      const { quietly } = require(root + '/__test__/helpers/console.js');
      (async () => {
        mems.init();
        const address = mems.malloc(8);
        const gone = [mems.buffer(address), mems.view(address)].map((view) => new WeakRef(view.buffer));
        ${end}
        for (let i = 0; i < 5; i++) { await new Promise(setImmediate); gc(); }
        console.log(gone.map((buffer) => buffer.deref() === undefined).join());
      })();
    `;
    assert.equal(run(script('quietly(mems.finish);')), 'true,true\n');
    // If another thread has ended the heap, the next buffer throws.
    const elsewhere = `
      const { Worker } = require('node:worker_threads');
      const source = 'const root = ' + JSON.stringify(root) + ';' +
        'require(root + "/__test__/helpers/console.js").quietly(require(root).finish);';
      await new Promise((resolve) => new Worker(source, { eval: true }).on('exit', resolve));
      mems.init();
      const next = mems.malloc(8);
      mems.buffer(next); mems.view(next);
    `;
    assert.equal(run(script(elsewhere)), 'true,true\n');
  });
});

describe('the memory under a buffer', () => {
  const skip = process.platform !== 'linux' && 'only Linux tells what is mapped';
  const MAPPINGS = `
    const { readFileSync } = require('node:fs');
    const mappings = () => readFileSync('/proc/self/maps', 'latin1').split('\\n').length;
    const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); } };
  `;

  test('is released when the buffer has been collected', { skip }, () => {
    const script = `
      ${MAPPINGS}
      const { Heap } = require(root);
      (async () => {
        const before = mappings();
        for (let i = 0; i < 500; i++) {
          const heap = new Heap();
          const p = heap.malloc(8);
          heap.buffer(p)[0] = heap.view(p)[1] = 1;
          heap.close();
          if (i % 50 === 0) await settle();
        }
        await settle();
        console.log(mappings() - before);
      })();
    `;
    assert.ok(Number(run(script)) < 100);
  });

  test('outlives a worker that has moved it elsewhere, or left jobs at work on it', () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const source = \`
        const { parentPort, workerData } = require('node:worker_threads');
        const { Heap } = require(workerData.root);
        const heap = new Heap();
        const p = heap.malloc(1 << 25);
        const bytes = heap.buffer(p);
        heap.fill(p, 7);
        const nothing = () => {};
        // (Where its input is moved away, zlib says so.)
        if (!workerData.moves) require('node:zlib').gzip(bytes, nothing);
        require('node:crypto').randomFill(bytes.subarray(1 << 20), nothing);
        require('node:fs').readFile(process.execPath, nothing);
        const { buffer } = bytes;
        if (buffer.transfer && workerData.moves) {
          const moved = buffer.transfer();
          parentPort.postMessage(moved, [moved]);
        } else parentPort.postMessage(undefined);
        heap.close();
        if (workerData.exits) process.exit();
      \`;
      const kept = [];
      let rounds = 8;
      (function round() {
        if (rounds-- === 0) return process.stdout.write('alive');
        const workerData = { root, moves: rounds % 2 === 0, exits: rounds % 4 < 2 };
        const worker = new Worker(source, { eval: true, workerData });
        worker.on('message', (moved) => {
          if (moved) kept.push(new Uint8Array(moved));
          if (rounds === 0) worker.terminate();
        });
        worker.on('exit', () => {
          gc();
          for (const bytes of kept) bytes.fill(1, -4096);
          round();
        });
      })();
    `;
    assert.equal(run(script), 'alive');
  });
});
