// Windows x64 under Wine: all tests on Node.js, the Rust tests.
//   npm run test:windows -- [--offline] [--files name,name] [--no-rust] [20 22 ...]
// Node 24 and newer, and Deno, end in Wine 8 itself as they start.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { npmPack } from './lib/pack.mjs';
import { main } from './lib/platform-check.mjs';
import { run } from './lib/tools.mjs';
import { openWine } from './lib/wine.mjs';

/** Puts npm where Node's installer for Windows puts it, which the package on npm leaves out. */
async function addNpm(binary) {
  const modules = join(dirname(binary), 'node_modules');
  if (existsSync(join(modules, 'npm'))) return;
  await mkdir(modules, { recursive: true });
  const { filename } = await npmPack('npm@10', modules);
  await run('tar', ['-xzf', filename], { cwd: modules });
  await rm(join(modules, filename));
  await rename(join(modules, 'package'), join(modules, 'npm'));
}

await main({
  check: 'windows',
  target: 'x86_64-pc-windows-gnu',
  host: 'win32-x64',
  runtimes: ['20', '22'],
  leftOut: {},
  open: openWine,
  prepare: addNpm,
  emulated: true,
});
