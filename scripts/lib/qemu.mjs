// Linux programs for other processors under QEMU, which is fetched into the cache with the libraries that such programs
// share.
//
// Programs start others of their kind, so the kernel is told to start those for arm64 under QEMU: in a user namespace, where
// that needs no root and ends with the program. Pages are 4 KiB there, and memory is ordered as on x64: bugs that only 16 KiB pages
// or arm64's order show cannot be found this way.
//
// QEMU is that of Debian's newest stable release: before version 8 it kept a note of every page that is mapped, which took
// gigabytes and half a minute for a heap's terabyte of address space.
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { start } from './runtimes.mjs';
import { zigCompiler } from './rust.mjs';
import { fromDebian, fromStableDebian } from './tools.mjs';

/** By Node's name of a processor: QEMU's, the folder of its libraries, and Debian's name of them. */
const PROCESSORS = {
  arm64: { qemu: 'aarch64', folder: 'aarch64-linux-gnu', debian: 'arm64' },
  arm: { qemu: 'arm', folder: 'arm-linux-gnueabihf', debian: 'armhf' },
  s390x: { qemu: 's390x', folder: 's390x-linux-gnu', debian: 's390x' },
};
const LIBRARIES = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1'];

// The first bytes of the file of a 64-bit little-endian ELF program for the processor, and which bits of them count.
const MAGIC = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
const REGISTER = `
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' ":mems-arm64:M::$1:$2:$3:F" > /proc/sys/fs/binfmt_misc/register
shift 3
exec "$@"
`;

/** Fetches QEMU and the libraries for a processor, and returns QEMU's program and the libraries' folder. */
async function fetchQemu(processor) {
  const { qemu, folder, debian } = PROCESSORS[processor];
  const programs = await fromStableDebian('qemu', 'qemu-user', async (made) => {
    // Only a few of its fifty processors are needed.
    const needed = Object.values(PROCESSORS).map((each) => `qemu-${each.qemu}`);
    const bin = join(made, 'usr', 'bin');
    const others = (await readdir(bin)).filter((name) => !needed.includes(name));
    await Promise.all(others.map((name) => rm(join(bin, name), { recursive: true })));
  });
  const libraries = LIBRARIES.map((name) => `${name}-${debian}-cross`);
  const root = await fromDebian(`libraries-${processor}`, libraries);
  return {
    qemu: join(programs, 'usr', 'bin', `qemu-${qemu}`),
    environment: { QEMU_LD_PREFIX: join(root, 'usr', folder) },
  };
}

/** Returns `{ start(program, args, options) }`, which runs arm64 programs as start() in runtimes.mjs does its own. */
export async function openQemu() {
  const { qemu, environment } = await fetchQemu('arm64');
  // Tests compile programs for the machine that runs them.
  const CC = await zigCompiler('aarch64-linux-gnu.2.17');
  const inNamespace = ['-rm', 'sh', '-ec', REGISTER, 'sh', MAGIC, MASK, qemu];
  return {
    start: (program, args, { env = process.env, ...options } = {}) =>
      start('unshare', [...inNamespace, program, ...args], {
        ...options,
        env: { ...env, ...environment, CC },
      }),
  };
}

/** Does what openQemu does, for programs of any processor of the list that start no other programs. */
export async function openSimpleQemu(processor) {
  const { qemu, environment } = await fetchQemu(processor);
  return {
    start: (program, args, { env = process.env, ...options } = {}) =>
      start(qemu, [program, ...args], { ...options, env: { ...env, ...environment } }),
  };
}
