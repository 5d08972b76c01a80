// Maps of a heap file, as heap.map() makes them, read beside processes that use the file: it is opened for reading only, and no lock is taken.

'use strict';

const { isUtf8 } = require('node:buffer');
const { inspect } = require('node:util');
const { decoded, Heap, stored } = require('../library.js');
const { Failure, STATUS, unknown } = require('./failure.js');
const { printable, said } = require('./heap-file.js');

/** Opens the heap in a file for reading. The library's error for a file that has to be mended first names what a program does about it. */
function opened(file) {
  try {
    return Heap.open(file, { readOnly: true, followSymlinks: true, anyFileSystem: true });
  } catch (error) {
    if (error.code !== 'ERR_MEMS_NEEDS_RECOVERY') throw error;
    const shown = printable(file);
    const mended = `mems repair ${shown} keeps what is sound`;
    throw new Failure(
      Heap.verify(file).durable
        ? `${shown} was open when the system stopped. A program that opens it for writing brings back its last sync; ${mended} instead.`
        : `${shown} was open when the system stopped, so the disk may have some of its newer pages and some of its older: ${mended}.`,
    );
  }
}

/** Calls `work` with the heap in a file. */
function withHeap(file, work) {
  return said(() => {
    const heap = opened(file);
    try {
      return work(heap);
    } finally {
      heap.close();
    }
  });
}

/** Calls `work` with a map of a file. */
function withMap(file, name, work) {
  return withHeap(file, (heap) => {
    const names = heap.maps;
    if (names.length === 0) throw new Failure(`${file} has no maps.`);
    if (!names.includes(name)) throw unknown('map', name, names);
    return work(heap.map(name));
  });
}

/** A limit, as JSON has it: null for none. */
const limit = (number) => (number === Number.POSITIVE_INFINITY ? null : number);

/** What a map counts. What an object of a map has counted itself says nothing here. */
function statsOf(map) {
  const { hits, misses, unkept, maxBytes, maxEntries, ...stats } = map.stats();
  return { ...stats, maxBytes: limit(maxBytes), maxEntries: limit(maxEntries) };
}

/** The maps of a file, each as `{ name, stats }`; without `stats` if it is damaged. */
function mapsOf(file) {
  return withHeap(file, (heap) => {
    return heap.maps.map((name) => {
      try {
        return { name, stats: statsOf(heap.map(name)) };
      } catch (error) {
        // A name that is damaged cannot be looked up, so that the map would have to be made.
        if (!['ERR_MEMS_FILE_CORRUPT', 'ERR_MEMS_READ_ONLY'].includes(error.code)) throw error;
        return { name };
      }
    });
  });
}

const mapStats = (file, name) => withMap(file, name, statsOf);

/** Calls `take` with each key that begins with `prefix`, a string or a Buffer, `most` at most. Returns whether there are more. */
function eachKey(file, name, { prefix = '', most = Number.POSITIVE_INFINITY }, take) {
  const begun = Buffer.from(prefix);
  return withMap(file, name, (map) => {
    let count = 0;
    for (const key of map.keys()) {
      const bytes = Buffer.from(key);
      if (!bytes.subarray(0, begun.length).equals(begun)) continue;
      if (count === most) return true;
      count += 1;
      take(key);
    }
    return false;
  });
}

/**
 * The value of a key as `{ encoding, bytes, value }`; `undefined` if there is none. `value` is there if the value's encoding is among
 * `decodes`, names of some.
 */
function readValue(file, name, key, decodes) {
  return withMap(file, name, (map) => {
    const found = stored(map, key);
    if (found === undefined || !decodes.includes(found.encoding)) return found;
    try {
      return { ...found, value: decoded(found) };
    } catch (error) {
      const wrong = `the value is no ${found.encoding}, as its entry says: ${error.message}`;
      throw new Failure(`${wrong}; --raw prints its bytes.`, STATUS.no);
    }
  });
}

/** Bytes as text, without what a terminal obeys but the ends of lines. */
const harmless = (text) => text.replace(/(?![\n\t])\p{Cc}/gu, '?');

/** The lines of a dump of bytes, each with as many as there are columns for: offset, digits, and letters. */
function dump(bytes, width) {
  const most = [16, 8, 4].find((number) => 14 + 4 * number <= width) ?? 2;
  const lines = [];
  for (let at = 0; at < bytes.length; at += most) {
    const part = bytes.subarray(at, at + most);
    const digits = Array.from(part, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const letters = part.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    lines.push(`${at.toString(16).padStart(8, '0')}  ${digits.padEnd(3 * most - 1)}  |${letters}|`);
  }
  return lines;
}

/** A value as text. */
function textOf({ encoding, bytes, value }, width) {
  switch (value === undefined ? 'other' : encoding) {
    case 'string':
      return harmless(value);
    case 'json':
      return harmless(JSON.stringify(value, null, 2));
    case 'counter':
      return `${value}`;
    case 'v8':
      return harmless(inspect(value, { depth: Number.POSITIVE_INFINITY }));
    default:
      return dump(bytes, width).join('\n');
  }
}

/** A value as the field that JSON has of it. */
function jsonOf({ encoding, bytes, value }) {
  if (encoding === 'counter') {
    const number = Number(value);
    return { value: Number.isSafeInteger(number) ? number : `${value}` };
  }
  if (value === undefined) return { hex: bytes.toString('hex') };
  if (encoding === 'v8') return { text: inspect(value, { depth: Number.POSITIVE_INFINITY }) };
  return { value };
}

/** A key as the field that JSON has of it. */
const jsonOfKey = (key) =>
  typeof key === 'string' || isUtf8(key) ? { key: `${key}` } : { keyHex: key.toString('hex') };

module.exports = { eachKey, jsonOf, jsonOfKey, mapsOf, mapStats, readValue, textOf };
