'use strict';

// Removing files that heaps were in, and their folders. Windows keeps a file as long as there are views of it, those that `read` and
// `write` have made as well: they are collected first.

const fs = require('node:fs');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

const ATTEMPTS = 100;
let collect;

/** Removes a file, or a folder with all that is in it. */
async function remove(path) {
  for (let attempt = 1; ; attempt++) {
    try {
      return fs.rmSync(path, { recursive: true, force: true });
    } catch (error) {
      if (process.platform !== 'win32' || attempt === ATTEMPTS) throw error;
    }
    if (!collect) {
      setFlagsFromString('--expose-gc');
      collect = runInNewContext('gc');
    }
    collect();
    // Memory is given back in a later turn.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

module.exports = { remove };
