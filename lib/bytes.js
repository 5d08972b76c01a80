// The bytes of blocks that a front knows: copied, set and compared in JavaScript, since a call of the addon takes three times as long
// as a kilobyte does.
//
// This works on the bytes of the buffer spans that views are made from (buffer-spans.js), so nothing is made for a call. Each function
// says whether it has done all of it. If not, it has done nothing, and the addon does it or throws: it alone knows what is
// wrong with an argument. So all lengths are whole numbers here, all addresses starts of blocks, and all ranges within the sizes
// that were asked for.
//
// Invariant: between the look at a block and the last of its bytes no other JavaScript runs.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const { Buffer } = require('buffer');

// Buffers have a `fill` of their own, which looks at more kinds of arguments.
const { fill: fillBytes } = Uint8Array.prototype;

// The most bytes where there is only a SharedArrayBuffer, which V8 copies word by word and fills byte by byte. Beyond them the call
// of the addon is quicker.
const COPIED_SHARED = 512;
const FILLED_SHARED = 64;

/** The most bytes that are compared here, by words. */
const FEW_COMPARED = 128;

/** The most bytes that are copied to a new Buffer one by one. */
const FEW_READ = 16;

/** The most bytes that are read into a part of a Buffer that Node shares out. More are for `Views.read`. */
const POOLED = 2048;

/** Whether a value is a whole number of bytes, and the block at `unit` has as many. */
const fits = (front, unit, length) =>
  typeof length === 'number' && length >>> 0 === length && length <= front.sizeAt(unit);

/**
 * Whether the current SharedArrayBuffer serves, since no ArrayBuffer does: it has `length` bytes from `unit` on and from
 * `other` on, and they are at most `most`. If not, there may be a buffer at the next call.
 */
function isShared(views, unit, other, length, most) {
  const { shared } = views;
  if (shared.indexOf(unit, length) >= 0 && shared.indexOf(other, length) >= 0) {
    if (length <= most) return true;
    if (!views.wantsPlain()) return false;
  }
  views.approach(unit);
  return false;
}

/** Copies `length` bytes from one block to another, or within one. */
function copy(views, to, from, length) {
  const { front } = views;
  if (!front.isThere()) return false;
  const target = front.unitOf(to);
  const source = front.unitOf(from);
  if (!fits(front, target, length) || !fits(front, source, length)) return false;
  let spans = views.plain;
  let start = spans.indexOf(source, length);
  let at = spans.indexOf(target, length);
  if (start < 0 || at < 0) {
    if (!isShared(views, target, source, length, COPIED_SHARED)) return false;
    spans = views.shared;
    start = spans.indexOf(source, length);
    at = spans.indexOf(target, length);
  }
  spans.bytes.copyWithin(at, start, start + length);
  return true;
}

/** Sets `length` bytes of a block, or all. */
function fill(views, address, byte, length) {
  const { front } = views;
  if (!front.isThere()) return false;
  const unit = front.unitOf(address);
  const bytes = length === undefined ? front.sizeAt(unit) : length;
  if (!fits(front, unit, bytes)) return false;
  if (typeof byte !== 'number' || byte >>> 0 !== byte || byte > 255) return false;
  let spans = views.plain;
  let at = spans.indexOf(unit, bytes);
  if (at < 0) {
    if (!isShared(views, unit, unit, bytes, FILLED_SHARED)) return false;
    spans = views.shared;
    at = spans.indexOf(unit, bytes);
  }
  fillBytes.call(spans.bytes, byte, at, at + bytes);
  return true;
}

/** Compares few bytes of two blocks: -1, 0 or 1. Undefined: the addon has to. */
function compare(views, a, b, length) {
  // A call of the addon is quicker than a loop over more.
  if (typeof length === 'number' && length > FEW_COMPARED) return undefined;
  const { front } = views;
  if (!front.isThere()) return undefined;
  const one = front.unitOf(a);
  const other = front.unitOf(b);
  if (!fits(front, one, length) || !fits(front, other, length)) return undefined;
  let spans = views.plain;
  let first = spans.indexOf(one, length);
  let second = spans.indexOf(other, length);
  if (first < 0 || second < 0) {
    if (!isShared(views, one, other, length, FEW_COMPARED)) return undefined;
    spans = views.shared;
    first = spans.indexOf(one, length);
    second = spans.indexOf(other, length);
  }
  const { bytes } = spans;
  const words = spans.inWords();
  let at = 0;
  while (at + 4 <= length && words[(first + at) >> 2] === words[(second + at) >> 2]) at += 4;
  for (; at < length; at++) {
    const difference = bytes[first + at] - bytes[second + at];
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return 0;
}

/** A new Buffer with `length` bytes of a block, or all; undefined if the addon has to copy them. */
function read(views, address, length) {
  const { front } = views;
  if (!front.isThere()) return undefined;
  const unit = front.unitOf(address);
  const bytes = length === undefined ? front.sizeAt(unit) : length;
  if (!fits(front, unit, bytes) || bytes > POOLED) return undefined;
  // Garbage may be collected here, so this comes before the look at buffers.
  const copied = Buffer.allocUnsafe(bytes);
  let spans = views.plain;
  let at = spans.indexOf(unit, bytes);
  if (at < 0) {
    if (!isShared(views, unit, unit, bytes, COPIED_SHARED)) return undefined;
    spans = views.shared;
    at = spans.indexOf(unit, bytes);
  }
  if (bytes > FEW_READ) copied.set(new Uint8Array(spans.memory, spans.start + at, bytes));
  else for (let number = 0; number < bytes; number++) copied[number] = spans.bytes[at + number];
  return copied;
}

/** Copies all bytes of a Uint8Array to a block. */
function write(views, address, source) {
  const { front } = views;
  if (!front.isThere()) return false;
  const { length } = source;
  const unit = front.unitOf(address);
  if (!fits(front, unit, length)) return false;
  let spans = views.plain;
  let at = spans.indexOf(unit, length);
  if (at < 0) {
    if (!isShared(views, unit, unit, length, COPIED_SHARED)) return false;
    spans = views.shared;
    at = spans.indexOf(unit, length);
  }
  spans.bytes.set(source, at);
  return true;
}

module.exports = { compare, copy, fill, read, write };
