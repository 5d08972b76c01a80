// Tests on other runtimes and platforms than this one, which are fetched into the cache.
//
//   npm run test:on                            the smoke suite on every runtime, with the addon as last built here
//   npm run test:on -- 14 26 bun               on some of them
//   npm run test:on -- windows arm64 musl      all tests on the platforms that these words choose, with the addon of a release
//   npm run test:on -- linux-x64-gnu 20 bun    on some runtimes
//   npm run test:on -- refused                 that MeMS says so on processors that it does not support
//
// --offline fetches no runtime. On platforms, --files name,name runs only these test files (views, platform/binding; api/ for all
// of a subject), and --no-rust leaves the Rust tests out. Delete runtimes/ in the cache to fetch newer versions.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { testPlatform } from './lib/platform-suite.mjs';
import { openSimpleQemu } from './lib/qemu.mjs';
import { saveResults } from './lib/results.mjs';
import { reportRows, runRows, runScript } from './lib/rows.mjs';
import { CHECKOUT, chooseRuntimes, HOST, openRuntime, progress, start } from './lib/runtimes.mjs';
import { choosePlatforms, PLATFORMS, REFUSED } from './platforms.mjs';

const SMOKE = join(CHECKOUT, '__test__', 'smoke.js');
const TIMEOUT_MS = 120_000;
const LOAD = `
try {
  require(${JSON.stringify(CHECKOUT)});
  console.log(JSON.stringify({ code: 'none: it loaded', message: '' }));
} catch ({ code, message }) {
  console.log(JSON.stringify({ code, message }));
}`;

/** The smoke suite on runtimes of this platform. */
async function testRuntimes(names, offline) {
  const rows = await runRows(chooseRuntimes(names), {
    offline,
    cells: { passed: 0, failed: 0 },
    run: async (binary, { runtime, version }, { flags }) => {
      const end = progress(`running on ${runtime} (${version})`);
      const ended = await start(binary, [...flags, SMOKE], { timeout: TIMEOUT_MS });
      end(ended.reason);
      return ended;
    },
    summary: /(\d+) passed, (\d+) failed\s*$/,
    fill: (row, [, passed, failed]) => {
      [row.passed, row.failed] = [Number(passed), Number(failed)];
      return row.passed > 0 && row.failed === 0;
    },
  });
  const about = { platform: HOST, emulated: false, suite: 'smoke' };
  const kept = rows.map((row) => [row.runtime, { ...about, ...row }]);
  await saveResults('runtimes', Object.fromEntries(kept));
  return rows;
}

/** Loads the package where MeMS does not run: the error must say so, by the real properties of the process. */
async function testRefused(offline) {
  const rows = [];
  for (const { cpu, node, description } of REFUSED) {
    const qemu = await openSimpleQemu(cpu);
    const spec = `${node}@20`;
    const runtime = { name: spec, spec, binary: 'node', flags: [], platform: cpu };
    const { binary, version } = await openRuntime(runtime, offline, qemu.start);
    const { output } = await qemu.start(binary, ['-e', LOAD], { timeout: TIMEOUT_MS });
    const { code, message } = JSON.parse(output);
    console.log(message);
    const right =
      code === 'ERR_MEMS_UNSUPPORTED_PLATFORM' && message.includes(`for ${description}`);
    rows.push({ processor: cpu, version, code, result: right ? 'ok' : 'FAILED' });
  }
  return rows;
}

await runScript(async () => {
  const { values, positionals } = parseArgs({
    options: {
      offline: { type: 'boolean', default: false },
      files: { type: 'string' },
      'no-rust': { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const { offline } = values;
  const testable = PLATFORMS.filter(({ suite }) => suite);
  const why = 'no machine for it here';
  const { platforms, others } = choosePlatforms(positionals, testable, why);
  const runtimes = others.filter((word) => word !== 'refused');
  const refused = others.includes('refused');
  const options = { offline, runtimes, names: values.files?.split(','), rust: !values['no-rust'] };
  const rows = [];
  for (const platform of platforms) rows.push(...(await testPlatform(platform, options)));
  if (rows.length > 0) reportRows(rows);
  if (refused) reportRows(await testRefused(offline));
  else if (platforms.length === 0) reportRows(await testRuntimes(runtimes, offline));
});
