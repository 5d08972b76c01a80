'use strict';

// The bytes behind virtual addresses, for tests: a Uint8Array over a block's own memory. It uses the
// addon's internal buffers, each over a buffer span, and so, unlike the public API, can reach past a block.

const binding = require('../../binding.js');
const mems = require('@sambhav-gautam/osmemoryallocator');

/** Buffers made so far with the physical address of their first byte. A heap needs one or two. */
let spans = [];

/** The `length` bytes from a virtual address inside a live block. */
function bytes(address, length) {
  const physical = mems.get(address);
  for (const { base, buffer } of spans) {
    const offset = Number(physical - base);
    if (offset >= 0 && offset + length <= buffer.byteLength) {
      return new Uint8Array(buffer, offset, length);
    }
  }
  const { buffer, offset } = binding.bufferSpan(0, address, 0, true);
  spans.push({ base: physical - BigInt(offset), buffer });
  return new Uint8Array(buffer, offset, length);
}

/** Drops all buffers, so that a finished heap's memory can be released. */
function forget() {
  spans = [];
}

/** Whether every byte is `value`, at the speed of memcmp. */
function isFilled(view, value) {
  const { buffer, byteOffset, byteLength } = view;
  if (byteLength < 64) return view.every((byte) => byte === value);
  // All bytes are equal if each equals the one after it.
  const all = Buffer.from(buffer, byteOffset, byteLength);
  return all[0] === value && all.compare(all, 1, byteLength, 0, byteLength - 1) === 0;
}

module.exports = { bytes, forget, isFilled };
