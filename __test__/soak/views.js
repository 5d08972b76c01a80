// Views of every type, and what programs do to them at the wrong time: all of it must leave the process alive.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const { MessageChannel } = require('worker_threads');
const { TYPES } = require('../helpers/types.js');

/** Whether a view over a SharedArrayBuffer can be asked for. */
const CAN_SHARE = require('../../binding.js').canShare();

/** The kind of buffer that a view is over, or nothing for the default. */
const anyOptions = (random) =>
  random.chance(0.5) ? undefined : { shared: CAN_SHARE && random.chance(0.5) };

/** A view of a random type over a block, aligned for it or bytes. */
function anyView(heap, { address, size }, random) {
  const Type = random.pick(TYPES);
  const width = Type.BYTES_PER_ELEMENT || 1;
  const misaligned = BigInt(heap.get(address)) % BigInt(width) !== 0n;
  const options = anyOptions(random);
  if (misaligned || size < width) return heap.buffer(address, undefined, options);
  if (random.chance(0.5)) return heap.view(address, Type, undefined, options);
  return heap.view(address, Type, random.int(0, Math.floor(size / width)), options);
}

/** The bytes of a view as a Uint8Array. */
function bytesOf(view) {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Whether a view has bytes: none are left where the memory was moved away. */
function hasBytes(view) {
  try {
    return view.byteLength > 0;
  } catch {
    // A DataView without bytes throws.
    return false;
  }
}

/** Reads a view here and there, and writes to it if that is allowed. */
function touch(view, random, write) {
  if (!hasBytes(view)) return 0;
  const bytes = bytesOf(view);
  let sum = 0;
  for (const at of [0, random.int(0, bytes.length - 1), bytes.length - 1]) sum += bytes[at];
  if (!write) return sum;
  if (random.chance(0.1)) bytes.fill(sum);
  else bytes[random.int(0, bytes.length - 1)] = sum;
  return sum;
}

// Without transfer() and without sharing, a runtime copies the buffer that was to move: gigabytes.
const CAN_MOVE = typeof ArrayBuffer.prototype.transfer === 'function';

/** Moves the memory under a view into another buffer, or tries to. Returns what holds it then. */
function move(view, random) {
  if (!hasBytes(view)) return undefined;
  const { buffer } = view;
  const shared = !(buffer instanceof ArrayBuffer);
  if (!CAN_MOVE && !shared) return undefined;
  const ways = [
    () => structuredClone(buffer, { transfer: [buffer] }),
    () => {
      const { port1, port2 } = new MessageChannel();
      port1.postMessage(buffer, [buffer]);
      port1.close();
      port2.close();
    },
  ];
  // What is shared is sent as what it is, and stays.
  ways.push(shared ? () => structuredClone(view) : () => buffer.transfer());
  return random.pick(ways)();
}

module.exports = { anyView, bytesOf, move, touch };
