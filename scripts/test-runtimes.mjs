// Runs the smoke suite on every runtime MeMS supports, each fetched from npm into a cache folder:
//   npm run test:runtimes -- [--offline] [14 16 18 20 22 24 26 bun deno ...]
// MEMS_CACHE names another folder than .cache; delete runtimes/ in it to fetch newer versions.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hostAddon } from './lib/release.mjs';
import { saveResults } from './lib/results.mjs';
import { reportRows, runRows } from './lib/rows.mjs';
import { CHECKOUT, chooseRuntimes, progress, start } from './lib/runtimes.mjs';

const SMOKE = join(CHECKOUT, '__test__', 'smoke.js');
const RUN_TIMEOUT_MS = 120_000;

try {
  const { values, positionals } = parseArgs({
    options: { offline: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const rows = await runRows(chooseRuntimes(positionals), {
    offline: values.offline,
    cells: { passed: 0, failed: 0 },
    run: async (binary, { runtime, version }, { flags }) => {
      const end = progress(`running on ${runtime} (${version})`);
      const ended = await start(binary, [...flags, SMOKE], { timeout: RUN_TIMEOUT_MS });
      end(ended.reason);
      return ended;
    },
    summary: /(\d+) passed, (\d+) failed\s*$/,
    fill: (row, [, passed, failed]) => {
      [row.passed, row.failed] = [Number(passed), Number(failed)];
      return row.passed > 0 && row.failed === 0;
    },
  });
  reportRows(rows);
  const about = { platform: hostAddon(CHECKOUT)[0], emulated: false, suite: 'smoke' };
  const kept = rows.map((row) => [row.runtime, { ...about, ...row }]);
  await saveResults('runtimes', Object.fromEntries(kept));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
