// npm run check:wasm
//
// Builds src/heap and src/recording by themselves for WebAssembly (pages/core), and runs them: they depend neither on memory, nor on
// the system, nor on Node-API, so that a page can show heaps and recordings in a browser. Addresses must be the same as the addon's, for each
// policy, and both read the recording of them that WebAssembly has written.

import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { Recording } from '../command/lib/recordings.js';
import { runScript } from './lib/rows.mjs';
import { buildCore } from './lib/wasm.mjs';

/** Makes a generator of numbers from 0 to below its argument, the same numbers in every run. */
function numbers() {
  let state = 1;
  return (most) => {
    state = (state * 48271) % 2147483647;
    return state % most;
  };
}

/** The text that the last call has left. */
function textOf({ memory, text_place, text_length }) {
  return new TextDecoder().decode(new Uint8Array(memory.buffer, text_place(), text_length()));
}

/** Runs the same calls with WebAssembly and with the addon, and throws if they differ. */
function compare(wasm, { Heap }, policy, number) {
  const isSegregated = policy === 'segregated';
  // Segregated fit rounds sizes by itself, and has no other alignment.
  const alignment = isSegregated ? 16 : 1;
  // The limit is the largest that the module takes.
  const page = wasm.open(number, alignment, 4096, 2 ** 32, 0, Number(isSegregated));
  const options = { alignment, minBlockSize: 4096, growingBlocks: false, autoTrim: false };
  // Size classes join runs of pages in any case; and a heap that clears has no front, which takes other slots.
  const others = isSegregated ? { zeroOnFree: true } : { joinEmptyBlocks: false };
  const heap = new Heap({ ...options, ...others, policy, addresses: 'number' });
  const random = numbers();
  const [live, calls] = [[], []];
  for (let step = 0; step < 2000; step++) {
    if (live.length === 0 || random(5) < 3) {
      const size = random(random(10) === 0 ? 20_000 : 300) + 1;
      const [address, wanted] = [wasm.malloc(page, size), heap.malloc(size)];
      if (address !== wanted)
        throw new Error(`${policy}: malloc(${size}) is ${address}, not ${wanted}`);
      live.push(address);
      calls.push([BigInt(address), size]);
      wasm.record_malloc(BigInt(address), BigInt(size));
    } else {
      const [address] = live.splice(random(live.length), 1);
      if (wasm.free(page, address) !== 0) throw new Error(`${policy}: free(${address}) failed`);
      heap.free(address);
      calls.push([BigInt(-address), 0]);
      wasm.record_free(BigInt(address));
    }
  }
  assert.equal(wasm.free(page, 999), -1);
  assert.match(textOf(wasm), /^ERR_MEMS_OUT_OF_RANGE\n999 is outside every main block/);
  assert.equal(wasm.verify(page), 0, policy);
  heap.close();
  wasm.close(page);
  compareRecordings(wasm, policy, calls);
}

/** Throws if the recording of these calls is not what WebAssembly and the addon read. */
function compareRecordings(wasm, policy, calls) {
  const length = wasm.end_recording();
  const bytes = new Uint8Array(wasm.memory.buffer, wasm.recording_bytes(), length).slice();
  const read = [...new Recording(bytes).chunks()].flatMap(({ address, size, from }) =>
    Array.from(address, (start, at) => [BigInt(start - from[at]), size[at]]),
  );
  assert.deepEqual(read, calls, `${policy}: the addon reads other calls than there were`);
  const sum = calls.reduce((total, [address]) => total + address, 0n);
  assert.equal(wasm.sum_of_recording(), sum, `${policy}: WebAssembly reads other addresses`);
}

await runScript(async () => {
  const file = await buildCore(['recording']);
  const { instance } = await WebAssembly.instantiate(await readFile(file));
  const addon = createRequire(import.meta.url)('..');
  instance.exports.start();
  instance.exports.policies();
  const table = textOf(instance.exports)
    .split('\n')
    .map((name, at) => [name, at + 1]);
  for (const [policy, number] of table) compare(instance.exports, addon, policy, number);
  const { size } = await stat(file);
  const compressed = gzipSync(await readFile(file)).length;
  // Last, since nothing can be called after a panic.
  assert.throws(() => instance.exports.panic_on_purpose(), WebAssembly.RuntimeError);
  assert.match(textOf(instance.exports), /^panicked at .*recorded\.rs.*\non purpose$/);
  const names = table.map(([name]) => name).join(', ');
  console.log(`src/heap and src/recording as WebAssembly: ${size} bytes, ${compressed} compressed`);
  console.log(`${names}: addresses and recordings as natively`);
});
