// The library as the command uses it. No other file of the command loads it: the bundle lies in a folder beside this one, so that
// these paths are right in both.

'use strict';

const { readFileSync } = require('node:fs');
const path = require('node:path');
const library = require('../index.js');
const binding = require('../binding.js');
const { version } = require('../package.json');

/** The policies of the library, in the order in which tables show them. */
const POLICIES = ['first-fit', 'next-fit', 'best-fit', 'worst-fit', 'buddy', 'segregated'];

/** The text of a page that was built into the folder of the bundle. Throws if it was not. */
const template = (name) => readFileSync(path.join(__dirname, '..', 'bin', name), 'utf8');

module.exports = { ...library, binding, version, POLICIES, template };
