// The runtimes MeMS supports: fetched from npm into a cache folder, and programs run on them.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findPlatform, NODE_VERSIONS } from '../platforms.mjs';
import { npmPack } from './pack.mjs';

const { hostPlatform } = createRequire(import.meta.url)('../../lib/platform.js');

export const CHECKOUT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** The folder of all that scripts fetch, and of the results of their last runs: .cache, unless MEMS_CACHE names another. */
export const CACHE_ROOT = resolve(process.env.MEMS_CACHE ?? join(CHECKOUT, '.cache'));
/** The folder of runtimes. */
export const CACHE = join(CACHE_ROOT, 'runtimes');
const PROGRESS_MS = 5_000;
const VERSION_TIMEOUT_MS = 60_000;

/** The platform that this Node.js runs on (linux-x64-gnu). */
export const HOST = hostPlatform().name;

/** The runtimes as they are for a platform (linux-arm64-gnu), by the names under which they are asked for. */
export function runtimesOf(platform) {
  const { node, oldNode = node, bun, deno } = findPlatform(platform)?.packages ?? {};
  const nodes = NODE_VERSIONS.map((major) => {
    const from = major < 18 ? oldNode : node;
    const spec = from && `${from}@${major}`;
    return [String(major), { name: `node ${major}`, spec, binary: 'node', flags: [], platform }];
  });
  const others = [
    { name: 'bun', spec: bun, binary: 'bun', flags: [], platform },
    { name: 'deno', spec: deno, binary: 'deno', flags: ['run', '-A', '--no-lock'], platform },
  ];
  return new Map([...nodes, ...others.map((runtime) => [runtime.name, runtime])]);
}

export const RUNTIMES = runtimesOf(HOST);

/** The environment of every runtime: Deno keeps its own cache beside the runtimes, and looks for no newer version. */
export const ENVIRONMENT = {
  ...process.env,
  DENO_DIR: join(CACHE, 'deno-dir'),
  DENO_NO_UPDATE_CHECK: '1',
};

/** The binary inside a package's folder, or undefined: packages differ in where they keep it. */
function binaryIn(folder, name) {
  const places = [name, `${name}.exe`].flatMap((file) => [
    join(folder, 'package', 'bin', file),
    join(folder, 'package', file),
  ]);
  return places.find((place) => existsSync(place));
}

/**
 * Starts a program and returns how it ended and all it wrote, as { code, reason, output }. It is killed after `timeout`
 * milliseconds, and after `silence` milliseconds without a line; `onLine` sees its lines as they come.
 */
export function start(command, args, options = {}) {
  const { timeout, silence, onLine, cwd = CHECKOUT, env = ENVIRONMENT } = options;
  return new Promise((done) => {
    const child = spawn(command, args, { cwd, env });
    let output = '';
    let why = '';
    // The child is killed by its own handle: that never reaches any other process.
    const killAfter = (milliseconds, reason) =>
      milliseconds &&
      setTimeout(() => {
        why = ` (${reason} ${milliseconds / 1000} s)`;
        child.kill('SIGKILL');
      }, milliseconds);
    const limit = killAfter(timeout, 'limit');
    const watchdog = killAfter(silence, 'silent for');
    const hear = (text) => {
      output += text;
      watchdog?.refresh();
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    if (onLine) createInterface({ input: child.stdout }).on('line', onLine);
    const end = (code, reason) => {
      clearTimeout(limit);
      clearTimeout(watchdog);
      done({ code, reason, output });
    };
    child.on('error', (error) => end(null, error.message));
    child.on('close', (code, signal) => {
      end(code, signal ? `killed by ${signal}${why}` : `exit code ${code}`);
    });
  });
}

/** Shows on the error stream that `what` is in progress, until the returned function is called. */
export function progress(what) {
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

/** The path of a runtime's binary, downloaded if it is not there: from npm, if it has no `fetch` of its own. */
async function fetchRuntime({ spec, binary, platform, fetch }, offline) {
  if (fetch) return fetch(offline);
  if (!spec) throw new Error(`npm has no package of ${binary} for ${platform}`);
  const folder = join(CACHE, spec.replace('/', '+'));
  if (!binaryIn(folder, binary)) {
    if (offline) throw new Error(`${spec} is not in the cache, and --offline was given`);
    await download(spec, folder);
  }
  const found = binaryIn(folder, binary);
  if (!found) throw new Error(`${spec} holds no ${binary} binary`);
  return found;
}

/** A runtime's binary and version, fetched if it is not there. `startIt` starts it, if start() cannot. */
export async function openRuntime(runtime, offline, startIt = start) {
  const binary = await fetchRuntime(runtime, offline);
  const asked = await startIt(binary, ['--version'], { timeout: VERSION_TIMEOUT_MS });
  if (asked.code !== 0) throw new Error(`--version: ${asked.reason}: ${asked.output}`);
  return { binary, version: asked.output.match(/\d+\.\d+\.\d+\S*/)?.[0] ?? '' };
}

/** The runtimes of these names; the defaults, or all, if there are none. */
export function chooseRuntimes(names, defaults = [...RUNTIMES.keys()], runtimes = RUNTIMES) {
  const chosen = names.length > 0 ? names : defaults;
  const unknown = chosen.filter((name) => !runtimes.has(name));
  if (unknown.length > 0) {
    const known = [...runtimes.keys()].join(', ');
    throw new Error(`unknown runtime ${unknown.join(', ')}: choose from ${known}`);
  }
  return chosen.map((name) => runtimes.get(name));
}
