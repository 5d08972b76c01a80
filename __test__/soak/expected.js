// Which errors a heap may throw, depending on its options and on whether other threads use it; all others are failures.

'use strict';

// What a heap may throw that another thread closes, or ends and starts anew, at any moment.
const ENDED = [
  'ERR_MEMS_CLOSED',
  'ERR_MEMS_NOT_INITIALIZED',
  'ERR_MEMS_ALREADY_INITIALIZED',
  'ERR_MEMS_NOT_ALLOCATED',
  'ERR_MEMS_OUT_OF_RANGE',
  'ERR_MEMS_NOT_BLOCK_START',
  'ERR_MEMS_OUT_OF_BLOCK',
  'ERR_MEMS_MISALIGNED',
];
const FULL = 'ERR_MEMS_OUT_OF_MEMORY';
const LOCK = 'ERR_MEMS_LOCK_LIMIT';
const OVERFLOW = 'ERR_MEMS_OVERFLOW';
const WRITE_AFTER_FREE = 'ERR_MEMS_WRITE_AFTER_FREE';

/** Does something in a heap that other threads use, too. */
function unlessEnded(action, { hardened = false, lockMemory = false } = {}) {
  try {
    return action();
  } catch (error) {
    const expected =
      ENDED.includes(error.code) ||
      error.code === FULL ||
      error.name === 'DataCloneError' ||
      // Every thread writes anywhere there.
      (hardened && (error.code === OVERFLOW || error.code === WRITE_AFTER_FREE)) ||
      (lockMemory && error.code === LOCK);
    if (!expected) throw error;
    return undefined;
  }
}

/** Whether a heap with these options, which only this thread uses, may refuse to allocate with this error. */
function isFull(error, { maxSize, lockMemory }) {
  return (
    (error.code === FULL && maxSize !== undefined) || (error.code === LOCK && lockMemory === true)
  );
}

/** Calls what must throw an error of a code whose message has all of these in it. Returns the error. */
function refused(action, code, ...mentions) {
  let error;
  try {
    action();
  } catch (thrown) {
    error = thrown;
  }
  if (!error) throw new Error(`nothing was thrown instead of ${code}`);
  const missing = mentions.map(String).filter((mention) => !error.message.includes(mention));
  if (error.code === code && missing.length === 0) return error;
  throw new Error(
    `instead of ${code} without ${missing.join(', ')}: ${error.code}, ${error.stack}`,
  );
}

module.exports = { OVERFLOW, WRITE_AFTER_FREE, isFull, refused, unlessEnded };
