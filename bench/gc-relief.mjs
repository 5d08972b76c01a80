// npm run bench:gc [-- --quick]
// npm run bench:gc -- --report
//
// Measures the work of the garbage collector with a million records of about a kilobyte, held in MeMS, in Buffers or as objects,
// and what process.memoryUsage() shows of MeMS memory. Prints tables and keeps the figures in target/gc.json; a full run also
// writes docs/memory.md and docs/memory.svg from them, and --report makes these anew without measuring.
//
// memoryUsage() is asked on every Node that npm run test:on has fetched (MEMS_CACHE names another cache), else on
// this one alone.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from './lib/machine.mjs';
import { deviation, median } from './lib/measure.js';
import { CONTENDERS, printMemory, writeMemoryDocuments } from './lib/memory.mjs';
import { progress, root, run } from './lib/process.mjs';

const file = path.join(root, 'target', 'gc.json');
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
});

const RECORDS = options.quick ? 200_000 : 1_000_000;
const OPERATIONS = options.quick ? 1_000_000 : 3_000_000;
const ROUNDS = options.quick ? 1 : 5;
const USAGE_BYTES = 256 << 20;
/** Enough room for the JavaScript heap with the objects; the same for all. */
const FLAGS = ['--expose-gc', '--max-old-space-size=8192'];

const program = (name) => path.join('bench', 'gc', name);

/** Figures of several runs, nested as in a run, each as `{ median, spread }`. */
function merged(runs) {
  if (typeof runs[0] === 'number') return { median: median(runs), spread: deviation(runs) };
  return Object.fromEntries(
    Object.keys(runs[0]).map((name) => [name, merged(runs.map((run) => run[name]))]),
  );
}

const loads = [];

/** Every contender once a round, each in a process of its own. */
async function holders() {
  const runs = new Map(Object.keys(CONTENDERS).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, own] of runs) {
      progress(`Round ${round + 1} of ${ROUNDS}: ${name}`);
      const args = [...FLAGS, program('holder.js'), name, RECORDS, OPERATIONS].map(String);
      own.push(JSON.parse(await run(process.execPath, args)));
      loads.push(os.loadavg()[0]);
    }
  }
  progress('');
  const checksums = new Set([...runs.values()].flat().map(({ checksum }) => checksum));
  if (checksums.size !== 1) throw new Error('the contenders have not read the same');
  return [...runs].map(([name, own]) => ({ name, ...merged(own) }));
}

/** This Node, or all those in the cache, oldest first. */
function nodes() {
  const cache = path.join(path.resolve(root, process.env.MEMS_CACHE ?? '.cache'), 'runtimes');
  if (!existsSync(cache)) return [process.execPath];
  const major = (name) => Number(name.match(/^node-.*@(\d+)$/)?.[1]);
  const found = readdirSync(cache)
    .filter((name) => major(name) >= 20)
    .sort((a, b) => major(a) - major(b))
    .flatMap((name) => ['bin/node', 'node.exe'].map((at) => path.join(cache, name, 'package', at)))
    .filter((binary) => existsSync(binary));
  return found.length > 0 ? found : [process.execPath];
}

async function usage() {
  const rows = [];
  for (const node of nodes()) {
    const args = ['--expose-gc', program('usage.js'), String(USAGE_BYTES)];
    rows.push(JSON.parse(await run(node, args)));
  }
  return rows;
}

async function measure() {
  const held = await holders();
  const data = {
    date: new Date().toISOString().slice(0, 10),
    quick: options.quick,
    machine: await machine(),
    records: RECORDS,
    operations: OPERATIONS,
    rounds: ROUNDS,
    load: { median: median(loads), most: Math.max(...loads) },
    holders: held,
    usageBytes: USAGE_BYTES,
    usage: await usage(),
  };
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(data, null, 2)}\n`);
  return data;
}

if (options.report) {
  writeMemoryDocuments(JSON.parse(readFileSync(file, 'utf8')));
} else {
  const data = await measure();
  printMemory(data);
  if (!options.quick) writeMemoryDocuments(data);
}
