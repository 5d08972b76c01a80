// Reads recordings (docs/recording.md): a file's bytes in, operations out as columns, a chunk at a time, so that a recording of any
// length takes the memory of its file and of one chunk, 3 MiB. The addon decodes; it costs some 50 ns an operation.

'use strict';

const { binding } = require('../library.js');
const { KIND } = require('./kinds.js');

/** How many numbers the addon returns for a chunk of events, and for a part of the table of stacks. */
const CHUNK = 5;
const TABLE = 2;

/** How a recording begins. */
const MAGIC = [0x4d, 0x45, 0x4d, 0x53, 0x1a, 0];

const isRecording = (bytes) => MAGIC.every((byte, at) => bytes[at] === byte);

/**
 * A recording, from all bytes of its file. With `partial`, what is damaged or was cut off is left out. Throws an error with a `code`
 * that begins with ERR_MEMS_, whose message is a sentence, if it cannot be read.
 */
class Recording {
  #bytes;
  #chunks;
  #tables;

  constructor(bytes, { partial = false } = {}) {
    const { header, stats, chunks, tables, ...rest } = binding.readRecording(bytes, partial);
    this.#bytes = bytes;
    this.#chunks = chunks;
    this.#tables = tables;
    /** What is known about the heap, and its statistics at the end: undefined if the recording was cut off. */
    this.header = JSON.parse(header);
    this.stats = stats && JSON.parse(stats);
    /** Whether there are times and stacks, and how many operations there are, and are missing: in all, and after the last chunk. */
    const { clock, stacks, operations, missing, missingAtEnd } = rest;
    Object.assign(this, { clock, stacks, operations, missing, missingAtEnd });
    /** Whether there was something, and nothing of it can be read. */
    this.isLost = chunks.length === 0 && (missing > 0 || stats === undefined);
  }

  /**
   * The chunks of events, as `{ count, operations, missing, kind, address, size, from, alignment, thread, stack, time, texts }`:
   * typed arrays with an element for each event. `missing` operations are missing before the chunk. `from` is the block that is
   * freed or resized; the size of a mark is its place in `texts`.
   */
  *chunks() {
    const chunks = this.#chunks;
    for (let at = 0; at < chunks.length; at += CHUNK) {
      const [offset, length, count, operations, missing] = chunks.subarray(at, at + CHUNK);
      const columns = binding.recordingChunk(this.#bytes, offset, length);
      yield { count, operations, missing, ...columns };
    }
  }

  /** The texts of the stacks, by their numbers. */
  stackTexts() {
    const found = new Map();
    for (let at = 0; at < this.#tables.length; at += TABLE) {
      const [offset, length] = this.#tables.subarray(at, at + TABLE);
      const { stack, texts } = binding.recordingStacks(this.#bytes, offset, length);
      stack.forEach((number, index) => {
        found.set(number, texts[index]);
      });
    }
    return found;
  }
}

module.exports = { KIND, Recording, isRecording };
