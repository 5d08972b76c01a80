'use strict';

// Where the loader finds the addon, and what it says where there is none, or not the right one. Other platforms are
// acted: a program sets what the process says of itself before it loads the package.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const manifest = require('../package.json');
const { library } = require('..');
const { hostPlatform } = require('../lib/platform.js');
const { Installation } = require('./helpers/installation.js');

const { name: MAIN, version: VERSION } = manifest;
const HOST = hostPlatform().name;
const ADDON = `mems.${HOST}.node`;
const OTHER = HOST === 'win32-arm64-msvc' ? 'darwin-x64' : 'win32-arm64-msvc';

/** Makes the process say it runs on this platform. */
const actAs = (platform, arch) => `
  Object.defineProperty(process, 'platform', { value: '${platform}' });
  Object.defineProperty(process, 'arch', { value: '${arch}' });`;

/** A program that is nothing but what the loader reads of it: its dynamic linker, named behind a header or two. */
function elf(interpreter) {
  const text = Buffer.from(`${interpreter}\0`);
  const bytes = Buffer.alloc(64 + 2 * 56);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(2, 56);
  bytes.writeUInt32LE(1, 64);
  bytes.writeUInt32LE(3, 120);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 128);
  bytes.writeBigUInt64LE(BigInt(text.length), 152);
  return Buffer.concat([bytes, text]);
}

let installation;
beforeEach(() => {
  installation = new Installation();
});
afterEach(() => installation.remove());

test('every name is written out, for bundlers to see', () => {
  const text = fs.readFileSync(path.join(__dirname, '..', 'binding.js'), 'utf8');
  for (const name of manifest.napi.targets.map(platformOf)) {
    for (const file of [`./mems.${name}.node`, `${MAIN}-${name}`, `${MAIN}-${name}/package.json`]) {
      assert.ok(text.includes(`return require('${file}')`), file);
    }
  }
});

describe('the addon is found', () => {
  const built = () => fs.readFileSync(library);

  test('in the package of the platform', () => {
    const addon = installation.addPackage(HOST, built());
    assert.deepEqual(installation.load(), { library: addon });
  });

  test('beside the loader, before it is looked for in the package', () => {
    installation.addPackage(HOST, 'not this one', '1.0.0');
    const addon = installation.write(path.join(installation.main, ADDON), built());
    assert.deepEqual(installation.load(), { library: addon });
  });

  test('where the environment says, before all else', () => {
    installation.addPackage(HOST, 'not this one');
    installation.write(path.join(installation.main, ADDON), 'nor this one');
    const named = { NAPI_RS_NATIVE_LIBRARY_PATH: library };
    assert.deepEqual(installation.load({ env: named }), { library });
  });
});

describe('no addon', () => {
  /** Asserts that the message has all of these lines, one after the other and to the letter. */
  function assertLines(message, lines) {
    assert.equal(message, lines.join('\n'));
  }
  const REASONS = [
    `npm installs it with ${MAIN}, as an optional dependency, but leaves it out if`,
    '- optional dependencies are omitted (--omit=optional, --no-optional),',
    '- package-lock.json was written on another system and lists only what was installed there,',
    '- node_modules was copied from another system.',
  ];
  const BUILD = [
    'Or build it from source, with Rust (rustup.rs) and a linker:',
    `  npm install ${manifest.repository.url}`,
  ];

  test('without the package: which it is, why it may be missing and how to get it', () => {
    const { code, message, cause } = installation.load();
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_MISSING', undefined]);
    const { description } = hostPlatform();
    assertLines(message, [
      `MeMS found no addon for ${description}: the package ${MAIN}-${HOST}@${VERSION} is not installed.`,
      ...REASONS,
      'Install it:',
      `  npm install --no-save ${MAIN}-${HOST}@${VERSION}`,
      ...BUILD,
    ]);
    assert.match(description, /^\w+ \w+.* \(64-bit, little-endian\)$/);
  });

  test("with another platform's package alone: that it is for another", () => {
    installation.addPackage(OTHER, 'an addon');
    const { code, message } = installation.load();
    assert.equal(code, 'ERR_MEMS_ADDON_MISSING');
    const second = message.split('\n')[1];
    assert.equal(second, `Installed is one for another system: ${MAIN}-${OTHER}.`);
  });

  test('in a clone: that it is to be built', () => {
    installation.write(path.join(installation.main, 'Cargo.toml'), '');
    const { code, message } = installation.load();
    assert.equal(code, 'ERR_MEMS_ADDON_MISSING');
    assert.match(message, new RegExp(`a clone in which ${ADDON} is not built yet`));
    assert.match(message, /^ {2}npm ci && npm run build$/m);
  });

  test('of the right version', () => {
    installation.addPackage(HOST, 'an addon', '1.99.0');
    const { code, message } = installation.load();
    assert.equal(code, 'ERR_MEMS_ADDON_VERSION');
    assertLines(message, [
      `${MAIN}-${HOST} is 1.99.0, but ${MAIN} is ${VERSION}: both must be the same version.`,
      'Install the one that belongs to it:',
      `  npm install --no-save ${MAIN}-${HOST}@${VERSION}`,
    ]);
  });

  test('in the package, where its file is damaged: the cause is kept', () => {
    installation.addPackage(HOST, 'not an addon');
    const { code, message, cause } = installation.load();
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_BROKEN', 'ERR_DLOPEN_FAILED']);
    assert.ok(message.startsWith(`${MAIN}-${HOST} is there, but does not load on `), message);
    assert.match(message, new RegExp(`^Remove node_modules/${MAIN}-${HOST} and install`, 'm'));
    assert.ok(message.endsWith(BUILD.join('\n')), message);
  });

  test('in the package, where its file is gone', () => {
    installation.addPackage(HOST);
    const { code, message, cause } = installation.load();
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_BROKEN', 'MODULE_NOT_FOUND']);
    assert.ok(message.startsWith(`${MAIN}-${HOST} is there, but does not load on `), message);
  });

  test('that loads, of those built here: no other is tried', () => {
    installation.addPackage(HOST, fs.readFileSync(library));
    const file = installation.write(path.join(installation.main, ADDON), 'not an addon');
    const { code, message, cause } = installation.load();
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_BROKEN', 'ERR_DLOPEN_FAILED']);
    assert.ok(message.startsWith(`${file} is there, but does not load on `), message);
    assert.match(message, /^Build it anew from source/m);
  });

  test('for a C library as old as this: what is needed and what is there', () => {
    // As the dynamic linker words it; an addon that needs a newer library than there is cannot be made here.
    const before = `process.dlopen = () => {
      throw new Error("libc.so.6: version \`GLIBC_2.99' not found (required by x.node)");
    };
    process.report.getReport = () => ({ header: { glibcVersionRuntime: '2.16' } });`;
    installation.addPackage(HOST, 'an addon');
    const { code, message } = installation.load({ before });
    assert.equal(code, 'ERR_MEMS_ADDON_BROKEN');
    assert.match(message, /^It needs glibc 2\.99 or newer; this system has 2\.16\.$/m);
    assert.doesNotMatch(message, /npm install --no-save/);
  });
});

describe('the platform', () => {
  const missing = (options) => installation.load(options).message.split('\n')[0];

  for (const name of manifest.napi.targets.map(platformOf)) {
    test(`${name} has its package looked for`, () => {
      const [platform, arch, libc] = name.split('-');
      const linker = libc === 'musl' ? '/lib/ld-musl-x86_64.so.1' : '/lib64/ld-linux-x86-64.so.2';
      const program = installation.write('program', elf(linker));
      const before = `${actAs(platform, arch)} process.execPath = ${JSON.stringify(program)};`;
      assert.match(missing({ before }), new RegExp(`the package ${MAIN}-${name}@`));
      installation.addPackage(name, 'not an addon');
      assert.match(missing({ before }), new RegExp(`^${MAIN}-${name} is there, but does not load`));
    });
  }

  for (const [reported, name] of [
    [`{ glibcVersionRuntime: '2.36' }`, 'linux-x64-gnu'],
    ['{}', 'linux-x64-musl'],
  ]) {
    test(`${name} is told by the report, if the program cannot be read`, () => {
      const before = `${actAs('linux', 'x64')} process.execPath = '/nowhere';
        process.report.getReport = () => ({ header: ${reported} });`;
      assert.match(missing({ before }), new RegExp(`the package ${MAIN}-${name}@`));
    });
  }

  test('without a package is named with those that have one, and can be built for', () => {
    const { code, message } = installation.load({ before: actAs('freebsd', 'riscv64') });
    assert.equal(code, 'ERR_MEMS_UNSUPPORTED_PLATFORM');
    assert.match(message, /no prebuilt addon for freebsd riscv64 \(64-bit, little-endian\)/);
    assert.ok(message.includes(manifest.napi.targets.map(platformOf).join(', ')), message);
    assert.match(message, /^Build one from source/m);
    installation.write(path.join(installation.main, 'mems.freebsd-riscv64.node'), 'not an addon');
    const built = installation.load({ before: actAs('freebsd', 'riscv64') });
    assert.equal(built.code, 'ERR_MEMS_ADDON_BROKEN');
  });

  test('with addresses of 32 bits is refused, whatever is installed', () => {
    installation.addPackage('win32-ia32-msvc', 'an addon');
    const { code, message } = installation.load({ before: actAs('win32', 'ia32') });
    assert.equal(code, 'ERR_MEMS_UNSUPPORTED_PLATFORM');
    assert.match(message, /needs a 64-bit, .* for win32 ia32 \(32-bit, little-endian\)/);
    assert.doesNotMatch(message, /npm/);
  });

  test('with big-endian words is refused', () => {
    const before = `${actAs('linux', 's390x')} require('os').endianness = () => 'BE';`;
    const { code, message } = installation.load({ before });
    assert.equal(code, 'ERR_MEMS_UNSUPPORTED_PLATFORM');
    assert.match(message, /for linux s390x \(64-bit, big-endian\)/);
  });
});

/** The platform's name of one of our targets. */
function platformOf(triple) {
  const [cpu, , system, abi] = triple.split('-');
  const parts = [system === 'windows' ? 'win32' : system, cpu === 'x86_64' ? 'x64' : 'arm64', abi];
  return parts.filter(Boolean).join('-');
}
