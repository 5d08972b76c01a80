// Views of blocks: Buffers, typed arrays and DataViews over the memory itself, no copy.
//
// Making a buffer over foreign memory takes a microsecond and is seen by the garbage collector, so there is one for a
// window of gigabytes, and a view is made from it by offset and length. A window is kept as long as its heap is the same:
// the addon answers its name with every look-up, and a name is never given twice.

'use strict';

const binding = require('../binding.js');
const { checkedCount, fail, wrongType } = require('./arguments.js');
const { locate, place, OFFSET, NAME, INSIDE, SIZE, USABLE } = require('./calls.js');

/** Bytes from the address just looked up to the end of what was asked for. */
function restOfBlock() {
  const rest = place[SIZE] - place[INSIDE];
  return rest > 0 ? rest : 0;
}

/** The bytes of so many elements of a width from the address just looked up, which are to lie in its block. */
function checkedBytes(address, length, width) {
  const bytes = checkedCount('length', length) * width;
  const available = place[USABLE] - place[INSIDE];
  if (bytes <= available) return bytes;
  const message = `${bytes} bytes from ${address} reach past the end of their block: at most ${available} can be had`;
  throw fail(RangeError, 'ERR_MEMS_OUT_OF_BLOCK', message);
}

/** The bytes of a range: so many from an address, or all that were asked for. */
function rangeOf(heap, address, length) {
  locate(heap, address);
  return length === undefined ? restOfBlock() : checkedBytes(address, length, 1);
}

/** The block round an address. */
function blockOf(heap, address) {
  locate(heap, address);
  const start = address - BigInt(place[INSIDE]);
  return { start, size: place[SIZE], usableSize: place[USABLE] };
}

/** Bytes of an element of a type that a view can have. */
function widthOf(Type) {
  if (Type === Uint8Array || Type === DataView) return 1;
  if (typeof Type === 'function' && typeof Type.BYTES_PER_ELEMENT === 'number') {
    return Type.BYTES_PER_ELEMENT;
  }
  throw wrongType('Type', 'a typed array constructor, Buffer or DataView', Type);
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

  /** Makes the window round an address the current one. */
  enter(name, address) {
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

  buffer(address, length) {
    locate(this.heap, address);
    const offset = place[OFFSET];
    const end = offset + (length === undefined ? restOfBlock() : checkedBytes(address, length, 1));
    if (place[NAME] !== this.name || this.bytes.length === 0) this.enter(place[NAME], address);
    if (end > this.length) return this.long(address, end - offset, Buffer, end - offset);
    return this.bytes.subarray(offset, end);
  }

  view(address, Type, length) {
    if (Type === Buffer) return this.buffer(address, length);
    const width = widthOf(Type);
    locate(this.heap, address);
    const offset = place[OFFSET];
    let elements = length;
    if (length === undefined) {
      elements = width === 1 ? restOfBlock() : Math.floor(restOfBlock() / width);
    } else {
      elements = checkedBytes(address, length, width) / width;
    }
    if (offset % width !== 0) throw misaligned(address, Type, width);
    if (place[NAME] !== this.name || this.bytes.length === 0) this.enter(place[NAME], address);
    const bytes = elements * width;
    if (offset + bytes > this.length) return this.long(address, bytes, Type, elements);
    return new Type(this.memory, this.start + offset, elements);
  }

  /** A buffer to copy from; nothing where the runtime has no buffers over native memory. */
  readable(address, length) {
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
