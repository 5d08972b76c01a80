'use strict';

// Every example of the documents that is followed by its output runs and prints exactly that.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8').replaceAll('\r', '');
/** The examples of a document that have their output, as `[program, output]`. */
function examplesOf(text) {
  // A block ends at the next fence: one that has no output is not the beginning of another.
  const found = text.matchAll(/```js\n((?:(?!```).)*)```\n\n```text\n((?:(?!```).)*)```/gs);
  return [...found].map(([, program, output]) => [program, output]);
}
const examples = examplesOf(readme);

/** A pattern for the output shown, with any physical address. */
function patternOf(output) {
  const parts = output.split('<physical address>');
  const escaped = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('\\d+n')}$`);
}

test('the documents name the versions of Rust and Node that building needs, and no others', () => {
  const read = (name) => readFileSync(path.join(root, name), 'utf8');
  const [, rust] = /^rust-version = "(.*)"$/m.exec(read('Cargo.toml'));
  const [, node] = /split\('\.'\)\[0\]\) < (\d+)\)/.exec(read('scripts/setup.mjs'));
  for (const name of ['README.md', 'CONTRIBUTING.md']) {
    const named = (pattern) => [...read(name).matchAll(pattern)].map(([, version]) => version);
    const rusts = named(/\bRust\b[^.()\n]*\((\d\.\d+)/g);
    assert.ok(rusts.length > 0, `${name} names no version of Rust`);
    for (const version of rusts) assert.equal(version, rust, `Rust in ${name}`);
    const nodes = named(/\bNode (\d+) or newer\b/g);
    assert.ok(nodes.length > 0, `${name} names no version of Node`);
    for (const version of nodes) assert.equal(version, node, `Node in ${name}`);
  }
});

test('the links of the README lead to files that are there', () => {
  const links = [...readme.matchAll(/(?:\]\(|\bsrc=")(?![a-z]+:|#)([^)\s"#]+)/g)];
  assert.ok(links.length > 0);
  for (const [, link] of links) assert.ok(existsSync(path.join(root, link)), link);
});

test('the README has examples with their output', () => {
  assert.ok(examples.length >= 2, `${examples.length} found`);
});

test('examples/seed.js is the quick start', () => {
  const example = readFileSync(path.join(root, 'examples', 'seed.js'), 'utf8').replaceAll('\r', '');
  assert.ok(example.endsWith(examples[0][0]));
});

/** Documents beside the README whose examples are to run as well. */
const DOCUMENTS = [
  'docs/files.md',
  'docs/learning.md',
  'docs/map.md',
  'docs/native.md',
  'docs/services.md',
  'docs/threads.md',
];

for (const name of ['README.md', ...DOCUMENTS]) {
  const text = readFileSync(path.join(root, name), 'utf8').replaceAll('\r', '');
  for (const [index, [program, output]] of examplesOf(text).entries()) {
    test(`example ${index + 1} of ${name} prints what it says`, () => {
      // In a file, which workers can load; in the package's folder, where it resolves the package by its own name.
      const target = path.join(root, 'target');
      mkdirSync(target, { recursive: true });
      const folder = mkdtempSync(path.join(target, 'example-'));
      const file = path.join(folder, 'example.cjs');
      writeFileSync(file, program);
      try {
        const options = { cwd: root, encoding: 'utf8' };
        const { stdout, stderr, status } = spawnSync(process.execPath, [file], options);
        assert.equal(stderr, '');
        assert.equal(status, 0);
        assert.match(stdout, patternOf(output));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
}
