// @thi.ng/malloc: an allocator in JavaScript, over one ArrayBuffer.

'use strict';

const POOL = 128 << 20;

async function load() {
  const { MemPool } = await import('@thi.ng/malloc');
  return () => {
    const pool = new MemPool({ size: POOL });
    return { malloc: (size) => pool.malloc(size), free: (at) => pool.free(at), stop() {} };
  };
}

module.exports = { name: '@thi.ng/malloc', load };
