'use strict';

// Watches a call from outside: the lines it prints through console.log, and the error it throws.

const assert = require('node:assert/strict');
const { format } = require('node:util');
const { errorClass } = require('./model.js');

/**
 * Runs the callback and answers what it printed, one string for each call of console.log. A string
 * with a line break in it is left whole, so two lines printed by one call do not pass as two.
 */
function capture(callback) {
  const lines = [];
  const { log } = console;
  console.log = (...values) => lines.push(format(...values));
  try {
    callback();
  } finally {
    console.log = log;
  }
  return lines;
}

/** Gives the heap back, if there is one, without a line in the output of the tests. */
function finishQuietly({ finish }) {
  capture(() => {
    try {
      finish();
    } catch (error) {
      if (error.code !== 'ERR_MEMS_NOT_INITIALIZED') throw error;
    }
  });
}

function pattern(mention) {
  if (mention instanceof RegExp) return mention;
  // Neighbouring digits are shut out: a message about 15001 does not name 1500.
  const text = String(mention).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<!\\d)${text}(?!\\d)`);
}

/**
 * Asserts that the call throws an error of this code and of the class belonging to it, prints
 * nothing, and mentions all of these values or patterns in its message. Answers the error.
 */
function assertRefused(call, code, ...mentions) {
  const nothing = Symbol('nothing thrown');
  let error = nothing;
  const lines = capture(() => {
    try {
      call();
    } catch (thrown) {
      error = thrown;
    }
  });
  assert.notEqual(error, nothing, `nothing was thrown instead of ${code}`);
  const Class = errorClass(code);
  assert.equal(error.code, code, `code ${error.code} instead of ${code}: ${error.message}`);
  assert.ok(error instanceof Class, `${code} must be a ${Class.name}`);
  assert.equal(error.name, Class.name);
  for (const mention of mentions) assert.match(error.message, pattern(mention));
  assert.deepEqual(lines, [], `${code} came with something printed`);
  return error;
}

module.exports = { capture, finishQuietly, assertRefused };
