// What went wrong when the addon could not be loaded, and what to do about it. binding.js finds out; the errors here
// say it, each with a code of its own.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { name: PACKAGE, version: VERSION, repository } = require('../package.json');

/** The platforms that have a package. */
const PACKAGED = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'win32-x64-msvc',
  'win32-arm64-msvc',
  'darwin-x64',
  'darwin-arm64',
];

const packageFor = (platform) => `${PACKAGE}-${platform}`;
const install = (platform) => `  npm install --no-save ${packageFor(platform)}@${VERSION}`;
const isClone = () => fs.existsSync(path.join(__dirname, '..', 'Cargo.toml'));

function makeError(code, lines, cause) {
  const error = new Error(lines.join('\n'));
  error.code = code;
  // As the constructor's option does, which Node 14 ignores.
  if (cause) {
    Object.defineProperty(error, 'cause', { value: cause, configurable: true, writable: true });
  }
  return error;
}

/** How to build from source: in a clone by its own script, elsewhere from the repository. */
function build(begin) {
  const command = isClone() ? 'npm ci && npm run build' : `npm install ${repository.url}`;
  return [`${begin} from source, with Rust (rustup.rs) and a linker:`, `  ${command}`];
}

/** The platforms other than `platform` whose packages are installed. */
function installedFor(platform) {
  const { resolve } = createRequire(__filename);
  return PACKAGED.filter((other) => {
    if (other === platform) return false;
    try {
      return Boolean(resolve(`${packageFor(other)}/package.json`));
    } catch (_) {
      return false;
    }
  });
}

/** No addon for this platform is there: neither built nor packaged. */
function addonMissing({ name, description }) {
  if (!PACKAGED.includes(name)) {
    return makeError('ERR_MEMS_UNSUPPORTED_PLATFORM', [
      `MeMS has no prebuilt addon for ${description}: there are packages for ${PACKAGED.join(', ')}.`,
      ...build('Build one'),
    ]);
  }
  if (isClone()) {
    return makeError('ERR_MEMS_ADDON_MISSING', [
      `MeMS found no addon for ${description}: this is a clone in which mems.${name}.node is not built yet.`,
      ...build('Build it'),
    ]);
  }
  const others = installedFor(name).map(packageFor);
  return makeError('ERR_MEMS_ADDON_MISSING', [
    `MeMS found no addon for ${description}: the package ${packageFor(name)}@${VERSION} is not installed.`,
    ...(others.length > 0 ? [`Installed is one for another system: ${others.join(', ')}.`] : []),
    `npm installs it with ${PACKAGE}, as an optional dependency, but leaves it out if`,
    '- optional dependencies are omitted (--omit=optional, --no-optional),',
    '- package-lock.json was written on another system and lists only what was installed there,',
    '- node_modules was copied from another system.',
    'Install it:',
    install(name),
    ...build('Or build it'),
  ]);
}

/** The host's package is there, but not of this version. */
function versionMismatch({ name }, found) {
  return makeError('ERR_MEMS_ADDON_VERSION', [
    `${packageFor(name)} is ${found}, but ${PACKAGE} is ${VERSION}: both must be the same version.`,
    'Install the one that belongs to it:',
    install(name),
  ]);
}

/** Says so where the age of the C library is why an addon does not load. */
function libraryTooOld(reason) {
  const [, needed] = /version `GLIBC_([\d.]+)' not found/.exec(reason) || [];
  if (!needed) return [];
  const found = process.report?.getReport().header.glibcVersionRuntime;
  return [`It needs glibc ${needed} or newer; this system has ${found ?? 'an older one'}.`];
}

function addonBroken(what, { description }, cause, cure) {
  const reason = String(cause?.message ?? cause);
  const tooOld = libraryTooOld(reason);
  const lines = [`${what} is there, but does not load on ${description}: ${reason}`, ...tooOld];
  // The same file again would be no newer.
  lines.push(...(tooOld.length > 0 ? build('Build it') : cure));
  return makeError('ERR_MEMS_ADDON_BROKEN', lines, cause);
}

/** A file that was built, or named by the user, does not load. */
function fileBroken(host, file, cause) {
  return addonBroken(file, host, cause, build('Build it anew'));
}

/** The host's package is there, but its addon does not load. */
function packageBroken(host, cause) {
  const name = packageFor(host.name);
  const anew = [`Remove node_modules/${name} and install it anew:`, install(host.name)];
  return addonBroken(name, host, cause, [...anew, ...build('Or build it')]);
}

/** The processor's addresses or byte order are not those MeMS is made for. */
function platformUnfit({ description }) {
  return makeError('ERR_MEMS_UNSUPPORTED_PLATFORM', [
    `MeMS needs a 64-bit, little-endian processor, and this Node.js is for ${description}.`,
    'Neither another package nor building from source helps. On a 64-bit system, install the 64-bit Node.js.',
  ]);
}

module.exports = { addonMissing, versionMismatch, fileBroken, packageBroken, platformUnfit };
