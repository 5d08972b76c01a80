'use strict';

// Another version of the package: a copy that has another version in package.json and in its addon. Both are as long as this one's, so
// that nothing else in the addon changes.

const fs = require('node:fs');
const path = require('node:path');
const { hostPlatform } = require('../../lib/platform.js');
const { version } = require('../../package.json');

const ROOT = path.join(__dirname, '..', '..');
const SHIPPED = ['index.js', 'binding.js', 'lib'];

/** A version that is not this one. */
const OTHER = version.replace(/\d/, (digit) => (Number(digit) + 1) % 10);

/** Why there can be no other version here, or false. */
const IMPOSSIBLE =
  process.platform === 'darwin' && 'macOS loads no addon that was changed after it was signed';

/** Replaces a text in bytes by another that is as long. */
function replaceAll(bytes, text, other) {
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at)) {
    bytes.write(other, at, 'latin1');
  }
  return bytes;
}

/** Puts another version of the package, with the addon at the path `addon`, into a folder that is made for it. */
function copyAsOtherVersion(folder, addon) {
  fs.mkdirSync(folder);
  for (const name of SHIPPED) {
    fs.cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  }
  const manifest = fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8');
  fs.writeFileSync(path.join(folder, 'package.json'), manifest.replace(version, OTHER));
  const bytes = replaceAll(fs.readFileSync(addon), version, OTHER);
  fs.writeFileSync(path.join(folder, `mems.${hostPlatform().name}.node`), bytes);
}

module.exports = { IMPOSSIBLE, OTHER, copyAsOtherVersion };
