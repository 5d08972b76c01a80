// Finds the addon and loads it. It is the first of these that exists:
//
// 1. the file that the environment variable MEMS_LIBRARY_PATH names: for tests, and for builds of one's own;
// 2. mems.<platform>.node beside this file, where `npm run build` puts it;
// 3. the platform's package, an optional dependency, which must have this package's version;
// 4. mems.<platform>.node beside the running program, for single executables and bundles.
//
// A file that exists but does not load, or is not MeMS of this version, is an error, not a reason to try the next place. It
// exists if the runtime says that it could not load it (lib/refusals.js). After any other error the next place is tried: what
// bundlers put for a file that they did not find throws errors of any kind, and in a single executable `require` knows only
// what is built into Node.js. Each require has its name written out and is in a try block, so that bundlers find what to pack,
// and know what may be missing.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const path = require('path');
const { createRequire } = require('module');
const { name, version } = require('./package.json');
const { hostPlatform } = require('./lib/platform.js');
const { isRefusal } = require('./lib/refusals.js');
const errors = require('./lib/load-errors.js');
const { inThisRealm } = require('./lib/realm.js');

const host = hostPlatform();
const file = `mems.${host.name}.node`;
// A bundle in the format of ES modules has neither of the two.
const bundle = typeof __filename === 'string' ? __filename : process.argv[1] || process.execPath;
const folder = typeof __dirname === 'string' ? __dirname : path.dirname(bundle);
// Unlike the `require` of a single executable, this one can load files.
const requireFile = createRequire(path.resolve(bundle));

// Each of these returns what `fail` returns for the error if the module does not exist or cannot be loaded.
function requireBuilt(fail) {
  try {
    switch (host.name) {
      case 'linux-x64-gnu':
        return require('./mems.linux-x64-gnu.node');
      case 'linux-arm64-gnu':
        return require('./mems.linux-arm64-gnu.node');
      case 'linux-x64-musl':
        return require('./mems.linux-x64-musl.node');
      case 'linux-arm64-musl':
        return require('./mems.linux-arm64-musl.node');
      case 'win32-x64-msvc':
        return require('./mems.win32-x64-msvc.node');
      case 'win32-arm64-msvc':
        return require('./mems.win32-arm64-msvc.node');
      case 'darwin-x64':
        return require('./mems.darwin-x64.node');
      case 'darwin-arm64':
        return require('./mems.darwin-arm64.node');
      default:
        return requireFile(path.join(folder, file));
    }
  } catch (error) {
    return fail(error);
  }
}

function packagedVersion(fail) {
  try {
    switch (host.name) {
      case 'linux-x64-gnu':
        return require('@sambhav-gautam/osmemoryallocator-linux-x64-gnu/package.json').version;
      case 'linux-arm64-gnu':
        return require('@sambhav-gautam/osmemoryallocator-linux-arm64-gnu/package.json').version;
      case 'linux-x64-musl':
        return require('@sambhav-gautam/osmemoryallocator-linux-x64-musl/package.json').version;
      case 'linux-arm64-musl':
        return require('@sambhav-gautam/osmemoryallocator-linux-arm64-musl/package.json').version;
      case 'win32-x64-msvc':
        return require('@sambhav-gautam/osmemoryallocator-win32-x64-msvc/package.json').version;
      case 'win32-arm64-msvc':
        return require('@sambhav-gautam/osmemoryallocator-win32-arm64-msvc/package.json').version;
      case 'darwin-x64':
        return require('@sambhav-gautam/osmemoryallocator-darwin-x64/package.json').version;
      case 'darwin-arm64':
        return require('@sambhav-gautam/osmemoryallocator-darwin-arm64/package.json').version;
      default:
        return requireFile(`${name}-${host.name}/package.json`).version;
    }
  } catch (error) {
    return fail(error);
  }
}

function requirePackaged(fail) {
  try {
    switch (host.name) {
      case 'linux-x64-gnu':
        return require('@sambhav-gautam/osmemoryallocator-linux-x64-gnu');
      case 'linux-arm64-gnu':
        return require('@sambhav-gautam/osmemoryallocator-linux-arm64-gnu');
      case 'linux-x64-musl':
        return require('@sambhav-gautam/osmemoryallocator-linux-x64-musl');
      case 'linux-arm64-musl':
        return require('@sambhav-gautam/osmemoryallocator-linux-arm64-musl');
      case 'win32-x64-msvc':
        return require('@sambhav-gautam/osmemoryallocator-win32-x64-msvc');
      case 'win32-arm64-msvc':
        return require('@sambhav-gautam/osmemoryallocator-win32-arm64-msvc');
      case 'darwin-x64':
        return require('@sambhav-gautam/osmemoryallocator-darwin-x64');
      case 'darwin-arm64':
        return require('@sambhav-gautam/osmemoryallocator-darwin-arm64');
      default:
        return requireFile(`${name}-${host.name}`);
    }
  } catch (error) {
    return fail(error);
  }
}

/** A function that loads the addon from the file `named`, as requireBuilt does. */
function requireAt(named) {
  return (fail) => {
    try {
      return requireFile(named);
    } catch (error) {
      return fail(error);
    }
  };
}

// The result for a place where no addon was found.
const ABSENT = Symbol('absent');

/**
 * Loads the addon at a place `{ load, versionOf }`, of which the second says what version is there, if that can be known
 * before. Returns ABSENT if there is none, and adds to `tried` why. Throws if what is there does not load, or is not the
 * addon that belongs to this package.
 */
function loadFrom(place, tried) {
  let stated = version;
  const fail = (error) => {
    if (isRefusal(error)) throw errors.addonBroken(host, place, error);
    tried.push({ place, error, version: place.versionOf && stated });
    return ABSENT;
  };
  if (place.versionOf) {
    stated = undefined;
    stated = place.versionOf(fail);
    if (stated === ABSENT) return ABSENT;
  }
  // An addon of another version is not loaded, since it might do anything.
  if (stated !== version) throw errors.versionMismatch(host, place, stated);
  const addon = place.load(fail);
  if (addon === ABSENT) return ABSENT;
  // The exports of another package's addon can be any value.
  if (typeof addon?.libraryPath !== 'function') throw errors.addonForeign(host, place);
  const found = addon.libraryVersion ? addon.libraryVersion() : 'of an older version';
  if (found !== version) throw errors.versionMismatch(host, place, found);
  return addon;
}

/** The places where the addon can be, in order. */
function places() {
  const [built, beside] = [folder, path.dirname(process.execPath)].map((at) => path.join(at, file));
  return [
    { kind: 'built', file: built, load: requireBuilt },
    { kind: 'package', versionOf: packagedVersion, load: requirePackaged },
    // A bundler may have replaced the first `require` although the file is there.
    { kind: 'built', file: built, load: requireAt(built) },
    { kind: 'beside', file: beside, load: requireAt(beside) },
  ];
}

/** The path in MEMS_LIBRARY_PATH; undefined if it is not set, or if Deno may not read the environment. */
function namedPath() {
  try {
    return process.env.MEMS_LIBRARY_PATH || undefined;
  } catch (_) {
    return undefined;
  }
}

function load() {
  if (!host.fit) throw errors.platformUnfit(host);
  const tried = [];
  const named = namedPath();
  if (named) {
    const full = path.resolve(named);
    // A file with another ending, or a folder, would be run as JavaScript.
    if (path.extname(full) !== '.node') throw errors.namedOtherwise(full);
    const place = { kind: 'named', file: full, load: requireAt(full) };
    const addon = loadFrom(place, tried);
    if (addon !== ABSENT) return addon;
    throw errors.namedMissing(place, tried[0].error);
  }
  for (const place of places()) {
    const addon = loadFrom(place, tried);
    if (addon !== ABSENT) return addon;
  }
  throw errors.addonMissing(host, tried, path.basename(bundle) !== 'binding.js');
}

module.exports = inThisRealm(load());
