// States: a byte for each 16 bytes of a heap's addresses, and the bytes behind it, as src/heap/segregated/states.rs has them. They say
// whether a block starts there, of which size class, and how many of its bytes were not asked for: its padding.

'use strict';

const binding = require('../binding.js');

/** The largest size that has a class, and the number of classes. */
const MOST = 32_768;
const CLASSES = 54;
/** The first classes of which padding takes two bytes, and three. */
const WIDE = 8;
const WIDER = 50;
/** States of slots that JavaScript may free are below this. */
const QUICK = 70;

/** Bytes of a slot of each class, and the class of each number of units; filled when there is the first heap. */
const SIZES = new Int32Array(CLASSES);
const CLASS_OF = new Uint8Array(MOST / 16 + 1);
/** The class of each state. */
const CLASS_OF_STATE = new Uint8Array(QUICK);

/**
 * For each state, the bytes of a block without padding, -1 if the addon knows more, and which bits of four bytes that begin with
 * the state are padding: seven of each byte that padding takes.
 */
const SIZE_AT = new Int32Array(256).fill(-1);
const PADDING_IN = new Int32Array(256);
/** The bits of padding that its first byte has, its second and its third. */
const LOW = 0x7f;
const MIDDLE = LOW << 7;
const HIGH = LOW << 14;

function readClasses() {
  binding.sizeClasses().forEach((size, number) => {
    if (number < CLASSES) SIZES[number] = size;
  });
  for (let unit = 1, number = 0; unit < CLASS_OF.length; unit++) {
    if (16 * unit > SIZES[number]) number++;
    CLASS_OF[unit] = number;
  }
  for (let state = 1; state <= 16; state++) SIZE_AT[state] = state;
  for (let state = 17; state < QUICK; state++) {
    const number = state - 16;
    CLASS_OF_STATE[state] = number;
    SIZE_AT[state] = SIZES[number];
    PADDING_IN[state] = number < WIDE ? 0x7f00 : number < WIDER ? 0x7f7f00 : 0x7f7f7f00;
  }
}

module.exports = {
  CLASSES,
  CLASS_OF,
  CLASS_OF_STATE,
  HIGH,
  LOW,
  MIDDLE,
  MOST,
  PADDING_IN,
  QUICK,
  SIZES,
  SIZE_AT,
  WIDE,
  WIDER,
  readClasses,
};
