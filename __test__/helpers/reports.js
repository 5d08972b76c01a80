'use strict';

// What a heap is like after some calls of a trace, for tests of pages: by the heaps on which `mems` replays traces.

const { Player } = require('../../command/lib/player.js');
const { KIND } = require('../../command/lib/recordings.js');

const KINDS = { a: KIND.malloc, f: KIND.free, r: KIND.realloc };

/** The statistics of a heap with a policy after calls such as 'a 0 100', and what is unusable in it for 64 B, 1 KiB and 64 KiB. */
function replayed(calls, policy) {
  const player = new Player({ kind: 'trace' }, { policy });
  const parts = calls.map((call) => call.split(' '));
  const chunk = {
    kind: parts.map(([kind]) => KINDS[kind]),
    block: parts.map(([, id]) => Number(id)),
    size: parts.map(([, , size]) => Number(size ?? 0)),
  };
  parts.forEach((_, at) => {
    player.play(chunk, at);
  });
  const found = {
    stats: player.heap.stats(),
    unusable: [64, 1024, 65536].map((size) => player.heap.unusable(size)),
  };
  player.close();
  return found;
}

module.exports = { replayed };
