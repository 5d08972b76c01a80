'use strict';

// Proves that a heap is an object like others: it shows what it is, works behind a Proxy and as a subclass, throws a helpful error
// when a method is called on something else, and does not look like something that can be posted.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { inspect } = require('node:util');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { POLICIES } = require('../helpers/policies.js');

const { Heap } = mems;

/** The methods and getters of a heap, each as a function to be called on a receiver. */
function methodsOf() {
  const members = Object.entries(Object.getOwnPropertyDescriptors(Heap.prototype));
  const named = members.filter(([name]) => name !== 'constructor');
  return named.map(([name, { get, value }]) => [name, get ?? value]);
}

function withHeap(body, options) {
  const heap = new Heap(options);
  try {
    body(heap);
  } finally {
    heap.close();
  }
}

describe('a heap shown by util.inspect()', () => {
  test('says its id, policy and bytes, and that it is closed', () => {
    withHeap((heap) => {
      heap.malloc(100);
      const shown = `Heap { id: ${heap.id}, policy: 'segregated', bytes: { mapped: 65536, live: 112 } }`;
      assert.equal(inspect(heap, { breakLength: Infinity }), shown);
      assert.match(inspect([[[heap]]], { depth: 2 }), /\[Heap\]/);
      heap.close();
      assert.equal(inspect(heap), `Heap { id: ${heap.id}, closed: true }`);
    });
  });

  for (const policy of Object.keys(POLICIES)) {
    test(`says that its policy is ${policy}`, () => {
      const shown = (heap) => /policy: '([^']*)'/.exec(inspect(heap))?.[1];
      withHeap((heap) => assert.equal(shown(heap), policy), { policy });
      mems.init({ policy });
      const attached = Heap.attach(0);
      assert.equal(shown(attached), policy);
      finishQuietly(mems);
      assert.equal(inspect(attached), "Heap { id: 0, error: 'ERR_MEMS_NOT_INITIALIZED' }");
    });
  }

  test('shows what a subclass adds, by its name', () => {
    class Arena extends Heap {
      rooms = 3;
    }
    const arena = new Arena();
    assert.match(inspect(arena), /^Arena \{[\s\S]*rooms: 3\s*\}$/);
    arena.close();
  });

  test('never throws', () => {
    withHeap((heap) => {
      class Sly extends Heap {
        constructor() {
          super();
          Object.defineProperty(this, 'x', { enumerable: true, get: assert.fail });
        }
      }
      const sly = new Sly();
      const throwing = new Proxy(heap, { get: assert.fail });
      for (const odd of [Object.create(heap), new Proxy(heap, {}), sly, throwing]) {
        assert.match(inspect(odd), /Heap|Sly/);
        assert.match(inspect(odd, { showProxy: true }), /Heap|Sly/);
      }
      inspect(Heap.prototype);
      sly.close();
    });
  });

  test('has nothing to list or to compare', () => {
    withHeap((heap) => {
      assert.deepEqual(Reflect.ownKeys({ ...heap }), []);
      assert.equal(JSON.stringify(heap), '{}');
    });
  });
});

describe('a heap behind a Proxy', () => {
  const uses = (heap) => {
    const address = heap.malloc(64);
    heap.view(address, Float64Array)[0] = 0.5;
    assert.equal(heap.read(address, 8).readDoubleLE(), 0.5);
    assert.equal(heap.stats().counts.live, 1);
    assert.equal([...heap.chains()].length, 1);
    heap.free(address);
  };

  test('works, whatever the Proxy puts in between', () => {
    withHeap((heap) => {
      uses(new Proxy(heap, {}));
      uses(new Proxy(heap, { get: (target, key, receiver) => Reflect.get(target, key, receiver) }));
      // In reactive stores the objects inside are Proxies as well.
      const isWrapped = (value) =>
        typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
      const deep = (target) =>
        new Proxy(target, {
          get(object, key, receiver) {
            const value = Reflect.get(object, key, receiver);
            if (value instanceof Map) return value;
            const isPlain =
              isWrapped(value) && !/Buffer/.test(Object.prototype.toString.call(value));
            return isPlain ? deep(value) : value;
          },
        });
      uses(deep(heap));
      uses(Object.create(heap));
      uses(Object.freeze(heap));
    });
  });

  test('and so does a block of allocate()', () => {
    withHeap((heap) => {
      const block = new Proxy(heap.allocate(8), {});
      block.view[0] = 7;
      assert.equal(heap.read(block.address)[0], 7);
      block.free();
      assertRefused(() => block.free(), 'ERR_MEMS_NOT_ALLOCATED', block.address);
      const { free } = block;
      for (const odd of [undefined, null, 5, {}, heap]) {
        assertRefused(() => free.call(odd), 'ERR_INVALID_THIS', /Allocation/);
      }
    });
  });

  test('is closed through it', () => {
    const heap = new Heap();
    new Proxy(heap, {}).close();
    assertRefused(() => heap.malloc(8), 'ERR_MEMS_CLOSED');
  });
});

describe('a method called on something other than a heap', () => {
  const { proxy: revoked, revoke } = Proxy.revocable(new Heap(), {});
  revoke();
  const receivers = [undefined, null, 0, 8n, 'heap', Symbol('heap'), {}, [], () => {}, revoked];
  for (const [name, method] of methodsOf()) {
    test(`${name} says so`, () => {
      for (const receiver of [
        ...receivers,
        Heap.prototype,
        Object.create(null),
        new Proxy({}, {}),
      ]) {
        const error = assertRefused(
          () => method.call(receiver, 8),
          'ERR_INVALID_THIS',
          /heap\.malloc/,
        );
        assert.ok(error instanceof TypeError);
      }
    });
  }

  test('passes on what a Proxy throws', () => {
    const own = new Error('of the trap');
    const throwing = new Proxy(new Heap(), {
      get: () => {
        throw own;
      },
    });
    for (const [, method] of methodsOf()) {
      assert.throws(
        () => method.call(throwing, 8),
        (error) => error === own,
      );
    }
  });

  test('works when it is bound', () => {
    withHeap((heap) => {
      const { malloc, free } = heap;
      free.call(heap, malloc.bind(heap)(8));
      assert.equal(heap.stats().counts.live, 0);
    });
  });
});

describe('Heap.attach()', () => {
  class Arena extends Heap {
    calls = 0;

    constructor(label, options = { maxSize: 1 << 20 }) {
      super(options);
      this.label = label;
      this.own = new Arena.Helper();
    }

    malloc(...given) {
      this.calls++;
      return super.malloc(...given);
    }
  }
  // A heap that a constructor makes for itself is another one.
  Arena.Helper = Heap;

  test('of a subclass makes one of it, whose constructor has run, and opens no heap', () => {
    const arena = new Arena('first');
    const other = Arena.attach(arena.id, 'second', { noSuchOption: true });
    assert.ok(other instanceof Arena);
    assert.deepEqual([other.label, other.calls, other.id], ['second', 0, arena.id]);
    assert.notEqual(other.own.id, arena.id);
    assert.equal(other.malloc(16), 1000n);
    assert.equal(other.calls, 1);
    assert.equal(arena.stats().counts.live, 1);
    for (const heap of [arena.own, other.own, arena]) heap.close();
  });

  test('may be called from the constructor of a subclass', () => {
    const shared = new Heap();
    class Pair extends Heap {
      constructor() {
        const before = Heap.attach(shared.id);
        super();
        this.pair = [before, Heap.attach(shared.id)];
      }
    }
    const made = new Pair();
    const attached = Pair.attach(made.id);
    assert.equal(attached.id, made.id);
    for (const { pair } of [made, attached]) {
      assert.deepEqual([pair[0].id, pair[1].id], [shared.id, shared.id]);
    }
    made.close();
    shared.close();
  });

  test('leaves nothing behind if the constructor throws', () => {
    const heap = new Heap();
    class Broken extends Heap {
      constructor(early) {
        if (early) throw new Error('before super');
        super();
        throw new Error('after super');
      }
    }
    assert.throws(() => Broken.attach(heap.id, true), /before super/);
    assert.throws(() => Broken.attach(heap.id, false), /after super/);
    const next = new Heap();
    assert.notEqual(next.id, heap.id);
    next.close();
    assert.equal(heap.malloc(16), 1000n);
    heap.close();
  });

  test('taken out of the class makes a Heap, and works on a Proxy of the class', () => {
    withHeap((heap) => {
      const { attach } = Heap;
      assert.equal(attach(heap.id).id, heap.id);
      assert.equal(attach.call({}, heap.id).constructor, Heap);
      assert.equal(new Proxy(Arena, {}).attach(heap.id).id, heap.id);
      const { proxy, revoke } = Proxy.revocable(Arena, {});
      const { attach: taken } = proxy;
      revoke();
      assert.equal(taken.call(proxy, heap.id).constructor, Heap);
    });
  });

  test('says what to send instead of a heap', () => {
    withHeap((heap) => {
      const posted = typeof structuredClone === 'function' ? structuredClone(heap) : {};
      for (const wrong of [posted, heap, JSON.parse(JSON.stringify(heap))]) {
        assertRefused(() => Heap.attach(wrong), 'ERR_INVALID_ARG_TYPE', /post heap\.id/);
      }
    });
  });
});
