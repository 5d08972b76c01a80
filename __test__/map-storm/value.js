'use strict';

// Values that say of themselves whether they are whole: the name of their key, a number, their length, and bytes that follow from these.

const { holds, write } = require('../helpers/pattern.js');
const { found } = require('../storm/table.js');

const HEAD = 16;

/** A number for the pattern and for the head, of a key's name. */
function idOf(name) {
  let id = 0;
  for (let i = 0; i < name.length; i++) id = (Math.imul(id, 31) + name.charCodeAt(i)) >>> 0;
  return id;
}

const patternOf = (id, serial) => Number(serial & 0xffffffffn) * 13 + id;

/** The value of a key with a number. */
function make(name, serial, size) {
  const value = Buffer.allocUnsafe(HEAD + size);
  value.writeBigUInt64LE(serial, 0);
  value.writeUInt32LE(idOf(name), 8);
  value.writeUInt32LE(size, 12);
  write(value.subarray(HEAD), patternOf(idOf(name), serial));
  return value;
}

/** The number of a key's value, which must be whole. */
function check(name, value) {
  const id = idOf(name);
  if (value.length < HEAD || value.readUInt32LE(8) !== id)
    found('a value is another key’s', { name, value: value.subarray(0, 40).toString('hex') });
  const serial = value.readBigUInt64LE(0);
  const size = value.readUInt32LE(12);
  if (value.length !== HEAD + size || !holds(value.subarray(HEAD), patternOf(id, serial), size))
    found('a value is torn', {
      name,
      serial,
      size,
      value: value.subarray(0, 40).toString('hex'),
    });
  return serial;
}

/** The number of the value that a map has for a key, or undefined. */
function read(map, name) {
  const value = map.get(name);
  return value === undefined ? undefined : check(name, value);
}

module.exports = { check, make, read };
