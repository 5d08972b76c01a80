'use strict';

// The codes of errors: each that the addon or the library gives an error is in the typings' unions, and in the list above one of them.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { source, unions } = require('../helpers/codes.js');

const ROOT = path.join(__dirname, '..', '..');
const windows = process.platform === 'win32';

/** The codes in some files, each in quotes and behind what `before` matches. */
function codesIn(files, before) {
  const pattern = new RegExp(`${before}["'](ERR_\\w+)["']`, 'g');
  return files.flatMap((file) =>
    [...fs.readFileSync(file, 'utf8').matchAll(pattern)].map(([, code]) => code),
  );
}

/** The files of a folder that end with `end`. */
const filesIn = (folder, end) =>
  fs
    .readdirSync(path.join(ROOT, folder))
    .filter((name) => name.endsWith(end))
    .map((name) => path.join(ROOT, folder, name));

const declared = new Set(Object.values(unions).flat());

test('those of the addon are declared', () => {
  const files = [...filesIn('src', 'error.rs'), path.join(ROOT, 'src', 'node', 'failure.rs')];
  const found = new Set(codesIn(files, ''));
  assert.ok(found.has('ERR_MEMS_MAP_NAME') && found.has('ERR_INVALID_ARG_TYPE'));
  assert.deepEqual(
    [...found].filter((code) => !declared.has(code)),
    [],
  );
});

test('those that the library makes are declared', () => {
  // An error is made by fail() or makeError(), or gets its code by an object. Others are only compared with.
  const found = new Set(
    codesIn(filesIn('lib', '.js'), '(?:\\bfail\\(\\w+,\\s*|\\bmakeError\\(\\s*|\\bcode: )'),
  );
  assert.ok(found.has('ERR_INVALID_THIS') && found.has('ERR_MEMS_ADDON_VERSION'));
  assert.deepEqual(
    [...found].filter((code) => !declared.has(code)),
    [],
  );
});

test('those of URLs that name no file are declared', () => {
  const urls = ['https://example.com/a.heap', 'file:///a%2Fb.heap'];
  // On Windows a URL with a host names a share.
  if (!windows) urls.push('file://host/a.heap');
  for (const url of urls) {
    assert.throws(
      () => Heap.open(new URL(url)),
      (error) => error instanceof TypeError && declared.has(error.code),
      url,
    );
  }
  assert.throws(() => Heap.verify(pathToFileURL(path.join(ROOT, 'none.heap'))), {
    code: 'ERR_MEMS_FILE',
  });
});

test('each is in the list above its type, once', () => {
  for (const [type, codes] of Object.entries(unions)) {
    const [, comment] = source.match(
      new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*export type ${type} =`),
    );
    const listed = [...comment.matchAll(/^ \* - (`ERR_\w+`(?:, `ERR_\w+`)*): /gm)].flatMap(
      ([, some]) => some.match(/ERR_\w+/g),
    );
    assert.deepEqual(listed.sort(), [...codes].sort(), type);
  }
});
