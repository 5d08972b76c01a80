'use strict';

// Watches a call from outside: the error it throws, and the lines it prints.

const assert = require('node:assert/strict');
const { capture, quietly } = require('./console.js');
const { errorClass } = require('./model.js');

/** Ends the heap, if there is one, and prints nothing. */
function finishQuietly({ finish }) {
  quietly(() => {
    try {
      finish();
    } catch (error) {
      if (error.code !== 'ERR_MEMS_NOT_INITIALIZED') throw error;
    }
  });
}

function pattern(mention) {
  if (mention instanceof RegExp) return mention;
  // Neighbouring digits are excluded: a message about 15001 does not name 1500.
  const text = String(mention).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<!\\d)${text}(?!\\d)`);
}

/**
 * Asserts that the call throws an error of this code and of the class belonging to it, prints
 * nothing, and mentions all of these values or patterns in its message. Returns the error.
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

module.exports = { assertRefused, capture, finishQuietly, quietly };
