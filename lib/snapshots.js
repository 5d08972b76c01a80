// Snapshots that are written when a signal arrives, or when a request is refused, into files whose names are made here.
//
// Nothing that goes wrong with a file reaches the program: it is published as `mems:record:error`, and printed as a warning once.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const fs = require('fs');
const os = require('os');
const path = require('path');
const { isMainThread, threadId } = require('worker_threads');
const binding = require('../binding.js');
const { fail, shown, wrongType } = require('./arguments.js');
const { channels } = require('./channels.js');
const { forUsable, isAbsent } = require('./usable-heaps.js');

/** Snapshots that this thread has written, or tried to. */
let written = 0;

/** Whether a warning was printed. */
let isWarned = false;

/** The signals that write snapshots, and what listens to each. */
const listeners = new Map();

/** A variable of the environment; undefined if it is empty, or if Deno may not read it. */
function variable(name) {
  try {
    return process.env[name] || undefined;
  } catch (_) {
    return undefined;
  }
}

const padded = (number, length) => String(number).padStart(length, '0');

/** The name of the next file, of a heap: Mems.DATE.TIME.PID.TID.SEQ.HEAP.mems, with the time of day where the process runs. */
function nextName(heap, now = new Date()) {
  written += 1;
  const date =
    padded(now.getFullYear(), 4) + padded(now.getMonth() + 1, 2) + padded(now.getDate(), 2);
  const time =
    padded(now.getHours(), 2) + padded(now.getMinutes(), 2) + padded(now.getSeconds(), 2);
  return `Mems.${date}.${time}.${process.pid}.${threadId}.${padded(written, 3)}.${heap}.mems`;
}

/** The folder for snapshots if a program has named none. */
const usualFolder = () => variable('MEMS_SNAPSHOT_FOLDER') || process.cwd();

/** Warns of a folder that is not there, or is no folder: it may be made later, but more likely its name is wrong. */
function warnOfMissing(folder) {
  let is;
  try {
    is = fs.statSync(folder);
  } catch (error) {
    // Deno may not be allowed to look; what the write says is reported then.
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') return;
  }
  if (is?.isDirectory()) return;
  const message = `There is no folder ${folder}, so no snapshot can be written into it. Make the folder, or name another`;
  process.emitWarning(message, { code: 'ERR_MEMS_RECORDING' });
}

/** Warns if the folder for snapshots of refused requests is not there. */
const mindUsualFolder = () => warnOfMissing(usualFolder());

/** Writes a snapshot of a heap into a folder. */
function writeSnapshot(heap, folder) {
  let file;
  try {
    file = path.join(folder === undefined ? usualFolder() : folder, nextName(heap));
    binding.snapshot(heap, file);
  } catch (error) {
    // A heap that has ended meanwhile has nothing to write.
    if (isAbsent(error)) return;
    reportError(heap, file, error);
  }
}

/** Publishes that a file could not be written, and prints the first of such errors. */
function reportError(heap, file, error) {
  const { recordError } = channels;
  if (recordError.hasSubscribers) recordError.publish({ heap, path: file, error });
  if (isWarned) return;
  isWarned = true;
  process.emitWarning(error.message, { code: error.code });
}

/** Writes a snapshot of each open heap that this thread may use. */
function writeAll(folder) {
  const ids = binding.heaps().map(({ id }) => id);
  forUsable(ids, (id) => writeSnapshot(id, folder));
}

/** Ends what a listener does to a signal. */
function stopListening(signal, listener) {
  process.removeListener(signal, listener);
  if (listeners.get(signal) === listener) listeners.delete(signal);
}

function snapshotOnSignal(signal, folder) {
  if (typeof signal !== 'string') throw wrongType('signal', 'of type string', signal);
  if (folder !== undefined && (typeof folder !== 'string' || folder === '')) {
    throw wrongType('folder', 'a path', folder);
  }
  if (os.constants.signals[signal] === undefined) {
    const message = `There is no signal ${shown(signal)}. Pass a name such as 'SIGUSR2'`;
    throw fail(TypeError, 'ERR_INVALID_ARG_VALUE', message);
  }
  if (!isMainThread) {
    const message = 'Signals reach the main thread only. Call snapshotOnSignal() there';
    throw fail(Error, 'ERR_MEMS_UNSUPPORTED', message);
  }
  // The folder is that of the moment, whatever the program changes to later.
  const at = path.resolve(folder === undefined ? usualFolder() : folder);
  const listener = () => writeAll(at);
  try {
    process.on(signal, listener);
  } catch (_) {
    const message = `No process can listen to ${signal}. Pass another signal, such as 'SIGUSR2'`;
    throw fail(TypeError, 'ERR_INVALID_ARG_VALUE', message);
  }
  // The earlier listener goes last: without any, the signal would end the process for a moment.
  const before = listeners.get(signal);
  if (before !== undefined) stopListening(signal, before);
  listeners.set(signal, listener);
  warnOfMissing(at);
  return () => stopListening(signal, listener);
}

/** Listens to the signal that the environment variable MEMS_SNAPSHOT_SIGNAL names, in the main thread. */
function snapshotByEnvironment() {
  const signal = variable('MEMS_SNAPSHOT_SIGNAL');
  if (signal === undefined || !isMainThread) return;
  try {
    snapshotOnSignal(signal);
  } catch (error) {
    // The program does not know of the variable, and works without.
    process.emitWarning(`MEMS_SNAPSHOT_SIGNAL: ${error.message}`, { code: error.code });
  }
}

module.exports = { mindUsualFolder, snapshotByEnvironment, snapshotOnSignal, writeSnapshot };
