// Tests pages in a browser, from files and without a network, and prints how quick they are:
//
//   npm run test:pages                      all
//   npm run test:pages -- report            the files of __test__/pages whose names begin so
//
// A browser takes seconds and has to be there, so this is no part of npm test.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { findBrowser } from './lib/browser.mjs';
import { buildCommand } from './lib/command.mjs';

const CHECKOUT = dirname(dirname(fileURLToPath(import.meta.url)));
const TESTS = join(CHECKOUT, '__test__', 'pages');

const words = process.argv.slice(2);
const files = readdirSync(TESTS)
  .filter((name) => name.endsWith('.browser.mjs'))
  .filter((name) => words.length === 0 || words.some((word) => name.startsWith(word)))
  .map((name) => join(TESTS, name));

try {
  findBrowser();
  await buildCommand(CHECKOUT, join(CHECKOUT, 'bin'));
  // One after the other, since times are taken.
  run({ files, concurrency: 1 })
    .on('test:fail', ({ todo }) => {
      if (todo === undefined) process.exitCode = 1;
    })
    .compose(new spec())
    .pipe(process.stdout);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
