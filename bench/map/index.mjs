// Maps beside what a program could use instead of them: calls, several processes, opening. The figures are kept in target/map.json; the
// chart and the tables in docs/map.md are made from them.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { machine } from '../lib/machine.mjs';
import { root } from '../lib/process.mjs';
import { print } from '../lib/table.mjs';
import { measureCalls } from './calls.mjs';
import { measureOpening } from './opening.mjs';
import { measureProcesses } from './processes.mjs';
import { chart, document, tablesOf } from './report.mjs';

const file = path.join(root, 'target', 'map.json');
const docs = (name) => path.join(root, 'docs', name);
/** The packages of the peers. */
const PACKAGES = ['lmdb', 'better-sqlite3', 'lru-cache', 'ioredis'];

function versions() {
  return PACKAGES.flatMap((name) => {
    const manifest = path.join(root, 'node_modules', name, 'package.json');
    return existsSync(manifest)
      ? [`${name} ${JSON.parse(readFileSync(manifest, 'utf8')).version}`]
      : [];
  });
}

/** Whether this process has real-time priority (`chrt -r 1`), which keeps other programs off its processor. */
function isRealTime() {
  if (process.platform !== 'linux') return false;
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // The policy is the 41st field; the third is the first after the name in brackets.
  const policy = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[41 - 3];
  return policy === '1' || policy === '2';
}

/** Measures, prints and keeps the figures, and returns them. */
export async function measureMaps(options) {
  const [load] = os.loadavg();
  const data = {
    date: new Date().toISOString().slice(0, 10),
    quick: options.quick,
    machine: await machine(),
    packages: versions(),
    realTime: isRealTime(),
    load,
    ...(await measureCalls(options)),
    processes: await measureProcesses(options),
    opening: await measureOpening(options),
  };
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(data, null, 2)}\n`);
  for (const table of tablesOf(data)) print(table);
  if (data.absent.length > 0) console.log(`Not installed, and not measured: ${data.absent}.`);
  return data;
}

/** Writes the chart, and the tables between two lines of docs/map.md. Without figures of this run, those of the last. */
export function writeMaps(data = JSON.parse(readFileSync(file, 'utf8'))) {
  writeFileSync(docs('map.svg'), chart(data));
  const [begin, end] = ['<!-- map: written by npm run bench:files -->', '<!-- /map -->'];
  const text = readFileSync(docs('map.md'), 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from)
    throw new Error(`docs/map.md has no place between ${begin} and ${end}`);
  const head = text.slice(0, from + begin.length);
  writeFileSync(docs('map.md'), `${head}\n\n${document(data)}\n\n${text.slice(to)}`);
  console.log('Wrote docs/map.svg and the figures in docs/map.md.');
}
