// Views of blocks: Buffers, typed arrays and DataViews over the memory itself, no copy.
//
// There are two kinds of buffer over the same memory (buffer-spans.js). Buffers are for I/O: they are views of an ArrayBuffer, which
// every function that takes bytes accepts. Typed arrays and DataViews are for sharing: they are views of a SharedArrayBuffer where
// the runtime can make one over native memory; some functions of Node (fetch, WebSocket) send the text of such a view.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const { Buffer } = require('buffer');
const { isMainThread } = require('worker_threads');
const binding = require('../binding.js');
const { fail, sharedIn } = require('./arguments.js');
const { BufferSpans, elementsOf } = require('./buffer-spans.js');
const { AVAILABLE, INSIDE, REST, locate, place } = require('./calls.js');

/** The longest buffer span over an ArrayBuffer that is made for copying only. */
const SHORT = 16 * 2 ** 20;

// When a worker ends, the addon finds out whether the memory under its buffers is still in use.
if (!isMainThread) binding.threadEnds();

/** Whether the runtime can make a SharedArrayBuffer over native memory. */
const CAN_SHARE = binding.canShare();

/** The bytes of a range from an address: `length`, or all up to the end of the requested size. */
function rangeOf(heap, address, length) {
  locate(heap, address);
  return elementsOf(address, length, 1);
}

/** The block round an address, and its address as a number or a BigInt. */
function blockOf(heap, address, asNumber) {
  locate(heap, address);
  const inside = place[INSIDE];
  return {
    address: asNumber ? Number(address) - inside : BigInt(address) - BigInt(inside),
    size: inside + place[REST],
    usableSize: inside + place[AVAILABLE],
  };
}

/** The views of one heap, of both kinds. */
class Views {
  constructor(heap, front) {
    this.heap = heap;
    this.front = front;
    this.plain = new BufferSpans(heap, false, front);
    // If the runtime has only one kind of buffer, both are the same.
    this.shared = CAN_SHARE ? new BufferSpans(heap, true, front) : this.plain;
    /** Whether the heap is for reading only, so that the addon refuses to store bytes. */
    this.isReadOnly = false;
  }

  /** Drops all buffers. */
  clear() {
    this.plain.clear();
    this.shared.clear();
  }

  /**
   * The buffer spans of the kind that a call's options ask for. By default Buffers are for I/O, and all other views are for
   * sharing.
   */
  chosen(Type, options, name) {
    const shared = options === undefined ? undefined : sharedIn(options, name);
    if (shared === undefined) return Type === Buffer ? this.plain : this.shared;
    if (shared && !CAN_SHARE) throw unshared();
    return shared ? this.shared : this.plain;
  }

  /** Whether a buffer over an ArrayBuffer is to be made for copying: garbage collectors see it, so it is to be a short one. */
  wantsPlain() {
    const { plain, shared } = this;
    return plain !== shared && !plain.refused && shared.length <= SHORT;
  }

  /** Makes the buffer spans round the block at `unit`, which the front knows, the current ones if that pays. */
  approach(unit) {
    const { plain, shared } = this;
    if (shared.refused) return;
    const address = 16 * unit + 8;
    locate(this.heap, address);
    if (shared.reaches(address) && this.wantsPlain()) plain.reaches(address);
  }

  read(address, length) {
    const bytes = this.shared.bufferAtHand(address, length);
    if (bytes !== undefined) return Buffer.from(bytes);
    const copy = newBuffer(rangeOf(this.heap, address, length));
    binding.read(this.heap, address, copy);
    return copy;
  }

  write(address, source) {
    const target = this.isReadOnly ? undefined : this.shared.bufferAtHand(address, source.length);
    if (target === undefined) binding.write(this.heap, address, source);
    else target.set(source);
  }
}

/** A new Buffer for a copy of `length` bytes of a block, which may be more than the runtime has memory for. */
function newBuffer(length) {
  try {
    return Buffer.allocUnsafeSlow(length);
  } catch (cause) {
    const message = `This runtime has no memory for a Buffer of ${length} bytes. Read the block in parts`;
    throw Object.assign(fail(RangeError, 'ERR_MEMS_OUT_OF_BLOCK', message), { cause });
  }
}

function unshared() {
  const message =
    'This runtime has no SharedArrayBuffer over native memory (Node 22.23, 24.21 and 26 and Bun have it). Leave "shared" out, ' +
    'and send other threads the heap’s id and the address, for Heap.attach(id) and view(address) there';
  return fail(Error, 'ERR_MEMS_UNSUPPORTED', message);
}

module.exports = { Views, blockOf, rangeOf };
