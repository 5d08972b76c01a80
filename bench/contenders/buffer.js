// Node's own Buffers. They have no free: the garbage collector ends them.

'use strict';

function realloc(old, size) {
  const buffer = Buffer.allocUnsafeSlow(size);
  old.copy(buffer);
  return buffer;
}

const start = () => ({ heap: { malloc: Buffer.allocUnsafeSlow, realloc, free() {} }, stop() {} });

module.exports = { name: 'Buffer.allocUnsafeSlow', start };
