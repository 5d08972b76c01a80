'use strict';

// Proves that in a realm of its own, which jest and vitest give to each test file, all that the package throws and returns is of
// that realm's classes, that this costs nothing elsewhere, and that the realm can be collected when it is no longer used.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const v8 = require('node:v8');
const vm = require('node:vm');
const mems = require('@sambhav-gautam/osmemoryallocator');
const binding = require('../../binding.js');
const { finishQuietly } = require('../helpers/capture.js');
const { loadInRealm } = require('../helpers/realm.js');

const inner = loadInRealm();
const { Heap } = inner.mems;
/** A global of the other realm. */
const its = (name) => vm.runInContext(name, inner.context);

afterEach(() => finishQuietly(mems));

function thrownBy(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

/** Objects whose class the runtime shares with every realm: they are not converted. */
const SHARED = [Buffer, ArrayBuffer];

/** Asserts that a value, and all that it holds, is of the other realm. */
function assertItsOwn(value, where) {
  if (typeof value !== 'object' || value === null) return;
  if (!SHARED.some((Class) => value instanceof Class)) {
    const { name } = Object.getPrototypeOf(value).constructor;
    assert.ok(value instanceof its('Object'), `${where}, an instance of ${name}, is of this realm`);
  }
  if (ArrayBuffer.isView(value)) assertItsOwn(value.buffer, `${where}.buffer`);
  else for (const key of Object.keys(value)) assertItsOwn(value[key], `${where}.${key}`);
}

describe('in a realm of its own', () => {
  const closed = new Heap();
  closed.close();
  const full = new Heap({ maxSize: 65536 });
  const hardened = new Heap({ hardened: true });
  const dangling = hardened.malloc(16);
  const { buffer, byteOffset } = hardened.buffer(dangling);
  new Uint8Array(buffer, byteOffset + 16, 1)[0] ^= 1;

  const REFUSED = {
    'a type': [() => inner.mems.malloc('8'), 'TypeError', 'ERR_INVALID_ARG_TYPE'],
    'a type, by the face': [() => full.mallocMany(5), 'TypeError', 'ERR_INVALID_ARG_TYPE'],
    'an option': [() => new Heap({ x: 1 }), 'TypeError', 'ERR_INVALID_ARG_VALUE'],
    'a receiver': [() => full.malloc.call(null, 8), 'TypeError', 'ERR_INVALID_THIS'],
    'a size': [() => full.malloc(0), 'RangeError', 'ERR_MEMS_INVALID_SIZE'],
    'a count': [() => full.mallocAs(Uint8Array, -1), 'RangeError', 'ERR_MEMS_INVALID_SIZE'],
    'an alignment': [() => full.alignedAlloc(3, 8), 'RangeError', 'ERR_MEMS_INVALID_ALIGNMENT'],
    'an address': [() => full.free(5n), 'RangeError', 'ERR_MEMS_OUT_OF_RANGE'],
    'a range': [() => full.fill(full.malloc(8), 0, 99), 'RangeError', 'ERR_MEMS_OUT_OF_BLOCK'],
    'no heap': [() => inner.mems.malloc(8), 'Error', 'ERR_MEMS_NOT_INITIALIZED'],
    'an end': [() => closed.verify(), 'Error', 'ERR_MEMS_CLOSED'],
    'more than there is': [() => full.malloc(65537), 'Error', 'ERR_MEMS_OUT_OF_MEMORY'],
    'an overflow': [() => hardened.free(dangling), 'Error', 'ERR_MEMS_OVERFLOW'],
  };
  for (const [name, [call, Class, code]] of Object.entries(REFUSED)) {
    test(`refuses ${name} by that realm's ${Class}`, () => {
      const error = thrownBy(call);
      assert.equal(error.code, code);
      assert.equal(Object.getPrototypeOf(error), its(Class).prototype);
      assert.match(error.stack, new RegExp(`^${Class}: `));
      assert.ok(!error.stack.includes(path.join('lib', 'realm.js')), error.stack);
      assert.match(error.stack, /realm\.test\.js/);
    });
  }

  test('keeps what an error says besides', () => {
    const { size, available } = thrownBy(() => full.malloc(1e6));
    assert.equal(size, 1e6);
    assert.ok(available > 0 && available <= 65536);
  });

  test('passes on what a getter throws', () => {
    const thrown = [its("new Error('own')"), new RangeError('outer'), null, undefined, 'text', 5n];
    for (const value of thrown) {
      const options = {
        get maxSize() {
          throw value;
        },
      };
      try {
        new Heap(options);
        assert.fail('nothing was thrown');
      } catch (error) {
        assert.equal(error, value);
      }
    }
  });

  test('returns what is of that realm', () => {
    const heap = new Heap({ trackAllocations: true });
    const addresses = heap.mallocMany([64, 64]);
    const [first] = addresses;
    const [leak] = heap.leaks();
    const [block] = heap.chains();
    const [segment] = block.segments;
    const results = {
      mallocMany: addresses,
      stats: heap.stats(),
      blockOf: heap.blockOf(first),
      leaks: heap.leaks(),
      leak,
      chains: heap.chains(),
      block,
      segment,
      mallocAs: heap.mallocAs(its('Float64Array'), 4).view,
      view: heap.view(first, its('Uint16Array')),
      byDefault: heap.view(first),
      read: heap.read(first),
      buffer: heap.buffer(first),
      allocate: heap.allocate(8),
    };
    for (const [name, value] of Object.entries(results)) assertItsOwn(value, name);
    heap.close();
  });

  test('shares the default heap, and can do all', () => {
    inner.mems.init();
    const address = inner.mems.malloc(8);
    mems.write(address, 'shared');
    assert.equal(inner.mems.read(address, 6).toString(), 'shared');
    inner.mems.free(address);
    assert.equal(mems.owns(address), false);
    inner.mems.verify();
  });
});

test('elsewhere the addon is used as it is', () => {
  for (const call of Object.values(binding)) {
    if (typeof call === 'function') assert.match(String(call), /\{ \[native code\] \}$/);
  }
});

test('a realm can be collected when it is no longer used', async () => {
  v8.setFlagsFromString('--expose-gc');
  const gc = vm.runInNewContext('gc');
  const contexts = Array.from({ length: 5 }, () => {
    const { context, mems: its } = loadInRealm();
    const heap = new its.Heap();
    heap.buffer(heap.malloc(8))[0] = 1;
    heap.close();
    return new WeakRef(context);
  });
  for (let i = 0; i < 50 && contexts.some((context) => context.deref()); i++) {
    await new Promise(setImmediate);
    gc();
  }
  assert.deepEqual(
    contexts.map((context) => context.deref()),
    Array(5).fill(undefined),
  );
});
