// npm run bench [-- --quick] [--native | --javascript] [--only PART]... [--write]
// npm run bench -- --report
//
// Measures MeMS against other allocators, natively and from JavaScript, prints tables, and keeps the figures in
// target/bench.json. --only measures a part of them: --only with a name that there is not lists the names. A full run also writes docs/performance.md and its charts, docs/performance.svg and docs/churn.svg, from them; with --write a quick run does
// so too. --report makes them anew without measuring, and also docs/memory.md if npm run bench:gc has been run.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chart, churnChart } from './lib/chart.mjs';
import { machine } from './lib/machine.mjs';
import { writeMemoryDocuments } from './lib/memory.mjs';
import { buildFloor, buildNative, measureNative, PARTS as NATIVE } from './lib/native.mjs';
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
    only: { type: 'string', multiple: true, default: [] },
    write: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
  },
});
const { PARTS: JAVASCRIPT, measure: measureInJavaScript } = createRequire(import.meta.url)(
  './javascript.js',
);
const { only } = options;
const unknown = only.filter((part) => ![...NATIVE, ...JAVASCRIPT].includes(part));
if (unknown.length > 0) {
  const parts = `natively ${NATIVE.join(', ')}; from JavaScript ${JAVASCRIPT.join(', ')}`;
  throw new Error(`there is no part ${unknown.join(', ')}. The parts are: ${parts}`);
}
const among = (parts) => only.length === 0 || parts.some((part) => only.includes(part));
const both = options.native === options.javascript;
const wanted = {
  native: (both || options.native) && among(NATIVE),
  javascript: (both || options.javascript) && among(JAVASCRIPT),
};
/** Whether everything is measured. */
const all = both && only.length === 0;
const secondsSince = (begun) => (Number(process.hrtime.bigint() - begun) / 1e9).toFixed(0);

/** Builds the programs that measure; what has not changed since the last run costs nothing. */
async function build() {
  if (wanted.native) await buildNative(options.quick);
  if (wanted.javascript) await buildFloor();
}

async function measureJavaScript() {
  let turns = 0;
  const times = await measureInJavaScript({
    quick: options.quick,
    only,
    progress: () => progress(`JavaScript: turn ${++turns}`),
  });
  progress('');
  return times;
}

/** The installed versions of the packages that MeMS is compared with from JavaScript, as `name version`. */
function packages() {
  return ['koffi', 'sql.js', '@thi.ng/malloc'].map((name) => {
    const file = path.join(root, 'node_modules', name, 'package.json');
    return `${name} ${JSON.parse(readFileSync(file, 'utf8')).version}`;
  });
}

async function measure() {
  const nothing = { peers: [], times: [], footprint: [], metadata: [], small: [], adversarial: [] };
  const native = wanted.native ? await measureNative(options.quick, only) : nothing;
  const javascript = wanted.javascript ? await measureJavaScript() : [];
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
  const documents = {
    'performance.md': report(data),
    'performance.svg': chart(data),
    'churn.svg': churnChart(data),
  };
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
  if (options.quick && wanted.native) {
    console.log(
      'The native programs of a quick run are not optimised across crates: MeMS takes a tenth more instructions.',
    );
  }
  if (options.write || (all && !options.quick)) writeDocuments(data);
}
