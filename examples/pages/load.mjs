// Load for server.mjs, while its workers are killed one after another, with each kind of cache.
//
//   node examples/pages/load.mjs [--pages 100000] [--kills 100] [--seconds 10] [--cache KIND]...
//
// The cache is filled with all pages. Then clients ask for pages, a tenth of which get nine tenths of the requests: for some seconds
// undisturbed, while the oldest worker is killed (SIGKILL) again and again, a fifth of a second after the last one was replaced, and for
// some seconds more. Prints the hit rate, latencies, and the memory of all workers together, with that of a Redis server. Linux says how
// much of it is shared (Pss).
//
// It needs the development dependencies of this repository, and redis-server for Redis, which is left out if it is not installed.

import { fork } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import redisServer from '../../bench/map/contenders/redis.js';
import { CACHES } from './caches.mjs';
import { isPage, urlOf } from './page.mjs';

const SERVER = fileURLToPath(new URL('server.mjs', import.meta.url));
const WORKERS = 4;
const CONNECTIONS = 32;
/** From the start of a new worker until the next is killed, in milliseconds. */
const PAUSE = 200;

const { values: options } = parseArgs({
  options: {
    pages: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '10' },
    cache: { type: 'string', multiple: true, default: Object.keys(CACHES) },
  },
});
const [PAGES, KILLS, SECONDS] = [options.pages, options.kills, options.seconds].map(Number);

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A page: nine of ten draws are from the first tenth of them. */
function draw() {
  const among = Math.random() < 0.9 ? Math.ceil(PAGES / 10) : PAGES;
  return urlOf(Math.floor(Math.random() * among));
}

/**
 * Has a client of autocannon forget a connection that has broken, and the request that was lost with it, before it connects again:
 * version 9 would take the next response for that of the lost request, and all latencies after it would be too long.
 */
function forgetting(client, onLoss) {
  const connect = client._connect;
  client._connect = () => {
    if (client.conn !== undefined) {
      onLoss();
      client._destroyConnection();
    }
    connect.call(client);
  };
}

/** Requests until `ended` is settled. Returns how many were hits, and their latencies. */
async function load(port, ended) {
  const times = [];
  let [hits, wrong, lost] = [0, 0, 0];
  const instance = autocannon({
    url: `http://127.0.0.1:${port}`,
    connections: CONNECTIONS,
    duration: 3600,
    setupClient: (client) => forgetting(client, () => lost++),
    requests: [
      {
        setupRequest(request, context) {
          context.path = draw();
          return { ...request, path: context.path };
        },
        onResponse(status, body, context, headers) {
          if (status !== 200 || !isPage(body, context.path)) wrong++;
          else if (headers['x-cache'] === 'hit') hits++;
        },
      },
    ],
  });
  instance.on('response', (...response) => times.push(response[3]));
  const begun = performance.now();
  await ended;
  const seconds = (performance.now() - begun) / 1000;
  instance.stop();
  await instance;
  times.sort((a, b) => a - b);
  const percentile = (share) => times[Math.floor(share * times.length)];
  return {
    rate: times.length / seconds,
    hitRate: hits / times.length,
    p50: percentile(0.5),
    p99: percentile(0.99),
    lost,
    wrong,
  };
}

/** MiB of the physical memory of processes: the sum of what each has, and with what they share counted once. */
function memory(pids) {
  if (process.platform !== 'linux') return {};
  const sum = (field) =>
    pids
      .map((pid) => readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
      .map((text) => Number(text.match(new RegExp(`^${field}: +(\\d+) kB`, 'm'))[1]) / 1024)
      .reduce((total, value) => total + value, 0);
  return { rss: sum('Rss'), pss: sum('Pss') };
}

/** The server with one kind of cache, from its start to its end. */
async function measure(kind, folder) {
  const redis = kind === 'redis' ? await redisServer.serve(folder) : undefined;
  const port = await freePort();
  const PLACE = String(redis?.port ?? path.join(folder, kind));
  const server = fork(SERVER, { env: { ...process.env, PORT: String(port), CACHE: kind, PLACE } });
  const messages = on(server, 'message');
  const next = async (name) => {
    for (;;) {
      const [message] = (await messages.next()).value;
      if (name in message) return message[name];
    }
  };
  try {
    const pids = [];
    while (pids.length < WORKERS) pids.push(await next('listening'));
    server.send({ pages: PAGES });
    let rendered = 0;
    for (let i = 0; i < WORKERS; i++) rendered += await next('rendered');
    const used = () => memory(redis === undefined ? pids : [...pids, redis.pid]);

    await load(port, setTimeout(1000));
    const before = { ...(await load(port, setTimeout(1000 * SECONDS))), ...used() };
    const killing = async () => {
      for (let kills = 0; kills < KILLS; kills++) {
        process.kill(pids.shift(), 'SIGKILL');
        pids.push(await next('listening'));
        await setTimeout(PAUSE);
      }
    };
    const during = await load(port, killing());
    const after = { ...(await load(port, setTimeout(1000 * SECONDS))), ...used() };
    return { rendered, phases: { before, during, after } };
  } finally {
    server.disconnect();
    if (server.exitCode === null) await once(server, 'exit');
    await redis?.end();
  }
}

/** A table in markdown. */
function print(headings, rows) {
  const widths = headings.map((_, at) =>
    Math.max(...[headings, ...rows].map((row) => row[at].length)),
  );
  const line = (cells) => `| ${cells.map((cell, at) => cell.padEnd(widths[at])).join(' | ')} |`;
  console.log(line(headings));
  console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  for (const row of rows) console.log(line(row));
}

const rows = [];
for (const kind of options.cache) {
  const folder = mkdtempSync(path.join(tmpdir(), 'mems-pages-'));
  try {
    const { rendered, phases } = await measure(kind, folder);
    const texts = { before: 'before', during: `during ${KILLS} kills`, after: 'after' };
    for (const [phase, { rate, hitRate, p50, p99, lost, wrong, rss, pss }] of Object.entries(
      phases,
    )) {
      rows.push([
        kind,
        texts[phase],
        `${(100 * hitRate).toFixed(2)} %`,
        rate.toFixed(0),
        p50.toFixed(1),
        p99.toFixed(1),
        String(lost),
        String(wrong),
        rss === undefined ? '' : `${rss.toFixed(0)} / ${pss.toFixed(0)}`,
        phase === 'before' ? rendered.toLocaleString('en-US') : '',
      ]);
    }
  } catch (error) {
    if (error.syscall !== 'spawn redis-server') throw error;
    console.log(`redis-server is not installed: ${kind} is left out.`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
console.log(
  `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}: ` +
    `${PAGES.toLocaleString('en-US')} pages, ${WORKERS} workers, ${CONNECTIONS} connections\n`,
);
print(
  [
    'cache',
    'workers killed',
    'hit rate',
    'requests/s',
    'p50, ms',
    'p99, ms',
    'requests lost',
    'wrong pages',
    'memory, MiB: Rss / Pss',
    'rendered to fill it',
  ],
  rows,
);
