'use strict';

// The built lesson page, for tests that `npm run test:lesson` runs: it takes a Rust compiler for WebAssembly, and a browser.

const { readFileSync } = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');

/** The page's file; undefined where it was not built for tests. */
const PAGE = process.env.MEMS_LESSON_PAGE;

/** Why tests of the built page are skipped: `{ skip }` for node:test. */
const SKIP_PAGE = { skip: PAGE === undefined && 'npm run test:lesson builds the page' };

/** A module of the page. */
const pageModule = (name) =>
  import(path.join('..', '..', 'pages', 'lesson', name).replaceAll('\\', '/'));

/** The bytes of the allocator that the page has in it. */
function coreOf(file) {
  const [, text] = /<script type="text\/plain" id="core">([^<]+)<\/script>/.exec(
    readFileSync(file, 'utf8'),
  );
  return gunzipSync(Buffer.from(text, 'base64'));
}

module.exports = { coreOf, PAGE, pageModule, SKIP_PAGE };
