// Builds for other platforms than this one: the addon, the addon for tests, and the Rust tests.
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { saveResults } from './results.mjs';
import { CHECKOUT, progress, start } from './runtimes.mjs';
import { BUILDS, compilerFor, mingwLinker, zigLinker, zigWindowsLinker } from './rust.mjs';

// With musl in it, a library could not be loaded.
const DYNAMIC_MUSL = ['-Ctarget-feature=-crt-static'];

/**
 * The targets that can be built on Linux x64. `platform` is the name of the addon, `library` what cargo calls it, `glibc`
 * the oldest that it may need.
 */
export const TARGETS = new Map(
  Object.entries({
    'x86_64-unknown-linux-gnu': { platform: 'linux-x64-gnu', glibc: '2.17' },
    'aarch64-unknown-linux-gnu': { platform: 'linux-arm64-gnu', glibc: '2.17' },
    'x86_64-unknown-linux-musl': { platform: 'linux-x64-musl', flags: DYNAMIC_MUSL },
    'aarch64-unknown-linux-musl': { platform: 'linux-arm64-musl', flags: DYNAMIC_MUSL },
    // It has the functions of an addon built with Microsoft's linker: Node-API is C.
    'x86_64-pc-windows-gnu': {
      platform: 'win32-x64-msvc',
      library: 'mems.dll',
      linker: mingwLinker,
    },
    // Proof that it links, no more: nothing here runs it. It exports every function, not only those of Node-API and C.
    'aarch64-pc-windows-gnullvm': {
      platform: 'win32-arm64-msvc',
      library: 'mems.dll',
      linker: zigWindowsLinker,
    },
    // Neither is stripped: that takes Apple's tools.
    'aarch64-apple-darwin': { platform: 'darwin-arm64', library: 'libmems.dylib', strip: 'none' },
    'x86_64-apple-darwin': { platform: 'darwin-x64', library: 'libmems.dylib', strip: 'none' },
  }).map(([triple, target]) => [
    triple,
    { triple, library: 'libmems.so', linker: zigLinker, flags: [], ...target },
  ]),
);

/** The target of this name. */
export function chooseTarget(triple) {
  const target = TARGETS.get(triple);
  if (target) return target;
  throw new Error(`no target ${triple}: choose from ${[...TARGETS.keys()].join(', ')}`);
}

/** How to run cargo for a target: `{ command, args, env }`, of which the arguments follow cargo's command. */
async function prepare(target) {
  const compiler = await compilerFor(target.triple);
  const linker = await target.linker();
  const zig = target.linker !== mingwLinker;
  const name = target.triple.toUpperCase().replaceAll('-', '_');
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: BUILDS,
    // Nobody looks with a debugger, and linking takes half the time.
    CARGO_PROFILE_DEV_DEBUG: 'false',
    ...compiler.env,
    ...linker.env,
    ...(target.flags.length > 0
      ? { [`CARGO_TARGET_${name}_RUSTFLAGS`]: target.flags.join(' ') }
      : {}),
    ...(target.strip ? { CARGO_PROFILE_RELEASE_STRIP: target.strip } : {}),
  };
  const triple = zig && target.glibc ? `${target.triple}.${target.glibc}` : target.triple;
  return { zig, env, args: ['--locked', '--target', triple, ...compiler.args] };
}

/** Runs cargo, and answers what it wrote to its standard output, by lines. */
async function cargo(what, args, env) {
  const end = progress(what);
  const lines = [];
  const { code, reason, output } = await start('cargo', args, {
    env,
    onLine: (line) => lines.push(line),
  });
  end(reason);
  if (code === 0) return lines;
  throw new Error(`cargo ${args.join(' ')}: ${reason}\n${output}`);
}

/** Builds the addon, or the one for tests, and answers where it was put: below target/cross, in the target's folder. */
export async function buildAddon(target, { tests = false } = {}) {
  const { zig, env, args } = await prepare(target);
  const kind = tests ? ['--features', 'test-hooks'] : ['--release'];
  const what = `building the addon${tests ? ' for tests' : ''} for ${target.triple}`;
  await cargo(what, [zig ? 'zigbuild' : 'build', '--lib', ...kind, ...args], env);
  const folder = join(CHECKOUT, 'target', 'cross', target.triple, ...(tests ? ['test-addon'] : []));
  const file = join(folder, `mems.${target.platform}.node`);
  await mkdir(folder, { recursive: true });
  await copyFile(join(BUILDS, target.triple, tests ? 'debug' : 'release', target.library), file);
  if (!tests) await saveResults('builds', { [target.platform]: { target: target.triple } });
  return file;
}

/** Builds the Rust tests of the core and the C ABI, and answers them as a map of names to programs. */
export async function buildRustTests(target) {
  const { zig, env, args } = await prepare(target);
  const features = ['--no-default-features', '--features', 'c-abi', '--message-format', 'json'];
  const command = zig ? ['zigbuild', '--tests'] : ['test', '--no-run', '--lib', '--tests'];
  const what = `building the Rust tests for ${target.triple}`;
  const messages = (await cargo(what, [...command, ...features, ...args], env)).map(JSON.parse);
  const built = messages.filter(({ executable, profile }) => executable && profile.test);
  return new Map(built.map(({ target: { name }, executable }) => [name, executable]));
}

/** Checks the types of the addon's code for any target, without linking. */
export async function checkTypes(triple) {
  const compiler = await compilerFor(triple);
  const env = { ...process.env, CARGO_TARGET_DIR: BUILDS, ...compiler.env };
  const args = ['check', '--lib', '--locked', '--target', triple, ...compiler.args];
  await cargo(`checking ${triple}`, args, env);
}
