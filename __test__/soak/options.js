// Random options of heaps, in all combinations, and what they make of sizes.

'use strict';

const PAGE = 4096;
/** Bytes behind each block of a hardened heap. */
const CANARY = 16;
const FITS = ['first-fit', 'next-fit', 'best-fit', 'worst-fit'];

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
  const canBeSegregated = options.alignment === 16 && options.joinEmptyBlocks !== false;
  if (random.chance(0.3))
    options.policy = random.pick(canBeSegregated ? [...FITS, 'segregated', 'segregated'] : FITS);
  return options;
}

/** The options of a new heap: those, and the kind of its addresses, which init() does not let choose. */
function anyHeapOptions(random) {
  return { ...anyOptions(random), addresses: random.pick(['bigint', 'number']) };
}

/** The policy of a heap, of which `usual` is the default one. */
function policyOf({ policy, alignment, joinEmptyBlocks }, usual) {
  if (policy !== undefined) return policy;
  return alignment === 1 || joinEmptyBlocks === false ? 'first-fit' : usual;
}

/** Bytes of slots, from the smallest on: steps of 16 up to 128, an eighth of a doubling up to 1 KiB, then a quarter, up to 32 KiB. */
const SLOTS = [];
for (let size = 16, doubling = 16; size <= 32_768; ) {
  SLOTS.push(size);
  if (size >= 2 * doubling) doubling *= 2;
  if (size < 128) size += 16;
  else size += doubling / (size < 1024 ? 8 : 4);
}
// Two more slots are for 1 KiB or a page and a header.
SLOTS.push(1152, 4608);
SLOTS.sort((a, b) => a - b);

/** What a block of `size` bytes takes in a heap of a policy: its bytes, and whether they are whole pages of size classes. */
function roomOf(size, alignment, options, policy) {
  const canary = options.hardened ? CANARY : 0;
  if (policy !== 'segregated') {
    const unit = alignmentOf(options);
    return { length: Math.ceil(size / unit) * unit + canary, inPages: false };
  }
  const slot = SLOTS.find((bytes) => bytes >= size + canary && bytes % alignment === 0);
  if (slot !== undefined) return { length: slot, inPages: false };
  return { length: Math.ceil((size + canary) / PAGE) * PAGE, inPages: true };
}

/** Whether slots can have so many bytes. */
const isSlot = (bytes) => SLOTS.includes(bytes);

/** What `block` takes after it has been given another size where it is. */
function roomInPlace(block, size, options, policy) {
  const { length, inPages, alignment } = block;
  if (policy !== 'segregated') return roomOf(size, alignment, options, policy);
  return { length: inPages ? Math.ceil(size / PAGE) * PAGE : length, inPages };
}

/** What sizes and addresses are multiples of in a heap. */
const alignmentOf = ({ alignment, hardened }) => (hardened ? 16 : alignment);

module.exports = {
  CANARY,
  alignmentOf,
  anyHeapOptions,
  anyOptions,
  isSlot,
  policyOf,
  roomInPlace,
  roomOf,
};
