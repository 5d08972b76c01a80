// The whole check of a platform, here or under an emulator: builds the addon as for a release, makes a checkout as it would be on
// the platform, runs the tests there, and keeps the results.
import { buildAddon, buildRustTests } from './cross.mjs';
import { machineFor } from './machines.mjs';
import { saveResults } from './results.mjs';
import { chooseRuntimes } from './runtimes.mjs';
import { makeStage } from './stage.mjs';
import { chooseFiles, runRustTests, runSuite, testFiles } from './suite.mjs';

/**
 * Tests a platform, and returns the rows of a table. `runtimes` are names, by default those in the platform's row; with `names`
 * (views, platform/binding; api/ for all of a subject) only those test files run, and no results are kept; `rust` is whether the
 * Rust tests run.
 */
export async function testPlatform(platform, { runtimes, names, rust, offline }) {
  const { name, suite } = platform;
  const { runtimes: known, open, emulated, slow } = machineFor(platform);
  const chosen = chooseRuntimes(runtimes, suite.runtimes, known);
  const machine = await open();
  const addon = await buildAddon(platform);
  const stage = await makeStage(platform, addon, await buildAddon(platform, { tests: true }));
  const all = await testFiles(stage);
  const wanted = names ? chooseFiles(names, all) : all;
  const files = wanted.filter((file) => !(file in suite.leftOut));

  const rows = [];
  const run = { stage, files, offline, emulated, slow };
  if (rust) rows.push(await runRustTests(machine, await buildRustTests(platform), run));
  for (const runtime of chosen) rows.push(await runSuite(machine, runtime, run));
  for (const [file, why] of Object.entries(suite.leftOut)) {
    if (wanted.includes(file)) console.log(`Not run: ${file}: ${why}`);
  }
  if (!names) {
    const about = { platform: name, emulated };
    const kept = rows.map((row) => [`${name} ${row.runtime}`, { ...about, ...row }]);
    await saveResults('tests', Object.fromEntries(kept));
  }
  return rows.map((row) => ({ platform: name, ...row }));
}
