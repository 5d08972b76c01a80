// A cache with the methods of lru-cache, in a map of a heap.
//
// Options of lru-cache that a map cannot have, such as `dispose` or `allowStale`, are refused, so that no program relies on them. What
// differs besides is in docs/adapters.md.
//
// Costs: those of the map's calls, and of v8.serialize and v8.deserialize for values, which are copied in and out.

'use strict';

const { fail, wrongType } = require('../lib/arguments.js');
const { checked, mapOf } = require('./open.js');

const NAMES = ['heap', 'max', 'maxSize', 'ttl', 'fetchMethod', 'encoding'];
const OF_MAPS = ['shards', 'checksum'];

/** A time to live as lru-cache takes it: 0 and nothing are for ever. */
const ttlIn = (options, otherwise) => options?.ttl ?? otherwise;

class LRUCache {
  #map;
  #ttl;
  #fetchMethod;

  constructor(given) {
    const options = checked(given?.heap, given, 'LRUCache', NAMES, OF_MAPS);
    const { heap, name = 'lru-cache', max = 0, maxSize = 0, ttl = 0 } = options;
    const { encoding = 'v8', fetchMethod } = options;
    if (max === 0 && maxSize === 0 && ttl === 0) {
      const message = 'One of the options max, maxSize and ttl is needed at least';
      throw fail(TypeError, 'ERR_INVALID_ARG_VALUE', message);
    }
    if (fetchMethod !== undefined && typeof fetchMethod !== 'function')
      throw wrongType('options.fetchMethod', 'a function', fetchMethod);
    this.#ttl = ttl;
    this.#fetchMethod = fetchMethod;
    this.#map = mapOf(heap, name, options, { encoding, maxEntries: max, maxBytes: maxSize });
  }

  get max() {
    return limitOf(this.#map.stats().maxEntries);
  }

  get maxSize() {
    return limitOf(this.#map.stats().maxBytes);
  }

  get ttl() {
    return this.#ttl;
  }

  get fetchMethod() {
    return this.#fetchMethod;
  }

  get size() {
    return this.#map.size;
  }

  get calculatedSize() {
    return this.#map.stats().bytes;
  }

  get(key) {
    return this.#map.get(key);
  }

  peek(key) {
    return this.#map.peek(key);
  }

  has(key) {
    return this.#map.has(key);
  }

  set(key, value, options) {
    if (value === undefined) this.#map.delete(key);
    else this.#map.set(key, value, { ttl: ttlIn(options, this.#ttl) });
    return this;
  }

  delete(key) {
    return this.#map.delete(key);
  }

  clear() {
    this.#map.clear();
  }

  async fetch(key, options = {}) {
    const fetchMethod = this.#fetchMethod;
    if (fetchMethod === undefined) return this.#map.get(key);
    const { context, forceRefresh = false, signal } = options;
    const ttl = ttlIn(options, this.#ttl);
    const make = (stale) =>
      fetchMethod(key, stale, { signal, options: { ...options, ttl }, context });
    if (!forceRefresh) return this.#map.fetch(key, () => make(undefined), { ttl });
    const value = await make(this.#map.peek(key));
    if (value !== undefined) this.#map.set(key, value, { ttl });
    return value;
  }

  forEach(call, self = this) {
    for (const [key, value] of this.#map) call.call(self, value, key, this);
  }

  entries() {
    return this.#map.entries();
  }

  keys() {
    return this.#map.keys();
  }

  values() {
    return this.#map.values();
  }

  stats() {
    return this.#map.stats();
  }

  [Symbol.iterator]() {
    return this.#map.entries();
  }

  get [Symbol.toStringTag]() {
    return 'LRUCache';
  }
}

/** A limit as lru-cache shows it: 0 is none. */
const limitOf = (limit) => (limit === Number.POSITIVE_INFINITY ? 0 : limit);

module.exports = { LRUCache };
