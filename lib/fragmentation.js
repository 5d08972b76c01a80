// Whether a heap has just become fragmented, as the option `warnUnusable` says: much of it is free, and of that too large a share is in
// holes smaller than a size.
//
// Much is free while holes have a quarter of the bytes in main blocks. A heap that grows must have room for eight blocks of that size in
// its holes as well: a small one with a few size classes is mostly slots that wait for their first use.
//
// Costs: to find the share takes O(n) for n segments. So it is done only where the heap has become longer by a sixteenth since the last
// time, or where requests are refused although as much is free as they ask for, and then for one in sixteen.

'use strict';

const binding = require('../binding.js');

/** The part of the bytes in main blocks that is much to be free. */
const MUCH = 1 / 4;

/** For how many blocks of the size a heap that grows must have room in its holes. */
const BLOCKS = 8;

/** What was passed counts as passed until it has fallen below this fraction of itself. */
const FALLEN = 0.9;

/** How many refused requests there are to one at which the share is looked at. */
const REFUSALS = 16;

/** What is remembered of a heap that is watched for `warn`, a size and a share. */
const newLook = (warn) => ({
  warn,
  /** Whether the heap is fragmented, and has not ceased to be since. */
  isPassed: false,
  /** The bytes in main blocks from which on the share is looked at again. */
  next: 0,
  /** How many requests were refused since the last look at one. */
  refusals: 0,
});

/** Whether the share is to be looked at now. */
function isDue(look, { mapped, holes, refused }, isRefused) {
  const { size } = look.warn;
  if (mapped >= look.next && holes >= BLOCKS * size) {
    look.next = mapped + mapped / 16;
    return true;
  }
  // At its limit a heap does not grow again.
  if (!isRefused || refused > holes || holes < size) return false;
  look.refusals = (look.refusals + 1) % REFUSALS;
  return look.refusals === 1;
}

/** The share of hole bytes that is unusable, if the heap of that state has just become fragmented; else undefined. */
function newlyUnusable(heap, look, state, isRefused) {
  const { mapped, holes } = state;
  const { size, share } = look.warn;
  if (holes < FALLEN * MUCH * mapped) look.isPassed = false;
  if (holes < MUCH * mapped || !isDue(look, state, isRefused)) return undefined;
  let unusable;
  try {
    unusable = binding.unusable(heap, size);
  } catch (_) {
    // The heap has ended meanwhile.
    return undefined;
  }
  if (unusable < FALLEN * share) look.isPassed = false;
  if (look.isPassed || unusable < share) return undefined;
  look.isPassed = true;
  return unusable;
}

module.exports = { newLook, newlyUnusable };
