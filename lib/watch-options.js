// What the options of an object of a heap ask to watch for, checked: `warnUnusable` and `snapshotNearLimit`.

'use strict';

const {
  checkedCount,
  fail,
  hasOwn,
  isRevoked,
  isSize,
  shown,
  wrongType,
} = require('./arguments.js');

const isObject = (value) => typeof value === 'object' && value !== null && !isRevoked(value);

/** A property of the object's own, as Object.prototype may have been polluted. */
const own = (object, name) => (hasOwn(object, name) ? object[name] : undefined);

/** The option `warnUnusable`, checked. */
function checkedWarning(given) {
  if (!isObject(given)) {
    throw wrongType('options.warnUnusable', 'an object { size, share }', given, checkedWarning);
  }
  const strange = Object.keys(given).find((key) => key !== 'size' && key !== 'share');
  if (strange !== undefined) {
    const message = `"${shown(strange)}" is no property of the option warnUnusable, which has size and share`;
    throw fail(TypeError, 'ERR_INVALID_ARG_VALUE', message, checkedWarning);
  }
  const [size, share] = [own(given, 'size'), own(given, 'share')];
  if (typeof size !== 'number' && typeof size !== 'bigint') {
    throw wrongType('options.warnUnusable.size', 'of type number or bigint', size, checkedWarning);
  }
  if (!isSize(size)) {
    const message = `The option warnUnusable.size must be a whole number of bytes from 1 to 9007199254740991. Received ${shown(size)}`;
    throw fail(RangeError, 'ERR_MEMS_INVALID_SIZE', message, checkedWarning);
  }
  if (typeof share !== 'number') {
    throw wrongType('options.warnUnusable.share', 'of type number', share, checkedWarning);
  }
  if (!(share > 0 && share <= 1)) {
    const message = `The option warnUnusable.share must be above 0 and at most 1. Received ${share}`;
    throw fail(TypeError, 'ERR_INVALID_ARG_VALUE', message, checkedWarning);
  }
  return { size: Number(size), share };
}

/** What is asked for: `warn`, a size and a share, and `snapshots`, a number. Each is undefined if the option is not there. */
function watchIn(options) {
  if (!isObject(options)) return {};
  const [warning, snapshots] = [own(options, 'warnUnusable'), own(options, 'snapshotNearLimit')];
  return {
    warn: warning === undefined ? undefined : checkedWarning(warning),
    snapshots: snapshots === undefined ? undefined : checkedCount('snapshotNearLimit', snapshots),
  };
}

module.exports = { watchIn };
