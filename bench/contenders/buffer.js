// Node's own Buffers. They have no free: the garbage collector ends them.

'use strict';

const start = () => ({ malloc: Buffer.allocUnsafeSlow, free() {}, stop() {} });

module.exports = { name: 'Buffer.allocUnsafeSlow', start };
