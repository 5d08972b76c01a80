// Options that several subcommands have.

'use strict';

const PARTIAL = [
  '--partial',
  'of a recording that is damaged or was cut off, read what is whole; without it such a file is refused',
];

module.exports = { PARTIAL };
