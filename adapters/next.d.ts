import { AdapterOptions, AnyHeap } from './options.js';

/** The options of {@link cacheHandler}. The name of the map has 41 bytes at most. */
export interface CacheHandlerOptions extends AdapterOptions {
  /**
   * The build whose pages are found. By default what `BUILD_ID` has, a file that `next build` writes. Data that `fetch` has returned are
   * found by all builds.
   */
  buildId?: string;
}

/** An entry as Next.js gets it. */
export interface CacheEntry {
  value: unknown;
  /** When it was stored, in milliseconds since 1970. */
  lastModified: number;
  cacheControl?: unknown;
}

/** What Next.js calls. */
export interface CacheHandler {
  /** Resolves to the entry of a key; null if there is none, or if a tag of it has been revalidated. */
  get(key: string, context?: unknown): Promise<CacheEntry | null>;
  /** Stores what Next.js has rendered or fetched. */
  set(key: string, value: unknown, context?: unknown): Promise<void>;
  /** Makes all entries with a tag count as gone, at once. */
  revalidateTag(tags: string | string[], durations?: { expire?: number }): Promise<void>;
  resetRequestCache(): void;
}

/**
 * The class that `cacheHandler` in `next.config.js` names: pages and fetched data are in a map of a heap, for all processes of a server.
 *
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for options that there are not, `ERR_MEMS_MAP_NAME`. `set` rejects with the
 * errors of the heap, which Next.js prints, and with `ERR_MEMS_TOO_LARGE`.
 * @example
 * // cache-handler.js, which next.config.js names: { cacheHandler: require.resolve('./cache-handler.js'), cacheMaxMemorySize: 0 }
 * const { Heap } = require('@sambhav-gautam/osmemoryallocator');
 * const { cacheHandler } = require('@sambhav-gautam/osmemoryallocator/next');
 *
 * const heap = Heap.open('pages.mems');
 * module.exports = cacheHandler(heap, { maxBytes: 2 ** 30 });
 * // What Next.js does with it:
 * const handler = new module.exports({ revalidatedTags: [] });
 * await handler.set('/a', { kind: 'APP_ROUTE', body: Buffer.from('text'), headers: {} }, { tags: ['news'] });
 * (await handler.get('/a', { kind: 'APP_ROUTE' })).value.body.toString(); // 'text'
 * await handler.revalidateTag('news');
 * (await handler.get('/a', { kind: 'APP_ROUTE' })) === null; // true
 */
export function cacheHandler(
  heap: AnyHeap,
  options?: CacheHandlerOptions,
): new (
  context?: unknown,
) => CacheHandler;
