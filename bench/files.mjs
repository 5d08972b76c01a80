// npm run bench:files [-- --quick] [--only PART]... [--folder FOLDER] [--write]
// npm run bench:files -- --report
//
// What heap files cost: calls beside those of a heap in memory, several processes at once, syncs, messages, opening, and bookkeeping; and what
// maps cost, beside lmdb-js, SQLite, lru-cache, Map and Redis. Prints tables. PART is pairs, processes, syncs, messages, opening or map.
//
// The figures of maps are kept in target/map.json. After a full run, or with --write, docs/map.svg and the tables in docs/map.md are
// written from them; --report does so without measuring. FOLDER, by default the system's for temporary files, is where the heap files
// are: two gigabytes at a time, and less with --quick.
//
// Redis is measured if redis-server is installed, SQLite if better-sqlite3 is (npm install --no-save better-sqlite3). On a busy machine
// run it as `chrt -r 1 node bench/files.mjs`, which keeps other programs off its processor.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Heap } from '@sambhav-gautam/osmemoryallocator';
import { inTurns, median, processorTime } from './lib/measure.js';
import { progress, root } from './lib/process.mjs';
import { one, together } from './lib/together.mjs';
import { measureMaps, writeMaps } from './map/index.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true, default: [] },
    folder: { type: 'string', default: os.tmpdir() },
    write: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
});

const LIVE = options.quick ? [1000, 20_000] : [1000, 100_000, 1_000_000];
const OPENED = options.quick ? [100_000] : [1_000_000, 10_000_000];
const ROUNDS = options.quick ? 3 : 7;
const PAIRS = options.quick ? 50_000 : 300_000;
const MILLISECONDS = options.quick ? 300 : 1500;
/** Blocks of each process, where several work. */
const OWN = 20_000;
const PROCESSES = [1, 2, 4];
/** Messages of a round between two processes. */
const MESSAGES = options.quick ? 300 : 3000;
const JOBS = ['malloc and free', 'get', 'view of 16 bytes', 'read of 16 bytes'];

const folder = options.report
  ? undefined
  : mkdtempSync(path.join(options.folder, 'mems-bench-files-'));
const worker = path.join(root, 'bench', 'files', 'worker.mjs');
const rows = [];
const add = (what, value, bar = '') => rows.push({ what, value, bar });
let files = 0;
const newFile = () => path.join(folder, `${++files}.mems`);

/** A heap with `live` blocks, of which a run replaces some: nanoseconds of processor time for a free and a malloc. */
function replacing(heap, live) {
  let state = 12_345;
  const draw = (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
  const own = [];
  while (own.length < live) own.push(heap.malloc(16 + draw(257)));
  return () =>
    processorTime(() => {
      for (let i = 0; i < PAIRS; i++) {
        const at = draw(live);
        heap.free(own[at]);
        own[at] = heap.malloc(16 + draw(257));
      }
    }) / PAIRS;
}

async function pairs(live) {
  progress(`${live} live blocks`);
  const kept = new Heap({ policy: 'first-fit', addresses: 'number' });
  const filed = Heap.open(newFile(), { addresses: 'number' });
  const [memory, file] = await inTurns(
    [
      { name: 'memory', run: replacing(kept, live) },
      { name: 'file', run: replacing(filed, live) },
    ],
    ROUNDS,
  );
  const { metadata, mapped } = filed.stats().bytes;
  kept.close();
  filed.close();
  const label = `${live.toLocaleString('en')} live blocks`;
  add(`free and malloc, ${label}: first fit in memory`, `${memory.ns.toFixed(0)} ns`);
  add(
    `free and malloc, ${label}: heap file`,
    `${file.ns.toFixed(0)} ns, ${file.ratio.toFixed(2)} times`,
    'at most 1.5 times',
  );
  const share = (100 * metadata) / (metadata + mapped);
  add(`bookkeeping, ${label}`, `${share.toFixed(2)} % of the file`, 'at most 2.5 %');
}

/** Several processes do a job at once on one file: calls a second of all together, and nanoseconds of processor time a call. */
async function working(job, count) {
  const file = newFile();
  const results = await together(worker, [job, file, OWN, MILLISECONDS], count);
  rmSync(file);
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  return {
    rate: sum(results.map((result) => (1e9 * result.count) / result.ns)),
    processor: sum(results.map((result) => result.processor)) / sum(results.map((r) => r.count)),
  };
}

async function processes(job) {
  const runs = new Map(PROCESSES.map((count) => [count, []]));
  for (let round = 0; round < ROUNDS; round++) {
    progress(`${job}, round ${round + 1} of ${ROUNDS}`);
    for (const [count, own] of runs) own.push(await working(job, count));
  }
  for (const [count, own] of runs) {
    const rate = median(own.map((run) => run.rate));
    const ratio = median(own.map((run, round) => run.rate / runs.get(1)[round].rate));
    const processor = median(own.map((run) => run.processor));
    const many = count === 1 ? '1 process' : `${count} processes`;
    add(
      `${job}: ${many} of 20,000 blocks`,
      `${(rate / 1e6).toFixed(2)} million/s together${count === 1 ? '' : `, ${ratio.toFixed(2)} times one`}, ` +
        `${processor.toFixed(0)} ns of processor time each`,
      job === JOBS[0] && count === 2 ? 'at least 0.8 times' : '',
    );
  }
}

/** Two processes send each other messages by two numbers, each waiting asynchronously: microseconds there and back. */
async function messages() {
  const runs = [];
  for (let round = 0; round < ROUNDS; round++) {
    progress(`messages, round ${round + 1} of ${ROUNDS}`);
    const file = newFile();
    const heap = Heap.open(file);
    const words = heap.calloc(2, 4);
    heap.roots.set('words', words);
    const numbers = heap.view(words, Int32Array);
    const other = fork(worker, ['reply', file, String(MESSAGES)]);
    await once(other, 'message');
    const processor = process.cpuUsage();
    const begun = process.hrtime.bigint();
    for (let turn = 0; turn < MESSAGES; turn++) {
      Atomics.store(numbers, 0, turn + 1);
      heap.notify(words);
      await heap.waitAsync(words + 4n, turn);
    }
    const us = Number(process.hrtime.bigint() - begun) / 1e3 / MESSAGES;
    const { user, system } = process.cpuUsage(processor);
    runs.push({ us, processor: (user + system) / MESSAGES });
    await once(other, 'exit');
    heap.close();
    rmSync(file);
  }
  const of = (name) => median(runs.map((run) => run[name])).toFixed(0);
  add(
    'message to another process and back',
    `${of('us')} µs, ${of('processor')} µs of processor time`,
  );
}

async function opening(blocks) {
  const file = newFile();
  const heap = Heap.open(file, { addresses: 'number' });
  const sizes = new Array(10_000).fill(64);
  let last;
  for (let made = 0; made < blocks; made += sizes.length) {
    progress(`${made} of ${blocks} blocks`);
    last = heap.mallocMany(sizes)[sizes.length - 1];
  }
  heap.roots.set('last', last);
  const inOthers = async () => {
    const runs = [];
    for (let round = 0; round < 2 * ROUNDS; round++) {
      runs.push(await one(worker, ['open', file]));
    }
    return (name) => median(runs.map((run) => run[name])).toFixed(0);
  };
  const label = `${blocks.toLocaleString('en')} blocks, ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`;
  const us = await inOthers();
  add(`open, the first call of a new process, ${label}`, `${us('open')} µs`, 'below 1,000 µs');
  add(`open again in that process, ${label}`, `${us('again')} µs`, 'below 1,000 µs');
  add(`first root and read after it, ${label}`, `${us('get')} µs`);
  heap.close();
  // The disk has to note that the file is in use.
  const closed = await inOthers();
  add(`open when all had closed it, ${label}`, `${closed('open')} µs`);
  rmSync(file);
}

/** What a durable heap costs: calls, and syncs after more or fewer of them. */
async function syncing(live) {
  progress(`syncs of ${live} blocks`);
  const heap = Heap.open(newFile(), { addresses: 'number', durable: true });
  const run = replacing(heap, live);
  heap.syncSync();
  const label = `durable, ${live.toLocaleString('en')} live blocks`;
  // Each run is followed by a sync, so that what was freed can be used again.
  const calls = Array.from({ length: ROUNDS }, () => {
    const ns = run();
    heap.syncSync();
    return ns;
  });
  add(`free and malloc, ${label}`, `${median(calls).toFixed(0)} ns`);
  for (const changes of [0, 1, 100, 10_000]) {
    const times = Array.from({ length: ROUNDS }, () => {
      const addresses = heap.mallocMany(new Array(changes).fill(100));
      for (const address of addresses) heap.write(address, 'changed');
      const start = process.hrtime.bigint();
      heap.syncSync();
      const time = Number(process.hrtime.bigint() - start) / 1e6;
      if (changes > 0) heap.freeMany(addresses);
      return time;
    });
    const many = changes === 1 ? '1 new block' : `${changes.toLocaleString('en')} new blocks`;
    add(`sync after ${many}, ${label}`, `${median(times).toFixed(2)} ms`);
  }
  heap.close();
}

/** Prints what the parts other than `map` have added. */
function printRows() {
  progress('');
  const [cpu] = os.cpus();
  const date = new Date().toISOString().slice(0, 10);
  console.log(
    `${date}, Node ${process.versions.node}, ${os.type()} ${os.arch()}, ${os.cpus().length} × ${cpu.model}, ` +
      `load ${os.loadavg()[0].toFixed(1)}`,
  );
  const width = Math.max(...rows.map(({ what }) => what.length));
  for (const { what, value, bar } of rows)
    console.log(`${what.padEnd(width)}  ${value}${bar && `  (bar: ${bar})`}`);
}

async function map() {
  const { quick } = options;
  const data = await measureMaps({
    quick,
    progress,
    newFolder: (name) => mkdtempSync(path.join(folder, name)),
    remove: (path) => rmSync(path, { recursive: true }),
  });
  if (options.write || !quick) writeMaps(data);
}

const PARTS = {
  async pairs() {
    for (const live of LIVE) await pairs(live);
  },
  async processes() {
    for (const job of JOBS) await processes(job);
  },
  syncs: () => syncing(LIVE.at(-1)),
  messages,
  async opening() {
    for (const blocks of OPENED) await opening(blocks);
  },
  map,
};

if (options.report) {
  writeMaps();
} else {
  try {
    const unknown = options.only.find((part) => !(part in PARTS));
    if (unknown) throw new Error(`there is no part ${unknown}: choose from ${Object.keys(PARTS)}`);
    for (const [name, part] of Object.entries(PARTS))
      if (options.only.length === 0 || options.only.includes(name)) await part();
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (rows.length > 0) printRows();
}
