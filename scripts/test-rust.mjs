// Runs the Rust tests of the core and the C ABI, which need no Node.js.
//
//   npm run test:rust                          all of them
//   npm run test:rust -- --test shadow         all else goes to `cargo test`
//   npm run test:rust -- --under asan          under AddressSanitizer: nightly Rust, Linux x64
//   npm run test:rust -- --under tsan          fronts of several threads under ThreadSanitizer: nightly Rust, Linux x64. It does not see
//                                              what orders threads in the standard library, and reports the test harness's own join
//   npm run test:rust -- --under loom          all interleavings of two or three threads at a block's state, and at the bell of a file
//   npm run test:rust -- --under valgrind      under valgrind: Linux x64
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const FEATURES = ['--no-default-features', '--features', 'c-abi'];
const TARGET = 'x86_64-unknown-linux-gnu';
const VALGRIND = [
  'valgrind',
  '--quiet',
  '--leak-check=full',
  '--show-leak-kinds=definite',
  '--errors-for-leak-kinds=definite',
  '--error-exitcode=1',
].join(' ');

/** The ways to run the tests, each `{ toolchain, args, env }`. */
const WAYS = {
  asan: {
    toolchain: ['+nightly'],
    args: ['--lib', '--tests', '--target', TARGET],
    env: { RUSTFLAGS: '-Zsanitizer=address' },
  },
  tsan: {
    toolchain: ['+nightly'],
    args: ['--release', '--lib', '--target', TARGET, 'fronts::tests', '--', '--test-threads=1'],
    env: { RUSTFLAGS: '-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer' },
  },
  loom: {
    toolchain: [],
    args: ['--release', '--lib', 'interleavings'],
    env: { RUSTFLAGS: '--cfg loom', CARGO_TARGET_DIR: 'target/loom' },
  },
  valgrind: {
    toolchain: [],
    args: [],
    env: { PROPTEST_CASES: '8', CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER: VALGRIND },
  },
};

const words = process.argv.slice(2);
let way = { toolchain: [], args: [], env: {} };
if (words[0] === '--under') {
  const [, name] = words.splice(0, 2);
  way = WAYS[name];
  if (!way) {
    console.error(`--under ${name}: choose from ${Object.keys(WAYS).join(', ')}`);
    process.exit(1);
  }
}
const args = [...way.toolchain, 'test', ...FEATURES, ...way.args, ...words];
const env = { ...process.env, ...way.env };
const { status, error } = spawnSync('cargo', args, { cwd: CHECKOUT, env, stdio: 'inherit' });
if (error) console.error(error.message);
process.exit(status ?? 1);
