// Linux arm64 programs under QEMU, which is fetched into the cache with the libraries that such programs share.
//
// Programs start others of their kind, so the kernel is told to start them under QEMU: in a user namespace, where that
// needs no root and ends with the program. Pages are 4 KiB there, and memory is ordered as on x64: neither 16 KiB pages
// nor arm64's order can be seen this way.
//
// QEMU before version 8 keeps a note of every page that is mapped: gigabytes, and half a minute, for a terabyte of address
// space. So programs get 64 GiB, and MeMS does there what it does wherever address space is limited.
import { join } from 'node:path';
import { start } from './runtimes.mjs';
import { fromDebian } from './tools.mjs';

// What the file of a 64-bit little-endian ELF program for the processor begins with, and which bits of that count.
const MAGIC = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
const ADDRESS_SPACE = '0x1000000000';
const REGISTER = `
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' ":mems-arm64:M::$1:$2:$3:F" > /proc/sys/fs/binfmt_misc/register
shift 3
exec "$@"
`;

/** Answers `{ start(program, args, options) }`, which runs arm64 programs as start() in runtimes.mjs does its own. */
export async function openQemu() {
  const libraries = ['libc6-arm64-cross', 'libgcc-s1-arm64-cross', 'libstdc++6-arm64-cross'];
  // Of its fifty processors one is needed.
  const exclude = ['*/usr/bin/qemu-[!a]*', '*/usr/bin/qemu-a[lr]*', '*/usr/bin/qemu-*_be-*'];
  const root = await fromDebian('qemu', ['qemu-user-static', ...libraries], { exclude });
  const qemu = join(root, 'usr', 'bin', 'qemu-aarch64-static');
  const sysroot = join(root, 'usr', 'aarch64-linux-gnu');
  const inNamespace = ['-rm', 'sh', '-ec', REGISTER, 'sh', MAGIC, MASK, qemu];
  return {
    start: (program, args, { env = process.env, ...options } = {}) =>
      start('unshare', [...inNamespace, program, ...args], {
        ...options,
        env: { ...env, QEMU_LD_PREFIX: sysroot, QEMU_RESERVED_VA: ADDRESS_SPACE },
      }),
  };
}
