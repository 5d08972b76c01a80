// Finds the addon and loads it. The first of these that is there is it:
//
// 1. the file that the environment variable NAPI_RS_NATIVE_LIBRARY_PATH names: for tests, and for whoever builds apart;
// 2. mems.<platform>.node beside this file, where `npm run build` puts it;
// 3. the platform's package, an optional dependency, which must have this package's version.
//
// One that is there and does not load is an error, not a reason to try the next. Each require has its name written out and
// stands in a try block: that is how bundlers find what to pack, and know what may be missing.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const path = require('path');
const { createRequire } = require('module');
const { version } = require('./package.json');
const { hostPlatform } = require('./lib/platform.js');
const errors = require('./lib/load-errors.js');

const host = hostPlatform();

/** Whether `error` says that what was required is not there at all. */
const isMissing = (error) => error?.code === 'MODULE_NOT_FOUND';

function requireNamed(file) {
  try {
    return createRequire(__filename)(path.resolve(file));
  } catch (error) {
    throw errors.fileBroken(host, file, error);
  }
}

function requireBuilt(name) {
  try {
    switch (name) {
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
        return createRequire(__filename)(`./mems.${name}.node`);
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw errors.fileBroken(host, path.join(__dirname, `mems.${name}.node`), error);
  }
}

function packagedVersion(name) {
  try {
    switch (name) {
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
        return undefined;
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw errors.packageBroken(host, error);
  }
}

function requirePackaged(name) {
  try {
    switch (name) {
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
        return undefined;
    }
  } catch (error) {
    throw errors.packageBroken(host, error);
  }
}

function load() {
  if (!host.fit) throw errors.platformUnfit(host);
  const named = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  if (named) return requireNamed(named);
  const built = requireBuilt(host.name);
  if (built) return built;
  const found = packagedVersion(host.name);
  if (found === undefined) throw errors.addonMissing(host);
  if (found !== version) throw errors.versionMismatch(host, found);
  return requirePackaged(host.name);
}

module.exports = load();
