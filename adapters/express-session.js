// A store for express-session in a map of a heap. A session is what JSON has of it, as in the store that express-session comes with.
//
// touch() changes the cookie of a session by compare and set, so that it never undoes what another process has stored meanwhile.
//
// Costs: those of the map's calls, and of JSON; all() and length() look at all sessions.

'use strict';

const { Store } = require('express-session');
const { checked, mapOf } = require('./open.js');

/** How long a session lives whose cookie does not say, in milliseconds: a day. */
const TTL = 86_400_000;

class SessionStore extends Store {
  #map;
  #ttl;

  constructor(heap, given) {
    super();
    const options = checked(heap, given, 'SessionStore', []);
    const { name = 'sessions', ttl = TTL } = options;
    this.#map = mapOf(heap, name, options, { encoding: 'string' });
    this.#ttl = ttl === 0 ? Number.POSITIVE_INFINITY : ttl;
  }

  get(id, callback) {
    finish(callback, () => {
      const text = this.#map.get(id);
      return text === undefined ? undefined : JSON.parse(text);
    });
  }

  set(id, session, callback) {
    finish(callback, () => {
      const ttl = ttlOf(session, this.#ttl);
      if (ttl <= 0) this.#map.delete(id);
      else this.#map.set(id, JSON.stringify(session), { ttl });
    });
  }

  touch(id, session, callback) {
    finish(callback, () => {
      const ttl = ttlOf(session, this.#ttl);
      for (;;) {
        const text = this.#map.get(id);
        if (text === undefined) return;
        const touched = JSON.stringify({ ...JSON.parse(text), cookie: session.cookie });
        if (ttl <= 0) this.#map.delete(id);
        else if (!this.#map.compareAndSet(id, text, touched, { ttl })) continue;
        return;
      }
    });
  }

  destroy(id, callback) {
    finish(callback, () => {
      this.#map.delete(id);
    });
  }

  all(callback) {
    finish(callback, () =>
      Array.from(this.#map, ([id, text]) => Object.assign(JSON.parse(text), { id })),
    );
  }

  length(callback) {
    finish(callback, () => {
      let count = 0;
      for (const _ of this.#map.keys()) count++;
      return count;
    });
  }

  clear(callback) {
    finish(callback, () => this.#map.clear());
  }
}

/** How long a session lives from now on, in milliseconds: `otherwise`, if its cookie does not say. */
function ttlOf({ cookie }, otherwise) {
  const expires = cookie?.expires;
  return expires ? new Date(expires).getTime() - Date.now() : otherwise;
}

/** Calls back after the caller has returned, with what `operation` returns or throws. Without a callback an error is thrown. */
function finish(callback, operation) {
  if (callback === undefined) return operation();
  let [error, result] = [null, undefined];
  try {
    result = operation();
  } catch (thrown) {
    error = thrown;
  }
  setImmediate(callback, error, result);
}

module.exports = { SessionStore };
