'use strict';

// Every example of the README that is followed by its output runs and prints just that.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8').replaceAll('\r', '');
// A block ends at the next fence: one that has no output is not the beginning of another.
const examples = [...readme.matchAll(/```js\n((?:(?!```).)*)```\n\n```text\n((?:(?!```).)*)```/gs)];

/** A pattern for the output shown; where the system puts the memory, no README can know. */
function patternOf(output) {
  const parts = output.split('<physical address>');
  const escaped = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('\\d+n')}$`);
}

test('the README has examples with their output', () => {
  assert.ok(examples.length >= 2, `${examples.length} found`);
});

test('examples/seed.js is the quick start', () => {
  const example = readFileSync(path.join(root, 'examples', 'seed.js'), 'utf8').replaceAll('\r', '');
  assert.ok(example.endsWith(examples[0][1]));
});

for (const [index, [, program, output]] of examples.entries()) {
  test(`example ${index + 1} of the README prints what it says`, () => {
    // From standard input a program resolves the package by its own name, from the package's folder.
    const options = { cwd: root, encoding: 'utf8', input: program };
    const { stdout, stderr, status } = spawnSync(process.execPath, ['-'], options);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, patternOf(output));
  });
}
