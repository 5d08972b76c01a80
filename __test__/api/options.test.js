'use strict';

// Proves that options are an object's own enumerable properties and nothing else: objects with elements or bytes are refused at
// once, properties of Object.prototype do no harm, and what a getter throws is passed on unchanged.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');

const { Heap } = mems;
const TYPE = 'ERR_INVALID_ARG_TYPE';
const MANY = 1e7;

afterEach(() => finishQuietly(mems));

/** Calls with options, on a running heap or to make one; each returns the heap that it made, or nothing. */
const CALLS = {
  init: (options) => {
    finishQuietly(mems);
    mems.init(options);
  },
  'new Heap': (options) => new Heap(options).close(),
  malloc: (options) => {
    mems.init();
    mems.malloc(8, options);
  },
  allocate: (options) => {
    mems.init();
    mems.allocate(8, options);
  },
};

function argumentsOf() {
  // biome-ignore lint/complexity/noArguments: this is what is tested.
  return arguments;
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

describe('objects that cannot be options are refused', () => {
  const bytes = new Uint8Array(MANY);
  const things = {
    'a typed array': bytes,
    'a Buffer': Buffer.from(bytes.buffer),
    'a DataView': new DataView(bytes.buffer),
    'an ArrayBuffer': bytes.buffer,
    'a SharedArrayBuffer': new SharedArrayBuffer(8),
    'an array': Array(MANY),
    'the longest array': Array(2 ** 32 - 1),
    'a String object': Object('x'.repeat(MANY)),
    'a Number object': Object(8),
    'a Boolean object': Object(true),
    'a BigInt object': Object(8n),
    'a Symbol object': Object(Symbol('x')),
    'a Date': new Date(),
    'a RegExp': /x/,
    'an Error': new Error('x'),
    'a Map': new Map([['maxSize', 65536]]),
    'a Set': new Set(),
    'a Promise': Promise.resolve(),
    arguments: argumentsOf(1, 2),
    'a revoked Proxy': revoked(),
    'a Proxy of an array': new Proxy([], {}),
  };
  for (const [name, call] of Object.entries(CALLS)) {
    for (const [thing, value] of Object.entries(things)) {
      test(`${thing}, by ${name}`, () => {
        const heap = process.memoryUsage();
        const error = assertRefused(
          () => call(value),
          TYPE,
          /"options" argument must be an object/,
        );
        assert.ok(error.message.length < 200);
        // A list of the elements' names would be far longer than this.
        const more = process.memoryUsage().rss - heap.rss;
        assert.ok(more < 64 << 20, `${more} bytes more are in use`);
      });
    }
  }

  test('though it says that it is something else, by its elements', () => {
    const typed = new Uint8Array(1e6);
    Object.defineProperty(typed, Symbol.toStringTag, { value: 'Object' });
    const array = Object.assign([1, 2], { [Symbol.toStringTag]: 'Object' });
    for (const value of [typed, array]) assertRefused(() => new Heap(value), TYPE);
    const text = Object.assign(Object('text'), { [Symbol.toStringTag]: 'Object' });
    assertRefused(() => new Heap(text), 'ERR_INVALID_ARG_VALUE', /"0" is not an option/);
  });

  test('but malloc() ignores values that are not objects, for example a position', () => {
    mems.init();
    assert.deepEqual([8, 8].map(mems.malloc), [1000n, 1008n]);
    for (const ignored of [null, undefined, 0, 1n, 'x', true, Symbol('x'), () => {}]) {
      mems.free(mems.malloc(8, ignored));
    }
  });
});

describe('options are own and enumerable', () => {
  const is64 = (address) => mems.get(address) % 64n === 0n;

  test('of an object of any class, without one, or behind a Proxy', () => {
    class Options {
      alignment = 64;
      [Symbol('x')] = 1;
    }
    const { proxy, revoke } = Proxy.revocable({ alignment: 64 }, {});
    const tagged = { alignment: 64, [Symbol.toStringTag]: 'Placement' };
    const bare = Object.assign(Object.create(null), { alignment: 64 });
    const getter = {
      get alignment() {
        return 64;
      },
    };
    mems.init();
    for (const options of [new Options(), proxy, tagged, bare, getter]) {
      mems.malloc(1);
      assert.ok(is64(mems.malloc(8, options)));
    }
    revoke();
  });

  test('inherited properties, and those that are not enumerable, are not options', () => {
    const hidden = Object.defineProperty({}, 'maxSize', { value: 'wrong' });
    const inherited = Object.create({ maxSize: 'wrong', other: 1 });
    class WithGetter {
      get maxSize() {
        return assert.fail('it was read');
      }
    }
    for (const options of [hidden, inherited, new WithGetter(), { [Symbol('maxSize')]: 1 }]) {
      CALLS['new Heap'](options);
      CALLS.init(options);
    }
  });

  test('the first that is unknown is named, of however many', () => {
    const many = Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`x${i}`, i]));
    assertRefused(() => new Heap(many), 'ERR_INVALID_ARG_VALUE', /^"x0" is not an option/);
    const long = { ['x'.repeat(1e6)]: 1 };
    const error = assertRefused(() => new Heap(long), 'ERR_INVALID_ARG_VALUE');
    assert.ok(error.message.length < 500);
  });
});

test('what a getter or a trap throws is passed on, and nothing has changed', () => {
  mems.init();
  mems.malloc(8);
  const before = [mems.stats(), Heap.list()];
  for (const thrown of [new Error('own'), null, undefined, 5n, 'text', Symbol('x')]) {
    const raise = () => {
      throw thrown;
    };
    const getter = Object.defineProperty({}, 'alignment', { enumerable: true, get: raise });
    const traps = ['ownKeys', 'getOwnPropertyDescriptor', 'get'];
    const given = traps.map((trap) => new Proxy({ alignment: 16 }, { [trap]: raise }));
    for (const options of [getter, ...given]) {
      for (const call of [
        () => new Heap(options),
        () => mems.init(options),
        () => mems.malloc(8, options),
        () => mems.allocate(8, options),
      ]) {
        let caught = 'nothing';
        try {
          call();
        } catch (error) {
          caught = error;
        }
        assert.equal(caught, thrown);
      }
    }
  }
  assert.deepEqual([mems.stats(), Heap.list()], before);
});

describe('a polluted Object.prototype', () => {
  const raise = () => {
    throw new Error('the prototype’s property was used');
  };
  const NAMES = [
    ...[
      'alignment',
      'maxSize',
      'minBlockSize',
      'hardened',
      'autoTrim',
      'owner',
      'extend',
      'address',
      'mapped',
      'options',
      'policy',
      'fragmentation',
    ],
    ...['code', 'size', 'available', 'get', 'set', 'value', 'enumerable', 'writable'],
  ];
  const POLLUTIONS = {
    'an enumerable value': { value: 'wrong', enumerable: true, writable: true },
    'a function': { value: () => {}, enumerable: true, writable: true },
    'an accessor that throws': { get: raise, set: raise, enumerable: true },
    'a value that cannot be written': { value: 3, enumerable: true, writable: false },
  };

  /** Runs the body while Object.prototype has the property. Results are compared afterwards. */
  function polluted(name, descriptor, body) {
    const bare = Object.assign(Object.create(null), { ...descriptor, configurable: true });
    Object.defineProperty(Object.prototype, name, bare);
    try {
      return body();
    } finally {
      delete Object.prototype[name];
    }
  }

  const codeOf = (call) => {
    try {
      call();
    } catch (error) {
      return error.code;
    }
    return 'nothing thrown';
  };

  for (const [kind, descriptor] of Object.entries(POLLUTIONS)) {
    test(`with ${kind} harms nothing`, () => {
      for (const name of NAMES) {
        const seen = polluted(name, descriptor, () => {
          mems.init({});
          const usual = new Heap({});
          const p = usual.malloc(8, {});
          usual.free(p);
          usual.close();
          const heap = new Heap({ policy: 'first-fit' });
          const { address } = heap.mallocAs(Float64Array, 8);
          const addresses = [
            p,
            mems.malloc(8, {}),
            heap.malloc(8, {}),
            heap.alignedAlloc(16, 8),
            heap.allocate(16, {}).address,
          ];
          heap.write(address, 'text');
          const many = heap.mallocMany([16, 16]);
          heap.freeMany(many);
          const codes = [
            codeOf(() => heap.malloc(0)),
            codeOf(() => heap.malloc('x')),
            codeOf(() => heap.mallocMany(5)),
            codeOf(() => heap.malloc(2 ** 52)),
            codeOf(() => new Heap({ unknown: 1 })),
            codeOf(() => heap.view(addresses[2], Uint8Array, 1e6)),
          ];
          const { bytes, fragmentation } = heap.stats();
          const { options } = Heap.list().find(({ id }) => id === heap.id);
          const shown = [bytes.mapped, fragmentation.unused > 0, options.policy];
          heap.close();
          mems.finish();
          return { addresses, codes, shown };
        });
        assert.deepEqual(seen.addresses, [1000n, 1000n, 1064n, 1080n, 1096n], name);
        assert.deepEqual(
          seen.codes,
          [
            'ERR_MEMS_INVALID_SIZE',
            TYPE,
            TYPE,
            'ERR_MEMS_OUT_OF_MEMORY',
            'ERR_INVALID_ARG_VALUE',
            'ERR_MEMS_OUT_OF_BLOCK',
          ],
          name,
        );
        assert.deepEqual(seen.shown, [65536, true, 'first-fit'], name);
      }
    });
  }
});

describe('maxSize', () => {
  test('below a page is refused, since nothing could be allocated', () => {
    for (const maxSize of [1, 100, 4095, 100n]) {
      for (const call of [() => new Heap({ maxSize }), () => mems.init({ maxSize })]) {
        assertRefused(call, 'ERR_MEMS_INVALID_SIZE', maxSize, /maxSize/, 4096);
      }
    }
    new Heap({ maxSize: 4096 }).close();
  });

  test('below minBlockSize can be used to the last byte, in one main block', () => {
    for (const options of [
      { maxSize: 8192 },
      { maxSize: 8192, minBlockSize: 1 << 20 },
      { maxSize: 12287 },
    ]) {
      // The first block of size classes has a page for itself and others of its size.
      for (const [policy, rest] of [
        ['first-fit', 8192 - 16],
        ['segregated', 4096],
      ]) {
        const heap = new Heap({ ...options, policy });
        heap.malloc(16);
        assert.equal(heap.stats().bytes.mapped, 8192);
        heap.malloc(rest);
        assertRefused(() => heap.malloc(rest), 'ERR_MEMS_OUT_OF_MEMORY');
        assert.deepEqual([heap.stats().bytes.mapped, heap.stats().counts.mainBlocks], [8192, 1]);
        heap.close();
      }
    }
  });
});
