// Fuzzes the heap against its shadow, or the readers of recordings: npm run fuzz -- [seconds] [recording], by default 60 seconds and
// the heap. Needs a nightly Rust toolchain, as all users of libFuzzer do, and installs cargo-fuzz if it is missing.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const seconds = Number(process.argv[2] ?? 60);
const target = process.argv[3] ?? 'program';
if (!Number.isInteger(seconds) || seconds < 1 || !['program', 'recording'].includes(target)) {
  console.error('Usage: npm run fuzz -- [seconds] [program | recording]');
  process.exit(1);
}

function run(command, args, stdio = 'inherit') {
  return spawnSync(command, args, { cwd: root, stdio }).status === 0;
}

if (!run('cargo', ['+nightly', '--version'])) {
  console.error('Fuzzing needs a nightly toolchain: rustup toolchain install nightly');
  process.exit(1);
}
if (!run('cargo', ['fuzz', '--version'], 'ignore')) {
  console.log('> Installing cargo-fuzz');
  if (!run('cargo', ['install', 'cargo-fuzz', '--locked'])) process.exit(1);
}
const folder = ['--fuzz-dir', path.join('__test__', 'fuzz')];
const limits = [`-max_total_time=${seconds}`, '-max_len=802', '-rss_limit_mb=4096'];
process.exit(run('cargo', ['+nightly', 'fuzz', 'run', ...folder, target, '--', ...limits]) ? 0 : 1);
