'use strict';

// Proves that every wrong kind of argument is refused with its exact code and class, with a heap
// and without one, that none of them is converted or truncated into a valid value, and that
// nothing prints besides printStats and finish.

const { afterEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { inspect } = require('node:util');
const mems = require('@sambhav-gautam/osmemoryallocator');
const printed = require('../fixtures/seed.json');
const { assertRefused, capture, finishQuietly } = require('../helpers/capture.js');

const TYPE = 'ERR_INVALID_ARG_TYPE';
const SIZE = 'ERR_MEMS_INVALID_SIZE';
const RANGE = 'ERR_MEMS_OUT_OF_RANGE';

afterEach(() => finishQuietly(mems));

// Converted to a number, all of these would be an 8, or fail with an error that is not one of MeMS.
const trap = () => {
  throw new Error('the argument was converted');
};
const NEITHER_NUMBER_NOR_BIGINT = [
  undefined,
  null,
  true,
  false,
  '',
  '8',
  '8n',
  {},
  [],
  [8],
  [8n],
  Symbol('8'),
  () => 8,
  Object(8),
  Object(8n),
  { valueOf: () => 8 },
  { valueOf: trap, toString: trap },
  new Date(8),
  new Uint8Array(8),
  Promise.resolve(8),
];

const WRONG_SIZES = [
  NaN,
  0,
  -0,
  -1,
  -8,
  1.5,
  0.1,
  -0.5,
  Infinity,
  -Infinity,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 64,
  0n,
  -1n,
  -8n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n,
  2n ** 64n + 8n,
  8n - 2n ** 64n,
  2n ** 200n,
  -(2n ** 200n),
];

const NUMBERS = [
  1000,
  0,
  -0,
  -1,
  1.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  2 ** 64,
  Number.MAX_SAFE_INTEGER,
];

const OUTSIDE = [
  0n,
  -1n,
  -1000n,
  999n,
  5096n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
  2n ** 64n,
  2n ** 64n + 1000n,
  1000n - 2n ** 64n,
  2n ** 200n,
  2n ** 200n + 1000n,
  -(2n ** 200n),
];

// Named in decimal digits by the messages; other spellings of a number are left to the heap.
const hasDigits = (value) => typeof value === 'bigint' || Number.isSafeInteger(value);
const mentioned = (value) => (hasDigits(value) && !Object.is(value, -0) ? [value] : []);

// inspect and not String, which would call the traps.
const title = (name, value) => `${name}(${inspect(value, { breakLength: Infinity })})`;

/** One live block from 1000 to 1007 and a hole behind it, up to 5095. */
function startHeap() {
  mems.init();
  assert.equal(mems.malloc(8), 1000n);
}

/** Asserts that a call is refused on a running heap, and changes nothing of it. */
function assertRefusedRunning(call, code, ...mentions) {
  startHeap();
  const text = capture(() => mems.printStats());
  const stats = mems.stats();
  assertRefused(call, code, ...mentions);
  assert.deepEqual(
    capture(() => mems.printStats()),
    text,
  );
  assert.deepEqual(mems.stats(), stats);
  mems.verify();
}

describe('malloc', () => {
  test('malloc() without an argument', () => {
    assertRefused(() => mems.malloc(), TYPE);
    assertRefusedRunning(() => mems.malloc(), TYPE);
  });

  for (const value of NEITHER_NUMBER_NOR_BIGINT) {
    test(title('malloc', value), () => {
      assertRefused(() => mems.malloc(value), TYPE);
      assertRefusedRunning(() => mems.malloc(value), TYPE);
    });
  }

  for (const value of WRONG_SIZES) {
    test(title('malloc', value), () => {
      // A size that is wrong on any heap is refused for its size, even if there is no heap.
      assertRefused(() => mems.malloc(value), SIZE, ...mentioned(value));
      assertRefusedRunning(() => mems.malloc(value), SIZE, ...mentioned(value));
    });
  }

  test('takes a number and a BigInt alike, and returns a BigInt', () => {
    mems.init();
    assert.equal(mems.malloc(1), 1000n);
    assert.equal(mems.malloc(1n), 1001n);
    assert.equal(mems.malloc(4096), 5096n);
    assert.equal(mems.malloc(4096n), 9192n);
    assert.equal(mems.malloc(2), 1002n);
  });
});

for (const name of ['get', 'free']) {
  describe(name, () => {
    test(`${name}() without an argument`, () => {
      assertRefused(() => mems[name](), TYPE);
      assertRefusedRunning(() => mems[name](), TYPE);
    });

    for (const value of NEITHER_NUMBER_NOR_BIGINT) {
      test(title(name, value), () => {
        assertRefused(() => mems[name](value), TYPE);
        assertRefusedRunning(() => mems[name](value), TYPE);
      });
    }

    for (const value of NUMBERS) {
      test(title(name, value), () => {
        // The likeliest mistake of all, so the message has to say what is wanted instead.
        assertRefused(() => mems[name](value), TYPE, /BigInt/);
        assertRefusedRunning(() => mems[name](value), TYPE, /BigInt/);
      });
    }

    for (const value of OUTSIDE) {
      test(title(name, value), () => {
        assertRefused(() => mems[name](value), 'ERR_MEMS_NOT_INITIALIZED', /init/);
        assertRefusedRunning(() => mems[name](value), RANGE, value);
      });
    }
  });
}

describe('init', () => {
  // The options are refused when they would start a heap, and when one is running already.
  function assertRefusedAlways(options, code, ...mentions) {
    assertRefused(() => mems.init(options), code, ...mentions);
    assertRefused(() => mems.stats(), 'ERR_MEMS_NOT_INITIALIZED');
    assertRefusedRunning(() => mems.init(options), code, ...mentions);
  }

  for (const value of [
    null,
    [],
    0,
    4096,
    NaN,
    1n,
    '',
    'minBlockSize',
    true,
    Symbol('x'),
    () => {},
  ]) {
    test(title('init', value), () => assertRefusedAlways(value, TYPE));
  }

  for (const value of [
    [],
    null,
    '4096',
    true,
    {},
    [],
    [4096],
    Symbol('4096'),
    () => 4096,
    Object(4096),
    { valueOf: trap, toString: trap },
  ]) {
    const options = { minBlockSize: value };
    test(title('init', options), () => assertRefusedAlways(options, TYPE, /minBlockSize/));
  }

  for (const value of [null, 0, 1, 'true', 1n, {}, [], Symbol('true'), Object(true)]) {
    for (const name of ['joinEmptyBlocks', 'autoTrim']) {
      const options = { [name]: value };
      test(title('init', options), () => assertRefusedAlways(options, TYPE, new RegExp(name)));
    }
  }

  for (const value of [0, -0, -1, -4096, 1.5, NaN, Infinity, -Infinity, 2 ** 53]) {
    const options = { minBlockSize: value };
    test(title('init', options), () => assertRefusedAlways(options, SIZE, ...mentioned(value)));
  }

  const known = { minBlockSize: 4096 };
  for (const options of [{ pageSize: 4096 }, { minblocksize: 4096 }, { ...known, other: 1 }]) {
    const unknown = Object.keys(options).at(-1);
    test(title('init', options), () => {
      assertRefusedAlways(options, 'ERR_INVALID_ARG_VALUE', new RegExp(`\\b${unknown}\\b`));
    });
  }

  test('takes undefined, no options, and all options', () => {
    for (const options of [
      undefined,
      {},
      { minBlockSize: 1 },
      { minBlockSize: 4096 },
      { minBlockSize: 4096n },
      { joinEmptyBlocks: false, autoTrim: false },
    ]) {
      assert.deepEqual(
        capture(() => mems.init(options)),
        [],
      );
      assert.equal(mems.malloc(8), 1000n);
      assert.equal(mems.stats().bytes.mapped, 4096);
      finishQuietly(mems);
    }
  });
});

describe('a huge BigInt', () => {
  test('is refused at once, and described by its length', () => {
    // Ten million bits take seconds to print in decimal, and the thread could do nothing else.
    const huge = 1n << 10_000_000n;
    mems.init();
    assert.throws(() => mems.malloc(huge), {
      code: 'ERR_MEMS_INVALID_SIZE',
      message: /a BigInt of \d+ bits/,
    });
    assert.throws(() => mems.free(huge), {
      code: 'ERR_MEMS_OUT_OF_RANGE',
      message: /a BigInt of \d+ bits/,
    });
    finishQuietly(mems);
  });
});

describe('too many arguments', () => {
  test('are ignored by every function', () => {
    mems.init(undefined, null, { minBlockSize: 8192 });
    assert.equal(mems.malloc(8, 16, 'x'), 1000n);
    assert.equal(mems.get(1000n, 1004n), mems.get(1000n));
    assert.equal(mems.verify('x', {}), undefined);
    assert.deepEqual(mems.stats(null), mems.stats());
    const text = capture(() => mems.printStats());
    assert.deepEqual(
      capture(() => mems.printStats('x', 1n)),
      text,
    );
    assert.equal(mems.free(1000n, 2000n), undefined);
    assert.equal(capture(() => mems.finish({}, null)).length, 1);
    assertRefused(() => mems.finish({}), 'ERR_MEMS_NOT_INITIALIZED');
  });
});

describe('printing', () => {
  // A process of its own, because what native code writes does not pass through console.log.
  // The functions below run there, from their source text, and see nothing of this file.
  function run(script) {
    const cwd = path.join(__dirname, '..', '..');
    const options = { cwd, encoding: 'utf8' };
    const child = spawnSync(process.execPath, ['-e', `(${script})()`], options);
    assert.equal(child.error, undefined);
    assert.equal(child.status, 0, child.stderr);
    return { stdout: child.stdout, stderr: child.stderr };
  }

  function useEverythingThatIsSilent() {
    const { init, malloc, get, free, verify, stats, printStats, finish } =
      require('@sambhav-gautam/osmemoryallocator');
    const values = [
      undefined,
      null,
      '8',
      {},
      Symbol('8'),
      NaN,
      0,
      -1,
      1.5,
      2 ** 53,
      1000,
      0n,
      -1n,
      999n,
      1500n,
      3000n,
      2n ** 64n,
      2n ** 200n,
      Number.MAX_SAFE_INTEGER,
      9007199254740991n,
    ];
    let refused = 0;
    const attempt = (call) => {
      try {
        call();
      } catch (error) {
        if (error.code === undefined) throw error;
        refused += 1;
      }
    };
    [printStats, finish, verify, stats].forEach(attempt);
    for (let round = 0; round < 2; round += 1) {
      for (const value of values.filter((each) => each !== 1000)) attempt(() => malloc(value));
      for (const value of values) attempt(() => get(value));
      for (const value of values) attempt(() => free(value));
      for (const value of values.filter((each) => each !== undefined)) attempt(() => init(value));
      init();
      malloc(1000);
      get(1999n);
    }
    free(1000n);
    verify();
    stats();
    if (refused < 100) throw new Error(`only ${refused} calls were refused`);
    // No finish: a heap that is left at the end of the process prints nothing either.
  }

  function printAndFinish() {
    const { init, malloc, printStats, finish } = require('@sambhav-gautam/osmemoryallocator');
    init();
    malloc(1000);
    printStats();
    finish();
  }

  test('nothing is printed by init, malloc, get, free, verify, stats, or any error', () => {
    assert.deepEqual(run(useEverythingThatIsSilent), { stdout: '', stderr: '' });
  });

  test('printStats and finish write their lines to stdout, in order, and no others', () => {
    const stdout = [...printed.one, printed.unmapped, ''].join('\n');
    assert.deepEqual(run(printAndFinish), { stdout, stderr: '' });
  });
});
