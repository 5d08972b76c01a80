// Mistakes of programs that hardened heaps detect: writes past a block's end and to freed blocks have to be found and named, and
// the heap has to continue to work as if nothing had happened.

'use strict';

const { OVERFLOW, WRITE_AFTER_FREE, refused } = require('./expected.js');
const { CANARY } = require('./options.js');

/** What freed blocks of a hardened heap are filled with. */
const FILL = 0xdf;
const LARGE = 1 << 20;
/** More than a hardened heap keeps. */
const MORE_THAN_WAITS = 33 << 20;

/** Checks what a view shows of a block that was freed a moment ago, or moved away, if its heap promises anything. */
function checkGone(view, { hardened, zeroOnFree }) {
  if (!hardened && !zeroOnFree) return;
  // Large ones are given back to the system.
  const byte = hardened && view.length < LARGE ? FILL : 0;
  const at = view.findIndex((found) => found !== byte);
  if (at !== -1) throw new Error(`a freed block shows ${view[at]} at ${at}, not ${byte}`);
}

/** The bytes behind a block of a hardened heap that it checks; undefined if there are none behind the view of the block. */
function behind({ heap, policy }, { address, size }) {
  const { buffer, byteOffset, byteLength } = heap.buffer(address);
  const padding = policy === 'segregated' ? 0 : Math.ceil(size / 16) * 16 - size;
  const length = padding + CANARY;
  const end = byteOffset + byteLength;
  return end + length <= buffer.byteLength ? new Uint8Array(buffer, end, length) : undefined;
}

/** Writes one byte past a block's end. */
function overflow(shadow) {
  const { heap, options, random } = shadow;
  const block = random.pick(shadow.blocks);
  const bytes = behind(shadow, block);
  if (block.held || !bytes) return;
  shadow.done.overflows += 1;
  const at = random.int(0, bytes.length - 1);
  const whole = bytes[at];
  bytes[at] ^= random.int(1, 255);
  const end = BigInt(block.address) + BigInt(block.size);
  const mentions = [`${block.address}..${end - 1n},`, `at ${end + BigInt(at)}`];
  if (options.trackAllocations) mentions.push('allocated\n', 'shadow.js');
  const found = (action) => refused(action, OVERFLOW, ...mentions);
  found(() => heap.verify());
  const free = random.pick([
    () => heap.free(block.address),
    () => heap.freeMany(shadow.pointersWith(block)),
    // A full heap has no room to move to, and reports that.
    options.maxSize ? undefined : () => heap.realloc(block.address, random.int(1, block.size)),
    undefined,
  ]);
  // A call that was to free the block repairs it instead: each write is reported once.
  if (free) found(() => shadow.retry(free));
  else bytes[at] = whole;
  if (bytes[at] !== whole) throw new Error('what stands behind a block is not whole again');
  shadow.check(block);
  shadow.verify();
}

/** Writes to a block that has been freed. */
function writeAfterFree(shadow) {
  const { heap, options, random, stale } = shadow;
  const block = shadow.takeOut();
  if (!block) return;
  const view = heap.buffer(block.address);
  shadow.free(block);
  shadow.done.staleWrites += 1;
  const at = random.int(0, view.length - 1);
  view[at] ^= random.int(1, 255);
  const address = BigInt(block.address) + BigInt(at);
  if (stale.size === 0) {
    refused(() => heap.verify(), WRITE_AFTER_FREE, `${block.address}..`, `at ${address}`);
  }
  // A full heap hands out what waits without a look at it.
  if (options.maxSize || random.chance(0.7)) view[at] = FILL;
  else stale.add(address);
  if (stale.size > 0 && random.chance(0.1)) flush(shadow);
}

/** Makes the heap hand out its quarantine: by then every write to it has been reported. */
function flush(shadow) {
  const { heap, stale } = shadow;
  const address = heap.malloc(MORE_THAN_WAITS);
  shadow.retry(() => heap.free(address));
  if (stale.size > 0) throw new Error(`nothing was said of writes at ${[...stale].join(', ')}`);
}

module.exports = { checkGone, overflow, writeAfterFree };
