// Tests adapters with programs that are too large for development dependencies, and are fetched from npm into the cache folder:
// keyv's own tests of stores, under vitest; and a server of Next.js, built, and run as two processes.
//
//   npm run test:adapters            both
//   npm run test:adapters -- next    one of them
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { npm } from './lib/pack.mjs';
import { CACHE_ROOT, CHECKOUT, start } from './lib/runtimes.mjs';

const HERE = join(CHECKOUT, '__test__', 'adapters');
const TIMEOUT_MS = 600_000;
const DEPENDENCIES = {
  // keyv 5 is what the suite is written for.
  keyv: { '@keyv/test-suite': '2.1.2', keyv: '5.6.0', vitest: '4.1.12' },
  next: { next: '16.4.6', react: '19.3.1', 'react-dom': '19.3.1' },
};

/** The folder of a test, with what it depends on. */
async function installed(name) {
  const folder = join(CACHE_ROOT, 'adapters', name);
  const file = join(folder, 'package.json');
  const manifest = JSON.stringify({ private: true, dependencies: DEPENDENCIES[name] });
  const before = await readFile(file, 'utf8').catch(() => '');
  if (before === manifest && existsSync(join(folder, 'node_modules'))) return folder;
  console.log(`Fetching ${Object.keys(DEPENDENCIES[name]).join(', ')} from npm`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(file, manifest);
  // What one of them would build is not used.
  await npm(['install', '--ignore-scripts', '--no-audit', '--no-fund'], folder).catch(
    async (error) => {
      await rm(file);
      throw error;
    },
  );
  return folder;
}

/** Runs a program of Node.js in a folder to its end. */
async function run(folder, env, ...args) {
  const options = { cwd: folder, env: { ...process.env, ...env }, timeout: TIMEOUT_MS };
  const { code, reason, output } = await start(process.execPath, args, options);
  process.stdout.write(output);
  assert.equal(code, 0, reason);
}

async function keyv() {
  const folder = await installed('keyv');
  await cp(join(HERE, 'keyv.suite.mjs'), join(folder, 'keyv.test.mjs'));
  const env = { MEMS_CHECKOUT: CHECKOUT, MEMS_HEAP: join(folder, 'keyv.mems') };
  await rm(env.MEMS_HEAP, { force: true });
  await run(folder, env, join('node_modules', 'vitest', 'vitest.mjs'), 'run', '--pool=forks');
}

/** A port that nobody listens at. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await once(server.close(), 'close');
  return port;
}

/** Starts a server of Next.js. Returns its process, and a function that asks it for a path. */
async function serverOf(folder, env) {
  const port = await freePort();
  const args = [join('node_modules', 'next', 'dist', 'bin', 'next'), 'start', '-p', `${port}`];
  const options = { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 2] };
  const child = spawn(process.execPath, args, options);
  let said = '';
  for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += text;
    if (said.includes('Ready')) break;
  }
  child.stdout.resume();
  assert.match(said, /Ready/);
  /** What the page says between brackets, and whether the cache had it. */
  const ask = async (path) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return { text: /\[.*?\]/.exec(text)[0], cache: response.headers.get('x-nextjs-cache') };
  };
  return { child, ask };
}

const PAGES = ['/news', '/item/5', '/route'];

async function next() {
  const folder = await installed('next');
  await cp(join(HERE, 'next-app'), folder, { recursive: true });
  const env = { MEMS_CHECKOUT: CHECKOUT, MEMS_HEAP: join(folder, 'pages.mems') };
  env.NEXT_TELEMETRY_DISABLED = '1';
  await rm(env.MEMS_HEAP, { force: true });
  await run(folder, env, join('node_modules', 'next', 'dist', 'bin', 'next'), 'build');
  const servers = [];
  try {
    for (let i = 0; i < 2; i++) servers.push(await serverOf(folder, env));
    const [one, two] = servers;
    const seen = {};
    for (const path of PAGES) {
      seen[path] = await one.ask(path);
      assert.deepEqual(await two.ask(path), { text: seen[path].text, cache: 'HIT' }, path);
    }
    for (const [what, changed, from, to] of [
      ['tag=data', ['/news'], one, two],
      ['path=/item/5', ['/item/5'], two, one],
      ['path=/route', ['/route'], one, two],
      ['tag=unknown', [], two, one],
    ]) {
      await from.ask(`/revalidate?${what}`);
      for (const path of PAGES) {
        const { text, cache } = await to.ask(path);
        const isNew = changed.includes(path);
        assert.equal(cache, isNew ? 'MISS' : 'HIT', `${path} after ${what}`);
        assert.equal(text !== seen[path].text, isNew, `${path} after ${what}`);
        assert.deepEqual(await from.ask(path), { text, cache: 'HIT' }, `${path} after ${what}`);
        seen[path] = { text };
      }
    }
    for (const { child } of servers) child.kill('SIGKILL');
    servers.push(await serverOf(folder, env));
    for (const path of PAGES)
      assert.deepEqual(await servers[2].ask(path), { text: seen[path].text, cache: 'HIT' }, path);
    console.log(`${PAGES.join(', ')}: both servers and the next one had what one had rendered`);
  } finally {
    for (const { child } of servers) child.kill('SIGKILL');
  }
}

const TESTS = { keyv, next };
const words = process.argv.slice(2);
const unknown = words.filter((word) => !(word in TESTS));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}: choose from ${Object.keys(TESTS).join(', ')}`);
  process.exit(1);
}
for (const name of words.length > 0 ? words : Object.keys(TESTS)) {
  console.log(`> ${name}`);
  await TESTS[name]();
}
