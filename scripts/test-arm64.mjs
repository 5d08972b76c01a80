// Linux arm64 under QEMU: all tests on Node.js, the smoke suite on Bun and Deno, the Rust tests.
//   npm run test:arm64 -- [--offline] [--files name,name] [--no-rust] [20 22 24 bun deno ...]
import { main } from './lib/platform-check.mjs';
import { openQemu } from './lib/qemu.mjs';

await main({
  check: 'arm64',
  target: 'aarch64-unknown-linux-gnu',
  host: 'linux-arm64',
  runtimes: ['20', '22', '24', 'bun', 'deno'],
  leftOut: {},
  open: openQemu,
  emulated: true,
  slow: true,
});
