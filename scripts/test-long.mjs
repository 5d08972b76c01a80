// Runs the random tests for longer than `npm test` has time for: five times as many programs, with printStats() compared after each
// operation; recorded programs from beginning to end; ten times as many calls of the raw exports; and, natively, twelve million
// operations with size classes, in a release build, of which every 16th is followed by verify(). Variables that are set already stay
// as they are. Files named after -- are run instead, --rust runs only the native part.
//   npm run test:long [-- --rust | __test__/oracle/policies.test.js ...]
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { CHECKOUT } from './lib/runtimes.mjs';

const LONG = {
  MEMS_PROGRAMS: '1000',
  MEMS_TEXT_EVERY: '1',
  MEMS_TRACE_OPERATIONS: 'Infinity',
  MEMS_CHECKED_PROGRAMS: '100',
  MEMS_RAW_CALLS: '100000',
};
/** For the two tests in Rust, whose programs have 150 and 100 operations on average: 12.5 million in all. */
const LONG_RUST = { PROPTEST_CASES: '50000', MEMS_VERIFY_EVERY: '16' };
const RUST = ['--release', '--no-default-features', '--features', 'c-abi', '--test', 'segregated'];
const FILES = [
  'oracle/oracle',
  'oracle/policies',
  'oracle/traces',
  'hardened/checked-build',
  'api/raw-exports',
];

function run(command, args, variables) {
  const env = { ...variables, ...process.env };
  const { status } = spawnSync(command, args, { cwd: CHECKOUT, env, stdio: 'inherit' });
  if (status !== 0) process.exitCode = status ?? 1;
}

const named = process.argv.slice(2);
const files = FILES.map((name) => join('__test__', `${name}.test.js`));
const chosen = named.length > 0 ? named : [...files, '--rust'];
const tests = chosen.filter((name) => name !== '--rust');
if (tests.length > 0) run(process.execPath, ['--test', '--test-reporter=spec', ...tests], LONG);
// What the tests print is shown, as one of them counts its operations.
if (chosen.includes('--rust')) run('cargo', ['test', ...RUST, '--', '--nocapture'], LONG_RUST);
