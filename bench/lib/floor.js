// The addon of empty callbacks that the benchmark script builds: what crossing from JavaScript costs by itself.

'use strict';

const path = require('node:path');

const FOLDER = path.join(__dirname, '..', 'native', 'target', 'release');
const NAMES = { darwin: 'libmems_floor.dylib', win32: 'mems_floor.dll' };

function loadFloor() {
  const addon = { exports: {} };
  process.dlopen(addon, path.join(FOLDER, NAMES[process.platform] ?? 'libmems_floor.so'));
  return addon.exports;
}

module.exports = { loadFloor };
