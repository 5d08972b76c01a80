// Hunts for crashes: runs the random program of __test__/soak on runtimes, one after the other; or, with --races, the program of
// __test__/races, in which threads do to one heap at the same moment what only one of them can.
//   npm run soak -- [--races] [--seconds N] [--seed N] [--offline] [20 22 24 26 bun deno ...]
// A signal, an exit code, or a minute without output is a failure. The seed that is printed repeats the run, as far as threads
// allow.
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reportRows, runRows, runScript } from './lib/rows.mjs';
import { CHECKOUT, chooseRuntimes, start } from './lib/runtimes.mjs';

const programOf = (name) => join(CHECKOUT, '__test__', name, 'main.js');
const DEFAULT_RUNTIMES = ['20', '22', '24', '26', 'bun', 'deno'];
const SILENCE_MS = 60_000;

/** What makes a runtime's garbage collector callable; Bun's always is. */
const GC_FLAGS = { node: ['--expose-gc'], bun: [], deno: ['--v8-flags=--expose-gc'] };

/** What the program reports: what it has done, and what heaps have refused and found. */
const COUNTS = {
  steps: 0,
  ends: 0,
  workers: 0,
  jobs: 0,
  refusals: 0,
  overflows: 0,
  staleWrites: 0,
};
const RACES = { races: 0, frees: 0, refused: 0, crossed: 0, closed: 0, killed: 0, published: 0 };

await runScript(async () => {
  const { values, positionals } = parseArgs({
    options: {
      offline: { type: 'boolean', default: false },
      races: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '180' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    },
    allowPositionals: true,
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('give numbers');
  console.log(`seed ${seed}, ${seconds} s each`);
  const program = programOf(values.races ? 'races' : 'soak');
  const counts = values.races ? RACES : COUNTS;
  const rows = await runRows(chooseRuntimes(positionals, DEFAULT_RUNTIMES), {
    offline: values.offline,
    cells: values.races ? counts : { ...counts, 'rss MiB': '', mappings: '' },
    run: (binary, { version }, { name, binary: kind, flags }) => {
      console.log(`${name} (${version}):`);
      const args = [...flags, ...GC_FLAGS[kind], program, seed, seconds].map(String);
      const onLine = (line) => console.log(`  ${line}`);
      return start(binary, args, { silence: SILENCE_MS, onLine });
    },
    summary: /^done (.*)$/m,
    fill: (row, [, json]) => {
      const { rss, mappings, ...done } = JSON.parse(json);
      for (const name of Object.keys(counts)) row[name] = done[name];
      if (values.races) return true;
      row['rss MiB'] = rss.join(' > ');
      row.mappings = mappings.join(' > ');
      return true;
    },
  });
  if (!values.races)
    console.log('rss and mappings: at the start, after a quarter of the run, at the end');
  reportRows(rows);
});
