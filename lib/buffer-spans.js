// Buffer spans: the few long buffers over a heap's memory that views are made from by offset and length, and the views themselves.
//
// Making a buffer over foreign memory takes a microsecond and is seen by the garbage collector, so there is one for a
// buffer span of gigabytes. A span is kept as long as its heap is the same: the addon returns its name with every look-up, and a
// name is never given twice.
//
// Where the heap's front knows a block (front.js), there is no look-up: the span used last is as good as any other that has the
// block. A program that makes views by the million feels every branch, and every function that V8 does not compile into its caller,
// so what `quickView` and `quickBuffer` run through is short.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

// Node's global Buffer is a getter, which every view would call.
const { Buffer, constants } = require('buffer');
const binding = require('../binding.js');
const { checkedCount, fail, wrongType } = require('./arguments.js');
const { OWN, isInside, shiftOf, widthOf } = require('./view-types.js');
const calls = require('./calls.js');

const { locate, place, NAME, INSIDE, REST, AVAILABLE } = calls;
const { integers, OFFSET, SMALL_REST, MOST } = calls;

/** The most buffer spans of a kind that a heap keeps. If there are more, the least recently used one is dropped. */
const KEPT = 256;

/**
 * Makes a Buffer. Buffer.from() and subarray() do that as well, and take 30 ns longer for checks that are not needed here. The
 * class that they use is the species of Buffer.
 */
const Species = Buffer[Symbol.species];
const isClassOfBuffers =
  typeof Species === 'function' &&
  Species !== Buffer &&
  Object.getPrototypeOf(new Species(new ArrayBuffer(2), 1, 1)) === Buffer.prototype;
const bufferOver = isClassOfBuffers
  ? (memory, start, bytes) => new Species(memory, start, bytes)
  : (memory, start, bytes) => Buffer.from(memory, start, bytes);

/** The number of elements of a view from the address just looked up: `length`, or all up to the end of the requested size. */
function elementsOf(address, length, width) {
  const rest = integers[SMALL_REST];
  if (length === undefined && rest < MOST) return (rest / width) | 0;
  // Whole numbers below 2^32, the commonest lengths, need no other check.
  if (typeof length === 'number' && length >>> 0 === length && length * width <= rest)
    return length;
  return checkedElements(address, length, width);
}

/** `elementsOf` for every other length: no length, a BigInt, one that is too long, or no number at all. */
function checkedElements(address, length, width) {
  if (length === undefined) return Math.floor(place[REST] / width);
  const elements = checkedCount('length', length);
  const available = place[AVAILABLE];
  if (elements * width <= available) return elements;
  const message =
    `A range of ${elements * width} bytes from ${address} reaches past the end of its block. ` +
    `At most ${available} bytes are there`;
  throw fail(RangeError, 'ERR_MEMS_OUT_OF_BLOCK', message);
}

/**
 * A view of any type. For types that are written out by name it takes 12 ns less: the compiler knows what they construct. Only the
 * two commonest are here, so that `quickView` and all that it calls is short enough to be compiled into its callers.
 */
function viewOver(Type, memory, start, elements, width) {
  if (Type === Uint8Array) return new Uint8Array(memory, start, elements);
  if (Type === Float64Array) return new Float64Array(memory, start, elements);
  return otherView(Type, memory, start, elements, width);
}

/** `viewOver` for all other types. */
function otherView(Type, memory, start, elements, width) {
  if (Type === Int32Array) return new Int32Array(memory, start, elements);
  if (Type === Float32Array) return new Float32Array(memory, start, elements);
  if (Type === DataView) return new DataView(memory, start, elements);
  if (Type === Int16Array) return new Int16Array(memory, start, elements);
  if (Type === Uint32Array) return new Uint32Array(memory, start, elements);
  if (Type === Uint16Array) return new Uint16Array(memory, start, elements);
  if (Type === Int8Array) return new Int8Array(memory, start, elements);
  if (Type === BigUint64Array) return new BigUint64Array(memory, start, elements);
  if (Type === BigInt64Array) return new BigInt64Array(memory, start, elements);
  if (Type === Uint8ClampedArray) return new Uint8ClampedArray(memory, start, elements);
  if (OWN.has(Type)) return new Type(memory, start, elements);
  return anyView(Type, memory, start, elements, width);
}

/** A view of a type that is not built in. Its constructor can return anything. */
function anyView(Type, memory, start, elements, width) {
  if (Type === Buffer) return bufferOver(memory, start, elements);
  const view = new Type(memory, start, elements);
  if (isInside(view, memory, start, elements * width)) return view;
  throw wrongType('Type', 'a constructor of views of the memory that it is given', Type);
}

/** Units of 16 bytes in the first 2 GiB of a buffer span: offsets there are whole numbers of 31 bits. */
const REACH = 2 ** 27;

/** The largest blocks that a front may know. */
const MOST_SLOT = 32_768;

// What `BufferSpans.end` is as long as the front knows no block of the current span: it may later, or it never will.
const NOT_YET = 0;
const NEVER = -1;

/** The buffer spans of one heap that views of one kind were made from. */
class BufferSpans {
  constructor(heap, shared, front) {
    this.heap = heap;
    this.front = front;
    this.shared = shared;
    this.all = new Map();
    // The buffer span that a copy asked for last and that was not made.
    this.missed = 0;
    this.refused = false;
    this.clear();
  }

  /** Drops all buffers. */
  clear() {
    this.all.clear();
    // The buffer span used last: its name, its buffer and that as bytes.
    this.name = 0;
    this.memory = undefined;
    this.bytes = undefined;
    this.words = undefined;
    // Where in the buffer its span begins, and how long it is.
    this.start = 0;
    this.length = 0;
    // For blocks that the front knows: the unit of the span's first address, and the end in the buffer of what of the span is
    // within reach.
    this.firstUnit = 0;
    this.end = NOT_YET;
  }

  /** Makes the buffer span round the address just looked up the current one. */
  enter(address) {
    const name = place[NAME];
    let bytes = this.all.get(name);
    // A buffer has no bytes if they were moved, by transfer() or to another thread.
    if (bytes === undefined || bytes.length === 0) bytes = this.make(address);
    // The span used last is the last in the map.
    this.all.delete(name);
    this.all.set(name, bytes);
    this.name = name;
    this.memory = bytes.buffer;
    this.bytes = bytes;
    this.words = undefined;
    this.start = bytes.byteOffset;
    this.length = bytes.length;
    this.meetFront(address);
  }

  /** Finds out whether the front knows blocks of the current span, in which the address just looked up is. */
  meetFront(address) {
    const first = Number(address) - integers[OFFSET];
    if (place[INSIDE] + place[AVAILABLE] <= MOST_SLOT) this.front.isThere();
    if (this.front.isNear(first)) {
      this.firstUnit = (first - 8) / 16;
      this.end = Math.min(this.start + this.length, MOST);
    } else {
      this.end = this.front.mayBegin() ? NOT_YET : NEVER;
    }
  }

  /** The bytes of the buffer span round an address, over a new buffer. */
  make(address) {
    const { buffer, start, firstName } = binding.bufferSpan(this.heap, address, 0, this.shared);
    // Buffers of a default heap that has ended must not stay.
    for (const name of this.all.keys()) if (name < firstName) this.all.delete(name);
    if (this.all.size >= KEPT) this.all.delete(this.all.keys().next().value);
    return Buffer.from(buffer, start);
  }

  /** Whether `bytes` bytes from the address just looked up are in the current buffer span. */
  shows(bytes) {
    // A buffer has no bytes if they were moved, by transfer() or to another thread.
    if (place[NAME] !== this.name || this.bytes.length === 0) return false;
    return integers[OFFSET] + bytes <= this.length;
  }

  /**
   * A Buffer of a block in the current span, if the front knows the block; else undefined, as for lengths that are not valid. It is
   * called for each Buffer, and so short that it is compiled into its callers.
   */
  quickBuffer(address, length) {
    const { front } = this;
    const unit = front.unitOf(address);
    const size = front.sizeAt(unit);
    const at = unit - this.firstUnit;
    const start = this.start + (at << 4);
    const elements = length === undefined ? size : length;
    if (typeof elements !== 'number' || elements >>> 0 !== elements || elements > size)
      return undefined;
    if (at >>> 0 >= REACH || start + size > this.end || this.bytes.length === 0) return undefined;
    return bufferOver(this.memory, start, elements);
  }

  /** What `quickBuffer` is for Buffers, for views of any other type. Slots are aligned to 16 bytes, as much as any type wants. */
  quickView(address, Type, length) {
    const { front } = this;
    const shift = shiftOf(Type);
    const unit = front.unitOf(address);
    const size = front.sizeAt(unit);
    const at = unit - this.firstUnit;
    const start = this.start + (at << 4);
    // No size is -1, and stays so.
    const most = size >> shift;
    const elements = length === undefined ? most : length;
    if (typeof elements !== 'number' || elements >>> 0 !== elements || elements > most)
      return undefined;
    // A span has no bytes if they were moved, by transfer() or to another thread.
    if (at >>> 0 >= REACH || start + size > this.end || this.bytes.length === 0) return undefined;
    return viewOver(Type, this.memory, start, elements, 1 << shift);
  }

  /** Where in `bytes` the block at `unit` begins, of which `size` bytes are needed; -1 if they are not within reach. */
  indexOf(unit, size) {
    const at = unit - this.firstUnit;
    const index = at << 4;
    if (at >>> 0 >= REACH || this.start + index + size > this.end || this.bytes.length === 0)
      return -1;
    return index;
  }

  /** The bytes of the current span as words of 32 bits. */
  inWords() {
    if (this.words === undefined) {
      // Spans begin at a multiple of 8 bytes in their buffers (src/memory/mapping.rs).
      this.words = new Int32Array(this.memory, this.start, this.length >>> 2);
    }
    return this.words;
  }

  buffer(address, length) {
    locate(this.heap, address);
    const bytes = elementsOf(address, length, 1);
    if (!this.shows(bytes)) return this.elsewhere(address, bytes, Buffer, bytes, 1);
    if (this.end === NOT_YET) this.meetFront(address);
    return bufferOver(this.memory, this.start + integers[OFFSET], bytes);
  }

  view(address, Type, length) {
    const width = widthOf(Type);
    locate(this.heap, address);
    const elements = elementsOf(address, length, width);
    const offset = integers[OFFSET];
    // Widths are powers of two.
    if ((offset & (width - 1)) !== 0) throw misaligned(address, Type, width);
    const bytes = elements * width;
    if (!this.shows(bytes)) return this.elsewhere(address, bytes, Type, elements, width);
    if (this.end === NOT_YET) this.meetFront(address);
    return viewOver(Type, this.memory, this.start + offset, elements, width);
  }

  /**
   * A view of bytes outside of the current buffer span. If the span round the address has all of them, it becomes the
   * current one.
   */
  elsewhere(address, bytes, Type, elements, width) {
    this.enter(address);
    if (!this.shows(bytes)) return this.long(address, bytes, Type, elements, width);
    return viewOver(Type, this.memory, this.start + integers[OFFSET], elements, width);
  }

  /**
   * A buffer to copy from or to, if there is one. Making one costs more than many copies, so only a buffer span that is needed
   * twice in a row is made.
   */
  bufferAtHand(address, length) {
    locate(this.heap, address);
    const bytes = elementsOf(address, length, 1);
    if (!this.shows(bytes) && !this.bringsIn(address, bytes)) return undefined;
    return bufferOver(this.memory, this.start + integers[OFFSET], bytes);
  }

  /**
   * Makes the buffer span round the address just looked up the current one if that pays. Returns whether `bytes` bytes from the
   * address are in the current span.
   */
  bringsIn(address, bytes) {
    const name = place[NAME];
    if (this.refused) return false;
    if (this.missed !== name && !this.all.has(name)) {
      this.missed = name;
      return false;
    }
    try {
      this.enter(address);
    } catch (error) {
      // Copying also works on runtimes without such buffers.
      if (error.code !== 'ERR_MEMS_UNSUPPORTED') throw error;
      this.refused = true;
      return false;
    }
    return this.shows(bytes);
  }

  /** `bringsIn` for the first byte of a block that the front knows. */
  reaches(address) {
    if (!this.shows(1) && !this.bringsIn(address, 1)) return false;
    if (this.end === NOT_YET) this.meetFront(address);
    return true;
  }

  /** A view over a buffer of its own, for a range that is not wholly in one buffer span. */
  long(address, bytes, Type, elements, width) {
    if (bytes > constants.MAX_LENGTH) throw tooLong(bytes);
    const { buffer, start } = binding.bufferSpan(this.heap, address, bytes, this.shared);
    try {
      // The runtime's own constructor throws here only because of the length.
      new Uint8Array(buffer, start, bytes);
    } catch (cause) {
      throw Object.assign(tooLong(bytes), { cause });
    }
    return viewOver(Type, buffer, start, elements, width);
  }
}

/** The error for a view that the runtime cannot make. */
function tooLong(bytes) {
  const message = `This runtime does not allow a view of ${bytes} bytes over native memory. View the block in parts`;
  return fail(RangeError, 'ERR_MEMS_OUT_OF_BLOCK', message);
}

function misaligned(address, Type, width) {
  const message =
    `${address} is not aligned for ${Type.name}: its physical address is not a multiple of ${width}. ` +
    `Allocate with malloc(size, { alignment: ${width} }) or mallocAs(${Type.name}, count)`;
  return fail(RangeError, 'ERR_MEMS_MISALIGNED', message);
}

module.exports = { BufferSpans, elementsOf };
