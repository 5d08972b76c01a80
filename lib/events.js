// Publishes what rarely happens to heaps: growth, pages that are given back, requests that are refused, fragmentation; and heaps that
// begin and end.
//
// The addon finds the first three, and calls `onEvents` in a call of this thread in which they have happened, if anybody listens
// (src/node/events.rs).

'use strict';

const binding = require('../binding.js');
const { channels } = require('./channels.js');
const { writeSnapshot } = require('./snapshots.js');
const { forgetWatch, isWatching, newlyUnusable, watchOf } = require('./watches.js');

/** Whether anybody wants to know of what the addon finds. */
const isHeard = () =>
  channels.grow.hasSubscribers ||
  channels.trim.hasSubscribers ||
  channels.outOfMemory.hasSubscribers ||
  isWatching();

/** What messages say of a heap; undefined if it has ended. */
function stateOf(heap) {
  try {
    return binding.happenings(heap);
  } catch (_) {
    return undefined;
  }
}

/** Publishes a message about a heap, which has what all of them have, and `rest`. */
function publish(channel, heap, { policy, mapped, live, holes, largestHole }, rest) {
  if (!channel.hasSubscribers) return;
  channel.publish({ heap, policy, bytes: { mapped, live, holes, largestHole }, ...rest });
}

/** Does what an object of a heap has asked for, of which requests have been refused or not. */
function attendTo(heap, watch, isRefused, state) {
  if (isRefused && watch.snapshots > 0) {
    watch.snapshots -= 1;
    writeSnapshot(heap);
  }
  const unusable = newlyUnusable(heap, watch, state.mapped);
  if (unusable !== undefined)
    publish(channels.fragmentation, heap, state, { ...watch.warn, unusable });
}

function publishEvents(heap, grows, trims, refusals) {
  const state = stateOf(heap);
  if (state === undefined) return;
  const { grown, trimmed, refused, available } = state;
  if (grows > 0) publish(channels.grow, heap, state, { size: grown, count: grows });
  if (trims > 0) publish(channels.trim, heap, state, { size: trimmed, count: trims });
  if (refusals > 0) {
    publish(channels.outOfMemory, heap, state, { size: refused, available, count: refusals });
  }
  const watch = watchOf(heap, state.id);
  if (watch !== undefined) attendTo(heap, watch, refusals > 0, state);
}

/**
 * What the addon calls: a heap has grown, given pages back and refused requests this often since the last time. `isLater`: JavaScript
 * is in the middle of a call of its own, and has to ask for the numbers when that is done. Returns whether anybody wants to know of more.
 */
function onEvents(heap, grows, trims, refusals, isLater) {
  if (!isHeard()) return false;
  if (isLater) process.nextTick(binding.hearOf, heap);
  else publishEvents(heap, grows, trims, refusals);
  return true;
}

/** Takes note that this thread has made a heap. */
function onCreate(heap) {
  const { create } = channels;
  if (!create.hasSubscribers) return;
  const { options } = binding.heapEntry(heap);
  create.publish({ heap, policy: options.policy, options });
}

/** Ends a heap by `end`, which returns whether it has. */
function onClose(heap, end) {
  const { close } = channels;
  const state = close.hasSubscribers ? stateOf(heap) : undefined;
  const isEnded = end();
  forgetWatch(heap);
  if (isEnded && state !== undefined) publish(close, heap, state);
}

// The addon has only a weak reference to the function: this module keeps it, and the package the module.
binding.onEvents(onEvents);

module.exports = { onClose, onCreate, onEvents };
