// Which heaps this thread watches, since options of an object have asked for it, and what for.
//
// A watch belongs to the thread whose object has asked for it, and lasts until the heap ends. What the options of a later object of the
// heap ask for takes the place of what was asked for before; an option that is not there changes nothing.
//
// Costs: a watch for fragmentation costs nothing as long as nobody subscribes to that, and one for snapshots nothing when all of them are
// written: the thread need not hear of events for it.

'use strict';

const binding = require('../binding.js');
const { channels } = require('./channels.js');
const { newLook } = require('./fragmentation.js');
const { HeapMap } = require('./heap-map.js');
const { mindUsualFolder } = require('./snapshots.js');

const watches = new HeapMap();

/** Begins to watch a heap, if there is anything to watch for. */
function setWatch(heap, { warn, snapshots }) {
  if (warn === undefined && snapshots === undefined) return;
  const { id } = binding.heapState(heap);
  const watch = watches.get(id) || { look: undefined, snapshots: 0 };
  if (warn !== undefined) watch.look = newLook(warn);
  if (snapshots !== undefined) watch.snapshots = snapshots;
  watches.set(id, watch);
  if (snapshots > 0) mindUsualFolder();
  if (asks(watch)) binding.listen();
}

const isWatching = () => watches.size > 0;

/** Whether a watch asks for what happens to its heap. */
const asks = ({ look, snapshots }) =>
  snapshots > 0 || (look !== undefined && channels.fragmentation.hasSubscribers);

/** Whether any watch asks for what happens to its heap. */
function isAsked() {
  for (const watch of watches.values()) if (asks(watch)) return true;
  return false;
}

/** The watch of the heap whose own id is `id`: `look`, for fragmentation, and `snapshots`, how many may still be written. */
const watchOf = (id) => watches.get(id);

const forgetWatch = (id) => watches.delete(id);

module.exports = { forgetWatch, isAsked, isWatching, setWatch, watchOf, watches };
