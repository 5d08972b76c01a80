import { AdapterOptions, AnyHeap } from './options.js';

/**
 * A store for [keyv](https://keyv.org), 5 and 6: the entries are in a map of a heap, which other processes have as well.
 *
 * `maxBytes` and `maxEntries` make a cache of it. What keyv gives no time to live has that of `ttl`.
 *
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for options that there are not, `ERR_MEMS_MAP_NAME`. Calls reject with the
 * errors of the heap, and `set` with `ERR_MEMS_TOO_LARGE` and `ERR_MEMS_KEY_TOO_LONG`.
 * @example
 * const { Keyv } = require('keyv');
 * const { Heap } = require('@sambhav-gautam/osmemoryallocator');
 * const { KeyvStore } = require('@sambhav-gautam/osmemoryallocator/keyv');
 *
 * const heap = Heap.open('cache.mems');
 * const users = new Keyv({ store: new KeyvStore(heap, { maxBytes: 2 ** 26 }), namespace: 'users' });
 * await users.set('ada', { born: 1815 }, 60_000);
 * await users.get('ada'); // { born: 1815 }
 */
export class KeyvStore {
  constructor(heap: AnyHeap, options?: AdapterOptions);
  /** What keyv 5 knows a store by that it can iterate over. */
  readonly opts: Readonly<AdapterOptions & { dialect: string }>;
  /** The namespace whose keys {@link clear} deletes; all keys without one. keyv sets it. */
  namespace?: string;
  /** Resolves to the value of a key, or undefined. */
  get(key: string): Promise<unknown>;
  /** Resolves to the values of keys, undefined where there is none. */
  getMany(keys: string[]): Promise<unknown[]>;
  /** Resolves to whether a key has a value. */
  has(key: string): Promise<boolean>;
  /** Stores a value: a string, or what `v8.serialize` takes. With a `ttl` of 0 milliseconds or less it deletes the key. */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  /** Deletes a key. Resolves to whether it had a value. */
  delete(key: string): Promise<boolean>;
  /** Deletes all keys of {@link namespace}. */
  clear(): Promise<void>;
  /** Keys and values, those of a namespace if there is one. */
  iterator(namespace?: string): AsyncGenerator<[string, unknown], void>;
}
