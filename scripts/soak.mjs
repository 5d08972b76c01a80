// Hunts for crashes: runs the random program of __test__/soak on runtimes, one after the other.
//   npm run soak -- [--seconds N] [--seed N] [--offline] [20 22 24 26 bun deno ...]
// A signal, an exit code, or a minute without a word is a failure; the seed that is printed does the same again, as far as
// threads allow.
import { randomInt } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CACHE, CHECKOUT, chooseRuntimes, openRuntime, printRows, start } from './lib/runtimes.mjs';

const PROGRAM = join(CHECKOUT, '__test__', 'soak', 'main.js');
const DEFAULT_RUNTIMES = ['20', '22', '24', '26', 'bun', 'deno'];
const SILENCE_MS = 60_000;

/** What makes a runtime's garbage collector callable; Bun's always is. */
const GC_FLAGS = { node: ['--expose-gc'], bun: [], deno: ['--v8-flags=--expose-gc'] };

/** Soaks one runtime and answers its row of the table. */
async function soak(runtime, seed, seconds, offline) {
  const row = { runtime: runtime.name, version: '', steps: 0, ends: 0, workers: 0, jobs: 0 };
  Object.assign(row, { 'rss MiB': '', mappings: '', result: 'ok' });
  try {
    const { binary, version } = await openRuntime(runtime, offline);
    row.version = version;
    console.log(`${runtime.name} (${version}):`);
    const args = [...runtime.flags, ...GC_FLAGS[runtime.binary], PROGRAM, seed, seconds].map(
      String,
    );
    const onLine = (line) => console.log(`  ${line}`);
    const { code, reason, output } = await start(binary, args, { silence: SILENCE_MS, onLine });
    const summary = output.match(/^done (.*)$/m);
    if (summary) {
      const { rss, mappings, ...done } = JSON.parse(summary[1]);
      for (const name of ['steps', 'ends', 'workers', 'jobs']) row[name] = done[name];
      row['rss MiB'] = rss.join(' > ');
      row.mappings = mappings.join(' > ');
    }
    if (code === 0 && summary) return row;
    console.error(output);
    row.result = `FAILED: ${summary ? reason : `no summary, ${reason}`}`;
  } catch (error) {
    console.error(`${runtime.name}: ${error.message}`);
    row.result = `FAILED: ${error.message.split('\n')[0]}`;
  }
  return row;
}

try {
  const { values, positionals } = parseArgs({
    options: {
      offline: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '180' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    },
    allowPositionals: true,
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('give numbers');
  await mkdir(CACHE, { recursive: true });
  console.log(`seed ${seed}, ${seconds} s each`);
  const rows = [];
  for (const runtime of chooseRuntimes(positionals, DEFAULT_RUNTIMES)) {
    rows.push(await soak(runtime, seed, seconds, values.offline));
  }
  console.log('rss and mappings: at the start, after a quarter of the run, at the end');
  printRows(rows);
  if (rows.some((row) => row.result !== 'ok')) process.exitCode = 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
