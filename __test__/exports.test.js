'use strict';

// What the package exports is what its typings declare, under both module systems.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');

const declarations = readFileSync(path.join(__dirname, '..', 'index.d.ts'), 'utf8');
const declared = [...declarations.matchAll(/^export function (\w+)/gm)].map(([, name]) => name);

test('the exports are the functions that the typings declare', () => {
  assert.deepEqual(Object.keys(mems).sort(), [...new Set(declared)].sort());
  for (const name of declared) assert.equal(typeof mems[name], 'function');
});

test('every declared function has an example and says what it throws', () => {
  for (const name of declared) {
    const end = declarations.indexOf(`export function ${name}`);
    const comment = declarations.slice(declarations.lastIndexOf('/**', end), end);
    assert.match(comment, /@example/, name);
    assert.match(comment, /@throws/, name);
  }
});

test('import has the same functions by name and by default', async () => {
  const imported = await import('@sambhav-gautam/osmemoryallocator');
  for (const name of declared) assert.equal(imported[name], mems[name]);
  assert.equal(imported.default, mems);
});

test('every code the addon can throw is in the typings', () => {
  const sources = ['src/error.rs', 'src/node/failure.rs'].map((file) =>
    readFileSync(path.join(__dirname, '..', file), 'utf8'),
  );
  const codes = new Set(sources.join('\n').match(/ERR_[A-Z_]+/g));
  for (const code of codes) assert.ok(declarations.includes(`'${code}'`), code);
});
