// Checks that the lock files of the benchmark and of the fuzzer, crates of their own that the tests do not build, have all that
// the library depends on: they are not rewritten when that changes, and then builds with --locked fail.
//   npm run lint -- locks
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKOUT } from './lib/runtimes.mjs';

const FOLDERS = ['bench/native', '__test__/fuzz'];
const METADATA = ['metadata', '--no-deps', '--offline', '--format-version', '1'];

/** The dependencies of the package `mems` in a lock file, which must have that package. */
async function locked(folder) {
  const text = await readFile(join(CHECKOUT, folder, 'Cargo.lock'), 'utf8');
  const [, list] = text.match(/^name = "mems"\n.*\ndependencies = \[\n([^\]]*)\]/m);
  return [...list.matchAll(/"([^ "]+)/g)].map(([, name]) => name);
}

const { packages } = JSON.parse(execFileSync('cargo', METADATA, { cwd: CHECKOUT }));
const { dependencies } = packages.find(({ name }) => name === 'mems');
// A lock file need not have dependencies of tests and of the build, nor optional ones.
const needed = dependencies.filter(({ kind, optional }) => kind === null && !optional);
for (const folder of FOLDERS) {
  const known = await locked(folder);
  const missing = needed.map(({ name }) => name).filter((name) => !known.includes(name));
  if (missing.length === 0) continue;
  console.error(`${folder}/Cargo.lock lacks ${missing.join(', ')}: run cargo update there`);
  process.exitCode = 1;
}
