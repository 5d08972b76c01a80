'use strict';

// JavaScript that ships is read by Node 14.0. What `npm run test:on` runs is the last version of 14, which knows more syntax.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { transformSync } = require('esbuild');

const ROOT = path.join(__dirname, '..', '..');

/** Syntax that came with versions between Node 14.0 and 15, and after them, as esbuild names it. */
const LATER = [
  'class-private-accessor',
  'class-private-method',
  'class-private-static-accessor',
  'class-private-static-method',
  'class-static-blocks',
  'logical-assignment',
];

const scripts = (folder) =>
  fs
    .readdirSync(path.join(ROOT, folder))
    .filter((name) => name.endsWith('.js'))
    .map((name) => path.join(folder, name));

test('what ships has no syntax that Node 14.0 does not know', () => {
  const without = Object.fromEntries(LATER.map((name) => [name, false]));
  const isLater = (code) =>
    transformSync(code, { supported: without }).code !== transformSync(code).code;
  assert.equal(isLater('class A { #a() {} }'), true);
  assert.equal(isLater('class A { #a = 1; static #b = this.c?.d ?? 1_000; }'), false);
  for (const file of ['index.js', 'binding.js', ...scripts('lib'), ...scripts('adapters')])
    assert.equal(isLater(fs.readFileSync(path.join(ROOT, file), 'utf8')), false, file);
});
