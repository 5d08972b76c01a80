// Views of blocks: Buffers, typed arrays and DataViews over the memory itself, no copy.
//
// Making a buffer over foreign memory takes a microsecond and is seen by the garbage collector, so there is one for a
// window of gigabytes, and a view is made from it by offset and length. A window is kept as long as its heap is the same:
// the addon answers its name with every look-up, and a name is never given twice.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

// Node's global of that name is a getter, which every view would call.
const { Buffer } = require('buffer');
const binding = require('../binding.js');
const { checkedCount, fail, isRevoked, wrongType } = require('./arguments.js');
const calls = require('./calls.js');

const { locate, place, NAME, INSIDE, REST, AVAILABLE } = calls;
const { integers, OFFSET, SMALL_REST, MOST } = calls;

/**
 * Makes a Buffer. Buffer.from() and subarray() come to the same, and check for 30 ns more what is known here; their class is
 * Node's species of a Buffer.
 */
const Species = Buffer[Symbol.species];
const isClassOfBuffers =
  typeof Species === 'function' &&
  Species !== Buffer &&
  Object.getPrototypeOf(new Species(new ArrayBuffer(2), 1, 1)) === Buffer.prototype;
const bufferOver = isClassOfBuffers
  ? (memory, start, bytes) => new Species(memory, start, bytes)
  : (memory, start, bytes) => Buffer.from(memory, start, bytes);

/** How many elements of a width there are from the address just looked up: so many, or all that were asked for. */
function elementsOf(address, length, width) {
  const rest = integers[SMALL_REST];
  if (length === undefined && rest < MOST) return (rest / width) | 0;
  // Whole numbers below 2^32, the commonest lengths, need no other check.
  if (typeof length === 'number' && length >>> 0 === length && length * width <= rest)
    return length;
  return checkedElements(address, length, width);
}

/** The same, whatever they are. */
function checkedElements(address, length, width) {
  if (length === undefined) return Math.floor(place[REST] / width);
  const elements = checkedCount('length', length);
  const available = place[AVAILABLE];
  if (elements * width <= available) return elements;
  const message =
    `${elements * width} bytes from ${address} reach past the end of their block: ` +
    `at most ${available} can be had`;
  throw fail(RangeError, 'ERR_MEMS_OUT_OF_BLOCK', message);
}

/** The bytes of a range: so many from an address, or all that were asked for. */
function rangeOf(heap, address, length) {
  locate(heap, address);
  return elementsOf(address, length, 1);
}

/** The block round an address. */
function blockOf(heap, address) {
  locate(heap, address);
  const inside = place[INSIDE];
  const start = address - BigInt(inside);
  return { start, size: inside + place[REST], usableSize: inside + place[AVAILABLE] };
}

/** Bytes of an element of a type that a view can have. */
function widthOf(Type) {
  // Said by name, the commonest cost no look at their properties.
  if (Type === Uint8Array || Type === DataView) return 1;
  if (Type === Float64Array) return 8;
  if (typeof Type === 'function' && !isRevoked(Type)) {
    if (typeof Type.BYTES_PER_ELEMENT === 'number') return Type.BYTES_PER_ELEMENT;
  }
  throw wrongType('Type', 'a typed array constructor, Buffer or DataView', Type);
}

/** A view of any type. Said by name, the commonest cost 12 ns less: the compiler knows what they construct. */
function viewOver(Type, memory, start, elements) {
  if (Type === Uint8Array) return new Uint8Array(memory, start, elements);
  if (Type === Float64Array) return new Float64Array(memory, start, elements);
  if (Type === Float32Array) return new Float32Array(memory, start, elements);
  if (Type === Int32Array) return new Int32Array(memory, start, elements);
  if (Type === Uint32Array) return new Uint32Array(memory, start, elements);
  if (Type === DataView) return new DataView(memory, start, elements);
  return new Type(memory, start, elements);
}

/** The windows of one heap that views were made from. */
class Windows {
  constructor(heap) {
    this.heap = heap;
    this.all = new Map();
    this.refused = false;
    this.clear();
  }

  /** Lets go of all buffers. */
  clear() {
    this.all.clear();
    // The window used last: its name, its buffer and that as bytes.
    this.name = 0;
    this.memory = undefined;
    this.bytes = undefined;
    // Where in the buffer the window begins, and how long it is.
    this.start = 0;
    this.length = 0;
  }

  /** Makes the window round the address just looked up the current one. */
  enter(address) {
    const name = place[NAME];
    let bytes = this.all.get(name);
    // Without bytes: somebody has moved them away, by transfer() or to another thread.
    if (bytes === undefined || bytes.length === 0) {
      // A few are enough: a heap has one or two. Those of an ended default heap must not stay for good.
      if (this.all.size === 8) this.all.clear();
      const { buffer, start } = binding.window(this.heap, address, 0);
      bytes = Buffer.from(buffer, start);
      this.all.set(name, bytes);
    }
    this.name = name;
    this.memory = bytes.buffer;
    this.bytes = bytes;
    this.start = bytes.byteOffset;
    this.length = bytes.length;
  }

  /** Whether so many bytes from the address just looked up are in the current window. */
  shows(bytes) {
    // Without bytes: somebody has moved them away, by transfer() or to another thread.
    if (place[NAME] !== this.name || this.bytes.length === 0) return false;
    return integers[OFFSET] + bytes <= this.length;
  }

  buffer(address, length) {
    locate(this.heap, address);
    const bytes = elementsOf(address, length, 1);
    if (!this.shows(bytes)) return this.elsewhere(address, bytes, Buffer, bytes);
    return bufferOver(this.memory, this.start + integers[OFFSET], bytes);
  }

  view(address, Type, length) {
    if (Type === Buffer) return this.buffer(address, length);
    const width = widthOf(Type);
    locate(this.heap, address);
    const elements = elementsOf(address, length, width);
    const offset = integers[OFFSET];
    // Widths are powers of two.
    if ((offset & (width - 1)) !== 0) throw misaligned(address, Type, width);
    const bytes = elements * width;
    if (!this.shows(bytes)) return this.elsewhere(address, bytes, Type, elements);
    return viewOver(Type, this.memory, this.start + offset, elements);
  }

  /** A view of what is not in the current window: that round the address becomes it, if it shows all of this. */
  elsewhere(address, bytes, Type, elements) {
    this.enter(address);
    if (!this.shows(bytes)) return this.long(address, bytes, Type, elements);
    const start = this.start + integers[OFFSET];
    if (Type === Buffer) return bufferOver(this.memory, start, elements);
    return new Type(this.memory, start, elements);
  }

  /** A buffer to copy from or to; nothing where the runtime has no buffers over native memory. */
  bufferIfAny(address, length) {
    if (this.refused) return undefined;
    try {
      return this.buffer(address, length);
    } catch (error) {
      // What else is wrong would be wrong without a buffer, too.
      if (error.code !== 'ERR_MEMS_UNSUPPORTED') throw error;
      this.refused = true;
      return undefined;
    }
  }

  /** A view over a buffer of its own, for what lies in no window whole. */
  long(address, bytes, Type, elements) {
    try {
      const { buffer, start } = binding.window(this.heap, address, bytes);
      if (Type === Buffer) return Buffer.from(buffer, start, elements);
      return new Type(buffer, start, elements);
    } catch (cause) {
      if (cause.code !== 'ERR_MEMS_INTERNAL') throw cause;
      const message = `this runtime has no buffers of ${bytes} bytes over native memory: view the block in parts`;
      throw Object.assign(fail(RangeError, 'ERR_MEMS_OUT_OF_BLOCK', message), { cause });
    }
  }
}

function misaligned(address, Type, width) {
  const message =
    `${address} is not aligned for ${Type.name}: its memory does not begin at a multiple of ${width}. ` +
    `Allocate with malloc(size, { alignment: ${width} }) or mallocAs(${Type.name}, count)`;
  return fail(RangeError, 'ERR_MEMS_MISALIGNED', message);
}

module.exports = { Windows, blockOf, rangeOf, widthOf };
