'use strict';

// Proves that a heap returns its addresses as BigInts or as numbers, whichever its object was made to return, from every call;
// that calls take either; and what numbers are refused by which error.

const { after, afterEach, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { inspect } = require('node:util');
const { Worker } = require('node:worker_threads');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { readNumber, readPhysical, writeNumber } = require('../../lib/addresses.js');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { POLICIES } = require('../helpers/policies.js');
const { Random, reproducible } = require('../helpers/random.js');

const { Heap } = mems;
const root = JSON.stringify(require.resolve('@sambhav-gautam/osmemoryallocator'));

const TYPE = 'ERR_INVALID_ARG_TYPE';
const RANGE = 'ERR_MEMS_OUT_OF_RANGE';
const KINDS = ['bigint', 'number'];
const OF = { bigint: BigInt, number: Number };
const OTHER = { bigint: Number, number: BigInt };

/** Numbers that cannot be addresses. */
const BAD_NUMBERS = [NaN, -1, -1000, 0.5, 1000.5, 2 ** 53, 2 ** 64 + 4096, Infinity, -Infinity];
/** Numbers that could be addresses, and are not in a heap of one main block. */
const OUTSIDE = [0, -0, 999, 2 ** 31, 2 ** 32, 2 ** 32 + 1000, 2 ** 40, Number.MAX_SAFE_INTEGER];
/** What is neither a BigInt nor a number. Conversion would make 1000 of most of it. */
const trap = () => {
  throw new Error('the argument was converted');
};
const NEITHER = [
  undefined,
  null,
  true,
  '1000',
  [1000],
  {},
  Object(1000),
  Object(1000n),
  Symbol('1000'),
  { valueOf: trap, toString: trap },
];

afterEach(() => finishQuietly(mems));

function withHeap(options, body) {
  const heap = new Heap(options);
  try {
    return body(heap);
  } finally {
    heap.close();
  }
}

/**
 * Heaps whose calls take another way each: through the addon, and in JavaScript as long as only one thread knows the heap
 * (nobody reads its id).
 */
const WAYS = { 'in the addon': {}, 'in a front': { policy: 'segregated' } };

/** A heap that has been called often enough to have a front, if it is of a kind that gets one. */
function warmed(heap) {
  for (let i = 0; i < 200; i++) heap.free(heap.malloc(64));
  return heap;
}

/** Every call that takes an address, as a function of a heap, the address of a live block of 64 bytes, and that of another. */
const TAKERS = {
  realloc: (heap, address) => heap.realloc(address, 64),
  get: (heap, address) => heap.get(address),
  free: (heap, address) => heap.free(address),
  buffer: (heap, address) => heap.buffer(address),
  'buffer of a length': (heap, address) => heap.buffer(address, 8, { shared: false }),
  view: (heap, address) => heap.view(address),
  'view of a type': (heap, address) => heap.view(address, Float64Array, 2),
  read: (heap, address) => heap.read(address),
  write: (heap, address) => heap.write(address, 'text'),
  'copy to': (heap, address, first) => heap.copy(address, BigInt(first), 8),
  'copy from': (heap, address, first) => heap.copy(Number(first), address, 8),
  fill: (heap, address) => heap.fill(address, 7),
  'compare the first': (heap, address, first) => heap.compare(address, BigInt(first), 8),
  'compare the second': (heap, address, first) => heap.compare(Number(first), address, 8),
  usableSize: (heap, address) => heap.usableSize(address),
  blockOf: (heap, address) => heap.blockOf(address),
  freeMany: (heap, address) => heap.freeMany([address]),
};

for (const kind of KINDS) {
  describe(`a heap whose addresses are of type ${kind}`, () => {
    const of = OF[kind];
    const other = OTHER[kind];
    const ListOf = kind === 'number' ? Float64Array : BigUint64Array;
    const made = (options) => new Heap({ ...options, addresses: kind });

    for (const policy of Object.keys(POLICIES)) {
      test(`returns them so from every call, with ${policy}`, () => {
        const heap = made({ policy, alignment: 16 });
        const twin = Heap.attach(heap.id, { addresses: kind === 'number' ? 'bigint' : 'number' });
        const seen = [];
        const see = (address, call) => {
          assert.equal(typeof address, kind, call);
          assert.ok(heap.owns(address) && twin.owns(other(address)), call);
          assert.equal(twin.blockOf(address).address, other(address), call);
          seen.push(address);
          return address;
        };
        const first = see(heap.malloc(64), 'malloc');
        assert.equal(first, of(1000));
        see(heap.malloc(64n), 'malloc of a BigInt');
        see(heap.malloc(64, { alignment: 64 }), 'malloc with options');
        see(heap.calloc(2, 3), 'calloc');
        const aligned = see(heap.alignedAlloc(256, 64), 'alignedAlloc');
        see(heap.realloc(see(heap.malloc(16), 'malloc'), 60_000), 'realloc');
        seen.splice(seen.length - 2, 1);
        see(heap.mallocAs(Float64Array, 4).address, 'mallocAs');
        const block = heap.allocate(100);
        see(block.address, 'allocate');
        assert.equal(block.view.length, 100);
        const many = heap.mallocMany([16, 32n, 48]);
        assert.equal(many.constructor, ListOf);
        for (const address of many) see(address, 'mallocMany');
        assert.deepEqual(heap.blockOf(first), {
          address: first,
          size: 64,
          usableSize: heap.usableSize(first),
        });
        // The last byte of a block is inside it, whichever way it is named.
        const last = Number(first) + 63;
        assert.equal(heap.blockOf(last).address, first);
        assert.equal(heap.blockOf(BigInt(last)).address, first);
        const physical = heap.get(first);
        assert.equal(typeof physical, kind);
        assert.equal(heap.get(last), physical + of(63));
        assert.equal(BigInt(heap.get(aligned)) % 256n, 0n);
        assert.equal(BigInt(physical), BigInt(twin.get(first)));

        const sorted = [...seen].sort((a, b) => Number(a - b));
        const listed = [...heap.leaks()].map(({ address }) => address);
        assert.deepEqual(listed, sorted);
        assert.deepEqual(
          [...twin.leaks()].map(({ address }) => address),
          sorted.map(other),
        );
        const live = [];
        for (const { start, size, segments } of heap.chains()) {
          assert.equal(typeof start, kind);
          assert.equal(typeof size, 'number');
          for (const segment of segments) {
            assert.equal(typeof segment.start, kind);
            if (segment.kind === 'live') live.push(segment.start);
          }
        }
        assert.deepEqual(live, sorted);

        block.free();
        assert.throws(() => block.free(), { message: new RegExp(` ${block.address} `) });
        heap.freeMany(seen.filter((address) => address !== block.address));
        assert.equal(heap.stats().counts.live, 0);
        heap.verify();
        heap.close();
      });
    }

    for (const [way, options] of Object.entries(WAYS)) {
      for (const [call, take] of Object.entries(TAKERS)) {
        test(`takes a BigInt and a number, ${way}: ${call}`, () => {
          for (const convert of [BigInt, Number]) {
            withHeap({ ...options, addresses: kind }, (heap) => {
              const [first, block] = [warmed(heap).malloc(64), heap.malloc(64)];
              heap.fill(first, 7);
              heap.fill(block, 7);
              take(heap, convert(block), first);
              const isFreed = call.startsWith('free');
              assert.equal(heap.owns(block), !isFreed);
              assert.equal(heap.stats().counts.live, isFreed ? 1 : 2);
              // What was freed as one or the other is returned as what the heap returns.
              for (let i = 0; i < 100; i++) assert.equal(typeof heap.malloc(64), kind);
              heap.verify();
            });
          }
        });

        test(`refuses numbers that are no address, and changes nothing, ${way}: ${call}`, () => {
          withHeap({ ...options, addresses: kind }, (heap) => {
            const first = warmed(heap).malloc(64);
            const freed = heap.malloc(64);
            heap.free(freed);
            const before = heap.stats();
            const refused = (bad, ...rest) => assertRefused(() => take(heap, bad, first), ...rest);
            for (const bad of [...BAD_NUMBERS, ...OUTSIDE]) {
              refused(bad, RANGE, /is outside/);
              assert.equal(heap.owns(bad), false);
            }
            for (const bad of [-1n, 0n, 2n ** 53n, 2n ** 64n, 2n ** 64n + 1000n, 2n ** 200n]) {
              refused(bad, RANGE);
            }
            for (const bad of NEITHER) {
              refused(bad, TYPE, /BigInt or a number/);
              assertRefused(() => heap.owns(bad), TYPE, /BigInt or a number/);
            }
            for (const convert of [BigInt, Number]) {
              refused(convert(freed), 'ERR_MEMS_NOT_ALLOCATED', freed);
            }
            assert.deepEqual(heap.stats(), before);
            heap.verify();
            heap.close();
            for (const bad of [NaN, -1, Number(first)]) refused(bad, 'ERR_MEMS_CLOSED');
          });
        });
      }
    }

    test('names an address that is freed twice, or is inside a block, as it is', () => {
      withHeap({ addresses: kind }, (heap) => {
        const address = heap.malloc(100);
        assertRefused(() => heap.free(Number(address) + 1), 'ERR_MEMS_NOT_BLOCK_START', 1001);
        heap.free(address);
        for (const convert of [BigInt, Number]) {
          assertRefused(() => heap.free(convert(address)), 'ERR_MEMS_NOT_ALLOCATED', 1000);
        }
      });
    });

    test('frees lists of all sorts', () => {
      const lists = {
        'an array of numbers': (all) => Array.from(all, Number),
        'an array of BigInts': (all) => Array.from(all, BigInt),
        'an array of both': (all) =>
          Array.from(all, (address, i) => (i % 2 ? Number : BigInt)(address)),
        'a Float64Array': (all) => Float64Array.from(all, Number),
        'a BigUint64Array': (all) => BigUint64Array.from(all, BigInt),
        'a BigInt64Array': (all) => BigInt64Array.from(all, BigInt),
        'a Uint32Array': (all) => Uint32Array.from(all, Number),
        'a Float64Array over shared memory': (all) =>
          new Float64Array(new SharedArrayBuffer(8 * all.length)).map((_, i) => Number(all[i])),
        'a Proxy of an array': (all) => new Proxy(Array.from(all, Number), {}),
        'a list longer than a copy has room for at first': (all) => Array.from(all, Number),
      };
      withHeap({ addresses: kind }, (heap) => {
        for (const [name, make] of Object.entries(lists)) {
          const count = name.startsWith('a list') ? 5000 : 50;
          const all = heap.mallocMany(new Array(count).fill(16));
          heap.freeMany(make(all));
          assert.equal(heap.stats().counts.live, 0, name);
        }
        heap.freeMany([]);
        heap.freeMany(new Float64Array());
        heap.verify();
      });
    });

    test('frees no block of a list with a number that is no address', () => {
      withHeap({ addresses: kind }, (heap) => {
        const all = Array.from(heap.mallocMany([16, 16, 16]), Number);
        const before = heap.stats();
        for (const bad of [...BAD_NUMBERS, ...OUTSIDE]) {
          for (const list of [
            [...all, bad],
            [BigInt(all[0]), bad, all[1]],
            Float64Array.of(...all, bad),
          ]) {
            assertRefused(() => heap.freeMany(list), RANGE);
          }
        }
        for (const bad of NEITHER) assertRefused(() => heap.freeMany([...all, bad]), TYPE);
        assertRefused(
          () => heap.freeMany([all[0], BigInt(all[0])]),
          'ERR_MEMS_NOT_ALLOCATED',
          all[0],
        );
        assertRefused(
          () => heap.freeMany(Float64Array.of(all[1], all[1])),
          'ERR_MEMS_NOT_ALLOCATED',
        );
        assert.deepEqual(heap.stats(), before);
      });
    });

    test('reads a list of numbers once, whatever another thread writes to it', () => {
      withHeap({ addresses: kind }, (heap) => {
        const block = Number(heap.malloc(16));
        let reads = 0;
        const list = [0];
        Object.defineProperty(list, 0, { get: () => (reads++ === 0 ? block : NaN) });
        heap.freeMany(list);
        assert.equal(reads, 1);
      });
    });

    test('allocates lists of all sorts of sizes', () => {
      withHeap({ addresses: kind }, (heap) => {
        const sizes = [1, 16, 70_000];
        for (const list of [
          sizes,
          sizes.map(BigInt),
          [1, 16n, 70_000],
          Float64Array.from(sizes),
          Uint32Array.from(sizes),
          BigInt64Array.from(sizes.map(BigInt)),
        ]) {
          const all = heap.mallocMany(list);
          assert.equal(all.constructor, ListOf);
          assert.deepEqual(
            Array.from(all, (address) => heap.blockOf(address).size),
            sizes,
          );
          heap.freeMany(all);
        }
        assert.equal(heap.mallocMany([]).constructor, ListOf);
        for (const bad of [0, -1, 0.5, NaN, Infinity, 2 ** 53]) {
          assertRefused(
            () => heap.mallocMany(Float64Array.of(8, bad)),
            'ERR_MEMS_INVALID_SIZE',
            /Received/,
          );
          assertRefused(() => heap.mallocMany([8, bad]), 'ERR_MEMS_INVALID_SIZE');
        }
        assert.equal(heap.stats().counts.live, 0);
      });
    });

    test('works with tracked, hardened and clearing heaps', () => {
      for (const option of ['trackAllocations', 'hardened', 'zeroOnFree']) {
        withHeap({ addresses: kind, [option]: true }, (heap) => {
          const address = heap.malloc(100);
          assert.equal(typeof address, kind);
          const moved = heap.realloc(OTHER[kind](address), 200_000);
          assert.equal(typeof moved, kind);
          const [leak] = heap.leaks();
          assert.equal(leak.address, moved);
          heap.free(other(moved));
          assertRefused(() => heap.free(moved), 'ERR_MEMS_NOT_ALLOCATED', moved);
        });
      }
    });

    test('has addresses far above 2^32', { skip: process.platform === 'win32' }, () => {
      // Nothing of it is touched.
      withHeap({ addresses: kind }, (heap) => {
        const gib = 2 ** 30;
        const blocks = Array.from({ length: 6 }, () => heap.malloc(gib));
        const last = blocks[5];
        assert.ok(last > 2 ** 32, `${last}`);
        assert.equal(typeof last, kind);
        for (const convert of [BigInt, Number]) {
          assert.equal(heap.blockOf(convert(last) + convert(gib - 1)).address, last);
          assert.equal(heap.view(convert(last), Uint8Array, 16).length, 16);
          assert.equal(heap.get(convert(last)), heap.get(last));
        }
        heap.write(Number(last), 'far');
        assert.equal(heap.read(BigInt(last), 3).toString(), 'far');
        const many = heap.mallocMany([gib, gib]);
        assert.ok(many[1] > 2 ** 32);
        heap.freeMany(Array.from(many, other));
        heap.free(other(last));
        assert.equal(heap.owns(last), false);
        const starts = [...heap.chains()].flatMap(({ segments }) =>
          [...segments].map(({ start }) => start),
        );
        assert.ok(starts.includes(blocks[4]), 'in the chains as well');
        assert.ok(
          starts.every((start) => typeof start === kind && Number.isSafeInteger(Number(start))),
        );
      });
    });
  });
}

describe('a random program', () => {
  for (const policy of Object.keys(POLICIES)) {
    test(`has the same addresses in both kinds of heap, with ${policy}`, (t) =>
      reproducible(t, () => {
        const random = new Random();
        const heaps = KINDS.map((addresses) => new Heap({ policy, addresses }));
        // The call in both heaps, with an address that is of either type in either heap.
        const both = (call, ...places) => {
          const results = heaps.map((heap) =>
            call(heap, ...places.map((place) => random.pick([BigInt, Number])(place))),
          );
          assert.deepEqual(results.map(Number), Array(2).fill(Number(results[0])));
          for (const [i, kind] of KINDS.entries()) {
            if (results[i] !== undefined) assert.equal(typeof results[i], kind);
          }
          return results[1];
        };
        const live = [];
        for (let step = 0; step < 2000; step++) {
          const size = random.int(1, random.pick([64, 1000, 30_000]));
          const at = random.int(0, Math.max(0, live.length - 1));
          const kind = live.length === 0 ? 0 : random.int(0, 5);
          if (kind < 2) live.push({ address: both((heap) => heap.malloc(size)), size });
          else if (kind === 2) live.push({ address: both((heap) => heap.calloc(1, size)), size });
          else if (kind === 3) {
            const address = both((heap, p) => heap.realloc(p, size), live[at].address);
            live[at] = { address, size };
          } else if (kind === 4) {
            const inside = live[at].address + random.int(0, live[at].size - 1);
            assert.equal(
              both((heap, p) => heap.blockOf(p).address, inside),
              live[at].address,
            );
          } else {
            const [{ address }] = live.splice(at, 1);
            both((heap, p) => heap.free(p), address);
            for (const heap of heaps) {
              assertRefused(() => heap.free(address), 'ERR_MEMS_NOT_ALLOCATED', address);
            }
          }
        }
        for (const heap of heaps) {
          heap.freeMany(live.map(({ address }) => random.pick([BigInt, Number])(address)));
          assert.equal(heap.stats().counts.live, 0);
          heap.verify();
          heap.close();
        }
      }));
  }
});

describe('addresses of the default heap', () => {
  test('are BigInts for the functions of the module, which take no others', () => {
    mems.init();
    const calls = {
      realloc: (address) => mems.realloc(address, 8),
      get: mems.get,
      free: mems.free,
      buffer: mems.buffer,
      view: mems.view,
      read: mems.read,
      write: (address) => mems.write(address, 'a'),
      'copy to': (address) => mems.copy(address, 1000n, 1),
      'copy from': (address) => mems.copy(1000n, address, 1),
      fill: (address) => mems.fill(address, 1),
      'compare the first': (address) => mems.compare(address, 1000n, 1),
      'compare the second': (address) => mems.compare(1000n, address, 1),
      usableSize: mems.usableSize,
      blockOf: mems.blockOf,
      owns: mems.owns,
      freeMany: (address) => mems.freeMany([address]),
      'freeMany of a typed array': (address) => mems.freeMany(Float64Array.of(address)),
    };
    const address = mems.malloc(64);
    assert.equal(address, 1000n);
    for (const call of Object.values(calls)) {
      for (const number of [1000, 0, -1, NaN, 2 ** 53]) {
        assertRefused(() => call(number), TYPE, /"address" argument must be a BigInt, as malloc/);
      }
    }
    assert.equal(mems.stats().counts.live, 1);
    assert.equal(mems.mallocMany([8]).constructor, BigUint64Array);
  });

  test('are numbers for an object that was attached so, and either is taken', () => {
    mems.init();
    const numbers = Heap.attach(0, { addresses: 'number' });
    const bigints = Heap.attach(0);
    assert.equal(numbers.malloc(64), 1000);
    assert.equal(bigints.malloc(64), 1064n);
    assert.equal(mems.malloc(64), 1128n);
    const { address, view } = numbers.mallocAs(Uint16Array, 4);
    assert.deepEqual([address, view.length], [1192, 4]);
    const block = numbers.allocate(8);
    assert.equal(block.address, 1200);
    block.free();
    bigints.free(1000);
    numbers.free(1064n);
    numbers.free(1128);
    mems.free(1192n);
    assert.equal(mems.stats().counts.live, 0);
    // A block of a default heap that has ended is not found in the next one.
    const stale = numbers.allocate(8);
    finishQuietly(mems);
    mems.init();
    assert.equal(numbers.malloc(8), 1000);
    assertRefused(() => stale.free(), 'ERR_MEMS_CLOSED');
  });

  test('cannot be chosen for init(), which refuses the option by its name', () => {
    for (const addresses of KINDS) {
      assertRefused(
        () => mems.init({ addresses }),
        'ERR_INVALID_ARG_VALUE',
        /"addresses" is not an option of init/,
      );
    }
    assertRefused(() => mems.stats(), 'ERR_MEMS_NOT_INITIALIZED');
  });
});

describe('the option addresses', () => {
  test("is 'bigint', which is the default, or 'number'", () => {
    for (const options of [undefined, {}, { addresses: undefined }, { addresses: 'bigint' }]) {
      withHeap(options, (heap) => assert.equal(heap.malloc(8), 1000n));
    }
    withHeap({ addresses: 'number', maxSize: 1 << 20 }, (heap) =>
      assert.equal(heap.malloc(8), 1000),
    );
  });

  test('is refused if it is anything else, and no heap is opened', () => {
    const before = Heap.list().length;
    withHeap({}, ({ id }) => {
      for (const addresses of [
        '',
        'numbers',
        'BigInt',
        null,
        1,
        1n,
        true,
        Number,
        {},
        ['number'],
        Symbol('number'),
      ]) {
        const named = /"options\.addresses" argument must be 'bigint' or 'number'/;
        assertRefused(() => new Heap({ addresses }), TYPE, named);
        assertRefused(() => Heap.attach(id, { addresses }), TYPE, named);
      }
      assertRefused(
        () => new Heap({ adresses: 'number' }),
        'ERR_INVALID_ARG_VALUE',
        /adresses.* addresses,/,
      );
    });
    assert.equal(Heap.list().length, before);
  });

  test('is no one’s who only inherits it', () => {
    const polluted = Object.create({ addresses: 'number' });
    withHeap(polluted, (heap) => assert.equal(heap.malloc(8), 1000n));
  });

  test('is the object’s and not the heap’s, so that Heap.list() does not have it', () => {
    withHeap({ addresses: 'number' }, ({ id }) => {
      const { options } = Heap.list().find((entry) => entry.id === id);
      assert.equal('addresses' in options, false);
    });
  });
});

describe('Heap.attach()', () => {
  let heap;
  before(() => {
    heap = new Heap({ addresses: 'number' });
    heap.malloc(16);
  });
  after(() => heap.close());

  const kindOf = (object) => typeof object.blockOf(1000).address;

  test('chooses for itself, whatever the heap was made with', () => {
    assert.equal(kindOf(heap), 'number');
    assert.equal(kindOf(Heap.attach(heap.id)), 'bigint');
    assert.equal(kindOf(Heap.attach(heap.id, {})), 'bigint');
    assert.equal(kindOf(Heap.attach(heap.id, { addresses: 'bigint' })), 'bigint');
    const numbers = Heap.attach(heap.id, { addresses: 'number' });
    assert.equal(kindOf(numbers), 'number');
    assert.equal(kindOf(Heap.attach(numbers.id)), 'bigint');
  });

  test('looks at no other option, and ignores what is no object', () => {
    const options = { addresses: 'number', maxSize: 1 << 20, noSuchOption: true };
    assert.equal(kindOf(Heap.attach(heap.id, options)), 'number');
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    for (const ignored of [undefined, null, 0, 1n, 'number', [], revoked, () => {}]) {
      assert.equal(kindOf(Heap.attach(heap.id, ignored)), 'bigint');
    }
    const { attach } = Heap;
    assert.deepEqual([heap.id, heap.id].map(attach).map(kindOf), ['bigint', 'bigint']);
    assert.equal(kindOf(attach(heap.id, { addresses: 'number' })), 'number');
  });

  test('of a subclass returns what its constructor says', () => {
    class Plain extends Heap {}
    class OfNumbers extends Heap {
      constructor(label) {
        super({ addresses: 'number', maxSize: 1 << 20 });
        this.label = label;
      }
    }
    class Choosing extends Heap {
      constructor(label, addresses) {
        super({ addresses });
        this.label = label;
      }
    }
    assert.equal(kindOf(Plain.attach(heap.id)), 'bigint');
    assert.equal(kindOf(Plain.attach(heap.id, { addresses: 'number' })), 'number');
    const attached = OfNumbers.attach(heap.id, 'label');
    assert.deepEqual([kindOf(attached), attached.label], ['number', 'label']);
    // An argument of the subclass's own, not an option.
    const object = { addresses: 'bigint' };
    const other = OfNumbers.attach(heap.id, object);
    assert.equal(kindOf(other), 'number');
    assert.equal(other.label, object);
    assert.equal(kindOf(Choosing.attach(heap.id, 'label')), 'bigint');
    assert.equal(kindOf(Choosing.attach(heap.id, 'label', 'number')), 'number');
    assertRefused(() => Choosing.attach(heap.id, 'label', 'odd'), TYPE, /options\.addresses/);
    // The heap that could not be attached to is not taken by the next object.
    withHeap({}, ({ id }) => assert.notEqual(id, heap.id));
  });
});

describe('a heap of numbers is an object like others', () => {
  test('a subclass with methods of its own has them called', () => {
    class Counting extends Heap {
      calls = 0;

      constructor() {
        super({ addresses: 'number' });
      }

      malloc(...given) {
        this.calls++;
        return super.malloc(...given);
      }

      free(address) {
        this.calls++;
        super.free(address);
      }
    }
    const heap = new Counting();
    const first = heap.malloc(64);
    assert.equal(typeof first, 'number');
    const { address } = heap.mallocAs(Uint8Array, 8);
    assert.equal(typeof address, 'number');
    heap.free(BigInt(address));
    assert.deepEqual([heap.owns(address), heap.owns(first), heap.calls], [false, true, 3]);
    heap.close();
  });

  test('works behind a Proxy, as an object that inherits from it, and frozen', () => {
    withHeap({ addresses: 'number' }, (heap) => {
      for (const object of [new Proxy(heap, {}), Object.create(heap), Object.freeze(heap)]) {
        const address = object.malloc(64);
        assert.equal(typeof address, 'number');
        assert.equal(typeof object.get(address), 'number');
        object.view(address, Float64Array)[0] = 0.5;
        assert.equal(object.read(address, 8).readDoubleLE(), 0.5);
        object.free(address);
      }
    });
  });

  test('allocates nothing if a trap of a Proxy throws', () => {
    withHeap({ addresses: 'number' }, (heap) => {
      // Whichever property is read last: a call reads all that it needs before it changes something.
      for (let reads = 0; reads < 3; reads++) {
        for (const call of [
          (object) => object.calloc(1, 8),
          (object) => object.alignedAlloc(8, 8),
          (object) => object.allocate(8),
          (object) => object.mallocMany([8]),
          (object) => object.malloc(8),
        ]) {
          let left = reads + 1;
          const failing = new Proxy(heap, {
            get(target, key) {
              if (typeof key === 'symbol' && left-- === 0) throw new Error('of the trap');
              return Reflect.get(target, key);
            },
          });
          const live = heap.stats().counts.live;
          try {
            call(failing);
          } catch (error) {
            assert.equal(error.message, 'of the trap');
            assert.equal(heap.stats().counts.live, live);
          }
        }
      }
    });
  });

  test('shows what it did', () => {
    withHeap({ addresses: 'number' }, (heap) => {
      heap.malloc(100);
      const [, shown] = /^Heap (\{.*\})$/s.exec(inspect(heap, { breakLength: Infinity }));
      assert.match(shown, /id: \d+, policy: '[^']*', bytes: \{ mapped: 65536, live: 112 \}/);
      assert.deepEqual(Reflect.ownKeys({ ...heap }), []);
      const address = heap.malloc(8);
      assert.equal(JSON.stringify({ address }), `{"address":${String(address)}}`);
    });
  });

  test('gives a worker a number that it can use, and gets one back', async () => {
    const heap = new Heap({ addresses: 'number' });
    const { address, view } = heap.mallocAs(Int32Array, 4);
    const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      const { Heap } = require(${root});
      const { id, address } = workerData;
      const numbers = Heap.attach(id, { addresses: 'number' });
      const bigints = Heap.attach(id);
      numbers.view(address, Int32Array)[0] = 1;
      bigints.view(address, Int32Array)[1] = 2;
      parentPort.postMessage([numbers.malloc(100), bigints.malloc(100), numbers.mallocMany([8, 8])]);`;
    const worker = new Worker(source, { eval: true, workerData: { id: heap.id, address } });
    const [number, bigint, many] = await new Promise((resolve, reject) => {
      worker.once('message', resolve).once('error', reject);
    });
    assert.deepEqual(
      [typeof number, typeof bigint, many.constructor],
      ['number', 'bigint', Float64Array],
    );
    assert.deepEqual([...view], [1, 2, 0, 0]);
    heap.freeMany([number, bigint, ...many, address]);
    assert.equal(heap.stats().counts.live, 0);
    await worker.terminate();
    heap.close();
  });
});

describe('whole numbers of 64 bits, in two halves', () => {
  const bits = new BigUint64Array(1);
  const halves = new Uint32Array(bits.buffer);

  test('are numbers as long as these are exact', () => {
    for (const number of [
      0,
      1,
      1000,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 32 + 1,
      2 ** 47 + 12_345,
      2 ** 53 - 1,
    ]) {
      writeNumber(halves, 0, number);
      assert.equal(bits[0], BigInt(number));
      assert.equal(readNumber(halves, 0), number);
      assert.equal(readPhysical(halves, 0, 1000), number);
    }
  });

  test('are refused as physical addresses beyond that, with a way to have them', () => {
    for (const physical of [2n ** 53n, 2n ** 56n + 4096n, 2n ** 64n - 1n]) {
      bits[0] = physical;
      assertRefused(
        () => readPhysical(halves, 0, 1000),
        RANGE,
        1000,
        2 ** 53 - 1,
        /Heap\.attach\(heap\.id\)/,
      );
    }
  });
});
