// Builds for other platforms than this one: the addon, the addon for tests, and the Rust tests.
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { saveResults } from './results.mjs';
import { CHECKOUT, progress, start } from './runtimes.mjs';
import { BUILDS, compilerFor, mingwLinker, zigLinker, zigWindowsLinker } from './rust.mjs';

const LINKERS = { zig: zigLinker, 'zig-windows': zigWindowsLinker, mingw: mingwLinker };

/** How a platform's addon is built on Linux x64: its row of the table, with all defaults filled in. */
function targetOf({ name, triple, cross }) {
  return { name, triple, flags: [], ...cross };
}

/** How to run cargo for a target: `{ command, args, env }`; the arguments follow cargo's command. */
async function prepare(target) {
  const compiler = await compilerFor(target.triple);
  const linker = await LINKERS[target.linker]();
  const zig = target.linker !== 'mingw';
  const name = target.triple.toUpperCase().replaceAll('-', '_');
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: BUILDS,
    // No debugger is used, and linking takes half the time without debug information.
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

/** Runs cargo, and returns what it wrote to its standard output, by lines. */
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

/**
 * Builds the addon of a platform, or its addon for tests, and returns where it was put: below target/cross, in the folder of the
 * triple it was built for.
 */
export async function buildAddon(platform, { tests = false } = {}) {
  const target = targetOf(platform);
  const { zig, env, args } = await prepare(target);
  const kind = tests ? ['--features', 'test-hooks'] : ['--release'];
  const what = `building the addon${tests ? ' for tests' : ''} for ${target.triple}`;
  await cargo(what, [zig ? 'zigbuild' : 'build', '--lib', ...kind, ...args], env);
  const folder = join(CHECKOUT, 'target', 'cross', target.triple, ...(tests ? ['test-addon'] : []));
  const file = join(folder, `mems.${target.name}.node`);
  await mkdir(folder, { recursive: true });
  await copyFile(join(BUILDS, target.triple, tests ? 'debug' : 'release', target.library), file);
  if (!tests) await saveResults('builds', { [target.name]: { target: target.triple } });
  return file;
}

/** Builds the Rust tests of the core and the C ABI, and returns them as a map of names to programs. */
export async function buildRustTests(platform) {
  const target = targetOf(platform);
  const { zig, env, args } = await prepare(target);
  const features = ['--no-default-features', '--features', 'c-abi', '--message-format', 'json'];
  const command = zig ? ['zigbuild', '--tests'] : ['test', '--no-run', '--lib', '--tests'];
  const what = `building the Rust tests for ${target.triple}`;
  const messages = (await cargo(what, [...command, ...features, ...args], env)).map(JSON.parse);
  const built = messages.filter(({ executable, profile }) => executable && profile.test);
  return new Map(built.map(({ target: { name }, executable }) => [name, executable]));
}

/** Checks the types of the addon's code for the triple of a platform's release, without linking. */
export async function checkTypes({ triple }) {
  const compiler = await compilerFor(triple);
  const env = { ...process.env, CARGO_TARGET_DIR: BUILDS, ...compiler.env };
  const args = ['check', '--lib', '--locked', '--target', triple, ...compiler.args];
  await cargo(`checking ${triple}`, args, env);
}

/** Whether building a platform's addon compiles the same code as its release, which has to be checked by itself otherwise. */
export const buildsRelease = ({ triple, cross }) => (cross.triple ?? triple) === triple;
