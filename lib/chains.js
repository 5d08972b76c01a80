// The main chain and its sub-chains, read as they are walked: a few hundred segments at a time. Addresses are numbers here, and
// become BigInts unless the heap's object returns numbers (`asNumber`).

'use strict';

const binding = require('../binding.js');

const BATCH = 256;

const returned = (address, asNumber) => (asNumber ? address : BigInt(address));

/** The segments of a main block. */
function* segments(heap, start, end, asNumber) {
  const batch = new Float64Array(3 * BATCH);
  for (let next = start; next < end; ) {
    const count = binding.segments(heap, next, end, batch);
    // The heap may have changed since the block was read. It may even have ended, and another one been started.
    if (count === 0) return;
    for (let i = 0; i < 3 * count; i += 3) {
      const size = batch[i + 1];
      next = batch[i] + size;
      const kind = batch[i + 2] === 0 ? 'live' : 'hole';
      yield { kind, start: returned(next - size, asNumber), size };
    }
  }
}

/** The main blocks of a heap. */
function* mainBlocks(heap, asNumber) {
  for (let next = 0; ; ) {
    const block = binding.mainBlock(heap, next);
    // Bun returns undefined where others return null.
    if (block === null || block === undefined) return;
    const [start, end] = block;
    yield {
      start: returned(start, asNumber),
      size: end - start,
      segments: { [Symbol.iterator]: () => segments(heap, start, end, asNumber) },
    };
    next = end;
  }
}

module.exports = { mainBlocks };
