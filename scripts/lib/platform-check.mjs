// The whole check of a platform, here or under an emulator: builds the addon as it is released, makes a checkout as it would
// be there, runs the tests, prints the table and keeps it. The arguments are those of the command line:
//   [--offline] [--files name,name] [--no-rust] [runtime ...]
// With --files only those test files run (views, platform/binding; api/ for all of a subject), and nothing is kept.
import { parseArgs } from 'node:util';
import { buildAddon, buildRustTests, chooseTarget } from './cross.mjs';
import { saveResults } from './results.mjs';
import { reportRows } from './rows.mjs';
import { chooseRuntimes, runtimesOf } from './runtimes.mjs';
import { makeStage } from './stage.mjs';
import { chooseFiles, runRustTests, runSuite, testFiles } from './suite.mjs';

/**
 * Checks a platform. `open` answers what starts programs there, an emulator if `emulated`, one that translates programs if
 * `slow`; `target` is Rust's name, `host` that of the runtimes, `known` those there are of it, by name, where they are not
 * npm's; `runtimes` are those to run by default, `leftOut` test files that cannot run there, and why, by name.
 */
async function checkPlatform(options) {
  const { check, target: triple, host, known = runtimesOf(host) } = options;
  const { runtimes, leftOut, open, emulated, slow } = options;
  const { values, positionals } = parseArgs({
    options: {
      offline: { type: 'boolean', default: false },
      files: { type: 'string' },
      'no-rust': { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const chosen = chooseRuntimes(positionals, runtimes, known);
  const target = chooseTarget(triple);
  const emulator = await open();
  const addon = await buildAddon(target);
  const stage = await makeStage(target, addon, await buildAddon(target, { tests: true }));
  const all = await testFiles(stage);
  const named = values.files && chooseFiles(values.files.split(','), all);
  const files = (named || all).filter((name) => !(name in leftOut));

  const rows = [];
  const run = { stage, files, offline: values.offline, emulated, slow };
  if (!values['no-rust']) {
    rows.push(await runRustTests(emulator, await buildRustTests(target), run));
  }
  for (const runtime of chosen) rows.push(await runSuite(emulator, runtime, run));
  for (const [name, why] of Object.entries(leftOut)) console.log(`Not run: ${name}: ${why}`);
  reportRows(rows);
  if (named) return;
  const about = { platform: target.platform, emulated };
  await saveResults(
    check,
    Object.fromEntries(rows.map((row) => [row.runtime, { ...about, ...row }])),
  );
}

/** Runs a check, and fails as it does. */
export async function main(options) {
  try {
    await checkPlatform(options);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
