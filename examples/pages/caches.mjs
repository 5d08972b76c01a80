// Caches of pages that a worker can have: one in a heap file, and three others to compare it with. Each is made by a function of a place,
// a file or a port, and has `fetch(url, render)`, which returns the page of a URL, or makes, keeps and returns it.

const HOUR = 3_600_000;

export const CACHES = {
  // All workers have the same pages, and one of them renders what several ask for at a time. Pages outlive the workers.
  async mems(file) {
    const { Heap } = (await import('@sambhav-gautam/osmemoryallocator')).default;
    // After a power failure the cache is empty: without the option the server would not start.
    const heap = Heap.open(file, { onPowerLoss: 'reset' });
    const pages = heap.map('pages', { maxBytes: 4 * 2 ** 30, ttl: HOUR });
    return { fetch: (url, render) => pages.fetch(url, render) };
  },

  // Each worker has pages of its own, until it ends.
  async 'lru-cache'() {
    const { LRUCache } = await import('lru-cache');
    // The context of a call of fetch is what fetchMethod gets as its third argument.
    const pages = new LRUCache({
      max: 2_000_000,
      ttl: HOUR,
      fetchMethod: (url, _, { context: render }) => render(url),
    });
    return { isPrivate: true, fetch: (url, render) => pages.fetch(url, { context: render }) };
  },

  async 'lmdb-js'(folder) {
    const { open } = await import('lmdb');
    // Nothing waits for the disk, as with a heap file.
    const pages = open({ path: folder, encoding: 'binary', noSync: true });
    return {
      async fetch(url, render) {
        const found = pages.get(url);
        if (found !== undefined) return found;
        const page = await render(url);
        await pages.put(url, page);
        return page;
      },
    };
  },

  async redis(port) {
    const { default: Redis } = await import('ioredis');
    const redis = new Redis(Number(port), '127.0.0.1');
    return {
      async fetch(url, render) {
        const found = await redis.getBuffer(url);
        if (found !== null) return found;
        const page = await render(url);
        await redis.set(url, page, 'PX', HOUR);
        return page;
      },
    };
  },
};
