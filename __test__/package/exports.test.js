'use strict';

// What the package exports is what its typings declare, under both module systems.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const mems = require('@sambhav-gautam/osmemoryallocator');

const declarations = readFileSync(path.join(__dirname, '..', '..', 'index.d.ts'), 'utf8');

/** The names that the typings declare with one of these words. */
function declaredAs(...words) {
  const found = declarations.matchAll(new RegExp(`^export (?:${words.join('|')}) (\\w+)`, 'gm'));
  // An overloaded function is declared more than once.
  return [...new Set([...found].map(([, name]) => name))];
}

// The class is declared by its constructor's type, since what it makes depends on the options.
const isClass = (name) => name === 'Heap';
const functions = declaredAs('function');
const constants = declaredAs('const');
const declared = [...functions, ...constants];

test('the exports are the functions and constants that the typings declare', () => {
  assert.deepEqual(Object.keys(mems).sort(), [...declared].sort());
  for (const name of functions) assert.equal(typeof mems[name], 'function');
  for (const name of constants) {
    assert.equal(typeof mems[name], isClass(name) ? 'function' : 'string');
  }
});

test('all that is declared has an example, and every function says what it throws', () => {
  for (const name of declared) {
    const end = declarations.search(new RegExp(`^export (function|const) ${name}\\b`, 'm'));
    const comment = declarations.slice(declarations.lastIndexOf('/**', end), end);
    assert.match(comment, /@example/, name);
    if (functions.includes(name)) assert.match(comment, /@throws/, name);
  }
});

test('import has the same exports by name and by default', async () => {
  const imported = await import('@sambhav-gautam/osmemoryallocator');
  for (const name of declared) assert.equal(imported[name], mems[name]);
  assert.equal(imported.default, mems);
});

test('a heap has a method for every function but those about the process', () => {
  const methods = Object.getOwnPropertyNames(mems.Heap.prototype);
  const shared = functions.filter((name) => !['init', 'finish', 'snapshotOnSignal'].includes(name));
  const ofFiles = [
    'notify',
    'path',
    'processes',
    'replace',
    'roots',
    'sync',
    'syncSync',
    'uuid',
    'wait',
    'waitAsync',
  ];
  const own = [...ofFiles, 'map', 'maps', 'constructor', 'id', 'close'];
  assert.deepEqual(methods.sort(), [...shared, ...own].sort());
  const start = declarations.indexOf('export interface Heap<');
  for (const name of shared) {
    assert.match(
      declarations.slice(start),
      new RegExp(`As \\{@link ${name}\\}(?:(?!\\*/)[^])*\\*/\\n  ${name}[(<]`),
      name,
    );
  }
});

test('every code the addon can throw is in the typings', () => {
  const sources = [
    'src/error.rs',
    'src/file_error.rs',
    'src/node/failure.rs',
    'lib/addresses.js',
    'lib/heap.js',
    'lib/lists.js',
    'lib/metrics.js',
    'lib/snapshots.js',
    'lib/watches.js',
    'lib/load-errors.js',
    'lib/views.js',
    'lib/arguments.js',
  ].map((file) => readFileSync(path.join(__dirname, '..', '..', file), 'utf8'));
  const codes = new Set(sources.join('\n').match(/ERR_[A-Z_]+/g));
  for (const code of codes) assert.ok(declarations.includes(`'${code}'`), code);
});

test('a second copy of the package in one thread has the same heaps and memory of its own for calls', () => {
  const loaded = Object.keys(require.cache).filter((file) =>
    file.startsWith(path.join(__dirname, '..', '..')),
  );
  const kept = new Map(loaded.map((file) => [file, require.cache[file]]));
  for (const file of loaded) delete require.cache[file];
  let second;
  try {
    second = require('@sambhav-gautam/osmemoryallocator');
  } finally {
    for (const [file, module] of kept) require.cache[file] = module;
  }
  assert.notEqual(second.malloc, mems.malloc);
  const heap = new mems.Heap();
  const attached = second.Heap.attach(heap.id);
  const addresses = [];
  for (let i = 0; i < 100; i++) {
    const [from, to] = i % 2 === 0 ? [heap, attached] : [attached, heap];
    const address = from.malloc(i + 1);
    from.buffer(address).fill(i);
    assert.equal(from.get(address), to.get(address));
    assert.deepEqual(to.buffer(address), Buffer.alloc(i + 1, i));
    addresses.push(address);
  }
  assert.equal(new Set(addresses).size, 100);
  for (const address of addresses) attached.free(address);
  assert.throws(() => heap.get(addresses[0]), { code: 'ERR_MEMS_NOT_ALLOCATED' });
  heap.close();
  assert.throws(() => attached.malloc(1), { code: 'ERR_MEMS_CLOSED' });
});
