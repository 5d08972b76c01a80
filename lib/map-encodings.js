// How the values of maps become bytes and values again.
//
// Each entry says how its value is encoded, by a number, except for codecs of a program's own, which have one number together. A value is
// decoded by what its entry says, whatever the reader's own encoding is: but v8.deserialize() is not made for bytes of others, and a file may be
// damaged or forged. So it is called only for a reader that was opened with 'v8', who trusts all who write to the file.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const { Buffer } = require('buffer');
const v8 = require('v8');
const { fail, hasOwn, isRecord, wrongType } = require('./arguments.js');

/** The number of the encoding of counters. */
const COUNTER = 511;

/** The number of the encoding of a codec of the program's own. */
const OWN = 255;

/** The error for bytes that are not what their entry says: only damage changes the one or the other. */
function noValue(expected, { message }) {
  const text = `A value in a map is not ${expected}: ${message}`;
  return fail(Error, 'ERR_MEMS_CORRUPT', text, noValue);
}

/** A Buffer of its own with the first `length` bytes. */
const copied = (bytes, length) => Buffer.from(bytes.subarray(0, length));

/** The number that the first `length` bytes of a counter are. */
function counterOf(bytes, length) {
  if (length !== 8) throw noValue('a number', { message: `a counter has ${length} bytes` });
  return bytes.readBigInt64LE(0);
}

/** Encodings by name: the number that entries have, and how values become bytes and values again. The `name` of a value is for messages. */
const ENCODINGS = {
  binary: {
    number: 0,
    encode: (value) => value,
    decode: copied,
  },
  string: {
    number: 1,
    encode(value, name = 'value') {
      if (typeof value !== 'string') throw wrongType(name, 'a string', value);
      return value;
    },
    decode: (bytes, length) => bytes.toString('utf8', 0, length),
  },
  json: {
    number: 2,
    encode(value, name = 'value') {
      const text = JSON.stringify(value);
      if (text === undefined) throw wrongType(name, 'what JSON can have', value);
      return text;
    },
    decode(bytes, length) {
      try {
        return JSON.parse(bytes.toString('utf8', 0, length));
      } catch (error) {
        throw noValue('JSON', error);
      }
    },
  },
  v8: {
    number: 3,
    encode: (value) => v8.serialize(value),
    decode(bytes, length) {
      try {
        return v8.deserialize(copied(bytes, length));
      } catch (error) {
        throw noValue('what v8.serialize() makes', error);
      }
    },
  },
};

const NAMES = Object.keys(ENCODINGS);
const BY_NUMBER = Object.values(ENCODINGS);

/** The encoding that an option asks for. */
function encodingOf(encoding = 'binary') {
  if (typeof encoding === 'string' && hasOwn(ENCODINGS, encoding)) return ENCODINGS[encoding];
  if (
    isRecord(encoding) &&
    typeof encoding.encode === 'function' &&
    typeof encoding.decode === 'function'
  ) {
    return {
      number: OWN,
      encode: (value) => encoding.encode(value),
      decode: (bytes, length) => encoding.decode(copied(bytes, length)),
    };
  }
  const expected = `one of ${NAMES.map((name) => `'${name}'`).join(', ')}, or an object with encode and decode`;
  throw wrongType('options.encoding', expected, encoding);
}

/** The value that the first `length` bytes of an entry are, whose encoding has a `number`, for a reader with an encoding `own`. */
function decodedFor(own, number, bytes, length) {
  if (number === own.number) return own.decode(bytes, length);
  if (number === COUNTER) return counterOf(bytes, length);
  const said = BY_NUMBER[number];
  const isSafe = said !== undefined && said !== ENCODINGS.v8;
  return isSafe ? said.decode(bytes, length) : copied(bytes, length);
}

/** What the encoding of a number is called: its name, `'counter'`, or `'other'` for a codec of a program's own. */
const nameOf = (number) => (number === COUNTER ? 'counter' : (NAMES[number] ?? 'other'));

/** The value of `{ encoding, bytes }`, with the name of an encoding as {@link nameOf} returns it. */
function decoded({ encoding, bytes }) {
  if (encoding === 'counter') return counterOf(bytes, bytes.length);
  return hasOwn(ENCODINGS, encoding) ? ENCODINGS[encoding].decode(bytes, bytes.length) : bytes;
}

module.exports = { COUNTER, copied, decoded, decodedFor, encodingOf, nameOf };
