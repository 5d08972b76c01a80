// The errors of loading the addon: what went wrong, and what to do about it. binding.js throws them. Each has its own code.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { flagFor, flagForLooking, isDenial } = require('./refusals.js');
const { name: PACKAGE, version: VERSION, repository, homepage } = require('../package.json');

const GUIDE = `${homepage.split('#')[0]}/blob/main/docs/install.md#bundles-and-single-executables`;

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
const fileFor = (platform) => `mems.${platform}.node`;
const inModules = (platform) => `node_modules/${packageFor(platform)}`;
// A bundle in the format of ES modules has no __dirname.
const here = typeof __dirname === 'string' ? __dirname : process.cwd();
const isClone = () => fs.existsSync(path.join(here, '..', 'Cargo.toml'));

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

/** How to install the package of `platform` again. */
const reinstall = (platform) => [
  `Remove ${inModules(platform)} and install it again:`,
  install(platform),
];

/** The name of a place in messages: the file, or the package. */
const nameOf = ({ kind, file }, { name }) => (kind === 'package' ? packageFor(name) : file);

/** What to do about a file at a place that cannot be used. */
function cureFor({ kind }, { name }) {
  switch (kind) {
    case 'named':
      return ['MEMS_LIBRARY_PATH names this file. Set it to the right file, or unset it.'];
    case 'package':
      return [...reinstall(name), ...build('Or build it')];
    case 'beside':
      return [
        `Put the file that belongs to this version there: ${inModules(name)}/${fileFor(name)}`,
      ];
    default:
      return build('Build it again');
  }
}

/** The platforms other than `platform` whose packages are installed. */
function installedFor(platform) {
  const { resolve } = createRequire(path.resolve(here, 'load-errors.js'));
  return PACKAGED.filter((other) => {
    if (other === platform) return false;
    try {
      return Boolean(resolve(`${packageFor(other)}/package.json`));
    } catch (_) {
      return false;
    }
  });
}

const isAbsent = (error) => ['MODULE_NOT_FOUND', 'ENOENT'].includes(Object(error).code);
const firstLine = (error) => String(Object(error).message || error).split('\n')[0];

/** Where the addon was looked for, a line a place, and what was found there. */
function listTried(host, tried) {
  // Only the last error of each place is shown: a bundle may have tried it in two ways.
  const reasons = new Map();
  for (const { place, error } of tried) {
    reasons.set(nameOf(place, host), isAbsent(error) ? 'not there' : firstLine(error));
  }
  return ['It was looked for in', ...[...reasons].map(([place, why]) => `- ${place}: ${why}`)];
}

/** The lines of a message if it is only known that the package is not installed. */
function notInstalled({ name }) {
  const others = installedFor(name).map(packageFor);
  return [
    ...(others.length > 0
      ? [`A package for another system is installed: ${others.join(', ')}.`]
      : []),
    `npm installs it with ${PACKAGE}, as an optional dependency, but leaves it out if`,
    '- optional dependencies are omitted (--omit=optional, --no-optional),',
    '- package-lock.json was written on another system and lists only what was installed there,',
    '- node_modules was copied from another system.',
    'Install it:',
    install(name),
    ...build('Or build it'),
  ];
}

/**
 * No addon for this platform is there: neither built nor packaged. `tried` has the places, as `{ place, error, version }`;
 * `bundled` is whether this code is no longer in a file of its own.
 */
function addonMissing(host, tried, bundled) {
  const { name, description } = host;
  const missing = `MeMS found no addon for ${description}`;
  const list = listTried(host, tried);
  const look = flagForLooking(tried.map(({ error }) => error));
  if (!PACKAGED.includes(name)) {
    return makeError('ERR_MEMS_UNSUPPORTED_PLATFORM', [
      `MeMS has no prebuilt addon for ${description}: there are packages for ${PACKAGED.join(', ')}.`,
      ...list,
      ...look,
      ...build('Build one'),
    ]);
  }
  const odd = tried.find(({ error }) => !isAbsent(error) && !isDenial(Object(error)));
  if (bundled || odd) {
    return makeError(
      'ERR_MEMS_ADDON_MISSING',
      [
        `${missing}: a bundle or single executable has to have it beside itself.`,
        ...list,
        ...look,
        'Put the addon beside the program:',
        `  ${inModules(name)}/${fileFor(name)}`,
        `or name it in the environment variable MEMS_LIBRARY_PATH. More: ${GUIDE}`,
      ],
      odd?.error,
    );
  }
  if (look.length > 0) {
    const what = `${missing} where the runtime lets it look.`;
    return makeError('ERR_MEMS_ADDON_MISSING', [what, ...list, ...look]);
  }
  if (isClone()) {
    return makeError('ERR_MEMS_ADDON_MISSING', [
      `${missing}: this is a clone in which ${fileFor(name)} is not built yet.`,
      ...list,
      ...build('Build it'),
    ]);
  }
  const hollow = tried.find(({ version }) => version !== undefined);
  const id = `the package ${packageFor(name)}@${VERSION}`;
  const what = hollow ? `${id} is installed, but its file is gone` : `${id} is not installed`;
  return makeError(
    'ERR_MEMS_ADDON_MISSING',
    [
      `${missing}: ${what}.`,
      ...list,
      ...(hollow ? [...reinstall(name), ...build('Or build it')] : notInstalled(host)),
    ],
    hollow?.error,
  );
}

/** MEMS_LIBRARY_PATH names a file that the runtime would not load as an addon. */
function namedOtherwise(file) {
  return makeError('ERR_MEMS_ADDON_MISSING', [
    `MEMS_LIBRARY_PATH names ${file}: the name of an addon ends in .node.`,
    'Set it to the path of the addon, or unset it.',
  ]);
}

/** MEMS_LIBRARY_PATH names a file that is not there. */
function namedMissing({ file }, cause) {
  const lines = [
    `MEMS_LIBRARY_PATH names ${file}: ${isAbsent(cause) ? 'not there' : firstLine(cause)}.`,
  ];
  lines.push(...flagForLooking([cause]), 'Set it to the path of the addon, or unset it.');
  return makeError('ERR_MEMS_ADDON_MISSING', lines, cause);
}

/** The addon at `place` is not of this version. */
function versionMismatch(host, place, found) {
  const lines = [
    `${nameOf(place, host)} is ${found}, but ${PACKAGE} is ${VERSION}: both must be the same version.`,
  ];
  lines.push(
    ...(place.kind === 'package'
      ? ['Install the one that belongs to it:', install(host.name)]
      : cureFor(place, host)),
  );
  return makeError('ERR_MEMS_ADDON_VERSION', lines);
}

/** A line about the C library, if the addon does not load because that is too old. */
function libraryTooOld(reason) {
  const [, needed] = /version `GLIBC_([\d.]+)' not found/.exec(reason) || [];
  if (!needed) return [];
  const found = process.report?.getReport().header.glibcVersionRuntime;
  return [`It needs glibc ${needed} or newer; this system has ${found ?? 'an older one'}.`];
}

/** The addon at `place` is there, and the runtime could not load it or would not. */
function addonBroken(host, place, cause) {
  const reason = String(Object(cause).message || cause);
  const what = `${nameOf(place, host)} is there, but does not load on ${host.description}: ${reason}`;
  const flag = flagFor(cause);
  const tooOld = libraryTooOld(reason);
  // If a flag is the reason, no other file helps; if the C library is too old, neither does the same file.
  const cure = tooOld.length > 0 ? build('Build it') : cureFor(place, host);
  return makeError(
    'ERR_MEMS_ADDON_BROKEN',
    [what, ...tooOld, ...(flag.length > 0 ? flag : cure)],
    cause,
  );
}

/** The file at `place` can be loaded, but is an addon of another package. */
function addonForeign(host, place) {
  const what = `${nameOf(place, host)} loads, but it is not MeMS: it is an addon of another package`;
  return makeError('ERR_MEMS_ADDON_BROKEN', [`${what}.`, ...cureFor(place, host)]);
}

/** The processor is not 64-bit and little-endian. */
function platformUnfit({ description }) {
  return makeError('ERR_MEMS_UNSUPPORTED_PLATFORM', [
    `MeMS needs a 64-bit, little-endian processor, and this Node.js is for ${description}.`,
    'Neither another package nor building from source helps. On a 64-bit system, install the 64-bit Node.js.',
  ]);
}

module.exports = {
  addonBroken,
  addonForeign,
  addonMissing,
  namedMissing,
  namedOtherwise,
  platformUnfit,
  versionMismatch,
};
