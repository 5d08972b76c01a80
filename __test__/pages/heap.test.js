'use strict';

// A panic of the page's allocator is an error that says so, whichever call it ends. The module here is no allocator: each of its calls panics.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { pageModule } = require('../helpers/lesson-page.js');

test('a panic has its message, whatever was called', async (t) => {
  const said = new TextEncoder().encode('panicked at src/heap/mod.rs: no such place');
  const memory = new WebAssembly.Memory({ initial: 1 });
  new Uint8Array(memory.buffer).set(said);
  const panics = () => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  const exports = {
    memory,
    text_place: () => 0,
    text_length: () => said.length,
    numbers_place: () => 0,
    start() {},
    policies() {},
    open: () => 0,
  };
  for (const name of ['malloc', 'free', 'get', 'looked_at', 'stats', 'walk', 'lines', 'verify'])
    exports[name] = panics;
  t.mock.method(WebAssembly, 'instantiate', async () => ({ instance: { exports } }));
  const { Heap, start } = await pageModule('heap.mjs');
  await start(new Uint8Array());
  const heap = new Heap({ policy: 'first-fit' });
  for (const name of ['malloc', 'free', 'get', 'lookedAt', 'stats', 'chains', 'lines', 'verify']) {
    assert.throws(() => heap[name](1), {
      code: 'ERR_MEMS_INTERNAL',
      message: /has stopped: panicked at src\/heap\/mod\.rs: no such place\. Reload the page/,
    });
  }
});
