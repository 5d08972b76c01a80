// A store for keyv, 5 and 6, in a map of a heap.
//
// keyv 5 puts the namespace and a colon before each key, and sets the store's property `namespace` for clear() and iterator(). keyv 6
// wraps a store that is not made for it alone, and puts the namespace and two colons before each key itself.
//
// deleteMany, setMany and hasMany are left to keyv, which calls the store for each key: a map does not do many in fewer steps, and keyv 5
// and 6 differ in what they take from these.
//
// Costs: those of the map's calls; clear() of a namespace and iterator() look at all keys of the map.

'use strict';

const { checked, mapOf } = require('./open.js');

/** What keyv 5 knows a store by that it can iterate over: a name from a list of its own. */
const DIALECT = 'sqlite';

class KeyvStore {
  #map;
  // keyv serializes values to strings, if it is not told otherwise. Other values are objects. Each entry says which of the two it is, and an
  // object for 'v8' reads both.
  #strings;

  constructor(heap, given) {
    const options = checked(heap, given, 'KeyvStore', []);
    const { name = 'keyv' } = options;
    this.#map = mapOf(heap, name, options, { encoding: 'v8' });
    this.#strings = mapOf(heap, name, options, { encoding: 'string' });
    this.opts = { dialect: DIALECT, ...options };
  }

  async get(key) {
    return this.#map.get(key);
  }

  async getMany(keys) {
    return keys.map((key) => this.#map.get(key));
  }

  async has(key) {
    return this.#map.has(key);
  }

  async set(key, value, ttl) {
    if (ttl <= 0) {
      this.#map.delete(key);
      return true;
    }
    const map = typeof value === 'string' ? this.#strings : this.#map;
    map.set(key, value, ttl === undefined || ttl === null ? undefined : { ttl });
    return true;
  }

  async delete(key) {
    return this.#map.delete(key);
  }

  async clear() {
    const before = prefixOf(this.namespace);
    if (before === '') return this.#map.clear();
    for (const key of this.#map.keys()) if (`${key}`.startsWith(before)) this.#map.delete(key);
  }

  async *iterator(namespace) {
    const before = prefixOf(namespace);
    for (const entry of this.#map) if (`${entry[0]}`.startsWith(before)) yield entry;
  }
}

/** What the keys of a namespace begin with. */
const prefixOf = (namespace) =>
  namespace === undefined || namespace === '' ? '' : `${namespace}:`;

module.exports = { KeyvStore };
