// npm run build:pages
//
// Builds the lesson page into bin, where `mems lesson --page` finds it. It takes a Rust compiler for WebAssembly: rustup's
// (`rustup target add wasm32-unknown-unknown`), or on Debian the one that is fetched into the cache.
import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { buildPage } from './lib/pages.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT } from './lib/runtimes.mjs';

await runScript(async () => {
  const { file } = await buildPage(CHECKOUT, 'lesson', join(CHECKOUT, 'bin'));
  const { size } = await stat(file);
  console.log(`${relative(CHECKOUT, file)}: ${Math.round(size / 1000)} kB`);
});
