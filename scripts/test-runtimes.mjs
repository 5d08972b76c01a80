// Runs the smoke suite on every runtime MeMS supports, each fetched from npm into a cache folder:
//   npm run test:runtimes -- [--offline] [14 16 18 20 22 24 26 bun deno ...]
// MEMS_CACHE names another folder than .cache; delete runtimes/ in it to fetch newer versions.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  CACHE,
  CHECKOUT,
  chooseRuntimes,
  HOST,
  openRuntime,
  printRows,
  progress,
  start,
} from './lib/runtimes.mjs';

const SMOKE = join(CHECKOUT, '__test__', 'smoke.js');
const RUN_TIMEOUT_MS = 120_000;

/** Runs the smoke suite on one runtime and answers its row of the table. */
async function testRuntime(runtime, offline) {
  const row = { runtime: runtime.name, version: '', passed: 0, failed: 0, result: 'ok' };
  try {
    const { binary, version } = await openRuntime(runtime, offline);
    row.version = version;

    const end = progress(`running on ${runtime.name} (${row.version})`);
    const args = [...runtime.flags, SMOKE];
    const { code, reason, output } = await start(binary, args, { timeout: RUN_TIMEOUT_MS });
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

/** Shows the results as a table, and keeps them as JSON beside the runtimes. */
async function report(rows) {
  printRows(rows);
  const results = { host: HOST, runtimes: rows };
  await writeFile(join(CACHE, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
}

try {
  const { values, positionals } = parseArgs({
    options: { offline: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  await mkdir(CACHE, { recursive: true });
  const rows = [];
  for (const runtime of chooseRuntimes(positionals)) {
    rows.push(await testRuntime(runtime, values.offline));
  }
  await report(rows);
  if (rows.some((row) => row.result !== 'ok')) process.exitCode = 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
