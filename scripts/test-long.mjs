// Runs the random tests for longer than `npm test` has time for: five times as many programs, with printStats() compared after each
// operation; recorded programs from beginning to end; ten times as many calls of the raw exports. Variables that are set already
// stay as they are. Files named after -- are run instead.
//   npm run test:long [-- __test__/oracle/policies.test.js ...]
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
const FILES = [
  'oracle/oracle',
  'oracle/policies',
  'oracle/traces',
  'hardened/checked-build',
  'api/raw-exports',
];

const named = process.argv.slice(2);
const files = named.length > 0 ? named : FILES.map((name) => join('__test__', `${name}.test.js`));
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...files], {
  cwd: CHECKOUT,
  env: { ...LONG, ...process.env },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
