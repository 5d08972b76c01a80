// `npm run test:js`: the tests of the package through its public API, and the smoke suite. Names of files for fewer.
//
// Node's own command runs a file at a time on two processors; here as many run as there are processors, and two at least. Files that
// run at once share nothing: what they write is in folders of their own.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const TESTS = join(dirname(dirname(fileURLToPath(import.meta.url))), '__test__');

const all = readdirSync(TESTS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) => readdirSync(join(TESTS, name)).map((file) => join(TESTS, name, file)))
  .filter((file) => file.endsWith('.test.js'))
  .sort();
const chosen = process.argv.slice(2);

run({
  files: chosen.length > 0 ? chosen : all,
  concurrency: Math.max(2, availableParallelism()),
})
  .on('test:fail', ({ todo }) => {
    if (todo === undefined) process.exitCode = 1;
  })
  .compose(new spec())
  .on('end', () => {
    if (process.exitCode || chosen.length > 0) return;
    process.exitCode =
      spawnSync(process.execPath, [join(TESTS, 'smoke.js')], { stdio: 'inherit' }).status ?? 1;
  })
  .pipe(process.stdout);
