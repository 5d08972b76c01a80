'use strict';

// Power failures of heap files by hand: the file is made one that was open in another run of the system.

const fs = require('node:fs');

/** Where the two states of a file are, in bytes, as src/heap/ledger/layout.rs has them. */
const STATES = [512, 576];

/** CRC-32, as states have it. */
const crc32 = (bytes) => {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
};

/** Changes some bytes of a file. */
function change(file, offset, bytes) {
  const descriptor = fs.openSync(file, 'r+');
  fs.writeSync(descriptor, bytes, 0, bytes.length, offset);
  fs.closeSync(descriptor);
}

/** Makes a file one that was open when the system stopped. */
function stopSystem(file) {
  for (const [slot, generation] of [2n ** 40n, 2n ** 40n + 1n].entries()) {
    const state = Buffer.alloc(40);
    state.write('another boot id.');
    state.writeBigUInt64LE(generation, 24);
    state.writeUInt32LE(crc32(state.subarray(0, 32)), 32);
    change(file, STATES[slot], state);
  }
}

module.exports = { change, crc32, stopSystem };
