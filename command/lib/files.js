// Outputs that are there whole or not at all: written under a temporary name beside the final one, and then renamed. Whatever ends
// the command before that, the temporary file is removed.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { onEnd } = require('./cleanup.js');
const { Failure } = require('./failure.js');

/** What to do about an error of the system, for the file `name`. */
function systemFailure(error, name, doing) {
  const reasons = {
    ENOENT: doing === 'read' ? 'there is no such file' : 'its folder does not exist',
    EACCES: 'it is not permitted',
    EPERM: 'it is not permitted',
    EISDIR: 'it is a folder',
    ENOSPC: 'the disk is full',
    EROFS: 'the file system is read-only',
  };
  const reason = reasons[error.code];
  if (reason === undefined && typeof error.code !== 'string') throw error;
  return new Failure(`cannot ${doing} ${name}: ${reason ?? error.message}.`);
}

/** Throws unless `name` can be made, or `force` says to replace it. Subcommands call it before they work for minutes. */
function checkOutput(name, force) {
  if (!fs.existsSync(name)) return;
  if (fs.statSync(name).isDirectory()) throw systemFailure({ code: 'EISDIR' }, name, 'write');
  if (!force) {
    throw new Failure(`${name} is there already: choose another name, or replace it with -f.`);
  }
}

/**
 * Writes a file. `write(append)` is called with a function that appends a string or bytes; it may be async.
 * With `force`, a file of that name is replaced.
 */
async function writeOutput(name, force, write) {
  checkOutput(name, force);
  const temporary = path.join(path.dirname(name), `.${path.basename(name)}.${process.pid}.partial`);
  let descriptor;
  const undo = () => {
    if (descriptor !== undefined) fs.closeSync(descriptor);
    descriptor = undefined;
    fs.rmSync(temporary, { force: true });
  };
  const forget = onEnd(undo);
  try {
    descriptor = fs.openSync(temporary, 'wx');
    await write((part) => fs.writeFileSync(descriptor, part));
    fs.closeSync(descriptor);
    descriptor = undefined;
    // Another process may have made the file meanwhile.
    checkOutput(name, force);
    fs.renameSync(temporary, name);
  } catch (error) {
    undo();
    throw error.syscall ? systemFailure(error, name, 'write') : error;
  } finally {
    forget();
  }
}

module.exports = { checkOutput, systemFailure, writeOutput };
