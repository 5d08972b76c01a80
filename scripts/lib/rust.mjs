// Rust for other targets: which compiler and linker build for one, and the environment cargo needs for that.
//
// - The toolchain of the machine, if it has the target's standard library (`rustup target add`).
// - Otherwise Debian's compiler for browsers, its newest, which comes with the source of the standard library: cargo builds that
//   as well. The machine's cargo is used with it. Its version changes with Debian's security updates, so it is read, not fixed.
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { CHECKOUT } from './runtimes.mjs';
import { fromDebian, fromPyPi, run } from './tools.mjs';

/** Where cargo builds for other platforms: apart from its other builds, since it does not notice another linker. */
export const BUILDS = join(CHECKOUT, 'target', 'cross', 'build');

/** Puts a folder first on a search path of the environment. */
const before = (folder, path) => (path ? `${folder}${delimiter}${path}` : folder);

/** Whether the machine's toolchain has the standard library of a target. */
async function isInstalled(target) {
  const folder = (await run('rustc', ['--print', 'target-libdir', '--target', target])).trim();
  return existsSync(folder) && (await readdir(folder)).some((name) => name.startsWith('libstd-'));
}

/** Debian's compiler, as what cargo needs to use it: `{ env, args }`. */
async function debianCompiler() {
  const exclude = ['compiler', 'src', 'debian'].map((name) => `*/usr/src/rustc-*/${name}`);
  const root = await fromDebian('rust', ['rustc-web', 'rust-web-src'], { exclude });
  const libraries = join(root, 'usr', 'lib', 'x86_64-linux-gnu');
  const env = {
    RUSTC: join(root, 'usr', 'bin', 'rustc'),
    LD_LIBRARY_PATH: before(libraries, process.env.LD_LIBRARY_PATH),
    // The compiler is a stable version, and building the standard library is an unstable feature.
    RUSTC_BOOTSTRAP: '1',
  };
  return { env, args: ['-Zbuild-std=std,panic_unwind'] };
}

/** The compiler for a target, as `{ env, args }` for cargo. */
export async function compilerFor(target) {
  if (await isInstalled(target)) return { env: {}, args: [] };
  console.error(`rustup has no standard library for ${target}: it is built with Debian's compiler`);
  return debianCompiler();
}

/** Zig, which links for Linux of any glibc, for musl, macOS and Windows: `{ env, args }` for `cargo zigbuild`. */
export async function zigLinker() {
  const root = await fromPyPi('zig', ['ziglang==0.15.2', 'cargo-zigbuild==0.24.1']);
  const env = {
    CARGO_ZIGBUILD_ZIG_PATH: join(root, 'ziglang', 'zig'),
    CARGO_ZIGBUILD_CACHE_DIR: join(BUILDS, 'zig'),
    PATH: before(join(root, 'bin'), process.env.PATH),
  };
  return { env, args: [] };
}

/**
 * Makes a C compiler for a target of Zig's (aarch64-linux-gnu.2.17), as one program, and returns it. Zig cannot only check the
 * syntax: it compiles, and the output is dropped. For musl it links statically, unless `flags` has -dynamic.
 */
export async function zigCompiler(target, flags = []) {
  const { CARGO_ZIGBUILD_ZIG_PATH: zig, CARGO_ZIGBUILD_CACHE_DIR: cache } = (await zigLinker()).env;
  const program = join(cache, `cc-${target}`);
  const text = `#!/bin/sh
export ZIG_GLOBAL_CACHE_DIR='${cache}' ZIG_LOCAL_CACHE_DIR='${cache}'
for each; do
  shift
  test "$each" = -fsyntax-only && set -- "$@" -c -o '${cache}/unused.o' || set -- "$@" "$each"
done
exec '${zig}' cc -target ${[target, ...flags].join(' ')} "$@"
`;
  await mkdir(cache, { recursive: true });
  await writeFile(program, text, { mode: 0o755 });
  return program;
}

/** A folder with Node's library for Windows, which napi-build asks for: its functions are found when an addon is loaded. */
async function nodeLibrary() {
  const folder = join(BUILDS, 'libnode');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'libnode.dll'), '');
  // Empty libraries are enough; MinGW looks for the first, Zig for the second.
  await writeFile(join(folder, 'libnode.dll.a'), '!<arch>\n');
  await writeFile(join(folder, 'libnode.a'), '!<arch>\n');
  return folder;
}

/** Zig for Windows arm64, which Debian has no MinGW for; Zig has its headers and import libraries. */
export async function zigWindowsLinker() {
  const { env, args } = await zigLinker();
  return { env: { ...env, LIBNODE_PATH: await nodeLibrary() }, args };
}

/** MinGW's folder of programs, and its compiler for Windows x64. */
export async function mingw() {
  const root = await fromDebian('mingw', ['gcc-mingw-w64-x86-64-posix']);
  const bin = join(root, 'usr', 'bin');
  return { bin, compiler: join(bin, 'x86_64-w64-mingw32-gcc-posix') };
}

/** MinGW's linker for Windows x64. */
export async function mingwLinker() {
  const { bin, compiler } = await mingw();
  const env = {
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER: compiler,
    LIBNODE_PATH: await nodeLibrary(),
    PATH: before(bin, process.env.PATH),
  };
  return { env, args: [] };
}
