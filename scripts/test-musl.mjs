// Linux x64 with musl, run natively: all tests on Node.js, the smoke suite on Bun, the Rust tests.
//   npm run test:musl -- [--offline] [--files name,name] [--no-rust] [20 22 24 bun]
import { muslRuntimes, openMusl } from './lib/musl.mjs';
import { main } from './lib/platform-check.mjs';

await main({
  check: 'musl',
  target: 'x86_64-unknown-linux-musl',
  host: 'linux-x64-musl',
  known: muslRuntimes(),
  runtimes: ['20', '22', '24', 'bun'],
  leftOut: {},
  open: openMusl,
  emulated: false,
});
