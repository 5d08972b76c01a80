// Functions that run in a process of their own, one for each contender: V8 compiles what they call, down to the methods of a Heap,
// for this contender alone, as in a program that uses only one, and no other contender has left anything in the C library's heap.

'use strict';

const { fork } = require('node:child_process');
const path = require('node:path');

const CHILD = path.join(__dirname, 'child.js');

/**
 * Starts a process for the functions that a module exports as `tasks`. `call(name, ...args)` runs one of them there and returns what
 * it returns; arguments and results are JSON. `end()` ends the process.
 */
function alone(module) {
  const child = fork(CHILD, [module]);
  const call = (name, ...args) =>
    new Promise((resolve, reject) => {
      const settle = (outcome, value) => {
        child.off('message', onMessage);
        child.off('exit', onExit);
        outcome(value);
      };
      const onMessage = ({ result, error }) =>
        error === undefined ? settle(resolve, result) : settle(reject, new Error(error));
      const onExit = (code) => settle(reject, new Error(`the process of ${name} ended: ${code}`));
      child.on('message', onMessage);
      child.on('exit', onExit);
      child.send({ name, args });
    });
  return { call, end: () => child.disconnect() };
}

module.exports = { alone };
