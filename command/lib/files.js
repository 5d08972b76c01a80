// Outputs that are there whole or not at all: written under a temporary name beside the final one, and then renamed. Whatever ends
// the command before that, the temporary file is removed. Only what is no file on a disk is written into as it is.

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
    ENAMETOOLONG: 'its name is too long',
    ELOOP: 'links lead in a circle',
  };
  const reason = reasons[error.code];
  if (reason === undefined && typeof error.code !== 'string') throw error;
  return new Failure(`cannot ${doing} ${name}: ${reason ?? error.message}.`);
}

/** Throws if a file cannot be read. */
function checkThere(file) {
  try {
    if (fs.statSync(file).isDirectory()) throw new Failure(`cannot read ${file}: it is a folder.`);
    fs.accessSync(file, fs.constants.R_OK);
  } catch (error) {
    throw error.syscall ? systemFailure(error, file, 'read') : error;
  }
}

/** Where a file of that name is: what links lead to, also where there is nothing yet. `is` are the file's properties, if it is there. */
function placeOf(name) {
  try {
    const is = fs.statSync(name, { throwIfNoEntry: false });
    if (is !== undefined) return { is, place: is.isFile() ? fs.realpathSync(name) : name };
    if (fs.lstatSync(name, { throwIfNoEntry: false }) === undefined) return { place: name };
    return placeOf(path.resolve(fs.realpathSync(path.dirname(name)), fs.readlinkSync(name)));
  } catch (error) {
    throw error.syscall ? systemFailure(error, name, 'write') : error;
  }
}

/** Whether two names are of one file, also through links. */
function areSame(one, other) {
  // Numbers of files on Windows need all 64 bits.
  const [a, b] = [one, other].map((name) => {
    return fs.statSync(name, { bigint: true, throwIfNoEntry: false });
  });
  return a?.isFile() && b?.isFile() && a.dev === b.dev && a.ino === b.ino;
}

/** Throws if `output` is the file `input`, which is still to be read, and which replacing it would destroy. */
function checkApart(output, input) {
  try {
    if (input === '-' || !areSame(output, input)) return;
  } catch (error) {
    throw error.syscall ? systemFailure(error, input, 'read') : error;
  }
  throw new Failure(
    `${output} is the file that is read, and is not replaced, with -f either: choose another name.`,
  );
}

/**
 * Throws unless `name` can be made, or `force` says to replace it. Subcommands call it before they work for minutes.
 * Returns where it is made, and its properties if it is there.
 */
function checkOutput(name, force) {
  const found = placeOf(name);
  if (found.is?.isDirectory()) throw new Failure(`cannot write ${name}: it is a folder.`);
  if (found.is !== undefined && !force) {
    throw new Failure(`${name} is there already: choose another name, or replace it with -f.`);
  }
  return found;
}

/** Writes into what is no file on a disk, such as a device or a named pipe: it stays what it is. */
async function writeInto(place, write) {
  // Opening a pipe waits for its reader, and must not keep signals waiting.
  const handle = await fs.promises.open(place, fs.constants.O_WRONLY);
  try {
    await write((part) => fs.writeFileSync(handle.fd, part));
  } finally {
    await handle.close();
  }
}

let outputs = 0;

/** Writes a file at `place` under a temporary name, and renames it once `check()` has returned. */
async function writeWhole(place, write, check) {
  // As short as the longest name of a file allows.
  const short = `.mems-${process.pid}-${outputs++}.partial`;
  const temporary = path.join(path.dirname(place), short);
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
    check();
    fs.renameSync(temporary, place);
  } catch (error) {
    undo();
    throw error;
  } finally {
    forget();
  }
}

/**
 * Writes a file. `write(append)` is called with a function that appends a string or bytes; it may be async.
 * With `force`, a file of that name is replaced, or the one that a link of that name leads to; a device or a pipe is written into.
 */
async function writeOutput(name, force, write) {
  const { is, place } = checkOutput(name, force);
  try {
    if (is !== undefined && !is.isFile()) await writeInto(place, write);
    // Another process may have made the file meanwhile.
    else await writeWhole(place, write, () => checkOutput(name, force));
  } catch (error) {
    throw error.syscall ? systemFailure(error, name, 'write') : error;
  }
}

module.exports = { checkApart, checkOutput, checkThere, systemFailure, writeOutput };
