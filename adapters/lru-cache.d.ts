import { MapStats } from '../index.js';
import { AnyHeap } from './options.js';

// The types of Node.js, or of a browser, have it.
type Signal = typeof globalThis extends { AbortSignal: { prototype: infer S } } ? S : unknown;

/** What a call of `fetchMethod` gets beside the key and the value that is there. */
export interface FetchMethodOptions<Context> {
  /** The signal that {@link LRUCache.fetch} was called with. */
  signal?: Signal;
  options: FetchOptions<Context>;
  /** What {@link LRUCache.fetch} was called with. */
  context: Context;
}

/** The options of {@link LRUCache.fetch}. */
export interface FetchOptions<Context> {
  /** Milliseconds that the value lives. */
  ttl?: number;
  /** Whether the value is made anew if there is one. */
  forceRefresh?: boolean;
  context?: Context;
  /** Passed to `fetchMethod`. */
  signal?: Signal;
}

/** The options of an {@link LRUCache}: `heap`, and one of `max`, `maxSize` and `ttl` at least. */
export interface LRUCacheOptions<Key extends string, Value, Context> {
  /** The heap that has the entries. */
  heap: AnyHeap;
  /** The name of the map, of 1 to 46 bytes of UTF-8: `'lru-cache'` by default. Caches with the same name have the same entries. */
  name?: string;
  /** The most entries. 0: any number. */
  max?: number;
  /** The most bytes of the map, its tables included. 0: any number. */
  maxSize?: number;
  /** Milliseconds that an entry lives. 0: for ever. */
  ttl?: number;
  /** Makes the value of a key for {@link LRUCache.fetch}. */
  fetchMethod?: (
    key: Key,
    stale: Value | undefined,
    options: FetchMethodOptions<Context>,
  ) => Value | undefined | Promise<Value | undefined>;
  /** How values become bytes; `'v8'` by default. */
  encoding?: 'v8' | 'json' | 'string' | 'binary';
  /** Parts with a table each, of a new map: a power of two from 1 to 4096, 256 by default. */
  shards?: number;
  /** Whether the entries of a new map have checksums. */
  checksum?: boolean;
}

/**
 * A cache with the methods of [lru-cache](https://github.com/isaacs/node-lru-cache) that a map can have: threads share it, and with a heap
 * file processes. Values are copies. `docs/adapters.md` has a list of what differs.
 *
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for options that there are not, `ERR_MEMS_MAP_NAME`. Methods throw the errors of
 * the heap, and `set` `ERR_MEMS_TOO_LARGE` and `ERR_MEMS_KEY_TOO_LONG`.
 * @example
 * const { Heap } = require('@sambhav-gautam/osmemoryallocator');
 * const { LRUCache } = require('@sambhav-gautam/osmemoryallocator/lru-cache');
 *
 * const cache = new LRUCache({
 *   heap: Heap.open('cache.mems'),
 *   max: 10_000,
 *   ttl: 60_000,
 *   fetchMethod: async (key) => ({ greeting: `Hello, ${key}` }),
 * });
 * cache.set('Ada', { greeting: 'Welcome' });
 * cache.get('Ada'); // { greeting: 'Welcome' }
 * await cache.fetch('Alan'); // { greeting: 'Hello, Alan' }
 * cache.size; // 2
 */
export class LRUCache<Key extends string = string, Value = unknown, Context = unknown> {
  constructor(options: LRUCacheOptions<Key, Value, Context>);
  /** The most entries; 0 if there is no limit. */
  readonly max: number;
  /** The most bytes of the map; 0 if there is no limit. */
  readonly maxSize: number;
  /** Milliseconds that an entry lives; 0: for ever. */
  readonly ttl: number;
  readonly fetchMethod: LRUCacheOptions<Key, Value, Context>['fetchMethod'];
  /** How many entries there are, those included that have expired and have not been removed yet. */
  readonly size: number;
  /** Bytes of the map. */
  readonly calculatedSize: number;
  /** Returns a copy of the value of a key, which counts as used. */
  get(key: Key): Value | undefined;
  /** Returns a copy of the value of a key, which does not count as used. */
  peek(key: Key): Value | undefined;
  has(key: Key): boolean;
  /** Stores a copy of a value. `undefined` deletes the key. */
  set(key: Key, value: Value | undefined, options?: { ttl?: number }): this;
  delete(key: Key): boolean;
  clear(): void;
  /**
   * Resolves to the value of a key, which `fetchMethod` makes if there is none. Of all calls for a key, in all processes, one makes it, and
   * the others wait.
   */
  fetch(key: Key, options?: FetchOptions<Context>): Promise<Value | undefined>;
  forEach(call: (value: Value, key: Key, cache: this) => void, self?: unknown): void;
  /** Entries in no order. What others change meanwhile may be in it or not. */
  entries(): Generator<[Key, Value], void>;
  keys(): Generator<Key, void>;
  values(): Generator<Value, void>;
  /** How full the map is, and how often this object has found a value. */
  stats(): MapStats;
  [Symbol.iterator](): Generator<[Key, Value], void>;
  readonly [Symbol.toStringTag]: string;
}
