// The page of a live heap. What makes pages is part of the command `mems`, in bin/main.js, which takes Node.js 20; the library does
// not, so that it is loaded with the first page, and where it cannot be an error says what to do instead.
//
// Bundlers do not see this `require`: one that found the command would make it part of the bundle, and the built page, a file that the
// command reads, would still be missing there.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const { createRequire } = require('module');
const path = require('path');
const binding = require('../binding.js');
const { fail, wrongType } = require('./arguments.js');

const COMMAND = '../bin/main.js';
const INSTEAD =
  'Call snapshot(path) instead, and make a page of the file with the command: mems report';

/** The function of the command that writes a page. */
function load() {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    const message = `report() takes Node.js 20 or newer, and this is ${process.version}. ${INSTEAD}`;
    throw fail(Error, 'ERR_MEMS_UNSUPPORTED', message, load);
  }
  try {
    return createRequire(path.join(__dirname, 'report.js'))(COMMAND).reportHeap;
  } catch (error) {
    // A bundle that is an ES module has no __dirname.
    if (error.code !== 'MODULE_NOT_FOUND' && !(error instanceof ReferenceError)) throw error;
    const message = `The command mems is not beside the library, so report() cannot make a page. ${INSTEAD}`;
    throw fail(Error, 'ERR_MEMS_UNSUPPORTED', message, load);
  }
}

/** Writes the page of a heap, as it is now, to a path. Resolves to the length of the page in bytes. */
async function report(heap, to) {
  if (typeof to !== 'string' || to.includes('\0')) {
    throw wrongType('path', 'a path, or a file: URL, without a zero byte', to);
  }
  const write = load();
  binding.checkNotRecordedInto(to);
  // The program may be in another folder when the page is written.
  return write(heap, path.resolve(to));
}

module.exports = { report };
