// Writes messages in the wire format of protocol buffers, as far as a profile needs it: whole numbers, text, messages, packed numbers.
// Numbers are from 0 to Number.MAX_SAFE_INTEGER, BigInts from 0 to 2^64 - 1.

'use strict';

const [VARINT, BYTES] = [0, 2];

function varint(value) {
  const bytes = [];
  let rest = value;
  if (typeof value === 'bigint') {
    for (; rest > Number.MAX_SAFE_INTEGER; rest /= 0x80n) bytes.push(Number(rest % 0x80n) | 0x80);
    rest = Number(rest);
  }
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

const tag = (field, type) => varint(field * 8 + type);

/** A field with bytes: a message, or text. */
function bytes(field, content) {
  const body = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([tag(field, BYTES), varint(body.length), body]);
}

/** A field with a number. */
const number = (field, value) => Buffer.concat([tag(field, VARINT), varint(value)]);

/** A field with several numbers. */
const numbers = (field, values) => bytes(field, Buffer.concat(values.map(varint)));

/** A message with these fields in it. */
const message = (field, fields) => bytes(field, Buffer.concat(fields));

module.exports = { bytes, message, number, numbers };
