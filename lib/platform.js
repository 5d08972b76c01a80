// The platform this process runs on, named as the napi CLI names addons and their packages: linux-x64-gnu.
//
// Which C library a Linux program needs is read from the program itself: its ELF header names the dynamic linker. The
// system may have more than one, so what lies in its folders says less. Costs three short reads.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const fs = require('fs');
const os = require('os');

// What Node.js calls processors with addresses of 32 bits.
const NARROW = ['arm', 'ia32', 'mips', 'mipsel', 'ppc', 's390'];
const PT_INTERP = 3;

/** The dynamic linker that a 64-bit little-endian ELF program asks for; undefined if it asks for none. */
function interpreterOf(program) {
  const file = fs.openSync(program, 'r');
  const read = (position, length) => {
    const bytes = Buffer.alloc(length);
    return bytes.slice(0, fs.readSync(file, bytes, 0, length, position));
  };
  try {
    const header = read(0, 64);
    const [size, count] = [header.readUInt16LE(54), header.readUInt16LE(56)];
    const entries = read(Number(header.readBigUInt64LE(32)), size * count);
    for (let at = 0; at + size <= entries.length; at += size) {
      if (entries.readUInt32LE(at) !== PT_INTERP) continue;
      const [offset, length] = [8, 32].map((field) => entries.readBigUInt64LE(at + field));
      return read(Number(offset), Number(length)).toString('latin1');
    }
    return undefined;
  } finally {
    fs.closeSync(file);
  }
}

function usesMusl() {
  // Deno has its C library in `Deno.build`; reading its program would need a permission.
  const { Deno } = globalThis;
  if (Deno?.build?.target) return /-musl$/.test(Deno.build.target);
  try {
    const interpreter = interpreterOf(process.execPath);
    if (interpreter) return /\bld-musl-/.test(interpreter);
  } catch (_) {
    // The program cannot be read, for example because of a missing permission. The report has its C library as well, more
    // slowly.
  }
  if (!process.report) return false;
  return !process.report.getReport().header.glibcVersionRuntime;
}

/**
 * Returns `{ name, description, fit }`: the platform's name, its name for people, and whether MeMS can run on it at all,
 * with an addon built for it.
 */
function hostPlatform() {
  const { platform, arch } = process;
  const bits = NARROW.includes(arch) ? 32 : 64;
  const little = os.endianness() === 'LE';
  const fit = bits === 64 && little;
  const detail = `${bits}-bit, ${little ? 'little' : 'big'}-endian`;

  let name = `${platform}-${arch}`;
  let system = `${platform} ${arch}`;
  if (platform === 'win32') name += '-msvc';
  // On other processors the file read would be of another form, and no addon is looked for.
  if (platform === 'linux' && fit) {
    const musl = usesMusl();
    name += musl ? '-musl' : '-gnu';
    system += musl ? ' with musl' : ' with glibc';
  }
  return { name, description: `${system} (${detail})`, fit };
}

module.exports = { hostPlatform };
