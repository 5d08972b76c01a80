// Keys of a terminal, one at a time.

'use strict';

const { end, onEnd } = require('./cleanup.js');
const { STATUS } = require('./failure.js');

const CTRL_C = '\u0003';

/** Waits for a key, and returns what the terminal sends for it. Ctrl-C ends the command. */
function nextKey(stdin) {
  return new Promise((resolve) => {
    const restore = () => stdin.setRawMode(false);
    const forget = onEnd(restore);
    stdin.setRawMode(true);
    stdin.resume();
    stdin.once('data', (bytes) => {
      const key = bytes.toString();
      if (key === CTRL_C) end(STATUS.interrupted);
      forget();
      restore();
      stdin.pause();
      resolve(key);
    });
  });
}

module.exports = { nextKey };
