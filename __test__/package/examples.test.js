'use strict';

// Every example in the typings runs, and returns what its comments say.

const { after, afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { capture, finishQuietly } = require('../helpers/capture.js');
const { checked, examples, refused, same } = require('../helpers/examples.js');

const declarations = fs.readFileSync(path.join(__dirname, '..', '..', 'index.d.ts'), 'utf8');

/** Whether report() can make a page here. */
const makesPages =
  Number(process.versions.node.split('.')[0]) >= 20 &&
  fs.existsSync(path.join(__dirname, '..', '..', 'bin', 'main.js'));

const AsyncFunction = (async () => {}).constructor;

// What examples write is removed again.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-examples-'));
process.chdir(folder);
after(() => {
  process.chdir(os.tmpdir());
  fs.rmSync(folder, { recursive: true });
});

beforeEach(() => mems.init());
afterEach(() => finishQuietly(mems));

describe('the example of', () => {
  for (const { name, lines } of examples(declarations)) {
    test(name, async () => {
      finishQuietly(mems);
      // Examples that do not start a heap with options of their own get a new one.
      if (!lines.some((line) => /^(mems\.)?init\(/.test(line))) mems.init();
      const source = lines.map(checked).join('\n');
      const names = Object.keys(mems).filter(
        (each) => !new RegExp(`(?:const|let) [^=]*\\b${each}\\b[^=]* =`).test(source),
      );
      // Promises of the example, which ends with them.
      const pending = [];
      const report = (...args) => {
        pending.push(mems.report(...args));
        return pending[pending.length - 1];
      };
      const all = { ...mems, report };
      const Body = /\bawait\b/.test(source) ? AsyncFunction : Function;
      const run = new Body('require', '$same', '$refused', ...names, source);
      let done;
      const printed = capture(() => {
        done = run(require, same, refused, ...names.map((each) => all[each]));
      });
      await done;
      // An error that the example has caught is one on an old Node.js only.
      const ends = await Promise.allSettled(pending);
      if (makesPages)
        for (const { status, reason } of ends) assert.equal(status, 'fulfilled', reason);
      // What an example prints is in comments at its end.
      const said = lines.slice(lines.findLastIndex((line) => !line.startsWith('// ')) + 1);
      if (said.length > 0)
        assert.deepEqual(
          printed,
          said.map((line) => line.slice(3)),
        );
    });
  }

  test('every function is among them', () => {
    const have = new Set(examples(declarations).map(({ name }) => name));
    for (const name of Object.keys(mems)) assert.ok(have.has(name), name);
  });
});
