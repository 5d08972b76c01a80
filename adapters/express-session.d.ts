import { SessionData, Store } from 'express-session';
import { AdapterOptions, AnyHeap } from './options.js';

/**
 * A store for [express-session](https://github.com/expressjs/session), which has to be installed: sessions are in a map of a heap, for all
 * processes of a server, and outlive a restart. They are what JSON has of them.
 *
 * A session lives as long as its cookie; without that for `ttl` milliseconds, a day by default. With `maxBytes` or `maxEntries` sessions
 * are evicted: their users are signed out.
 *
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for options that there are not, `ERR_MEMS_MAP_NAME`. Methods call back with the
 * errors of the heap; without a callback they throw them.
 * @example
 * const session = require('express-session');
 * const { Heap } = require('@sambhav-gautam/osmemoryallocator');
 * const { SessionStore } = require('@sambhav-gautam/osmemoryallocator/express-session');
 *
 * const store = new SessionStore(Heap.open('sessions.mems'));
 * // app.use(use)
 * const use = session({ store, secret: 'keyboard cat', resave: false, saveUninitialized: false });
 * store.set('id', { cookie: new session.Cookie(), user: 'ada' });
 * await new Promise((resolve) => store.length((error, count) => resolve(count))); // 1
 */
export class SessionStore extends Store {
  constructor(heap: AnyHeap, options?: AdapterOptions);
  get(id: string, callback: (error: Error | null, session?: SessionData | null) => void): void;
  set(id: string, session: SessionData, callback?: (error?: Error | null) => void): void;
  /** Gives a session the cookie of another copy of it, and so a new time to live. Nothing else of it changes. */
  touch(id: string, session: SessionData, callback?: (error?: Error | null) => void): void;
  destroy(id: string, callback?: (error?: Error | null) => void): void;
  /** Calls back with all sessions, each with its `id`. */
  all(callback: (error: Error | null, sessions?: (SessionData & { id: string })[]) => void): void;
  length(callback: (error: Error | null, count?: number) => void): void;
  clear(callback?: (error?: Error | null) => void): void;
}
