// What an object of a heap was asked to watch for, by options: fragmentation, and requests that are refused.
//
// A watch belongs to the thread whose object has asked for it, and lasts until the heap ends. A later object of the heap that asks for
// something has it instead.

'use strict';

const binding = require('../binding.js');
const {
  checkedCount,
  fail,
  hasOwn,
  isRevoked,
  isSize,
  shown,
  wrongType,
} = require('./arguments.js');

/** A share that was passed counts as passed until it has fallen below this fraction of itself. */
const FALLEN = 0.9;

/** What is watched for, by the ids of heaps. */
const watches = new Map();

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

/** What the options of an object of a heap ask to watch for; undefined if that is nothing. */
function watchIn(options) {
  if (!isObject(options)) return undefined;
  const [warning, snapshots] = [own(options, 'warnUnusable'), own(options, 'snapshotNearLimit')];
  if (warning === undefined && snapshots === undefined) return undefined;
  return {
    warn: warning === undefined ? undefined : checkedWarning(warning),
    snapshots: snapshots === undefined ? 0 : checkedCount('snapshotNearLimit', snapshots),
    /** Whether the share was passed, and has not fallen again since. */
    isPassed: false,
    /** The bytes in main blocks from which on the share is looked at again, which takes O(n). */
    next: 0,
  };
}

/** Begins to watch a heap, if there is anything to watch for. */
function setWatch(heap, watch) {
  if (watch === undefined) return;
  watches.set(heap, { ...watch, id: binding.happenings(heap).id });
  binding.listen();
}

const isWatching = () => watches.size > 0;

/** The watch of a heap, whose own id is `id`: the default heap may be another one by now. */
function watchOf(heap, id) {
  const watch = watches.get(heap);
  if (watch === undefined || watch.id === id) return watch;
  watches.delete(heap);
  return undefined;
}

function forgetWatch(heap) {
  watches.delete(heap);
}

/**
 * The share of hole bytes that is unusable, if it has just passed what a watch says, in a heap of `mapped` bytes; else undefined. The
 * share is looked at when the heap has become longer by a sixteenth.
 */
function newlyUnusable(heap, watch, mapped) {
  const { warn } = watch;
  if (warn === undefined || mapped < watch.next) return undefined;
  watch.next = mapped + mapped / 16;
  let share;
  try {
    share = binding.unusable(heap, warn.size);
  } catch (_) {
    // The heap has ended meanwhile.
    return undefined;
  }
  if (share >= warn.share) {
    if (watch.isPassed) return undefined;
    watch.isPassed = true;
    return share;
  }
  if (share < FALLEN * warn.share) watch.isPassed = false;
  return undefined;
}

module.exports = { forgetWatch, isWatching, newlyUnusable, setWatch, watchIn, watchOf };
