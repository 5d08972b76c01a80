// examples/service.mjs under a real Prometheus, through growth, trims and want of memory: what Prometheus has stored is what the service
// has measured, promtool finds nothing to complain about in any text, the rules and queries of docs/services.md are valid, and its alerts
// fire when they should.
//   npm run test:service
//
// Prometheus is the one that the system has, or Debian's, fetched into the cache. Linux.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tested, testOfAlerts } from './lib/alerts.mjs';
import { CHECKOUT, progress } from './lib/runtimes.mjs';
import { fromDebian } from './lib/tools.mjs';

const require = createRequire(import.meta.url);
const { METRICS } = require('../lib/metrics.js');
const { readMetrics } = require('../__test__/helpers/metrics.js');

/** Milliseconds after which a condition that does not come to hold is a failure. */
const LIMIT_MS = 60_000;
const POLL_MS = 50;
const LIMIT = 16 * 2 ** 20;

const children = [];
const folder = await mkdtemp(join(tmpdir(), 'mems-service-'));

/** The programs of Prometheus. */
async function findPrometheus() {
  const names = ['prometheus', 'promtool'];
  if (names.every((name) => spawnSync(name, ['--version']).status === 0)) return names;
  const fetched = await fromDebian('prometheus', ['prometheus']);
  return names.map((name) => join(fetched, 'usr', 'bin', name));
}

/** Starts a program. What it writes to its error stream is kept. */
function run(command, args, env = {}) {
  const child = spawn(command, args, { cwd: CHECKOUT, env: { ...process.env, ...env } });
  child.said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    child.said += text;
  });
  children.push(child);
  return child;
}

/** Calls `attempt` until it returns something else than undefined, or the time is up: then the last error, or `what`, is thrown. */
async function poll(what, attempt) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    let failure = new Error(`${what}: not within ${LIMIT_MS / 1000} s`);
    try {
      const found = await attempt();
      if (found !== undefined) return found;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > end) throw failure;
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

/** A port that is free now. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const [prometheus, promtool] = await findPrometheus();

/** Asserts that promtool has nothing to say about an input. */
function check(args, input) {
  const { status, stdout, stderr } = spawnSync(promtool, args, { input, encoding: 'utf8' });
  // What is found is written to either stream. Checks of files say that all is well.
  const said = args[1] === 'metrics' ? stdout + stderr : stderr;
  assert.deepEqual([status, said], [0, ''], `promtool ${args.join(' ')}:\n${input ?? stdout}`);
}

async function startService() {
  const child = run(process.execPath, ['examples/service.mjs'], {
    PORT: '0',
    LIMIT: String(LIMIT),
  });
  const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  const [, address] = /listening on (\S+)/.exec(said) ?? [];
  assert.ok(address, `the service does not start: ${child.said}`);
  return { child, address };
}

async function startPrometheus(service) {
  const jobs = ['metrics', 'prom-client'].map(
    (path) => `
  - job_name: ${path}
    metrics_path: /${path}
    static_configs:
      - targets: ['${service}']`,
  );
  const config = join(folder, 'prometheus.yml');
  const text = `global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:${jobs.join('')}\n`;
  await writeFile(config, text);
  check(['check', 'config', config]);
  const address = `127.0.0.1:${await freePort()}`;
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=${address}`,
  ];
  const child = run(prometheus, args);
  await poll('Prometheus is ready', async () => {
    assert.equal(child.exitCode, null, `Prometheus has ended: ${child.said}`);
    return (await fetch(`http://${address}/-/ready`)).ok || undefined;
  });
  return address;
}

const { child: service, address: serviceAddress } = await startService();
const prometheusAddress = await startPrometheus(serviceAddress);

async function ask(path) {
  const { status, data, error } = await (await fetch(`http://${prometheusAddress}${path}`)).json();
  assert.equal(status, 'success', `${path}: ${error}`);
  return data;
}

const query = async (text) => (await ask(`/api/v1/query?query=${encodeURIComponent(text)}`)).result;

async function textOf(path) {
  const response = await fetch(`http://${serviceAddress}/${path}`);
  assert.match(
    response.headers.get('content-type'),
    /^text\/plain; version=0\.0\.4; charset=utf-8$/,
  );
  return response.text();
}

/** A request, whose answer must have a status. */
async function request(method, path, status, body) {
  const response = await fetch(`http://${serviceAddress}/${path}`, { method, body });
  await response.arrayBuffer();
  assert.equal(response.status, status, `${method} ${path}`);
}

const keyOf = (name, labels) =>
  `${name} ${Object.entries(labels)
    .sort()
    .map((pair) => pair.join('='))
    .join()}`;

/** All samples of a text, by their names and labels. */
function samplesOf(text) {
  const samples = readMetrics(text).flatMap(({ name, samples: all }) =>
    all.map(({ labels, value }) => [keyOf(name, labels), value]),
  );
  return Object.fromEntries(samples.sort());
}

/** Asserts that all texts are valid, that both ways have the same numbers, and that Prometheus comes to have them. */
async function compare(what) {
  const begun = Date.now() / 1000;
  const [own, client] = await Promise.all(['metrics', 'prom-client'].map(textOf));
  check(['check', 'metrics'], own);
  const expected = samplesOf(own);
  // prom-client puts an empty line between metrics.
  assert.deepEqual(samplesOf(client.replace(/\n+/g, '\n')), expected);
  const scraped = await poll(`Prometheus has the numbers of ${what}`, async () => {
    // All samples of a scrape have one time.
    const [oldest] = await query('min(timestamp(mems_mapped_bytes))');
    if (!(Number(oldest?.value[1]) > begun)) return undefined;
    const found = { metrics: {}, 'prom-client': {} };
    for (const { metric, value } of await query('{__name__=~"mems_.+"}')) {
      const { __name__: name, instance: _, job, ...labels } = metric;
      found[job][keyOf(name, labels)] = Number(value[1]);
    }
    for (const job of Object.values(found)) {
      assert.deepEqual(Object.fromEntries(Object.entries(job).sort()), expected);
    }
    return found.metrics;
  });
  const names = new Set(Object.keys(scraped).map((key) => key.split(' ')[0]));
  assert.deepEqual([...names].sort(), METRICS.map(({ name }) => name).sort());
  return expected;
}

const put = (key, bytes, status = 201) =>
  request('PUT', `cache/${key}`, status, Buffer.alloc(bytes, key));

/** What happens to the service, and what must be seen of it. */
const PHASES = {
  async start() {},
  async growth() {
    for (let i = 0; i < 40; i++) await put(`large${i}`, 200_000);
    for (let i = 0; i < 200; i++) await put(`small${i}`, 100 + i);
  },
  async 'holes and a trim'() {
    for (let i = 0; i < 40; i += 2) await request('DELETE', `cache/large${i}`, 204);
    for (let i = 0; i < 200; i += 2) await request('DELETE', `cache/small${i}`, 204);
    await request('POST', 'trim', 200);
  },
  async 'want of memory'() {
    await put('huge', LIMIT, 507);
    for (let i = 0; i < 3; i++) await put('huge', LIMIT - 1, 507);
  },
};

/** The fenced blocks of the document in a language. */
async function blocksOf(language) {
  const text = await readFile(join(CHECKOUT, 'docs', 'services.md'), 'utf8');
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))];
  assert.ok(blocks.length > 0, `docs/services.md has no ${language}`);
  return blocks.map(([, block]) => block);
}

async function checkDocument() {
  const [rules] = await blocksOf('yaml');
  const file = join(folder, 'rules.yml');
  await writeFile(file, rules);
  check(['check', 'rules', file]);
  const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  assert.deepEqual(names.sort(), tested, 'each alert fires in a test');
  const tests = join(folder, 'alerts.yml');
  await writeFile(tests, testOfAlerts(file));
  check(['test', 'rules', tests]);
  // Other texts are what programs print.
  const texts = (await blocksOf('text')).filter((text) => text.includes('mems_'));
  const queries = texts.join('').split('\n');
  const asked = queries.filter((line) => line !== '' && !line.startsWith('#'));
  assert.ok(asked.length > 0, 'docs/services.md has queries');
  for (const line of asked) await query(line);
}

/** Whether a range of Prometheus's, over all phases, shows what it should. */
async function checkHistory(first, last) {
  const key = keyOf('mems_failed_mallocs_total', { heap: 'values' });
  assert.deepEqual([first[key], last[key]], [0, 4]);
  for (const { name } of METRICS.filter(({ type }) => type === 'counter')) {
    const [fallen] = await query(`sum(resets(${name}[10m]))`);
    assert.equal(Number(fallen.value[1]), 0, `${name} has not fallen`);
  }
  const sums = await query(
    'mems_live_bytes + mems_quarantined_bytes + mems_hole_bytes - mems_mapped_bytes != 0 or mems_mallocs_total - mems_frees_total - mems_live_blocks != 0',
  );
  assert.deepEqual(
    sums,
    [],
    'live, quarantined and hole bytes are the mapped ones; mallocs minus frees are live blocks',
  );
  const peak = await query('max_over_time(mems_live_bytes{heap="values",job="metrics"}[10m])');
  assert.ok(Number(peak[0].value[1]) > last[keyOf('mems_live_bytes', { heap: 'values' })]);
  const described = await ask('/api/v1/targets/metadata?match_target={job="metrics"}');
  const types = Object.fromEntries(
    described.map(({ metric, type, help }) => [metric, [type, help]]),
  );
  for (const { name, type, help } of METRICS) assert.deepEqual(types[name], [type, `${help}.`]);
}

let end;
try {
  const seen = [];
  for (const [name, happen] of Object.entries(PHASES)) {
    end = progress(name);
    await happen();
    seen.push(await compare(name));
    end('ok');
  }
  end = progress('history, rules and queries');
  await checkHistory(seen[0], seen.at(-1));
  await checkDocument();
  assert.equal(service.exitCode, null);
  assert.equal(service.said.match(/^mems:out-of-memory /gm).length, 4, service.said);
  end('ok');
} catch (error) {
  end?.('FAILED');
  console.error(error);
  process.exitCode = 1;
} finally {
  const ended = children.map((child) => child.exitCode === null && once(child, 'exit'));
  for (const child of children) child.kill();
  await Promise.all(ended);
  await rm(folder, { recursive: true, force: true });
}
