// This Linux x64, with the addon as it is released, for glibc 2.17: all tests on Node.js 18 and newer, the smoke suite on
// older ones, Bun and Deno, the Rust tests.
//   npm run test:linux -- [--offline] [--files name,name] [--no-rust] [14 16 18 20 22 24 26 bun deno ...]
import { main } from './lib/platform-check.mjs';
import { start } from './lib/runtimes.mjs';

await main({
  check: 'linux',
  target: 'x86_64-unknown-linux-gnu',
  host: 'linux-x64',
  leftOut: {},
  open: () => ({ start }),
  emulated: false,
});
