// The process of the command `mems`.

'use strict';

const cleanup = require('./lib/cleanup.js');
const { mems } = require('./mems.js');

cleanup.watch();
mems(process.argv.slice(2), process).then((status) => {
  // The streams are written to their ends.
  process.exitCode = status;
});
