'use strict';

// Rust has tables of options, of statistics and of the addon's functions. This compares the typings, the C header and the README
// with the tables, and with what there is at run time, so that a row that is missing in one of them is found. (C at run time:
// c/ffi.test.js.)

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused, finishQuietly } = require('../helpers/capture.js');
const { structs } = require('../helpers/header.js');
const tables = require('../helpers/tables.js');

const { Heap } = mems;
const raw = require(mems.library);
const sorted = (names) => [...names].sort();

afterEach(() => finishQuietly(mems));

test('JavaScript and Rust lay a front out alike', () => {
  const script = {
    ...tables.constants('lib', 'front.js'),
    ...tables.constants('lib', 'states.js'),
  };
  const front = tables.constants('src', 'heap', 'segregated', 'front.rs');
  const states = tables.constants('src', 'heap', 'segregated', 'states.rs');
  const shared =
    'STEP MALLOCS STATES BUSY PADDING COUNT MORE ALLOCATED CALL TOPS LIMITS STACKS PLACES'.split(
      ' ',
    );
  for (const name of shared) assert.equal(script[name], front[name], name);
  const { LEAD, WORD } = tables.constants('src', 'memory', 'table.rs');
  assert.deepEqual([script.LEAD, script.ELSEWHERE], [LEAD, WORD]);
  // The word is behind the stacks, and before the state of the unit 0, which stands for no address.
  assert.ok(4 * (script.STACKS + script.PLACES * script.CLASSES) <= WORD);
  assert.ok(WORD + 4 <= LEAD - script.STEP);
  assert.deepEqual(
    [script.QUICK, script.WIDE, script.WIDER],
    [states.NOTED, states.WIDE, states.WIDER],
  );
  const classes = raw.sizeClasses();
  assert.deepEqual([script.CLASSES, script.MOST], [classes.length, classes[classes.length - 1]]);
});

describe('the table of statistics', () => {
  const typings = tables.membersOf('Stats');
  // Statistics that only JavaScript has: the number of pages, what only the system knows, and shares, computed in lib/heap.js.
  const beside = { bytes: ['resident'], counts: ['pages'] };
  const { fragmentation, ...groups } = Object.fromEntries(
    [...typings].map(([group, { members }]) => [group, sorted(members.keys())]),
  );

  test('is what the typings declare', () => {
    for (const [group, names] of Object.entries(groups)) {
      const rows = tables.statistics.filter((row) => row.group === group).map(({ name }) => name);
      assert.deepEqual(names, sorted([...rows, ...(beside[group] ?? [])]), group);
    }
    const strange = tables.statistics.filter(({ group }) => !(group in groups));
    assert.deepEqual(strange, []);
  });

  test('is what stats() returns, as numbers', () => {
    mems.init();
    mems.malloc(1000);
    const stats = mems.stats({ resident: true });
    // A figure that the system does not give is missing.
    stats.bytes.resident ??= 0;
    assert.deepEqual(sorted(Object.keys(stats)), sorted([...Object.keys(groups), 'fragmentation']));
    for (const [group, names] of Object.entries({ ...groups, fragmentation })) {
      assert.deepEqual(sorted(Object.keys(stats[group])), names);
      for (const name of names) assert.equal(typeof stats[group][name], 'number', name);
    }
  });

  test('is what the C header declares, in order, and what it has no row for is reserved', () => {
    const fields = tables.statistics.map(({ field }) => `uint64_t ${field}`);
    const reserved = `uint64_t reserved[${24 - fields.length}]`;
    assert.deepEqual(structs.get('mems_stats'), [...fields, reserved]);
  });

  test('never loses a row or changes its place, since programs in C are compiled with it', () => {
    // Add new rows at the end, and change nothing else.
    const fields =
      'mapped live requested hole_bytes largest_hole metadata main_blocks live_blocks holes peak_mapped peak_live ' +
      'peak_hole_bytes peak_largest_hole peak_metadata mallocs frees quarantined quarantined_blocks';
    const first = fields.split(' ');
    assert.deepEqual(
      tables.statistics.slice(0, first.length).map(({ field }) => field),
      first,
    );
  });
});

describe('the table of options', () => {
  const names = sorted(tables.options.map(({ name }) => name));
  const typings = tables.membersOf('InitOptions');
  const readme = tables.optionsOfReadme();

  /** The options of a heap, whose limit is there only if it was given. */
  const optionsOf = (id) => Heap.list().find((heap) => heap.id === id).options;
  const withHeap = (options, body) => {
    const heap = new Heap(options);
    try {
      return body(heap);
    } finally {
      heap.close();
    }
  };
  const ofInit = () => {
    mems.init();
    return optionsOf(0);
  };

  test('is what the typings declare and the README lists, and a heap has one more', () => {
    assert.deepEqual(sorted(typings.keys()), names);
    const all = sorted([...names, ...tables.membersOf('HeapOptions').keys()]);
    assert.deepEqual(sorted(readme.keys()), all);
    // The error for an unknown option lists all options.
    const known = (list) => new RegExp(`The options are ${list.join(', ')}$`);
    assertRefused(() => mems.init({ odd: 1 }), 'ERR_INVALID_ARG_VALUE', known(names));
    assertRefused(() => new Heap({ odd: 1 }), 'ERR_INVALID_ARG_VALUE', known(all));
  });

  test('is what Heap.list() shows', () => {
    const shown = withHeap({ maxSize: 1 << 20 }, ({ id }) => optionsOf(id));
    assert.deepEqual(sorted(Object.keys(shown)), names);
  });

  test('has the defaults that the typings and the README say', () => {
    const heap = withHeap({}, ({ id }) => optionsOf(id));
    const init = ofInit();
    const literal = (text) => (text === '' ? undefined : text.replace(/[`']/g, ''));
    const shown = (value) => (value === undefined ? undefined : String(value));
    for (const { name } of tables.options) {
      const [ofReadme, ofReadmeHeap] = readme.get(name).map(literal);
      assert.deepEqual([ofReadme, ofReadmeHeap], [shown(init[name]), shown(heap[name])], name);
      const [, said] = /@defaultValue (.*)/.exec(typings.get(name).comment);
      const [usual, other] = said.split('; ');
      const ofHeap = /(.*) for a \{@link Heap\}$/.exec(other);
      const expected = [usual, ofHeap?.[1] ?? usual].map(literal);
      const limit = (value) => (value === undefined ? 'no limit' : String(value));
      assert.deepEqual(expected, [limit(init[name]), limit(heap[name])], name);
    }
  });

  /** For each kind: the type in the typings and in C; a value that is no default; values that are refused, and their errors. */
  const KINDS = {
    Flag: { type: 'boolean', inC: 'int32_t', refused: { 1: 'ERR_INVALID_ARG_TYPE' } },
    Size: {
      type: 'number | bigint',
      inC: 'uint64_t',
      refused: {
        0: 'ERR_MEMS_INVALID_SIZE',
        1.5: 'ERR_MEMS_INVALID_SIZE',
        [2 ** 53]: 'ERR_MEMS_INVALID_SIZE',
      },
    },
    Alignment: {
      type: '1 | 16',
      inC: 'uint64_t',
      refused: { 0: 'ERR_MEMS_INVALID_ALIGNMENT', 8: 'ERR_MEMS_INVALID_ALIGNMENT' },
    },
    Policy: { type: 'Policy', inC: 'uint32_t', refused: { 1: 'ERR_INVALID_ARG_TYPE' } },
  };

  for (const { name, kind } of tables.options) {
    test(`has ${name}, which is read, shown and refused as its kind says`, () => {
      const { type, refused } = KINDS[kind];
      assert.equal(typings.get(name).type, type);
      for (const make of [(options) => new Heap(options), mems.init]) {
        for (const wrong of ['odd', null, {}, Symbol('odd')]) {
          const named = new RegExp(`"options\\.${name}" argument must be`);
          assertRefused(() => make({ [name]: wrong }), 'ERR_INVALID_ARG_TYPE', named);
        }
        for (const [value, code] of Object.entries(refused)) {
          assertRefused(() => make({ [name]: Number(value) }), code);
        }
      }
      const usual = withHeap({}, ({ id }) => optionsOf(id));
      const other = {
        Flag: !usual[name],
        Size: 1 << 20,
        Alignment: 1,
        Policy: 'worst-fit',
      }[kind];
      // Nobody has the right to lock memory everywhere; nothing is locked before the first block.
      const changed = withHeap({ [name]: other }, ({ id }) => optionsOf(id));
      // What the default policy cannot do, first fit does.
      const policy = ['alignment', 'joinEmptyBlocks'].includes(name) ? 'first-fit' : usual.policy;
      assert.deepEqual(changed, { ...usual, policy, [name]: other });
      assert.deepEqual(
        withHeap({ [name]: undefined }, ({ id }) => optionsOf(id)),
        usual,
      );
    });
  }

  test('has the fields of the C header, except options that C does not have', () => {
    const javascriptOnly = ['trackAllocations', 'dontFork'];
    const inC = tables.options.filter(({ name }) => !javascriptOnly.includes(name));
    const fields = structs.get('mems_options').filter((field) => !/ reserved\[/.test(field));
    assert.deepEqual(
      sorted(fields),
      sorted(inC.map(({ field, kind }) => `${KINDS[kind].inC} ${field}`)),
    );
  });
});

describe('the functions of the addon', () => {
  const functions = tables.addonFunctions();
  const called = tables.callsOfFace();

  test('are those of the table and of #[napi], and have comments with their parameters', () => {
    const exported = Object.keys(raw).filter((name) => typeof raw[name] === 'function');
    // The addon for tests has some more.
    const others = ['dieBeforeStore', 'panicWithTheHeapLocked', 'refuseBuffers'];
    assert.deepEqual(
      sorted(exported.filter((name) => !others.includes(name))),
      sorted(functions.keys()),
    );
    for (const [name, parameters] of functions) assert.notEqual(parameters, undefined, name);
  });

  test('are all called by lib or the command, which call no others, and with no more arguments than they take', () => {
    assert.deepEqual(sorted(called.keys()), sorted(functions.keys()));
    for (const [name, given] of called) assert.ok(given <= functions.get(name), name);
  });
});
