// Beginning a recording. The addon writes the file in a thread of its own, and ends it when the process exits.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const { fileURLToPath } = require('url');
const { isMainThread } = require('worker_threads');
const binding = require('../binding.js');

/** Whether recordings are ended here as the process ends. */
let isMinded = false;

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

/** Begins to record a heap. `options` have been checked. */
function record(heap, path, options) {
  mindExit(binding.record(heap, pathOf(path), options));
}

/** Begins to record the default heap, which has just been started, if the environment variable MEMS_RECORD has a path. */
function recordByEnvironment() {
  try {
    mindExit(binding.recordByEnvironment());
  } catch (error) {
    // The program does not know of the recording, and works without.
    process.emitWarning(error.message, { code: error.code });
  }
}

module.exports = { pathOf, record, recordByEnvironment };
