// The addon of empty callbacks that the benchmark script builds: what crossing from JavaScript costs by itself.

'use strict';

const { readdirSync } = require('node:fs');
const path = require('node:path');

function loadFloor() {
  const folder = path.join(__dirname, '..', '..', 'target', 'floor-addon');
  return require(
    path.join(
      folder,
      readdirSync(folder).find((file) => file.endsWith('.node')),
    ),
  );
}

module.exports = { loadFloor };
