// Builds pages/core for browsers: src/heap by itself, as WebAssembly.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CHECKOUT } from './runtimes.mjs';
import { BUILDS, compilerFor } from './rust.mjs';
import { run } from './tools.mjs';

const TARGET = 'wasm32-unknown-unknown';

/** The folder of a compiler, in an environment. */
const sysroot = async (rustc, env = {}) => {
  return (await run(rustc, ['--print', 'sysroot'], { env: { ...process.env, ...env } })).trim();
};

/** Rustup's own linker: the fetched compiler has none for WebAssembly. */
async function linker() {
  const root = await sysroot('rustc');
  const host = (await run('rustc', ['-vV'])).match(/^host: (.+)$/m)[1];
  return join(root, 'lib', 'rustlib', host, 'bin', 'rust-lld');
}

/** Flags that have messages of panics name files without the folders of this machine. */
async function withoutFolders(env) {
  const home = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  const folders = {
    checkout: CHECKOUT,
    rust: await sysroot(env.RUSTC ?? 'rustc', env),
    cargo: home,
  };
  return Object.entries(folders).map(([name, folder]) => `--remap-path-prefix=${folder}=${name}`);
}

/** The compiler for WebAssembly; if there is none, the error says what to do. */
async function compiler() {
  try {
    return await compilerFor(TARGET);
  } catch (error) {
    const [reason] = error.message.split('\n');
    const message = `There is no Rust for WebAssembly: rustup target add ${TARGET} (${reason})`;
    throw new Error(message, { cause: error });
  }
}

/** Builds pages/core with these features, and returns the file. */
export async function buildCore(features = []) {
  const { env, args } = await compiler();
  const targetDirectory = join(BUILDS, 'wasm');
  const manifest = join(CHECKOUT, 'pages', 'core', 'Cargo.toml');
  const all = { ...process.env, ...env, CARGO_TARGET_DIR: targetDirectory };
  all.CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER ??= await linker();
  all.CARGO_ENCODED_RUSTFLAGS = (await withoutFolders(env)).join('\x1f');
  const std = args.map((arg) => arg.replace('panic_unwind', 'panic_abort'));
  const cargo = ['build', '--locked', '--release', '--target', TARGET, '--manifest-path', manifest];
  await run('cargo', [...cargo, ...std, '--features', features.join(',')], { env: all });
  return join(targetDirectory, TARGET, 'release', 'mems_page.wasm');
}
