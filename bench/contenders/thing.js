// @thi.ng/malloc: an allocator in JavaScript, over one ArrayBuffer.

'use strict';

const POOL = 128 << 20;

async function start() {
  const { MemPool } = await import('@thi.ng/malloc');
  const pool = new MemPool({ size: POOL });
  const malloc = (size) => pool.malloc(size);
  const free = (at) => pool.free(at);
  // MemPool's own realloc does not free a block that it moves.
  const realloc = (old, size) => {
    const moved = malloc(size);
    free(old);
    return moved;
  };
  return { heap: { malloc, realloc, free }, stop() {} };
}

module.exports = { name: '@thi.ng/malloc', start };
