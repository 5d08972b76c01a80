// The library as the command uses it. No other file of the command loads it: the bundle lies in a folder beside this one, so that
// these paths are right in both.

'use strict';

const path = require('node:path');
const library = require('../index.js');
const binding = require('../binding.js');
const { decoded, SharedMap } = require('../lib/map.js');
const { version } = require('../package.json');

/** The policies of the library, in the order in which tables show them. */
const POLICIES = ['first-fit', 'next-fit', 'best-fit', 'worst-fit', 'buddy', 'segregated'];

/** The path of a page that is built beside the bundle. In a checkout it may not have been built. */
const pagePath = (name) => path.join(__dirname, '..', 'bin', name);

module.exports = {
  ...library,
  binding,
  decoded,
  pagePath,
  POLICIES,
  stored: SharedMap.stored,
  version,
};
