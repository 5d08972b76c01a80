// Builds the addons for Linux with glibc, and looks how old that may be: no symbol that one needs may be newer than
// glibc 2.17, and the one for this machine must load and pass the smoke suite.
//   npm run test:glibc
import { join, relative } from 'node:path';
import { buildAddon, TARGETS } from './lib/cross.mjs';
import { saveResults } from './lib/results.mjs';
import { reportRows } from './lib/rows.mjs';
import { CHECKOUT, HOST, start } from './lib/runtimes.mjs';
import { run } from './lib/tools.mjs';

const SMOKE = join(CHECKOUT, '__test__', 'smoke.js');
const TIMEOUT_MS = 120_000;

const compare = (one, other) => one.localeCompare(other, 'en', { numeric: true });

/** The newest glibc of which an addon needs something. */
async function newestNeeded(addon) {
  const output = await run('readelf', ['--version-info', '--wide', addon]);
  const versions = [...output.matchAll(/Name: GLIBC_(\d+(?:\.\d+)+)/g)].map(
    ([, version]) => version,
  );
  if (versions.length === 0) throw new Error(`${addon} names no version of glibc`);
  return versions.sort(compare).at(-1);
}

/** How loading it went: only this machine's own can be. */
async function load(addon, target) {
  if (target.platform !== `${HOST}-gnu`) return 'not here';
  const env = { ...process.env, MEMS_LIBRARY_PATH: addon };
  const { code, reason, output } = await start(process.execPath, [SMOKE], {
    env,
    timeout: TIMEOUT_MS,
  });
  const summary = output.match(/(\d+) passed, 0 failed\s*$/);
  if (code === 0 && summary) return `yes, ${summary[1]} checks`;
  console.error(output);
  return `FAILED: ${reason}`;
}

try {
  const rows = [];
  for (const target of [...TARGETS.values()].filter(({ glibc }) => glibc)) {
    const addon = await buildAddon(target);
    const needs = await newestNeeded(addon);
    const loads = await load(addon, target);
    const old = compare(needs, target.glibc) <= 0;
    const failure = old ? loads.match(/^FAILED.*/)?.[0] : `FAILED: at most ${target.glibc}`;
    rows.push({
      addon: relative(CHECKOUT, addon),
      needs: `GLIBC_${needs}`,
      loads,
      result: failure ?? 'ok',
    });
  }
  reportRows(rows);
  await saveResults('glibc', Object.fromEntries(rows.map((row) => [row.addon, row])));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
