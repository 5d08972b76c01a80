// Whether the lock files of the benchmark and of the fuzzer, crates of their own that the tests do not build, know what the
// library depends on: they are not written anew when that changes, and builds with --locked fail then.
//   npm run lint -- locks
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKOUT } from './lib/runtimes.mjs';

const FOLDERS = ['bench/native', '__test__/fuzz'];
const METADATA = ['metadata', '--no-deps', '--offline', '--format-version', '1'];

/** The dependencies in a lock file of the package `mems`, of which it must have one. */
async function locked(folder) {
  const text = await readFile(join(CHECKOUT, folder, 'Cargo.lock'), 'utf8');
  const [, list] = text.match(/^name = "mems"\n.*\ndependencies = \[\n([^\]]*)\]/m);
  return [...list.matchAll(/"([^ "]+)/g)].map(([, name]) => name);
}

const { packages } = JSON.parse(execFileSync('cargo', METADATA, { cwd: CHECKOUT }));
const { dependencies } = packages.find(({ name }) => name === 'mems');
// What tests and the build take, and features that neither turns on, it need not have.
const needed = dependencies.filter(({ kind, optional }) => kind === null && !optional);
for (const folder of FOLDERS) {
  const known = await locked(folder);
  const missing = needed.map(({ name }) => name).filter((name) => !known.includes(name));
  if (missing.length === 0) continue;
  console.error(`${folder}/Cargo.lock lacks ${missing.join(', ')}: run cargo update there`);
  process.exitCode = 1;
}
