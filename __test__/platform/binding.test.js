'use strict';

// Where the loader finds the addon, and what it says if there is none, or not the right one. Other platforms are simulated: a
// program changes what the process says about itself before it loads the package.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const manifest = require('../../package.json');
const { library } = require('../..');
const { hostPlatform } = require('../../lib/platform.js');
const { Installation } = require('../helpers/installation.js');

const { name: MAIN, version: VERSION } = manifest;
const HOST = hostPlatform().name;
const ADDON = `mems.${HOST}.node`;
const OTHER = HOST === 'win32-arm64-msvc' ? 'darwin-x64' : 'win32-arm64-msvc';

/** Makes the process say it runs on this platform. */
const actAs = (platform, arch) => `
  Object.defineProperty(process, 'platform', { value: '${platform}' });
  Object.defineProperty(process, 'arch', { value: '${arch}' });`;

/** A program that has only what the loader reads: its dynamic linker, named behind a header or two. */
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
  const text = fs.readFileSync(path.join(__dirname, '..', '..', 'binding.js'), 'utf8');
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
    const named = { MEMS_LIBRARY_PATH: library };
    assert.deepEqual(installation.load({ env: named }), { library });
  });
});

describe('the addon is found by a bundled program', () => {
  // What `require` of an absent file throws in a single executable, and after bun build.
  const ERRORS = {
    'a single executable': `Object.assign(new Error('No such built-in module'), { code: 'ERR_UNKNOWN_BUILTIN_MODULE' })`,
    'a bundle by Bun': `new Error('Cannot require module ./${ADDON}')`,
    'a bundle in the format of ES modules': `new ReferenceError('require is not defined')`,
  };
  /** Makes the process say that its program is in the folder of this name. */
  const runFrom = (folder) =>
    `process.execPath = ${JSON.stringify(path.join(installation.folder, folder, 'program'))};`;

  for (const [what, error] of Object.entries(ERRORS)) {
    test(`${what}: beside the program`, () => {
      installation.bundle(error);
      const addon = installation.write(path.join('place', ADDON), fs.readFileSync(library));
      assert.deepEqual(installation.load({ before: runFrom('place') }), { library: addon });
    });

    test(`${what}: beside the bundle`, () => {
      installation.bundle(error);
      const addon = installation.write(
        path.join(installation.main, ADDON),
        fs.readFileSync(library),
      );
      assert.deepEqual(installation.load({ before: runFrom('nowhere') }), { library: addon });
    });

    test(`${what}: where it is not, every place is named, and what to do`, () => {
      installation.bundle(error);
      const { code, message, cause } = installation.load({ before: runFrom('place') });
      assert.equal(code, 'ERR_MEMS_ADDON_MISSING');
      assert.equal(cause, /code: '(\w+)'/.exec(error)?.[1]);
      const places = [
        path.join(installation.main, ADDON),
        path.join(installation.folder, 'place', ADDON),
      ];
      for (const place of places) assert.ok(message.includes(`\n- ${place}: not there\n`), message);
      const reason = /'(.*?)'/.exec(error)[1];
      assert.ok(message.includes(`\n- ${MAIN}-${HOST}: ${reason}\n`), message);
      assert.ok(
        message.includes(
          `Put the addon beside the program:\n  node_modules/${MAIN}-${HOST}/${ADDON}\n`,
        ),
        message,
      );
    });
  }

  test('an addon beside the program that does not load is an error, which says what to do', () => {
    installation.bundle(ERRORS['a single executable']);
    const addon = installation.write(path.join('place', ADDON), 'not an addon');
    const { code, message } = installation.load({ before: runFrom('place') });
    assert.equal(code, 'ERR_MEMS_ADDON_BROKEN');
    assert.ok(message.startsWith(`${addon} is there, but does not load on `), message);
    assert.match(message, /^Put the file that belongs to this version there: node_modules/m);
  });
});

describe('a runtime that loads no addons', () => {
  const MODEL = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const skip = !process.allowedNodeEnvironmentFlags.has('--allow-addons') && 'no such flag here';
  const READ = process.versions.node.startsWith('20.') ? '/*' : '';
  const withModel = (...more) => [MODEL, `--allow-fs-read=${installation.folder}${READ}`, ...more];

  beforeEach(() => installation.addPackage(HOST, fs.readFileSync(library)));

  /** Asserts that the runtime refuses the addon, and that the message ends with this line: nothing is to be built. */
  function assertAdvice(options, line) {
    const { code, message, cause } = installation.load(options);
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_BROKEN', 'ERR_DLOPEN_DISABLED']);
    assert.deepEqual(message.split('\n').slice(1), [line]);
  }

  test('because of --no-addons: the flag', () => {
    const line = 'Leave out the flag --no-addons, with which Node.js was started.';
    assertAdvice({ flags: ['--no-addons'] }, line);
    assertAdvice({ env: { NODE_OPTIONS: '--no-addons' } }, line);
  });

  test('for a reason that cannot be seen: both flags', () => {
    const before = `process.dlopen = () => {
      throw Object.assign(new Error('disabled'), { code: 'ERR_DLOPEN_DISABLED' });
    };`;
    const line =
      'Start Node.js (or the worker thread) without --no-addons, and with --allow-addons where there is --permission.';
    assertAdvice({ before }, line);
  });

  test('under the permission model: the flag that helps', { skip }, () => {
    const line = `Allow addons as well: node ${MODEL} --allow-addons (and --allow-fs-read).`;
    assertAdvice({ flags: withModel('--no-warnings') }, line);
    // With the flag the addon loads.
    const flags = withModel('--no-warnings', '--allow-addons');
    assert.ok(installation.load({ flags }).library);
  });

  test('under the permission model, where the addon may not be seen either', { skip }, () => {
    fs.rmSync(installation.path(`${MAIN}-${HOST}`), { recursive: true });
    const flags = withModel('--no-warnings', '--allow-addons');
    const { code, message } = installation.load({ flags });
    assert.equal(code, 'ERR_MEMS_ADDON_MISSING');
    assert.ok(message.includes(`the package ${MAIN}-${HOST}@${VERSION} is not installed`), message);
  });

  for (const [flag, error] of [
    ['--allow-ffi', `new NotCapable('Requires ffi access to "x", run again with --allow-ffi')`],
    ['--allow-read', `new NotCapable('Requires read access to "x", run again with --allow-read')`],
  ]) {
    test(`Deno without ${flag}: the flag`, () => {
      const before = `process.versions = { ...process.versions, deno: '2.0.0' };
        class NotCapable extends Error { name = 'NotCapable'; }
        process.dlopen = () => { throw ${error}; };`;
      const acted = `Object.defineProperty(process, 'versions', { value: process.versions, writable: true });`;
      const { message } = installation.load({ before: acted + before });
      assert.match(message, new RegExp(`^Allow Deno to .*${flag}`, 'm'));
      assert.doesNotMatch(message, /Rust|npm install/);
    });
  }
});

describe('an addon that loads', () => {
  /** Has the runtime load an addon with these exports, whatever its file holds. */
  const exporting = (exports) => `process.dlopen = (module) => { module.exports = ${exports}; };`;
  const OURS = `{ libraryPath: () => '', libraryVersion: () => '1.0.0' }`;

  for (const exports of ['{}', 'undefined', '42', '{ malloc() {} }']) {
    test(`and exports ${exports} is named as that of another package`, () => {
      installation.addPackage(HOST, 'an addon');
      const { code, message } = installation.load({ before: exporting(exports) });
      assert.equal(code, 'ERR_MEMS_ADDON_BROKEN');
      assert.ok(message.startsWith(`${MAIN}-${HOST} loads, but it is not MeMS: `), message);
      assert.match(message, /^Remove node_modules/m);
    });
  }

  test('and is really of another package, koffi', (t) => {
    const koffi = addonOfKoffi();
    if (!koffi) return t.skip('koffi has no addon here');
    const named = { MEMS_LIBRARY_PATH: koffi };
    const { code, message } = installation.load({ env: named });
    assert.equal(code, 'ERR_MEMS_ADDON_BROKEN');
    assert.deepEqual(message.split('\n'), [
      `${koffi} loads, but it is not MeMS: it is an addon of another package.`,
      'MEMS_LIBRARY_PATH names this file. Set it to the right file, or unset it.',
    ]);
  });

  test('and is of another version is refused, wherever it is', () => {
    const built = installation.write(path.join(installation.main, ADDON), 'an addon');
    const named = { MEMS_LIBRARY_PATH: built };
    for (const env of [{}, named]) {
      const { code, message } = installation.load({ before: exporting(OURS), env });
      assert.equal(code, 'ERR_MEMS_ADDON_VERSION');
      assert.ok(message.startsWith(`${built} is 1.0.0, but ${MAIN} is ${VERSION}: `), message);
    }
    const before = exporting(`{ libraryPath: () => '' }`);
    assert.match(installation.load({ before }).message, /node is of an older version, but /);
  });
});

describe('the environment', () => {
  test('names a file that is not there: the error says so, and no other is tried', () => {
    installation.addPackage(HOST, fs.readFileSync(library));
    const file = path.join(installation.folder, 'none.node');
    const { code, message, cause } = installation.load({ env: { MEMS_LIBRARY_PATH: file } });
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_MISSING', 'MODULE_NOT_FOUND']);
    const lines = [
      `MEMS_LIBRARY_PATH names ${file}: not there.`,
      'Set it to the path of the addon, or unset it.',
    ];
    assert.equal(message, lines.join('\n'));
  });

  test('names a file of another kind: it is not run as JavaScript', () => {
    const file = installation.write(path.join(installation.folder, 'mems.so'), 'process.exit(3)');
    for (const named of [file, installation.folder]) {
      const { code, message } = installation.load({ env: { MEMS_LIBRARY_PATH: named } });
      assert.equal(code, 'ERR_MEMS_ADDON_MISSING');
      assert.ok(message.startsWith(`MEMS_LIBRARY_PATH names ${named}: the name of`), message);
    }
  });

  test('has a variable of all packages that are built with napi-rs: it is ignored', () => {
    const addon = installation.addPackage(HOST, fs.readFileSync(library));
    const env = { NAPI_RS_NATIVE_LIBRARY_PATH: path.join(installation.folder, 'theirs.node') };
    assert.deepEqual(installation.load({ env }), { library: addon });
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

  test('without the package: the error names it, why it may be missing and how to get it', () => {
    const { code, message, cause } = installation.load();
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_MISSING', undefined]);
    const { description } = hostPlatform();
    assertLines(message, [
      `MeMS found no addon for ${description}: the package ${MAIN}-${HOST}@${VERSION} is not installed.`,
      'It was looked for in',
      `- ${path.join(installation.main, ADDON)}: not there`,
      `- ${MAIN}-${HOST}: not there`,
      `- ${path.join(path.dirname(process.execPath), ADDON)}: not there`,
      ...REASONS,
      'Install it:',
      `  npm install --no-save ${MAIN}-${HOST}@${VERSION}`,
      ...BUILD,
    ]);
    assert.match(description, /^\w+ \w+.* \(64-bit, little-endian\)$/);
  });

  test("with only another platform's package: the error says that it is for another", () => {
    installation.addPackage(OTHER, 'an addon');
    const { code, message } = installation.load();
    assert.equal(code, 'ERR_MEMS_ADDON_MISSING');
    const line = `A package for another system is installed: ${MAIN}-${OTHER}.`;
    assert.ok(message.split('\n').includes(line), message);
  });

  test('in a clone: the error says that it has to be built', () => {
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
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_MISSING', 'MODULE_NOT_FOUND']);
    const what = `the package ${MAIN}-${HOST}@${VERSION} is installed, but its file is gone`;
    assert.ok(message.split('\n')[0].endsWith(`: ${what}.`), message);
    assert.match(message, new RegExp(`^Remove node_modules/${MAIN}-${HOST} and install`, 'm'));
    assert.ok(message.endsWith(BUILD.join('\n')), message);
  });

  test('that loads, among those built here: no other is tried', () => {
    installation.addPackage(HOST, fs.readFileSync(library));
    const file = installation.write(path.join(installation.main, ADDON), 'not an addon');
    const { code, message, cause } = installation.load();
    assert.deepEqual([code, cause], ['ERR_MEMS_ADDON_BROKEN', 'ERR_DLOPEN_FAILED']);
    assert.ok(message.startsWith(`${file} is there, but does not load on `), message);
    assert.match(message, /^Build it again from source/m);
  });

  test('for a C library as old as this: the error says what is needed and what is there', () => {
    // As the dynamic linker words it; an addon that needs a newer library than there is cannot be made here.
    const before = `process.dlopen = () => {
      const message = "libc.so.6: version \`GLIBC_2.99' not found (required by x.node)";
      throw Object.assign(new Error(message), { code: 'ERR_DLOPEN_FAILED' });
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

/** The addon of koffi for this platform; undefined if it has none. */
function addonOfKoffi() {
  try {
    require('koffi');
  } catch (_) {
    return undefined;
  }
  return Object.keys(require.cache).find((file) => file.endsWith('.node') && file !== library);
}

/** The platform's name of one of our targets. */
function platformOf(triple) {
  const [cpu, , system, abi] = triple.split('-');
  const parts = [system === 'windows' ? 'win32' : system, cpu === 'x86_64' ? 'x64' : 'arm64', abi];
  return parts.filter(Boolean).join('-');
}
