// Opens the maps that adapters keep their entries in.

'use strict';

const { isRecord, refuseOthers, wrongType } = require('../lib/arguments.js');

/** The options of heap.map() that each adapter passes to it. `encoding` is the adapter's to choose. */
const OF_MAPS = ['maxBytes', 'maxEntries', 'ttl', 'shards', 'checksum'];

/**
 * Checks what an adapter is called with, and returns its options; without any, none. `names` are those that the adapter has beside
 * `name` and the ones of maps.
 */
function checked(heap, given, adapter, names, ofMaps = OF_MAPS) {
  if (typeof heap?.map !== 'function') throw wrongType('heap', 'a Heap', heap);
  if (given === undefined) return {};
  if (!isRecord(given)) throw wrongType('options', 'an object', given);
  refuseOthers(given, ['name', ...names, ...ofMaps], adapter, checked);
  return given;
}

/** Opens the map of a name with the options of `given` that maps have, and with `others`. */
function mapOf(heap, name, given, others) {
  const options = {};
  for (const each of OF_MAPS) if (given[each] !== undefined) options[each] = given[each];
  return heap.map(name, { ...options, ...others });
}

module.exports = { checked, mapOf };
