// Which types a view can have, how wide their elements are, and whether a constructor has returned the view that was asked for.
//
// A constructor can be a subclass, whose static properties can have any value, or one of another realm (a vm context, a test
// runner's). The width of the elements is that of the runtime's own constructor that it extends.

// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const { Buffer } = require('buffer');
const { isRevoked, wrongType } = require('./arguments.js');

const TypedArray = Object.getPrototypeOf(Uint8Array);

/** The types of this realm, which always construct the view that was asked for. */
const OWN = new Map([[DataView, 1]]);

/** The widths of this realm's types, and of each type that was asked for. */
const widths = new WeakMap([
  [DataView, 1],
  [Buffer, 1],
]);
for (const Type of [
  ...[Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Int16Array, Uint32Array, Int32Array],
  ...[Float32Array, Float64Array, BigUint64Array, BigInt64Array, globalThis.Float16Array],
]) {
  if (Type === undefined) continue;
  OWN.set(Type, Type.BYTES_PER_ELEMENT);
  widths.set(Type, Type.BYTES_PER_ELEMENT);
}

/** The width of an element of a type, in bytes. Throws if views cannot have the type. */
function widthOf(Type) {
  // The commonest types are written out by name, so that no property has to be read.
  if (Type === Uint8Array || Type === DataView) return 1;
  if (Type === Float64Array) return 8;
  if (Type === Int32Array || Type === Uint32Array || Type === Float32Array) return 4;
  return otherWidth(Type);
}

/** The logarithm of `widthOf` to base 2. It is short so that it is compiled into its callers. */
function shiftOf(Type) {
  if (Type === Uint8Array) return 0;
  if (Type === Float64Array) return 3;
  return otherShift(Type);
}

/** `shiftOf` for all other types. */
function otherShift(Type) {
  if (Type === Int32Array || Type === Uint32Array || Type === Float32Array) return 2;
  return 31 - Math.clz32(widthOf(Type));
}

/** `widthOf` for all other types. */
function otherWidth(Type) {
  if (Type === Int16Array || Type === Uint16Array) return 2;
  if (Type === BigUint64Array || Type === BigInt64Array) return 8;
  if (Type === Int8Array || Type === Uint8ClampedArray) return 1;
  const own = OWN.get(Type);
  if (own !== undefined) return own;
  if (typeof Type === 'function' && !isRevoked(Type)) {
    const width = widths.get(Type) || inheritedWidth(Type);
    if (width !== undefined) return width;
  }
  throw wrongType('Type', 'a typed array constructor, Buffer or DataView', Type);
}

/** The width of the runtime's own constructor that a type extends; undefined if it extends none. */
function inheritedWidth(Type) {
  for (let Base = Type; typeof Base === 'function'; Base = Object.getPrototypeOf(Base)) {
    const width = widths.get(Base) || foreignWidth(Base);
    if (width === undefined) continue;
    widths.set(Type, width);
    return width;
  }
  return undefined;
}

/** The width of a constructor of another realm. What only looks like one is found out by what it makes. */
function foreignWidth(Type) {
  const parent = Object.getPrototypeOf(Type);
  if (typeof parent !== 'function') return undefined;
  if (Type.name === 'DataView' && parent !== Function.prototype) return 1;
  if (parent.name !== 'TypedArray') return undefined;
  const width = Object.getOwnPropertyDescriptor(Type, 'BYTES_PER_ELEMENT');
  const isFixed = width !== undefined && !width.configurable && !width.writable;
  return isFixed && [1, 2, 4, 8].includes(width.value) ? width.value : undefined;
}

const getterOf = (prototype, name) => Object.getOwnPropertyDescriptor(prototype, name).get;

/** The properties of views as the runtime has them, whatever a subclass or an object says. */
const GETTERS = [TypedArray.prototype, DataView.prototype].map((prototype) => ({
  buffer: getterOf(prototype, 'buffer'),
  byteOffset: getterOf(prototype, 'byteOffset'),
  byteLength: getterOf(prototype, 'byteLength'),
}));

/** The name of a typed array's type, which a DataView does not have. */
const getTypeName = getterOf(TypedArray.prototype, Symbol.toStringTag);

/** Whether a value is a view of a buffer that lies in a range of it. */
function isInside(view, memory, start, bytes) {
  if (!ArrayBuffer.isView(view)) return false;
  const { buffer, byteOffset, byteLength } = GETTERS[getTypeName.call(view) === undefined ? 1 : 0];
  const offset = byteOffset.call(view);
  if (buffer.call(view) !== memory || offset < start) return false;
  return offset + byteLength.call(view) <= start + bytes;
}

module.exports = { OWN, isInside, shiftOf, widthOf };
