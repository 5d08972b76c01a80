// npm run bench [-- --quick] [--native | --javascript] [--write]
// npm run bench -- --report
//
// Measures MeMS against other allocators, natively and from JavaScript, prints tables, and keeps the figures in
// target/bench.json. A full run also writes docs/performance.md and docs/performance.svg from them; with --write a quick run does
// so too. --report makes them anew without measuring, and also docs/memory.md if npm run bench:gc has been run.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chart } from './lib/chart.mjs';
import { machine } from './lib/machine.mjs';
import { writeMemoryDocuments } from './lib/memory.mjs';
import { buildFloor, buildNative, measureNative } from './lib/native.mjs';
import { progress, root } from './lib/process.mjs';
import { report } from './lib/report.mjs';
import { print } from './lib/table.mjs';
import { tablesOf } from './lib/tables.mjs';

const file = path.join(root, 'target', 'bench.json');
const collected = path.join(root, 'target', 'gc.json');
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    native: { type: 'boolean', default: false },
    javascript: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
});
const all = options.native === options.javascript;
const secondsSince = (begun) => (Number(process.hrtime.bigint() - begun) / 1e9).toFixed(0);

/** Builds the programs that measure; what has not changed since the last run costs nothing. */
async function build() {
  if (all || options.native) await buildNative(options.quick);
  if (all || options.javascript) {
    await buildFloor();
  }
}

async function measureJavaScript() {
  const { measure } = createRequire(import.meta.url)('./javascript.js');
  let turns = 0;
  const times = await measure({
    quick: options.quick,
    progress: () => progress(`JavaScript: turn ${++turns}`),
  });
  progress('');
  return times;
}

/** The installed versions of the packages that MeMS is compared with from JavaScript, as `name version`. */
function packages() {
  return ['koffi', '@thi.ng/malloc'].map((name) => {
    const file = path.join(root, 'node_modules', name, 'package.json');
    return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`;
  });
}

async function measure() {
  const nothing = { peers: [], times: [], footprint: [], metadata: [], adversarial: [] };
  const native = all || options.native ? await measureNative(options.quick) : nothing;
  const javascript = all || options.javascript ? await measureJavaScript() : [];
  const date = new Date().toISOString().slice(0, 10);
  const data = {
    date,
    quick: options.quick,
    complete: all,
    machine: await machine(),
    packages: packages(),
    ...native,
    times: [...native.times, ...javascript],
  };
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(data, null, 2)}\n`);
  return data;
}

function writeDocuments(data) {
  if (!data.complete)
    throw new Error('the documents need a run of both parts, native and JavaScript');
  const documents = { 'performance.md': report(data), 'performance.svg': chart(data) };
  for (const [name, text] of Object.entries(documents)) {
    writeFileSync(path.join(root, 'docs', name), text);
    console.log(`Wrote docs/${name}.`);
  }
}

if (options.report) {
  writeDocuments(JSON.parse(readFileSync(file, 'utf8')));
  if (existsSync(collected)) writeMemoryDocuments(JSON.parse(readFileSync(collected, 'utf8')));
} else {
  const begun = process.hrtime.bigint();
  await build();
  const built = secondsSince(begun);
  const measuring = process.hrtime.bigint();
  const data = await measure();
  const measured = secondsSince(measuring);
  for (const table of Object.values(tablesOf(data))) print(table);
  const { cpu, processors, node } = data.machine;
  console.log(
    `\nMedians with their median absolute deviation; ${cpu}, ${processors} processors, Node ${node}. ` +
      `Building took ${built} s, measuring ${measured} s.`,
  );
  if (options.quick && (all || options.native)) {
    console.log(
      'The native programs of a quick run are not optimised across crates: MeMS takes a tenth more instructions.',
    );
  }
  if (options.write || (all && !options.quick)) writeDocuments(data);
}
