'use strict';

// The look-alike of lru-cache: beside the real one, by random programs where both are to return the same, and where they differ, alone.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { LRUCache: Real } = require('lru-cache');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { LRUCache } = require('@sambhav-gautam/osmemoryallocator/lru-cache');
const { newHeap, until } = require('../helpers/heap-files.js');
const { Random, reproducible, seed } = require('../helpers/random.js');

const heap = newHeap();
let count = 0;
/** A cache in a map of its own. */
const made = (options) => new LRUCache({ heap, name: `lru-${++count}`, ...options });

const KEYS = ['', 'a', 'b', 'key', 'clé', '鍵', '🔑', 'a\0b', '__proto__', 'k'.repeat(300)];

/** A value that both caches can hold: a map's is a copy. */
function anyValue(random) {
  const kinds = [
    () => random.int(0, 999),
    () => 'text'.repeat(random.int(0, 49)),
    () => ({ list: [random.int(0, 8), null], nested: new Map([['a', new Set([1])]]) }),
    () => Buffer.alloc(random.int(0, 199), random.int(0, 255)),
    () => null,
    () => false,
    () => new Date(random.int(0, 1e9)),
    () => BigInt(random.int(0, 1e9)) ** 5n,
    () => undefined,
  ];
  return random.pick(kinds)();
}

const sorted = (entries) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

/** What one random step does with a cache, and what that returns. */
async function step(random, caches) {
  const key = random.pick(KEYS);
  const value = anyValue(random);
  const forceRefresh = random.chance(0.5);
  const steps = {
    set: (cache) => cache.set(key, value) === cache,
    live: (cache) => cache.set(key, value, { ttl: 3_600_000 }) === cache,
    get: (cache) => cache.get(key),
    peek: (cache) => cache.peek(key),
    has: (cache) => cache.has(key),
    delete: (cache) => cache.delete(key),
    fetch: (cache) => cache.fetch(key, { context: value, forceRefresh }),
    size: (cache) => cache.size,
    entries: (cache) => sorted(cache),
    keys: (cache) => [...cache.keys()].sort(),
    values: (cache) => [...cache.values()].length,
    each(cache) {
      const found = [];
      cache.forEach((each, name, own) => {
        found.push([name, each, own === cache]);
      });
      return sorted(found);
    },
    clear: (cache) => cache.clear(),
  };
  const { clear, ...others } = steps;
  const name = random.pick(Object.keys(random.chance(0.01) ? { clear } : others));
  const results = [];
  for (const cache of caches) results.push(await steps[name](cache));
  assert.deepEqual(results[0], results[1], `${name} of ${JSON.stringify(key)}, MEMS_SEED=${seed}`);
}

describe('random programs', () => {
  for (const limits of [{ max: 1000 }, { ttl: 3_600_000 }, { max: 50, ttl: 3_600_000 }]) {
    test(`return what they do with lru-cache, ${JSON.stringify(limits)}`, async (t) => {
      t.diagnostic(`MEMS_SEED=${seed}`);
      const random = new Random(limits.max ?? 0);
      const fetches = [];
      const caches = [made, (options) => new Real(options)].map((make, i) => {
        fetches[i] = [];
        const fetchMethod = async (key, stale, { context, options }) => {
          fetches[i].push([key, stale, options.ttl]);
          return context;
        };
        return make({ ...limits, fetchMethod });
      });
      for (let i = 0; i < 2000; i++) await step(random, caches);
      assert.deepEqual(fetches[0], fetches[1]);
      assert.ok(fetches[0].length > 50);
    });
  }

  test('never have more entries than max, and keep the newest', (t) =>
    reproducible(t, () => {
      const random = new Random(7);
      const caches = [made({ max: 20 }), new Real({ max: 20 })];
      for (let i = 0; i < 3000; i++) {
        const key = `key ${random.int(0, 59)}`;
        const isSet = random.chance(0.5);
        for (const cache of caches) {
          if (isSet) {
            cache.set(key, i);
            assert.equal(cache.get(key), i);
          } else {
            const value = cache.get(key);
            assert.ok(value === undefined || value < i);
          }
          assert.ok(cache.size <= 20, `size ${cache.size}`);
        }
      }
      assert.deepEqual(
        caches.map(({ size }) => size),
        [20, 20],
      );
    }));
});

test('limits are properties, as in lru-cache', () => {
  for (const options of [{ max: 5 }, { max: 7, ttl: 1000 }]) {
    const [own, real] = [made(options), new Real(options)];
    for (const name of ['max', 'maxSize', 'ttl', 'size', 'fetchMethod'])
      assert.equal(own[name], real[name], name);
    assert.equal(`${own}`, `${real}`);
  }
  assert.equal(made({ maxSize: 100_000 }).maxSize, 100_000);
});

test('an entry that has expired is not returned, and a value set anew lives anew', async () => {
  const cache = made({ ttl: 1 });
  cache.set('short', 1).set('long', 2, { ttl: 3_600_000 }).set('ever', 3, { ttl: 0 });
  await until(() => !cache.has('short'));
  assert.deepEqual(
    ['short', 'long', 'ever'].map((key) => cache.get(key)),
    [undefined, 2, 3],
  );
  assert.deepEqual([...cache.keys()].sort(), ['ever', 'long']);
  cache.set('short', 4, { ttl: 3_600_000 });
  assert.equal(cache.peek('short'), 4);
});

test('maxSize is the most bytes of the map, which includes its own', () => {
  const cache = made({ maxSize: 200_000 });
  for (let i = 0; i < 1000; i++) {
    cache.set(`key ${i}`, Buffer.alloc(1000));
    assert.ok(cache.calculatedSize <= 200_000);
  }
  assert.ok(cache.size > 100);
  assert.ok(cache.stats().evictions > 0);
  assert.throws(() => cache.set('large', Buffer.alloc(200_000)), { code: 'ERR_MEMS_TOO_LARGE' });
});

describe('differs from lru-cache, as the documents say:', () => {
  test('values are copies', () => {
    const [value, cache] = [{ list: [1] }, made({ max: 5 })];
    cache.set('key', value);
    value.list.push(2);
    assert.deepEqual(cache.get('key'), { list: [1] });
    assert.notEqual(cache.get('key'), cache.get('key'));
    assert.throws(() => cache.set('key', () => 1), /could not be cloned/);
  });

  test('keys are strings', () => {
    assert.throws(() => made({ max: 5 }).set(1, 'one'), { code: 'ERR_INVALID_ARG_TYPE' });
    const cache = made({ max: 5 });
    cache.set('\ud800', 1);
    assert.equal(cache.get('\ufffd'), 1);
  });

  test('entries that have been read mostly outlive others, and a peek is no use', () => {
    const cache = made({ max: 200 });
    for (let i = 0; i < 100; i++) cache.set(`read ${i}`, i).set(`seen ${i}`, i);
    for (let i = 0; i < 100; i++) assert.equal(cache.get(`read ${i}`), cache.peek(`seen ${i}`));
    for (let i = 0; i < 50; i++) cache.set(`new ${i}`, i);
    const kept = { read: 0, seen: 0, new: 0 };
    for (const key of cache.keys()) kept[key.split(' ')[0]]++;
    assert.equal(cache.size, 200);
    assert.ok(kept.read > kept.seen + 20, JSON.stringify(kept));
  });

  test('options that a map does not have are refused', () => {
    const refused = { code: 'ERR_INVALID_ARG_VALUE' };
    for (const name of ['dispose', 'allowStale', 'sizeCalculation', 'updateAgeOnGet', 'maxEntries'])
      assert.throws(() => made({ max: 5, [name]: 1 }), refused, name);
    assert.throws(() => made({}), refused);
    assert.throws(() => made({ max: 5, fetchMethod: 5 }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => new LRUCache({ max: 5 }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => new LRUCache(), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('a refresh that fails leaves the value', async () => {
    const fetchMethod = () => Promise.reject(new Error('no value'));
    const cache = made({ max: 5, fetchMethod }).set('key', 1);
    await assert.rejects(cache.fetch('key', { forceRefresh: true }), /no value/);
    assert.equal(cache.get('key'), 1);
    await assert.rejects(cache.fetch('other'), /no value/);
    assert.equal(cache.has('other'), false);
  });
});

test('without a fetchMethod fetch() gets', async () => {
  const cache = made({ max: 5 }).set('key', 1);
  assert.deepEqual([await cache.fetch('key'), await cache.fetch('none')], [1, undefined]);
});

test('of many calls of fetch() at once, by two caches of a name, one makes the value', async () => {
  let calls = 0;
  const options = { name: 'one flight', max: 5, fetchMethod: async (key) => `${key} ${++calls}` };
  const caches = [made(options), made(options)];
  const values = await Promise.all(
    Array.from({ length: 20 }, (_, i) => caches[i % 2].fetch('key')),
  );
  assert.deepEqual(new Set(values), new Set(['key 1']));
});

test('a value is there in another process, which may make it as well', async () => {
  const cache = made({ name: 'shared', max: 5 });
  cache.set('key', { from: process.pid });
  const other = fork(path.join(__dirname, 'lru-cache-process.js'), [heap.path, 'shared']);
  const [said] = await once(other, 'message');
  assert.deepEqual(said, { from: process.pid });
  assert.deepEqual(cache.get('other'), { from: other.pid });
  const [code] = await once(other, 'exit');
  assert.equal(code, 0);
});

test('a cache may be in a heap in memory', () => {
  const own = new Heap();
  const cache = new LRUCache({ heap: own, max: 2 });
  cache.set('key', 1);
  assert.equal(new LRUCache({ heap: own, max: 2 }).get('key'), 1);
  own.close();
  assert.throws(() => cache.get('key'), { code: 'ERR_MEMS_CLOSED' });
});
