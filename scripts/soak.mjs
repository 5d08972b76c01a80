// Hunts for crashes: runs the random program of __test__/soak on runtimes, one after the other; or, with --races, the program of
// __test__/races, in which threads do to one heap at the same moment what only one of them can, or some of them by --only; or, with
// --traces, that of __test__/traces, which replays recorded programs to their ends, however long that takes.
//   npm run soak -- [--seconds N] [--seed N] [--offline] [20 22 24 26 bun deno ...]
//   npm run soak -- --races [--only RACE]... [--seconds N] ...
//   npm run soak -- --traces [--offline] [14 16 18 20 22 24 26 bun deno ...]
// A signal, an exit code, or a minute without output is a failure. The seed that is printed repeats the run, as far as threads
// allow.
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { reportRows, runRows, runScript } from './lib/rows.mjs';
import { CHECKOUT, chooseRuntimes, start } from './lib/runtimes.mjs';

const programOf = (name) => join(CHECKOUT, '__test__', name, 'main.js');
const NEWER = ['20', '22', '24', '26', 'bun', 'deno'];
const SILENCE_MS = 60_000;

/** What makes a runtime's garbage collector callable; Bun's always is. */
const GC_FLAGS = { node: ['--expose-gc'], bun: [], deno: ['--v8-flags=--expose-gc'] };

/**
 * The programs, by their folders: the runtimes that they run on (all, if there are none), and what they report to have done, refused
 * and found.
 */
const PROGRAMS = {
  soak: {
    runtimes: NEWER,
    counts: ['steps', 'ends', 'workers', 'jobs', 'refusals', 'overflows', 'staleWrites'],
    lists: ['rss MiB', 'mappings'],
  },
  races: {
    runtimes: NEWER,
    counts: ['races', 'frees', 'refused', 'crossed', 'closed', 'killed', 'published', 'operations'],
    lists: [],
  },
  traces: { counts: ['traces', 'operations', 'MB'], lists: [] },
};

await runScript(async () => {
  const { values, positionals } = parseArgs({
    options: {
      offline: { type: 'boolean', default: false },
      races: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      traces: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '180' },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    },
    allowPositionals: true,
  });
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error('give numbers');
  const name = values.races ? 'races' : values.traces ? 'traces' : 'soak';
  if (name !== 'traces') console.log(`seed ${seed}, ${seconds} s each`);
  const { runtimes, counts, lists } = PROGRAMS[name];
  const given = { soak: [seed, seconds], races: [seed, seconds, 1, ...values.only], traces: [] };
  const cells = [...counts.map((count) => [count, 0]), ...lists.map((list) => [list, ''])];
  const rows = await runRows(chooseRuntimes(positionals, runtimes), {
    offline: values.offline,
    cells: Object.fromEntries(cells),
    run: (binary, { version }, { name: runtime, binary: kind, flags }) => {
      console.log(`${runtime} (${version}):`);
      const args = [...flags, ...GC_FLAGS[kind], programOf(name), ...given[name]].map(String);
      const onLine = (line) => console.log(`  ${line}`);
      return start(binary, args, { silence: SILENCE_MS, onLine });
    },
    summary: /^done (.*)$/m,
    fill: (row, [, json]) => {
      const { rss, mappings, ...done } = JSON.parse(json);
      for (const count of counts) row[count] = done[count];
      if (lists.length === 0) return true;
      row['rss MiB'] = rss.join(' > ');
      row.mappings = mappings.join(' > ');
      return true;
    },
  });
  if (name === 'soak')
    console.log('rss and mappings: at the start, after a quarter of the run, at the end');
  reportRows(rows);
});
