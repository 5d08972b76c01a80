#!/usr/bin/env node
// Starts the command `mems`, which takes Node.js 20. Every Node.js that runs the package can parse this file, so that an old one
// prints a sentence and not a syntax error.
'use strict';

if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(
    `mems needs Node.js 20 or newer, and this is ${process.version}: start it with a newer one.`,
  );
  process.exitCode = 2;
} else {
  require('./main.js').start();
}
