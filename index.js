// The public face of MeMS. The addon does the work; printing is done here, because output of native code would
// bypass process.stdout: it could not be captured and would lose its order.

'use strict';

const binding = require('./binding.js');

// The calls a program makes by the million are the addon's own functions, with nothing in between.
const { malloc, get, free, verify, stats } = binding;

function init(options) {
  binding.init(options);
}

function printStats() {
  for (const line of binding.statsLines()) console.log(line);
}

function finish() {
  binding.finish();
  console.log('..........Successfully UnMapped the Memory without Errors .........');
}

module.exports = { init, malloc, get, free, printStats, finish, verify, stats };
