// The native measurements: time a call (Criterion), hard patterns, memory. The programs are in bench/native.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { deviation, median } from './measure.js';
import { native, progress, run } from './process.mjs';

/** Where Criterion keeps what it measures. */
const criterion = path.join(native, 'target', 'criterion');

const environment = (quick) => ({
  CRITERION_HOME: criterion,
  ...(quick ? { MEMS_BENCH: 'quick' } : {}),
});

/** The flags with which a run is built: a quick one does not optimise across crates, which takes longer than measuring. */
const profile = (quick) => ['--profile', quick ? 'quick' : 'release'];

/** Runs a program of bench/native and returns the lines it prints. */
async function program(name, args = [], quick = false, line = () => {}) {
  progress(`Native: ${args[0] ?? name}`);
  const command = ['run', ...profile(quick), '--bin', name, '--', ...args];
  const text = await run('cargo', command, { cwd: native, env: environment(quick), line });
  progress('');
  return text.trim().split('\n');
}

const measured = (what, quick, line) => program('measure', [what], quick, line);

/** Runs a measurement that prints lines of JSON. */
const lines = (what) => async (quick) =>
  (await measured(what, quick)).map((line) => JSON.parse(line));

/**
 * What Criterion keeps of each benchmark since a time: `{ group, contender, workload, ns, spread }`, per call. Results of
 * earlier runs lie beside them.
 */
function criterionResults(since, folder = criterion) {
  const results = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const inside = path.join(folder, entry.name);
    if (entry.name !== 'new') {
      results.push(...criterionResults(since, inside));
      continue;
    }
    const written = statSync(path.join(inside, 'estimates.json')).mtimeMs;
    if (written < since) continue;
    const read = (name) => JSON.parse(readFileSync(path.join(inside, name), 'utf8'));
    const { group_id, function_id, value_str, throughput } = read('benchmark.json');
    const { median, median_abs_dev } = read('estimates.json');
    results.push({
      written,
      group: group_id,
      contender: function_id,
      workload: value_str,
      ns: median.point_estimate / throughput.Elements,
      spread: median_abs_dev.point_estimate / throughput.Elements,
    });
  }
  return results.sort((a, b) => a.written - b.written);
}

/** Adds to tables of times how many times as long as libc each contender takes. */
function withRatios(tables) {
  for (const { rows } of tables) {
    const libc = rows.find(({ name }) => name === 'libc').ns;
    for (const row of rows) row.ratio = row.ns / libc;
  }
  return tables;
}

const compiling = (text) => /^Compiling/.test(text) && progress(`Native: ${text}`);

/** Builds the programs of a run, so that the time of measuring does not contain building. */
export async function buildNative(quick) {
  const names = ['measure', ...(quick ? [] : ['adversarial'])];
  const bins = names.flatMap((name) => ['--bin', name]);
  await run('cargo', ['build', ...profile(quick), ...bins], { cwd: native, line: compiling });
  progress('');
}

/** Builds the addon of empty callbacks, which does not change with the library. */
export async function buildFloor() {
  const floor = ['build', '--release', '--package', 'mems-floor'];
  await run('cargo', floor, { cwd: native, line: compiling });
  progress('');
}

/** The traces replayed once, each in a process of its own, as tables of times. */
async function once(quick) {
  const tables = new Map();
  for (const { trace, ...row } of await lines('once')(quick)) {
    if (!tables.has(trace)) {
      tables.set(trace, { where: 'native', group: 'once', workload: trace, rows: [] });
    }
    tables.get(trace).rows.push(row);
  }
  return withRatios([...tables.values()]);
}

/** Times as tables, in the order they were measured. */
async function times(quick) {
  const begun = Date.now();
  await measured('times', quick, (text) => /^Benchmarking/.test(text) && progress(text));
  const tables = new Map();
  for (const { group, workload, contender, ns, spread } of criterionResults(begun)) {
    const key = `${group} ${workload}`;
    if (!tables.has(key)) tables.set(key, { where: 'native', group, workload, rows: [] });
    tables.get(key).rows.push({ name: contender, ns, spread });
  }
  return withRatios([...tables.values()]);
}

/** Several runs of a program whose lines are the same objects with other figures: each figure as `{ median, spread }`. */
async function repeated(rounds, lines, figures) {
  const runs = [];
  for (let round = 0; round < rounds; round++) runs.push(await lines());
  return runs[0].map((first, at) => {
    const row = { ...first };
    for (const figure of figures) {
      const values = runs.map((run) => run[at][figure]);
      if (values.every((value) => value !== null)) {
        row[figure] = { median: median(values), spread: deviation(values) };
      }
    }
    return row;
  });
}

function footprint(quick) {
  const run = () => lines('footprint')(quick);
  return repeated(quick ? 1 : 3, run, ['resident', 'mapped', 'metadata', 'reach']);
}

function adversarial() {
  const parse = (line) => {
    const [, name, ns, calls] = line.match(/^(.+?) +(\d+) ns a call, +(\d+) calls$/);
    return { name, ns: Number(ns), calls: Number(calls) };
  };
  return repeated(5, async () => (await program('adversarial')).map(parse), ['ns']);
}

/** The versions of the allocators that MeMS is compared with, as `name version`. */
async function versions() {
  const args = ['metadata', '--format-version', '1', '--locked'];
  const { packages, resolve } = JSON.parse(await run('cargo', args, { cwd: native }));
  const own = packages.find(({ id }) => id === resolve.root);
  const peers = ['libmimalloc-sys', 'rlsf', 'talc', 'offset-allocator'];
  const used = own.dependencies.map(({ name }) => name).filter((name) => peers.includes(name));
  return used.map((peer) => {
    const { name, version } = packages.find(({ name }) => name === peer);
    return `${name} ${version}`;
  });
}

/** The parts, by the names that `only` has. */
export const PARTS = ['times', 'once', 'footprint', 'metadata', 'small', 'adversarial'];

/**
 * Everything measured natively: `{ times, footprint, metadata, small, adversarial, peers }`. `only`: the names of the parts to measure, all
 * if there are none.
 */
export async function measureNative(quick, only) {
  const part = (name, measure) => (only.length === 0 || only.includes(name) ? measure(quick) : []);
  return {
    peers: await versions(),
    times: [...(await part('times', times)), ...(await part('once', once))],
    footprint: await part('footprint', footprint),
    metadata: await part('metadata', lines('metadata')),
    small: await part('small', lines('small')),
    // A quick run leaves these to npm run bench:adversarial.
    adversarial: quick ? [] : await part('adversarial', adversarial),
  };
}
