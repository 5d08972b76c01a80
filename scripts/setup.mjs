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

/** Runs a command in the project's folder and ends with its exit code if that is not 0. */
function run(what, command, args) {
  console.log(`> ${what}`);
  // npm and npx are scripts on Windows, which only a shell starts.
  const shell = process.platform === 'win32';
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell });
  if (error?.code === 'ENOENT') {
    const cure =
      command === 'cargo' ? ' MeMS builds from Rust source: install it from rustup.rs.' : '';
    console.error(`The command ${command} was not found.${cure}`);
  } else if (error) {
    console.error(error.message);
  }
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether node_modules is what the lock file says, as far as its age tells. */
function installed() {
  const stamp = path.join(root, 'node_modules', '.package-lock.json');
  return (
    existsSync(stamp) &&
    statSync(stamp).mtimeMs >= statSync(path.join(root, 'package-lock.json')).mtimeMs
  );
}

if (!installed())
  run('Installing the development dependencies', 'npm', ['ci', '--no-audit', '--no-fund']);
run('Looking for Cargo', 'cargo', ['--version']);
run('Building the addon', 'npm', ['run', '--silent', 'build']);
if (process.argv.includes('--tests')) {
  run('Building the addon for tests', 'npm', ['run', '--silent', 'build:tests']);
}
