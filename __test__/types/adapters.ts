// The typings of the adapters as programs use them; compiled, never run.

import { Heap } from '@sambhav-gautam/osmemoryallocator';
import { SessionStore } from '@sambhav-gautam/osmemoryallocator/express-session';
import { KeyvStore } from '@sambhav-gautam/osmemoryallocator/keyv';
import { LRUCache } from '@sambhav-gautam/osmemoryallocator/lru-cache';
import { type CacheEntry, cacheHandler } from '@sambhav-gautam/osmemoryallocator/next';
import session from 'express-session';
import { Keyv } from 'keyv';

const heap = Heap.open('a.mems');
const numbers = new Heap({ addresses: 'number' });

export const keyv = new Keyv<number>({ store: new KeyvStore(heap, { maxBytes: 5, ttl: 5 }) });
export const page: Promise<CacheEntry | null> = new (cacheHandler(numbers, { buildId: 'a' }))().get(
  'a',
);
export const use = session({ store: new SessionStore(heap, { name: 'a' }), secret: 'b' });

const cache = new LRUCache<string, { a: number }, string>({
  heap,
  max: 5,
  fetchMethod: (key, stale, { context }) => ({ a: key.length + context.length + (stale?.a ?? 0) }),
});
export const value: { a: number } | undefined = cache.set('a', { a: 1 }).get('a');
export const fetched: Promise<{ a: number } | undefined> = cache.fetch('a', { context: 'b' });
export const entries: [string, { a: number }][] = [...cache];

// @ts-expect-error a heap is needed
new LRUCache({ max: 5 });
// @ts-expect-error an option of lru-cache that there is not
new LRUCache({ heap, max: 5, dispose() {} });
// @ts-expect-error keys are strings
cache.get(1);
// @ts-expect-error the value has another type
cache.set('a', 'b');
// @ts-expect-error no heap
new KeyvStore({});
// @ts-expect-error an option that there is not
new SessionStore(heap, { prefix: 'a' });
