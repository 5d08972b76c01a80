// A server of rendered pages in four processes that have their cache in common, in a heap file. Kill any of them at any time: another
// takes its place, and finds all pages that have been rendered.
//
//   PORT=8080 node examples/pages/server.mjs
//
//   curl -i localhost:8080/page/1     the header x-cache says whether the page was rendered (miss) or found (hit)
//
// CACHE is the kind of cache (caches.mjs), mems by default, and PLACE its file. load.mjs starts this server, and measures it.

import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CACHES } from './caches.mjs';
import { render, urlOf } from './page.mjs';

const WORKERS = 4;
const { PORT = '8080', CACHE = 'mems', PLACE = path.join(tmpdir(), 'pages.mems') } = process.env;
/** Pages that a worker renders at a time when it fills the cache. */
const AT_ONCE = 1000;

async function work() {
  const cache = await CACHES[CACHE](PLACE);

  const server = createServer(async (request, response) => {
    let isHit = true;
    try {
      const page = await cache.fetch(request.url, (url) => {
        isHit = false;
        return render(url);
      });
      response.writeHead(200, { 'content-type': 'text/html', 'x-cache': isHit ? 'hit' : 'miss' });
      response.end(page);
    } catch (error) {
      console.error(error);
      response.writeHead(500).end();
    }
  });
  server.listen(Number(PORT), '127.0.0.1');

  // For load.mjs: fetches this worker's share of the pages, or all of them into a cache of its own.
  process.on('message', async ({ pages, share }) => {
    const [first, step] = cache.isPrivate ? [0, 1] : [share, WORKERS];
    let rendered = 0;
    let next = first;
    const fill = async () => {
      for (let number = next; number < pages; number = next) {
        next += step;
        await cache.fetch(urlOf(number), (url) => {
          rendered++;
          return render(url);
        });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, fill));
    process.send({ rendered });
  });
}

/** Keeps four workers running. A parent process, if there is one, hears of each worker that listens, and of what they have rendered. */
function supervise() {
  cluster.on('exit', () => cluster.fork());
  cluster.on('listening', ({ process: { pid } }) => process.send?.({ listening: pid }));
  cluster.on('message', (_, message) => process.send?.(message));
  process.on('message', ({ pages }) => {
    const workers = Object.values(cluster.workers);
    for (const [share, worker] of workers.entries()) worker.send({ pages, share });
  });
  process.on('disconnect', () => process.exit());
  for (let i = 0; i < WORKERS; i++) cluster.fork();
}

if (cluster.isPrimary) supervise();
else await work();
