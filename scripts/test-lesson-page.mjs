// npm run test:lesson -- [--only core|browser]
//
// Builds the lesson page, and tests it: its allocator in Node against the addon, and all of it in Chromium.
//
// These are no part of `npm test`, which takes Node and a Rust toolchain and nothing else: the page takes a Rust compiler for
// WebAssembly, which rustup has not installed by itself (where Debian has one, it is fetched, 480 MB, and builds the standard library: a
// minute and a half in all), and a browser.
// What the page shows of a program is tested by `npm test` with the addon in the place of its allocator (__test__/pages).
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findBrowser } from './lib/browser.mjs';
import { buildPage } from './lib/pages.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT } from './lib/runtimes.mjs';

const TESTS = ['core', 'browser'];

await runScript(async () => {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true } },
  });
  const chosen = values.only ?? TESTS;
  const unknown = chosen.filter((name) => !TESTS.includes(name));
  if (unknown.length > 0)
    throw new Error(`There is no ${unknown.join(', ')}: choose from ${TESTS.join(', ')}`);
  const { file } = await buildPage(CHECKOUT, 'lesson', join(CHECKOUT, 'bin'));
  const env = { ...process.env, MEMS_LESSON_PAGE: file };
  if (chosen.includes('browser')) env.MEMS_CHROMIUM = findBrowser();
  const files = chosen.map((name) => join(CHECKOUT, '__test__', 'pages', `${name}.test.js`));
  const test = [join(CHECKOUT, 'scripts', 'test-js.mjs'), ...files];
  process.exitCode = spawnSync(process.execPath, test, { env, stdio: 'inherit' }).status ?? 1;
});
