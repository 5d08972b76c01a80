// Beginning and ending a recording. The addon writes the file in a thread of its own, and ends it when the process exits.
//
// When the disk fails, no call of the program fails: the recording ends, and what ends it is published as `mems:record:error`. A timer
// looks for that each second while something is recorded, and does not keep the process running.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const timers = require('timers');
const { fileURLToPath } = require('url');
const { isMainThread } = require('worker_threads');
const binding = require('../binding.js');
const { channels } = require('./channels.js');

/** Milliseconds from one look at recordings to the next. */
const OFTEN = 1000;

/** Whether recordings are ended here as the process ends. */
let isMinded = false;

/** The heaps that this thread has begun to record, and whose recordings are not known to have ended. */
const recorded = new Set();
let timer;

/** The path that a string or a URL names; anything else as it is, for the addon to refuse. */
function pathOf(path) {
  const isUrl = typeof path === 'object' && path !== null && typeof path.href === 'string';
  return isUrl ? fileURLToPath(path) : path;
}

/** Has recordings ended as the process ends, where the addon cannot (`endsWithProcess`): on Windows. */
function mindExit(endsWithProcess) {
  if (endsWithProcess || isMinded || !isMainThread) return;
  isMinded = true;
  process.on('exit', () => binding.stopRecordings());
}

/** Publishes why a recording has ended, if the disk is the reason, and nobody was told. */
function publishFailure(heap) {
  let failure;
  try {
    failure = binding.recordingFailure(heap);
  } catch (_) {
    // The heap has ended, and its recording with it.
    recorded.delete(heap);
    return;
  }
  // Bun returns undefined where others return null.
  if (failure !== null && failure !== undefined) {
    if (!recorded.delete(heap) || !channels.recordError.hasSubscribers) return;
    const [path, message] = failure;
    const error = Object.assign(new Error(message), { code: 'ERR_MEMS_RECORDING' });
    channels.recordError.publish({ heap, path, error });
  } else if (!binding.isRecording(heap)) recorded.delete(heap);
}

function lookAtAll() {
  for (const heap of recorded) publishFailure(heap);
  if (recorded.size > 0) return;
  timers.clearInterval(timer);
  timer = undefined;
}

/** Looks at the recording of a heap from now on. */
function mindFailure(heap) {
  recorded.add(heap);
  if (timer === undefined) timer = timers.setInterval(lookAtAll, OFTEN).unref();
}

/** Begins to record a heap. `options` have been checked. */
function record(heap, path, options) {
  mindExit(binding.record(heap, pathOf(path), options));
  mindFailure(heap);
}

/** Ends the recording of a heap. */
function stopRecording(heap) {
  publishFailure(heap);
  recorded.delete(heap);
  return binding.stopRecording(heap);
}

/** Warns now and not in a later turn, which never comes if the program throws in this one. */
function warnAtOnce({ message, code }) {
  // Node listens itself, and prints warnings, unless it was told not to. Other runtimes print what emitWarning() is passed.
  if (process.listenerCount('warning') === 0) process.emitWarning(message, { code });
  else process.emit('warning', Object.assign(new Error(message), { name: 'Warning', code }));
}

/** Begins to record the default heap, which has just been started, if the environment variable MEMS_RECORD has a path. */
function recordByEnvironment() {
  try {
    mindExit(binding.recordByEnvironment());
  } catch (error) {
    // The program does not know of the recording, and works without.
    warnAtOnce(error);
    return;
  }
  if (binding.isRecording(0)) mindFailure(0);
}

module.exports = { pathOf, record, recordByEnvironment, stopRecording };
