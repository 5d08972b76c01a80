// Makes a fresh clone ready: installs the development dependencies where they are missing or stale, and builds the
// addon. Needs Node and Cargo only, so it uses nothing but Node's own modules.
//
//   node scripts/setup.mjs            the addon, for use
//   node scripts/setup.mjs --tests    also the addon that checks itself after every operation, for tests

import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Runs a command in the project's folder; if it fails, names the cure and ends with its exit code. */
function run(what, command, args, cure) {
  console.log(`> ${what}`);
  // npm is a script on Windows, which only a shell starts.
  const shell = process.platform === 'win32';
  // What `npm ci` would build is built below, where it can be seen.
  const env = { ...process.env, MEMS_PREPARE: 'no' };
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit', shell });
  if (status === 0) return;
  if (error && error.code !== 'ENOENT') console.error(error.message);
  if (cure) console.error(`\n${cure}`);
  process.exit(status ?? 1);
}

/** Whether node_modules is what the lock file says, as far as its age shows. */
function installed() {
  const stamp = path.join(root, 'node_modules', '.package-lock.json');
  return (
    existsSync(stamp) &&
    statSync(stamp).mtimeMs >= statSync(path.join(root, 'package-lock.json')).mtimeMs
  );
}

if (Number(process.versions.node.split('.')[0]) < 18) {
  console.error(`Developing MeMS takes Node 18 or newer; this is ${process.version}.`);
  process.exit(1);
}
run(
  'Looking for Cargo',
  'cargo',
  ['--version'],
  'MeMS is built from Rust: install it from rustup.rs.',
);
if (!installed()) {
  // Warnings only say which version of Node the dependencies of tools prefer.
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  run('Installing the development dependencies', 'npm', ['ci', ...quiet]);
}
const linker =
  'If the linker was not found: docs/install.md, "From source", names one for each system.';
run('Building the addon', 'npm', ['run', '--silent', 'build'], linker);
if (process.argv.includes('--tests')) {
  run('Building the addon for tests', 'npm', ['run', '--silent', 'build:tests'], linker);
}
