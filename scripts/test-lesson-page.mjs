// npm run test:lesson -- [--picture] [--only core|browser]
//
// Builds the lesson page, and tests it: its allocator in Node against the addon, and all of it in Chromium. --picture writes
// docs/lesson-page.png as well.
//
// These are no part of `npm test`, which takes Node and a Rust toolchain and nothing else: the page takes a Rust compiler for
// WebAssembly, which rustup has not installed by itself (where Debian has one, it is fetched, 480 MB, and builds the standard library: a
// minute and a half in all), and a browser.
// What the page shows of a program is tested by `npm test` with the addon in the place of its allocator (__test__/pages).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildLessonPage } from './lib/lesson-page.mjs';
import { runScript } from './lib/rows.mjs';
import { CHECKOUT } from './lib/runtimes.mjs';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const TESTS = ['core', 'browser'];

/** The browser, from the environment variable MEMS_CHROMIUM or where systems have it. */
function findBrowser() {
  const found = process.env.MEMS_CHROMIUM ?? BROWSERS.find((file) => existsSync(file));
  if (found) return found;
  throw new Error(
    'There is no Chromium: install it (apt-get install chromium), or name one in MEMS_CHROMIUM',
  );
}

await runScript(async () => {
  const { values } = parseArgs({
    options: { picture: { type: 'boolean' }, only: { type: 'string', multiple: true } },
  });
  const chosen = values.only ?? TESTS;
  const unknown = chosen.filter((name) => !TESTS.includes(name));
  if (unknown.length > 0)
    throw new Error(`There is no ${unknown.join(', ')}: choose from ${TESTS.join(', ')}`);
  const env = {
    ...process.env,
    MEMS_LESSON_PAGE: await buildLessonPage(CHECKOUT, join(CHECKOUT, 'bin')),
  };
  if (chosen.includes('browser')) env.MEMS_CHROMIUM = findBrowser();
  if (values.picture) env.MEMS_PICTURE = join(CHECKOUT, 'docs', 'lesson-page.png');
  const files = chosen.map((name) => join(CHECKOUT, '__test__', 'pages', `${name}.test.js`));
  const test = [join(CHECKOUT, 'scripts', 'test-js.mjs'), ...files];
  process.exitCode = spawnSync(process.execPath, test, { env, stdio: 'inherit' }).status ?? 1;
});
