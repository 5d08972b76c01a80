// npm run check:wasm
//
// Builds src/heap and src/recording by themselves for WebAssembly, and runs them: they depend neither on memory, nor on the system,
// nor on Node-API, so that a page can show heaps and recordings in a browser. Addresses must be the same as the addon's, for each
// policy, and both read the recording of them that WebAssembly has written.

import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Recording } from '../command/lib/recordings.js';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT } from './lib/runtimes.mjs';
import { BUILDS, compilerFor } from './lib/rust.mjs';
import { run } from './lib/tools.mjs';

const TARGET = 'wasm32-unknown-unknown';

/** The table of policies: names and numbers. */
async function policies() {
  const table = await readFile(join(CHECKOUT, 'src', 'heap', 'policy', 'mod.rs'), 'utf8');
  const rows = [...table.matchAll(/^ +\w+ = (\d+) "([a-z-]+)"/gm)];
  return rows.map(([, number, name]) => [name, Number(number)]);
}

/** Rustup's own linker: the fetched compiler has none for WebAssembly. */
async function linker() {
  const root = (await run('rustc', ['--print', 'sysroot'])).trim();
  const host = (await run('rustc', ['-vV'])).match(/^host: (.+)$/m)[1];
  return join(root, 'lib', 'rustlib', host, 'bin', 'rust-lld');
}

async function build() {
  const { env, args } = await compilerFor(TARGET);
  const targetDirectory = join(BUILDS, 'wasm');
  const manifest = join(CHECKOUT, '__test__', 'wasm', 'Cargo.toml');
  const all = { ...process.env, ...env, CARGO_TARGET_DIR: targetDirectory };
  all.CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER ??= await linker();
  const std = args.map((arg) => arg.replace('panic_unwind', 'panic_abort'));
  const cargo = ['build', '--locked', '--release', '--target', TARGET, '--manifest-path', manifest];
  await run('cargo', [...cargo, ...std], { env: all });
  return join(targetDirectory, TARGET, 'release', 'mems_wasm.wasm');
}

/** Makes a generator of numbers from 0 to below its argument, the same numbers in every run. */
function numbers() {
  let state = 1;
  return (most) => {
    state = (state * 48271) % 2147483647;
    return state % most;
  };
}

/** Runs the same calls with WebAssembly and with the addon, and throws if they differ. */
function compare(wasm, { Heap }, policy, number) {
  if (wasm.init(number) !== 1) throw new Error(`no policy has the number ${number}`);
  // Segregated fit rounds sizes by itself, and has no other alignment.
  const alignment = policy === 'segregated' ? 16 : 1;
  const options = { alignment, minBlockSize: 4096, growingBlocks: false, autoTrim: false };
  // Size classes join runs of pages in any case; and a heap that clears has no front, which takes other slots.
  const others = policy === 'segregated' ? { zeroOnFree: true } : { joinEmptyBlocks: false };
  const heap = new Heap({ ...options, ...others, policy });
  const random = numbers();
  const [live, calls] = [[], []];
  for (let step = 0; step < 2000; step++) {
    if (live.length === 0 || random(5) < 3) {
      const size = random(random(10) === 0 ? 20_000 : 300) + 1;
      const [address, wanted] = [wasm.malloc(BigInt(size)), heap.malloc(size)];
      if (address !== wanted)
        throw new Error(`${policy}: malloc(${size}) is ${address}, not ${wanted}`);
      live.push(address);
      calls.push([address, size]);
    } else {
      const [address] = live.splice(random(live.length), 1);
      if (wasm.free(address) !== 1) throw new Error(`${policy}: free(${address}) failed`);
      heap.free(address);
      calls.push([-address, 0]);
    }
  }
  if (wasm.free(999n) !== 0) throw new Error('free(999n) did not fail');
  const lines = heap.stats().counts.mainBlocks + 5;
  if (wasm.verify() !== lines) throw new Error(`${policy}: verify() or the lines are wrong`);
  heap.close();
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
  const file = await build();
  const { instance } = await WebAssembly.instantiate(await readFile(file));
  const addon = createRequire(import.meta.url)('..');
  const table = await policies();
  for (const [policy, number] of table) compare(instance.exports, addon, policy, number);
  const { size } = await stat(file);
  const compressed = gzipSync(await readFile(file)).length;
  const names = table.map(([name]) => name).join(', ');
  console.log(`src/heap and src/recording as WebAssembly: ${size} bytes, ${compressed} compressed`);
  console.log(`${names}: addresses and recordings as natively`);
});
