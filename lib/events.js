// Publishes what rarely happens to heaps: growth, pages that are given back, requests that are refused, fragmentation; and heaps that
// begin and end.
//
// The addon finds the first three, and calls `onEvents` in a call of this thread in which they have happened, if anybody listens
// (src/node/events.rs).

'use strict';

const binding = require('../binding.js');
const { channels } = require('./channels.js');
const { newlyUnusable } = require('./fragmentation.js');
const { writeSnapshot } = require('./snapshots.js');
const { forgetWatch, isAsked, isWatching, watchOf } = require('./watches.js');

/** Whether anybody wants to know of what the addon finds. */
const isHeard = () =>
  channels.grow.hasSubscribers ||
  channels.trim.hasSubscribers ||
  channels.outOfMemory.hasSubscribers ||
  isAsked();

/** What messages say of a heap; undefined if it has ended. */
function stateOf(heap) {
  try {
    return binding.heapState(heap);
  } catch (_) {
    return undefined;
  }
}

/** Publishes a message about a heap, which has what all of them have, and `rest`. */
function publish(channel, heap, { policy, mapped, live, holes, largestHole }, rest) {
  if (!channel.hasSubscribers) return;
  channel.publish({ heap, policy, bytes: { mapped, live, holes, largestHole }, ...rest });
}

/** Writes a snapshot of a heap that has refused a request, if that was asked for and has not happened as often. */
function snapshotOf(heap, watch) {
  if (watch.snapshots === 0) return;
  watch.snapshots -= 1;
  writeSnapshot(heap);
}

/** Publishes that a heap has become fragmented, if that was asked for. */
function lookAt(heap, { look }, isRefused, state) {
  // Without a subscriber nothing is looked at, so that one that comes later hears of it.
  if (look === undefined || !channels.fragmentation.hasSubscribers) return;
  const unusable = newlyUnusable(heap, look, state, isRefused);
  if (unusable !== undefined)
    publish(channels.fragmentation, heap, state, { ...look.warn, unusable });
}

function publishEvents(heap, state, grows, trims, refusals) {
  const { grown, trimmed, refused, available } = state;
  if (grows > 0) publish(channels.grow, heap, state, { size: grown, count: grows });
  if (trims > 0) publish(channels.trim, heap, state, { size: trimmed, count: trims });
  if (refusals > 0) {
    publish(channels.outOfMemory, heap, state, { size: refused, available, count: refusals });
  }
}

/**
 * What the addon calls: a heap has grown, given pages back and refused requests this often since the last time. `isLater`: JavaScript
 * is in the middle of a call of its own, and has to ask for the numbers when that is done. `isLast`: no later copy of the package in this
 * thread publishes them. Returns whether anybody wants to know of more.
 */
function onEvents(heap, grows, trims, refusals, isLater, isLast) {
  if (!isHeard()) return false;
  if (isLater) {
    process.nextTick(binding.hearOf, heap);
    return true;
  }
  const state = stateOf(heap);
  if (state === undefined) return true;
  const watch = watchOf(state.id);
  // The snapshot comes before the messages, since subscribers may free blocks, or close the heap.
  if (refusals > 0 && watch !== undefined) snapshotOf(heap, watch);
  if (isLast) publishEvents(heap, state, grows, trims, refusals);
  if (watch !== undefined) lookAt(heap, watch, refusals > 0, state);
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
  // What has happened and waits for the next turn would find no heap there.
  binding.hearOf(heap);
  const state = close.hasSubscribers || isWatching() ? stateOf(heap) : undefined;
  const isEnded = end();
  if (state === undefined) return;
  forgetWatch(state.id);
  if (isEnded) publish(close, heap, state);
}

// The addon has only a weak reference to the function: this module keeps it, and the package the module.
binding.onEvents(onEvents);

module.exports = { onClose, onCreate, onEvents };
