// Reads what a program has asked of an allocator: a text trace (lib/trace.js) or a recording (lib/recorded.js), gzipped or not, from a
// file or a pipe. Both are streams of operations in chunks of typed columns, so that a trace of any length takes the memory of one
// chunk, and a recording that of its file besides.
//
// A chunk is { count, kind, block, size }: for each operation a number of KIND, the id of its block, and its size (0 for a free). Ids
// are small numbers, used again after a free. Recordings have more columns, and events that are no calls. The columns may be the same
// arrays for each chunk, so a reader must be done with one before the next.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Readable } = require('node:stream');
const { createGunzip } = require('node:zlib');
const { Failure } = require('./failure.js');
const { systemFailure } = require('./files.js');
const { beginsHeapFile } = require('./heap-file.js');
const { Recorded } = require('./recorded.js');
const { KIND, isRecording } = require('./recordings.js');
const { Trace } = require('./trace.js');

const READ_BYTES = 1 << 18;
/** Bytes that say what a file is. */
const BEGINNING = 8;
const GZIP = [0x1f, 0x8b];

/** What is wrong with bytes, or where they come from, as a failure. */
function readFailure(error, file) {
  if (error instanceof Failure) return error;
  if (error.code === 'Z_BUF_ERROR') return new Failure(`${file} is cut off: copy it anew.`);
  if (/^Z_/.test(error.code ?? '')) return new Failure(`${file} is damaged: ${error.message}.`);
  if (/^ERR_MEMS_(?:NOT_)?RECORDING/.test(error.code ?? '')) {
    return new Failure(`${file}: ${error.message.replace(/[.]?$/, '.')}`);
  }
  return error.syscall ? systemFailure(error, file, 'read') : error;
}

/** Takes at least `length` bytes of an iterator, if there are as many. Returns them, and an iterable of all bytes. */
async function peek(iterator, length) {
  const parts = [];
  let begun = Buffer.alloc(0);
  // A pipe may give a byte at a time.
  while (begun.length < length) {
    const { value, done } = await iterator.next();
    if (done) break;
    parts.push(value);
    begun = Buffer.concat(parts);
  }
  const all = (async function* () {
    yield begun;
    yield* { [Symbol.asyncIterator]: () => iterator };
  })();
  return { begun, all };
}

/** The bytes of an iterable, unpacked if they are gzipped. */
async function unpacked(iterable) {
  const { begun, all } = await peek(iterable[Symbol.asyncIterator](), GZIP.length);
  if (!GZIP.every((byte, at) => begun[at] === byte)) return all;
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  const packed = Readable.from(all);
  packed.on('error', (error) => gunzip.destroy(error));
  return packed.pipe(gunzip);
}

/** What a file is called in results: without folders, and without the ending of a trace or a recording. */
function nameOf(file) {
  if (file === '-') return 'standard input';
  const name = path.basename(file).replace(/\.(rep|trace|txt|mems)?(\.gz)?$/, '');
  // A name may be anything, and a terminal obeys control characters.
  return name.replace(/\p{Cc}/gu, '?');
}

/** All bytes of an iterable. */
async function collected(iterable) {
  const parts = [];
  for await (const part of iterable) parts.push(part);
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** The operations of a source, with what is wrong with its file as a failure. `input` is closed after them. */
async function* checked(source, input, file) {
  try {
    yield* source;
  } catch (error) {
    throw readFailure(error, file);
  } finally {
    // What writes into a pipe may still run, and would be waited for.
    input.destroy();
  }
}

/**
 * Opens a file, or standard input for '-'. `partial`: what is whole of a recording that is damaged or cut off. Resolves to a Trace or a
 * Recorded, each with `name`, `kind`, `expected` (how many operations, if that is known) and `operations()`, an async iterable of
 * chunks, once.
 */
async function openOperations(file, { stdin, partial = false }) {
  const shown = file === '-' ? 'standard input' : file;
  const input = file === '-' ? stdin : fs.createReadStream(file, { highWaterMark: READ_BYTES });
  try {
    const bytes = await unpacked(input);
    const { begun, all } = await peek(bytes[Symbol.asyncIterator](), BEGINNING);
    if (beginsHeapFile(begun))
      throw new Failure(
        `${shown} is a heap file, which has no operations: see mems inspect ${shown}.`,
      );
    const source = isRecording(begun)
      ? new Recorded(nameOf(file), await collected(all), { partial })
      : new Trace(nameOf(file), shown, all);
    source.operations = () => checked(source, input, shown);
    return source;
  } catch (error) {
    input.destroy();
    throw readFailure(error, shown);
  }
}

module.exports = { KIND, openOperations };
