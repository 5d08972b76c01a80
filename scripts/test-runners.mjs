// The examples for jest and Vitest, run as tests of a project that has the package: jest with all test files in one process,
// one after the other; Vitest with each of its pools. The runners are fetched from npm into the cache (95 MB).
//   npm run test:package -- runners
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { reportRows } from './lib/rows.mjs';
import { CHECKOUT, HOST, progress, start } from './lib/runtimes.mjs';
import { fromNpm } from './lib/tools.mjs';

const NAME = '@sambhav-gautam/osmemoryallocator';
// Fixed versions, so that a failure is due to a change of MeMS.
const RUNNERS = { jest: '30.5.2', vitest: '4.1.12' };
const TIMEOUT_MS = 120_000;

const folder = await fromNpm(`test-runners-${HOST}`, RUNNERS);
const project = join(folder, 'project');

/** Makes the project anew: each example twice, since a second file in one process is what goes wrong. */
async function makeProject() {
  await rm(project, { recursive: true, force: true });
  const link = join(project, 'node_modules', NAME);
  await mkdir(dirname(link), { recursive: true });
  await symlink(CHECKOUT, link, 'junction');
  await writeFile(join(project, 'package.json'), JSON.stringify({ private: true }));
  for (const [example, ending] of [
    ['jest/table', '.test.js'],
    ['vitest/table', '.test.mjs'],
  ]) {
    for (const copy of [example, `${example}-again`]) {
      await cp(join(CHECKOUT, 'examples', example + ending), join(project, copy + ending));
    }
  }
}

const JEST = [join(folder, 'node_modules/jest/bin/jest.js'), '--rootDir', 'jest', '--ci'];
const VITEST = [join(folder, 'node_modules/vitest/vitest.mjs'), 'run', '--root', 'vitest'];
const WAYS = {
  'jest, all files in one process': [...JEST, '--runInBand'],
  'jest, files in processes': [...JEST, '--maxWorkers=2'],
  ...Object.fromEntries(
    ['forks', 'threads', 'vmForks', 'vmThreads'].map((pool) => [
      `Vitest, ${pool}`,
      // In one worker, so that one file finds what the other has left.
      [...VITEST, '--pool', pool, '--maxWorkers=1'],
    ]),
  ),
};

await makeProject();
const rows = [];
for (const [name, args] of Object.entries(WAYS)) {
  const end = progress(name);
  const { code, reason, output } = await start(process.execPath, args, {
    cwd: project,
    timeout: TIMEOUT_MS,
    env: { ...process.env, NO_COLOR: '1', CI: '1' },
  });
  // There are two files with three tests each.
  const isRun = /Tests:? +6 passed/.test(output);
  if (code !== 0 || !isRun) {
    console.error(`${reason}: ${output}`);
    process.exitCode = 1;
  }
  rows.push({ runner: name, result: code === 0 && isRun ? 'ok' : 'FAILED' });
  end(rows.at(-1).result);
}
reportRows(rows);
