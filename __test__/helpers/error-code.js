'use strict';

/** The code of the error that a call throws; undefined if it throws none. */
function codeOf(call) {
  try {
    call();
  } catch (error) {
    return error.code;
  }
  return undefined;
}

module.exports = { codeOf };
