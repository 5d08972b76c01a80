'use strict';

// The types of which views can be, everywhere from Node 14 on.

const ARRAY_TYPES = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

module.exports = { ARRAY_TYPES, TYPES: [Buffer, DataView, ...ARRAY_TYPES] };
