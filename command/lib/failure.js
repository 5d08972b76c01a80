// How the command ends: its exit statuses, the error for what a user can mend, and the nearest name for a mistyped one.

'use strict';

/** Exit statuses, as every help page names them. */
const STATUS = { done: 0, no: 1, cannot: 2, bug: 70, interrupted: 130 };

/** An error that a user can mend. Its message is one line: what is wrong, and what to do. Every other error is a bug. */
class Failure extends Error {
  constructor(message, status = STATUS.cannot) {
    super(message);
    this.status = status;
  }
}

/** The number of letters to insert, delete or replace between two words. O(a.length * b.length). */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

/** The name that `word` was most likely meant to be; undefined if none is near. */
function nearest(word, names) {
  const lower = word.toLowerCase();
  const begun = names.filter((name) => lower.length > 1 && name.startsWith(lower));
  if (begun.length === 1) return begun[0];
  const near = names
    .map((name) => [distance(lower, name.toLowerCase()), name])
    .filter(([letters, name]) => letters <= Math.max(1, Math.floor(name.length * 0.4)))
    .sort(([a], [b]) => a - b);
  return near[0]?.[1];
}

/** The failure for a word that is none of `names`: `what` is what it should have been. */
function unknown(what, word, names, more = '') {
  const meant = nearest(word, names);
  const hint = meant ? `did you mean ${meant}?` : more || `choose from ${names.join(', ')}.`;
  return new Failure(`there is no ${what} "${word}": ${hint}`);
}

/** The status and the text for what was thrown. */
function explain(error) {
  if (error instanceof Failure) return [error.status, error.message];
  // The library's own sentence says what is missing, and what to do.
  if (/^ERR_MEMS_(ADDON|UNSUPPORTED_PLATFORM)/.test(error?.code)) {
    return [STATUS.cannot, error.message];
  }
  return [STATUS.bug, `this is a bug in mems, please report it.\n${error?.stack ?? error}`];
}

module.exports = { explain, Failure, STATUS, nearest, unknown };
