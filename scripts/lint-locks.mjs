// Checks that the lock files of the benchmark, of the fuzzer and of the library for browsers, crates of their own that the tests do not
// build, have all that the library depends on: they are not rewritten when that changes, and then builds with --locked fail.
//   npm run lint -- locks
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKOUT } from './lib/runtimes.mjs';

/** Each folder, the package to look for in its lock file, and the folder where that is declared. */
const LOCKS = [
  ['bench/native', 'mems', '.'],
  ['__test__/fuzz', 'mems', '.'],
  ['pages/core', 'mems-page', 'pages/core'],
];
const METADATA = ['metadata', '--no-deps', '--offline', '--format-version', '1'];

/** The dependencies of a package in a lock file, which must have that package. */
async function locked(folder, name) {
  const text = await readFile(join(CHECKOUT, folder, 'Cargo.lock'), 'utf8');
  const [, list] = text.match(
    new RegExp(`^name = "${name}"\n.*\ndependencies = \\[\n([^\\]]*)\\]`, 'm'),
  );
  return [...list.matchAll(/"([^ "]+)/g)].map(([, dependency]) => dependency);
}

/** What a package depends on. A lock file need not have dependencies of tests and of the build, nor optional ones. */
function needed(folder, name) {
  const { packages } = JSON.parse(execFileSync('cargo', METADATA, { cwd: join(CHECKOUT, folder) }));
  const { dependencies } = packages.find((each) => each.name === name);
  return dependencies.filter(({ kind, optional }) => kind === null && !optional);
}

for (const [folder, name, declared] of LOCKS) {
  const known = await locked(folder, name);
  const missing = needed(declared, name)
    .map((dependency) => dependency.name)
    .filter((dependency) => !known.includes(dependency));
  if (missing.length === 0) continue;
  console.error(`${folder}/Cargo.lock lacks ${missing.join(', ')}: run cargo update there`);
  process.exitCode = 1;
}
