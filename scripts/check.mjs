// Checks the addon for platforms, on Linux x64, without running its tests there: that its code compiles and links, that it needs no
// newer C library than is allowed, and that it loads if it can be run here.
//
//   npm run check                            all platforms
//   npm run check -- darwin windows          the platforms that these words choose
//   npm run check -- --no-link windows       compiles without linking: the quickest way to find a call that only Unix has
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAddon, buildsRelease, checkTypes } from './lib/cross.mjs';
import { saveResults } from './lib/results.mjs';
import { failure, reportRows, runScript } from './lib/rows.mjs';
import { CHECKOUT, HOST, start } from './lib/runtimes.mjs';
import { run } from './lib/tools.mjs';
import { choosePlatforms, PLATFORMS } from './platforms.mjs';

const SMOKE = join(CHECKOUT, '__test__', 'smoke.js');
const TIMEOUT_MS = 120_000;

const compare = (one, other) => one.localeCompare(other, 'en', { numeric: true });

/** The newest version of glibc from which an addon needs a symbol. Throws if it is newer than `oldest`. */
async function checkGlibc(addon, oldest) {
  const output = await run('readelf', ['--version-info', '--wide', addon]);
  const versions = [...output.matchAll(/Name: GLIBC_(\d+(?:\.\d+)+)/g)].map(
    ([, version]) => version,
  );
  if (versions.length === 0) throw new Error(`${addon} names no version of glibc`);
  const newest = versions.sort(compare).at(-1);
  if (compare(newest, oldest) <= 0) return `glibc ${newest}`;
  throw new Error(`it needs glibc ${newest}, and must need at most ${oldest}`);
}

/** Runs the smoke suite with an addon of this platform. */
async function checkLoading(addon) {
  const env = { ...process.env, MEMS_LIBRARY_PATH: addon };
  const options = { env, timeout: TIMEOUT_MS };
  const { code, reason, output } = await start(process.execPath, [SMOKE], options);
  const summary = output.match(/(\d+) passed, 0 failed\s*$/);
  if (code === 0 && summary) return `yes, ${summary[1]} checks`;
  throw new Error(`smoke suite: ${reason}\n${output}`);
}

/** Fills the cells of a platform's row, one step after the other. */
async function checkPlatform(platform, row, link) {
  if (!link || !buildsRelease(platform)) {
    await checkTypes(platform);
    row.compiles = 'yes';
  }
  if (!link) return;
  const addon = await buildAddon(platform);
  row.compiles = 'yes';
  row.linked = relative(CHECKOUT, addon);
  const { glibc } = platform.cross;
  if (glibc) row.needs = await checkGlibc(addon, glibc);
  if (platform.name === HOST) row.loads = await checkLoading(addon);
}

await runScript(async () => {
  const { values, positionals } = parseArgs({
    options: { 'no-link': { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const { platforms, others } = choosePlatforms(positionals);
  if (others.length > 0) throw new Error(`no platform: ${others.join(', ')}`);
  const rows = [];
  for (const platform of positionals.length > 0 ? platforms : PLATFORMS) {
    const row = { platform: platform.name, compiles: '', linked: '', needs: '', loads: '' };
    rows.push(row);
    row.result = await checkPlatform(platform, row, !values['no-link']).then(
      () => 'ok',
      (error) => {
        console.error(error.message);
        return failure(error);
      },
    );
  }
  reportRows(rows);
  await saveResults('checks', Object.fromEntries(rows.map((row) => [row.platform, row])));
});
