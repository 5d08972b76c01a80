'use strict';

// Reads the codes of errors from index.d.ts.

const { readFileSync } = require('node:fs');
const path = require('node:path');

/** The typings. */
const source = readFileSync(path.join(__dirname, '../../index.d.ts'), 'utf8').replaceAll('\r', '');

/** The codes that each union of codes lists itself, by its name. `ErrorCode` is all of them. */
const unions = Object.fromEntries(
  [...source.matchAll(/export type (\w*ErrorCode) =([^;]*);/g)].map(([, name, members]) => [
    name,
    members.match(/ERR_\w+/g),
  ]),
);

module.exports = { source, unions };
