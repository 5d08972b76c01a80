// A service whose memory Prometheus can watch: an HTTP cache that keeps its values in a heap of MeMS.
//
//   npm install prom-client
//   PORT=8080 node examples/service.mjs
//
//   curl -T FILE localhost:8080/cache/KEY    keeps a value; 507 if there is no room for it
//   curl localhost:8080/cache/KEY            returns it; -X DELETE forgets it
//   curl -X POST localhost:8080/trim         gives free pages back to the system
//   curl localhost:8080/metrics              the metrics of both heaps, as MeMS writes them
//   curl localhost:8080/prom-client          the same numbers by prom-client, beside metrics of your own
//
// MEMS_SNAPSHOT_SIGNAL=SIGUSR2 in its environment lets `kill -USR2 PID` write snapshots for `mems inspect`.

import { channel } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import client from 'prom-client';
import mems from '../index.js';

const { Heap } = mems;
const LIMIT = Number(process.env.LIMIT ?? 64 * 2 ** 20);

// One heap for the values, and one for what is written as JSON.
const heaps = {
  values: new Heap({ maxSize: LIMIT, warnUnusable: { size: 65_536, share: 0.5 } }),
  texts: new Heap({ maxSize: LIMIT, policy: 'first-fit' }),
};
const cache = new Map();

// What an operator should read in the log, and not only see in a graph.
const nameOf = (id) => Object.keys(heaps).find((name) => heaps[name].id === id) ?? id;
for (const event of ['mems:out-of-memory', 'mems:fragmentation', 'mems:record:error'])
  channel(event).subscribe(({ heap, error, ...rest }, name) => {
    // JSON has nothing of an error but its own enumerable properties.
    const text = { heap: nameOf(heap), ...rest, ...(error && { error: error.message }) };
    console.error(name, JSON.stringify(text));
  });

/** Keeps a value. Throws ERR_MEMS_OUT_OF_MEMORY if there is no room for it. */
function keep(key, heap, bytes) {
  // A block of no bytes does not exist.
  const address = heap.malloc(Math.max(bytes.length, 1));
  heap.write(address, bytes);
  forget(key);
  cache.set(key, { heap, address, length: bytes.length });
}

function forget(key) {
  const value = cache.get(key);
  if (value === undefined) return false;
  value.heap.free(value.address);
  return cache.delete(key);
}

// With prom-client: metrics whose values are read when somebody asks for them.

const GAUGES = {
  mems_mapped_bytes: ({ bytes }) => bytes.mapped,
  mems_live_bytes: ({ bytes }) => bytes.live,
  mems_requested_bytes: ({ bytes }) => bytes.requested,
  mems_quarantined_bytes: ({ bytes }) => bytes.quarantined,
  mems_hole_bytes: ({ bytes }) => bytes.holes,
  mems_largest_hole_bytes: ({ bytes }) => bytes.largestHole,
  mems_resident_bytes: ({ bytes }) => bytes.resident,
  mems_metadata_bytes: ({ bytes }) => bytes.metadata,
  mems_limit_bytes: () => LIMIT,
  mems_live_blocks: ({ counts }) => counts.live,
  mems_holes: ({ counts }) => counts.holes,
  mems_main_blocks: ({ counts }) => counts.mainBlocks,
  mems_external_fragmentation_ratio: ({ fragmentation }) => fragmentation.external,
};
const COUNTERS = {
  mems_mallocs_total: ({ totals }) => totals.malloc,
  mems_frees_total: ({ totals }) => totals.free,
  mems_allocated_bytes_total: ({ totals }) => totals.allocatedBytes,
  mems_failed_mallocs_total: ({ events }) => events.outOfMemory,
  mems_grows_total: ({ events }) => events.grow,
  mems_trims_total: ({ events }) => events.trim,
};
const SIZES = [64, 1024, 65_536];

/** The statistics of heaps, read once for all metrics that are collected in a turn of the event loop. */
const statistics = new Map();

function statsOf(heap) {
  if (statistics.size === 0) setImmediate(() => statistics.clear());
  if (!statistics.has(heap)) statistics.set(heap, heap.stats({ resident: true }));
  return statistics.get(heap);
}

/** Adds the metrics of heaps to a registry of prom-client. */
function register(registry, heaps) {
  const options = (name, labelNames, collect) => {
    return { name, help: name, labelNames, collect, registers: [registry] };
  };
  const each = (set) => {
    for (const [heap, of] of Object.entries(heaps)) set({ heap }, of);
  };
  for (const [name, read] of Object.entries(GAUGES)) {
    const collect = function () {
      each((labels, heap) => this.set(labels, read(statsOf(heap))));
    };
    new client.Gauge(options(name, ['heap'], collect));
  }
  for (const [name, read] of Object.entries(COUNTERS)) {
    const collect = function () {
      // A counter can only be added to.
      this.reset();
      each((labels, heap) => this.inc(labels, read(statsOf(heap))));
    };
    new client.Counter(options(name, ['heap'], collect));
  }
  const collect = function () {
    each(({ heap }, of) => {
      for (const size of SIZES) this.set({ heap, size }, of.unusable(size));
    });
  };
  new client.Gauge(options('mems_unusable_holes_ratio', ['heap', 'size'], collect));
}

const registry = new client.Registry();
register(registry, heaps);

async function handle(request, response) {
  const { method, url } = request;
  const [, place, key = ''] = url.split('/');
  if (place === 'metrics') {
    // Prometheus 3 refuses a text of which it does not know the format.
    response.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
    return response.end(Heap.metrics(heaps));
  }
  if (place === 'prom-client') {
    response.setHeader('Content-Type', registry.contentType);
    return response.end(await registry.metrics());
  }
  if (place === 'trim' && method === 'POST') {
    return response.end(`${heaps.values.trim() + heaps.texts.trim()} bytes\n`);
  }
  if (place !== 'cache') return response.writeHead(404).end();
  if (method === 'PUT') {
    const bytes = await buffer(request);
    const isText = request.headers['content-type'] === 'application/json';
    keep(key, isText ? heaps.texts : heaps.values, bytes);
    return response.writeHead(201).end();
  }
  if (method === 'DELETE') return response.writeHead(forget(key) ? 204 : 404).end();
  const value = cache.get(key);
  if (value === undefined) return response.writeHead(404).end();
  // A copy: the block may be freed before all of it is sent.
  response.end(value.heap.read(value.address, value.length));
}

const server = createServer((request, response) => {
  handle(request, response).catch((error) => {
    const status = error.code === 'ERR_MEMS_OUT_OF_MEMORY' ? 507 : 500;
    response.writeHead(status).end(`${error.message}\n`);
  });
});
server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
