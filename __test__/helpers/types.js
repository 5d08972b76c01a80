'use strict';

// The types that views can have on every runtime from Node 14 on.

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
