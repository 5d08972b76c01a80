// Captures what is printed through console.log, or keeps it out of the output of the tests. Runs on every runtime back to Node 14.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const { format } = require('util');

/** Calls `action` with `log` in place of console.log, and returns what it returns. */
function withLog(log, action) {
  const { log: original } = console;
  console.log = log;
  try {
    return action();
  } finally {
    console.log = original;
  }
}

/** Calls `action`, prints nothing of what it prints, and returns what it returns. */
const quietly = (action) => withLog(() => {}, action);

/**
 * Calls `action` and returns what it printed, one string for each call of console.log. A string with a line break in it is
 * left whole, so two lines printed by one call do not pass as two.
 */
function capture(action) {
  const lines = [];
  withLog((...values) => lines.push(format(...values)), action);
  return lines;
}

module.exports = { capture, quietly, withLog };
