// Beginning a recording. The addon writes the file in a thread of its own; what is still in memory as the process ends is written then.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const { fileURLToPath } = require('url');
const { isMainThread } = require('worker_threads');
const binding = require('../binding.js');

/** Whether recordings are ended as the process ends. */
let isMinded = false;

/** The path that a string or a URL names; anything else as it is, for the addon to refuse. */
function pathOf(path) {
  const isUrl = typeof path === 'object' && path !== null && typeof path.href === 'string';
  return isUrl ? fileURLToPath(path) : path;
}

/** Has recordings ended as the process ends. The heaps of a worker may be those of other threads as well. */
function mindExit() {
  if (isMinded || !isMainThread) return;
  isMinded = true;
  process.on('exit', () => binding.stopRecordings());
}

/** Begins to record a heap. `options` have been checked. */
function record(heap, path, options) {
  binding.record(heap, pathOf(path), options);
  mindExit();
}

/** Begins to record the default heap, which has just been started, if the environment variable MEMS_RECORD has a path. */
function recordByEnvironment() {
  try {
    if (binding.recordByEnvironment()) mindExit();
  } catch (error) {
    // The program does not know of the recording, and works without.
    process.emitWarning(error.message, { code: error.code });
  }
}

module.exports = { pathOf, record, recordByEnvironment };
