'use strict';

// Proves that every public function refuses every odd value in every place by an error that is documented: it has a code of
// the typings' union, is an Error of this realm with a short message, and nothing has changed. What the user's own code throws, in a
// getter or a trap, is passed on unchanged.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { MessageChannel } = require('node:worker_threads');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { capture, finishQuietly } = require('../helpers/capture.js');
const { unions } = require('../helpers/codes.js');

const { Heap } = mems;
const LONGEST_MESSAGE = 400;

const CODES = Object.values(unions).flat();

/** What the tests' own getters and traps throw. */
class Own extends Error {}
const raise = () => {
  throw new Own('of the user’s own code');
};

function detached(Type) {
  const view = new Type(new ArrayBuffer(64));
  const { port1 } = new MessageChannel();
  port1.postMessage(view.buffer, [view.buffer]);
  port1.close();
  return view;
}

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** An array whose length or elements are not what they seem. */
const withLength = (length) => new Proxy([], { get: (_, key) => (key === 'length' ? length : 8n) });

const named = (name) => ({ constructor: { name } });

const ODD = {
  undefined,
  null: null,
  true: true,
  NaN,
  '-1': -1,
  1.5: 1.5,
  Infinity,
  '2 ** 53': 2 ** 53,
  '-1n': -1n,
  '1n << 100n': 1n << 100n,
  'a BigInt of a million bits': 1n << 1_000_000n,
  'a string': 'text',
  'a long string': 'x'.repeat(1e6),
  'a symbol': Symbol('s'),
  'a long symbol': Symbol('s'.repeat(1e6)),
  'an object': {},
  'an object without a prototype': Object.create(null),
  'a function': () => {},
  'a function of an odd name': Object.defineProperty(() => {}, 'name', { value: Symbol('f') }),
  'a function whose name throws': Object.defineProperty(() => {}, 'name', { get: raise }),
  'a function whose name is one': Object.defineProperty(() => {}, 'name', { value: raise }),
  'a class of a long name': Object.defineProperty(class {}, 'name', { value: 'C'.repeat(1e6) }),
  'a constructor whose name is a symbol': named(Symbol('n')),
  'a constructor whose name is long': named('n'.repeat(1e6)),
  'a constructor whose name is an object': named({ toString: raise }),
  'a constructor that throws': Object.defineProperty({}, 'constructor', { get: raise }),
  'what cannot be converted': { valueOf: raise, toString: raise, [Symbol.toPrimitive]: raise },
  'a revoked Proxy': revoked({}),
  'a revoked Proxy of an array': revoked([]),
  'a revoked Proxy of a function': revoked(() => {}),
  'a Proxy of a revoked Proxy': new Proxy(revoked({}), {}),
  'a Proxy whose traps throw': new Proxy({}, { get: raise, ownKeys: raise, getPrototypeOf: raise }),
  'an array of holes': Array(3),
  'the longest array': Array(2 ** 32 - 1),
  'an array of objects': [{}, Symbol('x')],
  'an array that says 2 ** 53 - 1': withLength(2 ** 53 - 1),
  'an array that says 2 ** 60': withLength(2 ** 60),
  'an array that says -1': withLength(-1),
  'an array that says NaN': withLength(NaN),
  'an array that says an object': withLength({}),
  'an array whose elements throw': Object.defineProperty([1n, 2n], 1, { get: raise }),
  'a Set': new Set([8n]),
  'a detached Uint8Array': detached(Uint8Array),
  'a detached Float64Array': detached(Float64Array),
  'a detached DataView': detached(DataView),
  'a detached buffer': detached(Uint8Array).buffer,
  'an object with a length': { length: 2, 0: 8n, 1: 8n },
  'a class that is no view': class {},
  'a Heap': Heap,
};

/**
 * Good arguments for each function, of which one at a time is made odd; `p` is a block of 64 bytes. Functions that accept odd
 * values, and functions without arguments, have none.
 */
const ARGUMENTS = {
  malloc: [8, { alignment: 8 }],
  calloc: [2, 8],
  alignedAlloc: [16, 8],
  realloc: ['p', 64],
  mallocAs: [Float64Array, 2],
  allocate: [8, { alignment: 8 }],
  get: ['p'],
  free: ['p'],
  mallocMany: [[8, 8]],
  freeMany: [['p']],
  buffer: ['p', 8],
  view: ['p', Float64Array, 1],
  read: ['p', 8],
  write: ['p', new Uint16Array(2)],
  copy: ['p', 'p', 8],
  fill: ['p', 0, 8],
  compare: ['p', 'p', 8],
  usableSize: ['p'],
  blockOf: ['p'],
  owns: ['p'],
};

/** Makes a call, and returns what it threw. A call that succeeds is undone. */
function outcomeOf(call, heap, good) {
  const live = new Set(Array.from(heap.leaks(), ({ address }) => address));
  let error;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  const now = Array.from(heap.leaks(), ({ address }) => address);
  if (error === undefined) {
    for (const address of now) if (!live.has(address)) heap.free(address);
    return { error, good };
  }
  assert.deepEqual(now, [...live], 'blocks have come or gone');
  return { error, good };
}

function assertDocumented(error, where) {
  if (error instanceof Own) return;
  assert.ok(error instanceof Error, `${where} throws what is no Error: ${String(error)}`);
  assert.ok(CODES.includes(error.code), `${where} throws the code ${error.code}: ${error.stack}`);
  assert.ok(error.message.length <= LONGEST_MESSAGE, `${where} says ${error.message.length} chars`);
  const isOfType = /^ERR_INVALID_(ARG|THIS)/.test(error.code);
  assert.equal(error instanceof TypeError, isOfType, `${where} throws ${error.name} ${error.code}`);
}

describe('odd values', () => {
  const heap = new Heap({ maxSize: 1 << 20 });
  before(() => mems.init());
  after(() => {
    heap.close();
    finishQuietly(mems);
  });

  const every = { ...ARGUMENTS };
  for (const [name, good] of Object.entries(every)) {
    test(`${name}() refuses them by documented errors`, () => {
      for (const [owner, of, whole] of [
        ['mems', mems, mems],
        ['heap', heap, heap],
      ]) {
        for (let place = 0; place < good.length; place++) {
          for (const [oddity, odd] of Object.entries(ODD)) {
            const where = `${owner}.${name}() with ${oddity} as argument ${place + 1}`;
            const p = whole.malloc(64, { alignment: 64 });
            whole.fill(p, 7);
            const given = good.map((value) => {
              if (Array.isArray(value)) return value.map((one) => (one === 'p' ? p : one));
              return value === 'p' ? p : value;
            });
            given[place] = odd;
            const stats = whole.stats();
            const { error } = outcomeOf(() => of[name](...given), whole);
            if (error !== undefined) {
              assertDocumented(error, where);
              const { metadata, resident, ...bytes } = whole.stats().bytes;
              const { metadata: _, resident: __, ...before } = stats.bytes;
              assert.deepEqual(bytes, before, where);
              assert.deepEqual(whole.stats().counts, stats.counts, where);
              assert.ok(
                whole.read(p).every((byte) => byte === 7),
                `${where} wrote`,
              );
            }
            if (whole.owns(p)) whole.free(p);
          }
        }
        whole.verify();
      }
    });
  }

  test('init(), new Heap(), Heap.attach() and close() refuse them by documented errors', () => {
    const options = ['alignment', 'maxSize', 'minBlockSize', 'hardened', 'autoTrim', 'owner'];
    const before = Heap.list();
    for (const [oddity, odd] of Object.entries(ODD)) {
      const calls = {
        'new Heap(odd)': () => new Heap(odd).close(),
        'init(odd)': () => mems.init(odd),
        'Heap.attach(odd)': () => Heap.attach(odd),
        ...Object.fromEntries(
          options.flatMap((option) => [
            [`new Heap({ ${option} })`, () => new Heap({ [option]: odd }).close()],
            [`init({ ${option} })`, () => mems.init({ [option]: odd })],
          ]),
        ),
      };
      for (const [name, call] of Object.entries(calls)) {
        try {
          call();
        } catch (error) {
          assertDocumented(error, `${name} with ${oddity}`);
        }
      }
    }
    assert.deepEqual(Heap.list(), before);
  });

  test('functions without arguments ignore them', () => {
    for (const [, odd] of Object.entries(ODD)) {
      for (const name of ['trim', 'verify', 'printStats']) {
        capture(() => heap[name](odd));
        capture(() => mems[name](odd));
      }
    }
  });
});

test('what reading an element throws is passed on, and an element that shortens its list is refused', () => {
  const heap = new Heap();
  const list = [8, 8, 8];
  Object.defineProperty(list, 1, {
    get() {
      list.length = 2;
      return 8;
    },
  });
  assert.throws(() => heap.mallocMany(list), { code: 'ERR_INVALID_ARG_TYPE' });
  assert.equal(heap.stats().counts.live, 0);
  heap.close();
});

test('a long list is copied whole', () => {
  const heap = new Heap();
  const sizes = new Float64Array(10_000).fill(16);
  const addresses = heap.mallocMany(sizes);
  assert.equal(addresses.length, sizes.length);
  assert.equal(new Set(addresses).size, sizes.length);
  heap.freeMany(addresses);
  assert.equal(heap.stats().counts.live, 0);
  heap.close();
});

test('a huge BigInt is not printed, in no message', () => {
  const heap = new Heap();
  const huge = 1n << 100_000_000n;
  const p = heap.malloc(64);
  const calls = [
    () => heap.malloc(huge),
    () => heap.free(huge),
    () => heap.mallocAs(Uint8Array, huge),
    () => heap.view(p, Uint8Array, huge),
    () => heap.mallocMany([huge]),
    () => heap.write(p, huge),
    () => heap.mallocMany(huge),
    () => Heap.attach(huge),
  ];
  for (const call of calls) assert.throws(call, { message: /a BigInt of \d+ bits/ });
  assert.throws(() => heap.malloc(-huge), { message: /a BigInt of \d+ bits/ });
  heap.close();
});
