// Windows x64 under Wine: all tests on Node.js, the Rust tests.
//   npm run test:windows -- [--offline] [--files name,name] [--no-rust] [20 22 ...]
// Node 24 and newer, and Deno, end in Wine 8 itself as they start.
import { main } from './lib/platform-check.mjs';
import { openWine } from './lib/wine.mjs';

await main({
  check: 'windows',
  target: 'x86_64-pc-windows-gnu',
  host: 'win32-x64',
  runtimes: ['20', '22'],
  leftOut: {
    'package/package.test.js':
      'Wine cannot make junctions; test:install:emulated installs what is packed',
    'package/publish.test.js': 'Wine has no tar; publishing is for the system that does it',
  },
  open: openWine,
  emulated: true,
});
