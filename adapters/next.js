// A cache handler for Next.js in two maps of a heap: one for entries, and one for tags.
//
// **Tags.** The second map has a counter, which each call of revalidateTag() increments, and for each tag what the counter was incremented
// to. An entry has what the counter was when it was stored, and is not returned once a tag of its own, or of the request, has more. So
// revalidateTag() takes no longer with more entries, no two events are in the same millisecond, and no clock is asked. Tags are never
// evicted: an entry would come back.
//
// **Builds.** Pages are kept for the build that has rendered them, since they refer to its files; what fetch() has returned is kept for
// all builds, as Next.js itself does.
//
// Costs: of get() and set() two or three calls of maps, one more for each tag, and v8.deserialize or v8.serialize.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.

'use strict';

const fs = require('fs');
const path = require('path');
const { checked, mapOf } = require('./open.js');

/** In which header a page has its tags. */
const TAGS_HEADER = 'x-next-cache-tags';

/** What has the counter as its key, and what begins the keys of tags. */
const CLOCK = 'clock';
const TAG = 'tag:';

/** The class that Next.js takes as its cache handler, for a heap. */
function cacheHandler(heap, given) {
  const options = checked(heap, given, 'cacheHandler()', ['buildId']);
  const { name = 'next', ttl } = options;
  const entries = mapOf(heap, name, options, { encoding: 'v8' });
  const tags = heap.map(`${name}-tags`, { encoding: 'json', ttl });
  const now = () => Number(tags.get(CLOCK) ?? 0n);

  return class CacheHandler {
    #build;
    #revalidated;

    constructor({ serverDistDir, revalidatedTags = [] } = {}) {
      this.#build = options.buildId ?? buildIn(serverDistDir);
      this.#revalidated = revalidatedTags;
    }

    async get(key, { kind, tags: asked = [], softTags = [] } = {}) {
      const entry = entries.get(keyOf(this.#build, key, kind === 'FETCH'));
      if (entry === undefined) return null;
      const { value, lastModified, cacheControl, at } = entry;
      const isOver = (tag) => this.#revalidated.includes(tag) || (tags.get(TAG + tag) ?? 0) > at;
      if ([entry.tags, tagsOf(value), asked, softTags].some((list) => list.some(isOver)))
        return null;
      return { value, lastModified, cacheControl };
    }

    async set(key, value, { fetchCache, tags: given = [], cacheControl } = {}) {
      const isFetch = fetchCache === true || value?.kind === 'FETCH';
      const entry = { value, tags: given, lastModified: Date.now(), cacheControl, at: now() };
      entries.set(keyOf(this.#build, key, isFetch), entry);
    }

    async revalidateTag(list) {
      const given = typeof list === 'string' ? [list] : list;
      if (given.length === 0) return;
      const at = Number(tags.increment(CLOCK));
      for (const tag of given) tags.set(TAG + tag, at);
    }

    // Nothing is kept for a request.
    resetRequestCache() {}
  };
}

/** The key of an entry: what fetch() has returned is all builds'. */
const keyOf = (build, key, isFetch) => (isFetch ? `fetch:${key}` : `${build}:${key}`);

/** The id of the build whose server is in a folder; empty if it is not known. */
function buildIn(serverDistDir) {
  if (serverDistDir === undefined) return '';
  let id = builds.get(serverDistDir);
  if (id === undefined) {
    try {
      id = fs.readFileSync(path.join(serverDistDir, '..', 'BUILD_ID'), 'utf8').trim();
      builds.set(serverDistDir, id);
    } catch (_) {
      // While it is being built.
      id = '';
    }
  }
  return id;
}

/** The ids of builds, by the folders of their servers: a handler is made for each request. */
const builds = new Map();

/** The tags that a page has in its headers. */
function tagsOf(value) {
  const header = value?.headers?.[TAGS_HEADER];
  return typeof header === 'string' ? header.split(',') : [];
}

module.exports = { cacheHandler };
