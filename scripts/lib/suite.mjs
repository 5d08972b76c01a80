// The tests of a platform: all of the JavaScript suite on Node.js, file by file; the smoke suite alone on runtimes without
// Node's test runner; and the Rust tests. Each returns a row of the table. `emulator` starts programs for the platform.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openRuntime, progress } from './runtimes.mjs';

const FILE_TIMEOUT_MS = 900_000;
const COUNTS = ['tests', 'pass', 'fail', 'cancelled', 'skipped'];
/** Under emulation random programs are slow: there are fewer of them, and shorter ones. So are damages of heap files. */
const FEWER = {
  MEMS_PROGRAMS: '30',
  MEMS_SOAK_STEPS: '3000',
  MEMS_REPAIRS: '30',
  MEMS_TORN_SAMPLES: '50',
  PROPTEST_CASES: '16',
};
/** If every instruction is translated, long programs are shorter as well, and storms take longer, since processes start slowly. */
const SLOWER = {
  MEMS_STORM_SECONDS: '60',
  MEMS_OPERATIONS: '100000',
  MEMS_TRACE_OPERATIONS: '100000',
  MEMS_CHECKED_PROGRAMS: '5',
};

const emptyRow = (runtime) => ({
  runtime,
  version: '',
  suite: 'all',
  files: 0,
  tests: 0,
  passed: 0,
  failed: 0,
  skipped: 0,
  seconds: 0,
  result: 'ok',
});

/** Adds to a row what `node --test-reporter=tap` prints at its end. Returns whether it did, and nothing failed. */
function addTap(row, output) {
  const counts = COUNTS.map((name) => output.match(new RegExp(`^# ${name} (\\d+)\\r?$`, 'm'))?.[1]);
  if (counts.includes(undefined)) return false;
  const [tests, passed, failed, cancelled, skipped] = counts.map(Number);
  row.tests += tests;
  row.passed += passed;
  row.failed += failed + cancelled;
  row.skipped += skipped;
  // Suites that are skipped as a whole count as no tests.
  const ran = tests > 0 || /^ok \d+ - .* # SKIP/m.test(output);
  return ran && failed + cancelled === 0;
}

/** Adds to a row what the smoke suite prints at its end. */
function addSmoke(row, output) {
  const [, passed, failed] = output.match(/(\d+) passed, (\d+) failed\s*$/) ?? [];
  if (passed === undefined) return false;
  row.tests += Number(passed) + Number(failed);
  row.passed += Number(passed);
  row.failed += Number(failed);
  return row.passed > 0 && Number(failed) === 0;
}

/** Adds to a row what Rust's test runner prints at its end. */
function addRust(row, output) {
  const said = output.match(/^test result: \S+ (\d+) passed; (\d+) failed; (\d+) ignored/m);
  if (!said) return false;
  const [passed, failed, ignored] = said.slice(1).map(Number);
  row.tests += passed + failed + ignored;
  row.passed += passed;
  row.failed += failed;
  row.skipped += ignored;
  return failed === 0;
}

/** Runs programs one after the other, each `[name, program, args, add]`, and returns the row they fill. */
async function fillRow(row, emulator, programs, options) {
  const begin = Date.now();
  const failed = [];
  for (const [name, program, args, add] of programs) {
    const end = progress(`${row.runtime}: ${name}`);
    const { code, reason, output } = await emulator.start(program, args, options);
    row.files += 1;
    const passed = add(row, output) && code === 0;
    end(passed ? 'ok' : `FAILED, ${reason}`);
    if (passed) continue;
    console.error(output);
    failed.push(name);
  }
  row.seconds = Math.round((Date.now() - begin) / 1000);
  if (failed.length > 0) row.result = `FAILED: ${failed.join(', ')}`;
  return row;
}

/** The environment of tests. */
function environment({ emulated, slow }) {
  return { ...process.env, ...(emulated ? FEWER : {}), ...(slow ? SLOWER : {}) };
}

/** The test files of a checkout, below `__test__`: `api/views.test.js`. A folder is a subject. */
export async function testFiles(checkout) {
  const folder = join(checkout, '__test__');
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const files = await Promise.all(
    folders.map(async (subject) => {
      const names = await readdir(join(folder, subject));
      return names.filter((name) => name.endsWith('.test.js')).map((name) => `${subject}/${name}`);
    }),
  );
  return files.flat().sort();
}

/**
 * Chooses of `files` those that `names` stand for: each is a file (`views`, `api/views`) or a subject with all its files (`api/`).
 * Throws if one of them stands for none.
 */
export function chooseFiles(names, files) {
  return names.flatMap((name) => {
    const chosen = files.filter(
      (file) =>
        `/${file}`.endsWith(`/${name}.test.js`) || (name.endsWith('/') && file.startsWith(name)),
    );
    if (chosen.length === 0)
      throw new Error(`There is no test file ${name}: try ${files.join(', ')}`);
    return chosen;
  });
}

/** Whether a runtime has the test runner that the suite is written for. */
const runsTests = ({ binary }, version) => binary === 'node' && Number.parseInt(version, 10) >= 18;

/** Runs the smoke suite on a runtime, and the tests of `files` where it can. */
export async function runSuite(emulator, runtime, run) {
  const { stage, files, offline } = run;
  const row = emptyRow(runtime.name);
  const { binary, version } = await openRuntime(runtime, offline, emulator.start);
  row.version = version;
  row.suite = runsTests(runtime, version) ? 'all' : 'smoke';
  const smoke = ['smoke.js', binary, [...runtime.flags, '__test__/smoke.js'], addSmoke];
  const tests = files.map((name) => {
    return [name, binary, ['--test-reporter=tap', `__test__/${name}`], addTap];
  });
  const options = { cwd: stage, env: environment(run), timeout: FILE_TIMEOUT_MS };
  return fillRow(row, emulator, [smoke, ...(runsTests(runtime, version) ? tests : [])], options);
}

/** Runs Rust's test programs, a map of names to files. */
export async function runRustTests(emulator, programs, run) {
  const tests = [...programs].map(([name, program]) => [name, program, [], addRust]);
  const options = { cwd: run.stage, env: environment(run), timeout: FILE_TIMEOUT_MS };
  return fillRow(emptyRow('Rust tests'), emulator, tests, options);
}
