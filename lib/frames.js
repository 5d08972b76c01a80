// Stacks that have been seen, as a tree: each path from the root is a stack, the innermost frame first.
//
// A frame is known by its file and its position there, as V8's call sites have them. V8 takes longer to find a position the
// longer the function is: a microsecond in some functions of the runtime. So the runtime's frames are distinguished by their
// names only, and stacks that differ only in a position in the runtime's code count as one.
//
// Costs: a look-up of 10 ns a frame besides asking V8 for the file (60 ns) and the position (100 ns in a short function); 100
// bytes for each frame that is kept.

'use strict';

const NONE = -1;
const COLON = ':'.charCodeAt(0);

class Frame {
  constructor(file, other) {
    this.file = file;
    /** The number of the stack whose outermost frame this is. */
    this.stack = NONE;
    /** The frames that called this one, by position, or by name in the runtime's files. */
    this.callers = undefined;
    /** The next frame that is at the same position, but in another file. */
    this.other = other;
  }
}

/** Whether a file is one of the runtime's. In Node 14 its name does not show that. */
const isOfRuntime = (file) =>
  file.charCodeAt(4) === COLON ? file.startsWith('node:') : file.startsWith('ext:');

/** The caller of a frame at a file and key. It is added if it is not there yet. */
function callerOf(frame, file, key) {
  if (frame.callers === undefined) frame.callers = new Map();
  const first = frame.callers.get(key);
  let caller = first;
  while (caller !== undefined && caller.file !== file) caller = caller.other;
  if (caller === undefined) {
    caller = new Frame(file, first);
    frame.callers.set(key, caller);
  }
  return caller;
}

/** The outermost frame of a stack that consists of call sites `from` up to `to` and has been called by no frame yet. */
function frameOf(root, sites, from, to) {
  let frame = root;
  for (let i = from; i < to; i++) {
    const site = sites[i];
    // Code without a file is distinguished by its text.
    const file = site.getScriptNameOrSourceURL() ?? String(site);
    const key = isOfRuntime(file) ? site.getFunctionName() : site.getPosition();
    frame = callerOf(frame, file, key);
  }
  return frame;
}

const makeRoot = () => new Frame('', undefined);

module.exports = { NONE, frameOf, makeRoot };
