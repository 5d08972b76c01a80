// The diagnostics channels on which MeMS publishes what happens to heaps, for programs that observe others: `index.d.ts` describes the
// messages.
//
// A subscriber runs in the call that publishes. If it throws, the runtime reports that as an uncaught exception, and the call is none
// the worse. Node 14 before 14.17 has no such channels: nothing is published there.
//
// Costs: nothing without a subscriber (src/node/channels.rs says how).

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const binding = require('../binding.js');

/** A channel where the runtime has none. */
const ABSENT = { hasSubscribers: false, publish() {} };

/** The channel of a name. `isNative`: what it is about, or what leads to it, is found by the addon. */
function makeChannel(name, isNative) {
  let channel;
  try {
    channel = require('diagnostics_channel').channel(name);
  } catch (_) {
    return ABSENT;
  }
  if (!isNative) return channel;
  binding.listenTo(channel);
  // Somebody may have subscribed before MeMS was loaded.
  if (channel.hasSubscribers) binding.listen();
  return channel;
}

/** The channels are kept here: the runtime has only weak references to them in some versions. */
const channels = {
  grow: makeChannel('mems:grow', true),
  trim: makeChannel('mems:trim', true),
  outOfMemory: makeChannel('mems:out-of-memory', true),
  fragmentation: makeChannel('mems:fragmentation', true),
  recordError: makeChannel('mems:record:error', false),
  create: makeChannel('mems:heap:create', false),
  close: makeChannel('mems:heap:close', false),
};

module.exports = { channels };
