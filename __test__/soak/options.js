// Random options of heaps, in all combinations.

'use strict';

/** The options of a heap; what is left out is the default. */
function anyOptions(random) {
  const options = {
    alignment: random.pick([1, 16]),
    autoTrim: random.chance(0.5),
    hardened: random.chance(0.4),
    trackAllocations: random.chance(0.25),
    zeroOnFree: random.chance(0.4),
  };
  if (random.chance(0.3)) options.growingBlocks = false;
  if (random.chance(0.3)) options.joinEmptyBlocks = false;
  if (random.chance(0.3)) options.minBlockSize = random.pick([1, 65536, 1 << 20]);
  if (random.chance(0.3)) options.maxSize = random.int(1, 10) << 16;
  // Locked memory is the whole machine's: never much of it.
  if (random.chance(0.2)) {
    options.lockMemory = true;
    options.maxSize = options.maxSize || 1 << 20;
  }
  return options;
}

/** The options of a new heap: those, and the kind of its addresses, which init() does not let choose. */
function anyHeapOptions(random) {
  return { ...anyOptions(random), addresses: random.pick(['bigint', 'number']) };
}

/** What sizes and addresses are multiples of in a heap. */
const alignmentOf = ({ alignment, hardened }) => (hardened ? 16 : alignment);

module.exports = { alignmentOf, anyHeapOptions, anyOptions };
