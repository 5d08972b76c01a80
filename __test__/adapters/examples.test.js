'use strict';

// The examples in the typings of the adapters, and those in docs/adapters.md, run and return what their comments say.

const { after, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { exports: entries } = require('../../package.json');
const { checked, examples, refused, same } = require('../helpers/examples.js');
const { folder } = require('../helpers/heap-files.js');

const ROOT = path.join(__dirname, '..', '..');
const AsyncFunction = (async () => {}).constructor;

const adapters = Object.keys(entries)
  .map((name) => path.basename(name))
  .filter((name) => fs.existsSync(path.join(ROOT, 'adapters', `${name}.js`)));

// Examples write to the folder in which they run, and leave their heaps open.
const before = process.cwd();
const { open } = Heap;
const opened = [];
process.chdir(folder);
Heap.open = (...args) => {
  const heap = open.apply(Heap, args);
  opened.push(heap);
  return heap;
};
after(() => {
  Heap.open = open;
  process.chdir(before);
  for (const heap of opened) heap.close();
});

/** Runs an example, in a file name of its own. */
async function run(name, lines) {
  const source = lines
    .map(checked)
    .join('\n')
    .replaceAll(/^import (.+) from (.+);$/gm, 'const $1 = require($2);')
    .replaceAll(/'(\w+)\.mems'/g, `'${name}-$1.mems'`);
  const module = { exports: {} };
  await new AsyncFunction('require', 'module', '$same', '$refused', source)(
    require,
    module,
    same,
    refused,
  );
}

describe('the programs of docs/adapters.md', () => {
  const text = fs.readFileSync(path.join(ROOT, 'docs', 'adapters.md'), 'utf8').replaceAll('\r', '');
  for (const part of text.split('\n## ').slice(1)) {
    const [heading] = part.split('\n', 1);
    test(heading, async () => {
      const programs = part.split('```js\n').slice(1);
      assert.ok(programs.length > 0);
      for (const program of programs.map((rest) => rest.split('```')[0])) {
        // The configuration of Next.js refers to the program before it.
        if (program.startsWith('// next.config.js')) continue;
        await run(`docs-${heading}`, program.split('\n'));
      }
    });
  }
});

describe('the example of', () => {
  for (const name of adapters) {
    test(name, async () => {
      const text = fs.readFileSync(path.join(ROOT, 'adapters', `${name}.d.ts`), 'utf8');
      const found = examples(text);
      assert.equal(found.length, 1);
      await run(name, found[0].lines);
    });
  }

  test('all adapters are among them', () => {
    assert.deepEqual(adapters, ['keyv', 'next', 'lru-cache', 'express-session']);
  });
});
