// npm run bench [-- --quick] [--native | --javascript]
//
// Measures MeMS against other allocators, natively (Criterion) and from JavaScript, prints tables, and keeps the figures
// in target/bench.json.

import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Table } from 'console-table-printer';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const native = path.join(root, 'bench', 'native');
const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    native: { type: 'boolean', default: false },
    javascript: { type: 'boolean', default: false },
  },
});
const all = !options.native && !options.javascript;

/** Runs a command; `line` sees its output. */
function run(command, args, { cwd = root, env = {}, line = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      shell: process.platform === 'win32',
    });
    let output = '';
    const see = (text) => {
      output += text;
      for (const part of text.split('\n')) if (part.trim()) line(part.trim());
    };
    child.stdout.setEncoding('utf8').on('data', see);
    child.stderr.setEncoding('utf8').on('data', see);
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ${args.join(' ')} failed:\n${output.slice(-2000)}`));
    });
  });
}

/** One line that is written over on a terminal; elsewhere nothing. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text.slice(0, 100)}`);
}

/**
 * What Criterion keeps of each benchmark since a time: `{ group, contender, workload, ns, spread }`, per call. Results of
 * earlier runs lie beside them.
 */
function criterionResults(since, folder = path.join(native, 'target', 'criterion')) {
  const results = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const inside = path.join(folder, entry.name);
    if (entry.name !== 'new') {
      results.push(...criterionResults(since, inside));
      continue;
    }
    if (statSync(path.join(inside, 'estimates.json')).mtimeMs < since) continue;
    const read = (name) => JSON.parse(readFileSync(path.join(inside, name), 'utf8'));
    const { group_id, function_id, value_str, throughput } = read('benchmark.json');
    const { median, median_abs_dev } = read('estimates.json');
    results.push({
      group: group_id,
      contender: function_id,
      workload: value_str,
      ns: median.point_estimate / throughput.Elements,
      spread: median_abs_dev.point_estimate / throughput.Elements,
    });
  }
  return results;
}

async function measureNative() {
  const begun = Date.now();
  const env = options.quick ? { MEMS_BENCH: 'quick' } : {};
  const line = (text) => /^(Benchmarking|Compiling)/.test(text) && progress(text);
  await run('cargo', ['bench', '--bench', 'allocators', '--', '--noplot'], {
    cwd: native,
    env,
    line,
  });
  progress('');
  const tables = {};
  for (const { group, workload, contender, ns, spread } of criterionResults(begun)) {
    const title = `native, ${group} ${workload}, a call`;
    tables[title] ??= [];
    tables[title].push({ name: contender, ns, spread });
  }
  for (const rows of Object.values(tables)) {
    const libc = rows.find(({ name }) => name === 'libc').ns;
    for (const row of rows) row.ratio = row.ns / libc;
    rows.sort((a, b) => a.ns - b.ns);
  }
  return tables;
}

async function measureJavaScript() {
  progress('Building the addon of empty callbacks');
  const floor = ['build', '--platform', '--release', '--no-js', '--features', 'floor'];
  await run('npx', ['napi', ...floor, '--output-dir', path.join('target', 'floor-addon')]);
  const { measure } = createRequire(import.meta.url)('./javascript.js');
  let turns = 0;
  const tables = await measure({
    quick: options.quick,
    progress: () => progress(`JavaScript: turn ${++turns}`),
  });
  progress('');
  return Object.fromEntries(
    Object.entries(tables).map(([title, rows]) => [`JavaScript, ${title}`, rows]),
  );
}

function print(title, rows) {
  const reference = title.startsWith('native') ? 'libc' : rows[0].name;
  const table = new Table({
    title,
    shouldDisableColors: true,
    columns: [
      { name: 'name', title: '', alignment: 'left' },
      { name: 'ns', title: 'ns', alignment: 'right' },
      { name: 'spread', title: '±', alignment: 'right' },
      { name: 'ratio', title: `x ${reference}`, alignment: 'right' },
    ],
  });
  for (const { name, ns, spread, ratio } of rows) {
    const figures =
      ns === null
        ? { ns: 'gave up' }
        : { ns: ns.toFixed(1), spread: spread.toFixed(1), ratio: ratio.toFixed(2) };
    table.addRow({ name, ...figures });
  }
  table.printTable();
}

const tables = {};
if (all || options.native) Object.assign(tables, await measureNative());
if (all || options.javascript) Object.assign(tables, await measureJavaScript());
for (const [title, rows] of Object.entries(tables)) print(title, rows);

const machine = {
  cpu: os.cpus()[0].model,
  processors: os.cpus().length,
  node: process.version,
  platform: process.platform,
};
mkdirSync(path.join(root, 'target'), { recursive: true });
const file = path.join(root, 'target', 'bench.json');
writeFileSync(
  file,
  `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), machine, tables }, null, 2)}\n`,
);
console.log(
  `\nMedians with their median absolute deviation; ${machine.cpu}, ${machine.processors} processors, Node ${machine.node}.`,
);
