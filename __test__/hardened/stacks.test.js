'use strict';

// trackAllocations: whatever a program does to its Error, no call fails because of a stack, and the stack is as good as it can be:
// the frames of the program, as many as Error.stackTraceLimit says. The memory of stacks is counted, and released with the blocks.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { assertRefused } = require('../helpers/capture.js');

const root = path.join(__dirname, '..', '..');
const { prepareStackTrace, stackTraceLimit } = Error;

let heap;
beforeEach(() => {
  heap = new Heap({ trackAllocations: true });
});
afterEach(() => {
  Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  heap.close();
});

const boom = () => {
  throw new Error('boom');
};
const throwing = (name) =>
  Object.defineProperty(Error, name, { get: boom, set: boom, configurable: true });
const usual = (name, value) =>
  Object.defineProperty(Error, name, { value, writable: true, configurable: true });

/** What programs do to their Error: the change, how it is undone, and what the first line is then. */
const CHANGES = {
  nothing: [() => {}, /^ {4}at myAllocation \(.*stacks\.test\.js:\d+:\d+\)$/],
  'no limit': [() => delete Error.stackTraceLimit, / at myAllocation /],
  'a limit of 0': [() => (Error.stackTraceLimit = 0), /^$/],
  'a limit of 1': [() => (Error.stackTraceLimit = 1), / at myAllocation /],
  'a limit of Infinity': [() => (Error.stackTraceLimit = Infinity), / at myAllocation /],
  'a limit of NaN': [() => (Error.stackTraceLimit = Number.NaN), / at myAllocation /],
  'a limit that is a text': [() => (Error.stackTraceLimit = '3'), / at myAllocation /],
  'a limit below 0': [() => (Error.stackTraceLimit = -1), /^$/],
  'a formatter that returns call sites': [
    () => (Error.prepareStackTrace = (_, sites) => sites),
    / at myAllocation /,
  ],
  'a formatter that returns undefined': [() => (Error.prepareStackTrace = () => {}), / at myAll/],
  'a formatter that throws': [() => (Error.prepareStackTrace = boom), / at myAllocation /],
  'a formatter of its own': [
    () => (Error.prepareStackTrace = (error, [site]) => `${error}\n--> ${site.getFunctionName()}`),
    /^--> myAllocation$/,
  ],
  'a formatter that is none': [() => (Error.prepareStackTrace = 7), / at myAllocation /],
  'a limit that throws': [() => throwing('stackTraceLimit'), /^$/],
};

const undo = () => {
  usual('stackTraceLimit', stackTraceLimit);
  if (prepareStackTrace === undefined) delete Error.prepareStackTrace;
  else usual('prepareStackTrace', prepareStackTrace);
};

describe('a program that has changed its Error', () => {
  for (const [title, [change, expected]] of Object.entries(CHANGES)) {
    test(title, () => {
      const [a, b] = [heap.malloc(100), heap.malloc(100)];
      let made;
      let twice;
      try {
        change();
        made = (function myAllocation() {
          return heap.malloc(10);
        })();
        heap.free(heap.calloc(2, 10));
        heap.freeMany(heap.mallocMany([1, 2]));
        (function myRealloc() {
          heap.free(heap.realloc(a, 5000));
        })();
        (function myFree() {
          heap.free(b);
        })();
        try {
          heap.free(b);
        } catch (error) {
          twice = error;
        }
      } finally {
        undo();
      }
      const [first] = [...heap.leaks()].filter(({ address }) => address === made);
      assert.match(first.stack.split('\n')[0], expected);
      assert.equal(twice.code, 'ERR_MEMS_NOT_ALLOCATED');
      if (!expected.test('')) assert.match(twice.message, /first freed\n.*myFree/);
      assert.equal(heap.stats().counts.live, 1);
      heap.verify();
    });
  }

  test('a frozen Error, and one whose stacks cannot be read', () => {
    const program = `
      const { Heap } = require(${JSON.stringify(root)});
      const heap = new Heap({ trackAllocations: true });
      Object.freeze(Error);
      (function myAllocation() { heap.malloc(10); })();
      console.log(/ at myAllocation /.test([...heap.leaks()][0].stack));
      globalThis.Error = undefined;
      heap.free(heap.malloc(10));
      console.log([...heap.leaks()].length);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
    assert.deepEqual([stdout, stderr], ['true\n1\n', '']);
  });

  test('an Error without room for a stack', () => {
    const address = heap.malloc(8);
    let deepest = 0;
    const descend = (depth) => {
      deepest = depth;
      heap.free(heap.malloc(8));
      descend(depth + 1);
    };
    assert.throws(() => descend(0), RangeError);
    assert.ok(deepest > 10);
    heap.free(address);
    heap.verify();
  });

  test('is left as it was', () => {
    const before = Object.getOwnPropertyDescriptors(Error);
    heap.free(heap.malloc(8));
    assert.deepEqual(Object.getOwnPropertyDescriptors(Error), before);
  });
});

describe('a stack', () => {
  const nest = (depth, call) => (depth === 0 ? call() : (nest(depth - 1, call) ?? depth));

  test('has as many frames of the program as the limit says, whichever function was called', () => {
    for (const limit of [1, 4, 10, 25]) {
      Error.stackTraceLimit = limit;
      nest(30, function here() {
        heap.malloc(8);
        heap.calloc(1, 8);
        heap.mallocAs(Uint8Array, 8);
        heap.allocate(8);
        heap.mallocMany([8]);
        heap.malloc(8, { alignment: 64 });
        heap.alignedAlloc(64, 8);
      });
    }
    const stacks = [...heap.leaks()].map(({ stack }) => stack.split('\n'));
    assert.equal(stacks.length, 4 * 7);
    for (const frames of stacks) {
      assert.match(frames[0], /^ {4}at here \(/, frames.join('\n'));
      assert.ok(frames.every((frame) => !frame.includes(path.join(root, 'lib'))));
    }
    const lengths = new Set(stacks.map((frames) => frames.length));
    assert.deepEqual(
      [...lengths].sort((a, b) => a - b),
      [1, 4, 10, 25],
    );
  });

  test('is one for each place, not for each text of code', () => {
    // One function at one position, in two files that are alike.
    const both = ['one.js', 'two.js'].map(
      (file) => new Function('heap', `return heap.malloc(8);\n//# sourceURL=${file}`),
    );
    const unnamed = new Function('heap', 'return heap.malloc(8);');
    const addresses = [...both, unnamed].map((allocate) => allocate(heap));
    const stacks = new Map([...heap.leaks()].map(({ address, stack }) => [address, stack]));
    for (const [at, expected] of [/one\.js/, /two\.js/, /eval at/].entries()) {
      assert.match(stacks.get(addresses[at]).split('\n')[0], expected);
    }
  });

  test('says which function of the runtime called, if nothing else differs', async () => {
    const allocate = () => heap.malloc(8);
    const called = (schedule) => new Promise((resolve) => schedule(() => resolve(allocate())));
    // Nothing is known of a stack the first time, and its frames the second.
    for (let round = 0; round < 2; round++) {
      for (const [schedule, name] of [
        [setImmediate, 'processImmediate'],
        [setTimeout, 'listOnTimeout'],
      ]) {
        const address = await called((call) => schedule(call));
        const [{ stack }] = [...heap.leaks()].filter((block) => block.address === address);
        assert.match(stack, new RegExp(`at allocate .*${name} `, 's'));
      }
    }
  });

  test('follows source maps where the runtime does', () => {
    const map = Buffer.from(
      JSON.stringify({ version: 3, sources: ['written.ts'], names: [], mappings: 'AAAA' }),
    ).toString('base64');
    const url = `//# sourceMappingURL=data:application/json;base64,${map}`;
    const file = path.join(require('node:os').tmpdir(), `mems-mapped-${process.pid}.js`);
    const code = `module.exports = (heap) => heap.malloc(8);\n${url}`;
    require('node:fs').writeFileSync(file, code);
    const program = `
      const { Heap } = require(${JSON.stringify(root)});
      const heap = new Heap({ trackAllocations: true });
      require(${JSON.stringify(file)})(heap);
      console.log([...heap.leaks()][0].stack.split('\\n')[0]);`;
    try {
      const args = ['--enable-source-maps', '-e', program];
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      assert.match(stdout, /written\.ts:1/, stderr);
    } finally {
      require('node:fs').rmSync(file);
    }
  });

  test('is that of its own call, however many other calls there have been', () => {
    const places = Array.from(
      { length: 1500 },
      (_, i) => new Function('heap', `return heap.malloc(8);\n//# sourceURL=place-${i}.js`),
    );
    const expected = new Map();
    // Each twice in turn, and all of them twice: seen just now, long ago and never before.
    for (let round = 0; round < 2; round++) {
      for (const [i, place] of places.entries()) {
        for (let again = 0; again < 2; again++) expected.set(place(heap), `(place-${i}.js:`);
      }
    }
    for (const { address, stack } of heap.leaks()) {
      assert.ok(stack.split('\n')[0].includes(expected.get(address)), stack);
    }
  });

  test('is shown for another thread’s block as well', async () => {
    const { Worker } = require('node:worker_threads');
    const address = heap.malloc(8);
    const program = `
      const { Heap } = require(${JSON.stringify(root)});
      const { workerData } = require('node:worker_threads');
      (function inTheWorker() { Heap.attach(workerData.id).free(workerData.address); })();`;
    const worker = new Worker(program, { eval: true, workerData: { id: heap.id, address } });
    await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
    const { message } = assertRefused(() => heap.free(address), 'ERR_MEMS_NOT_ALLOCATED');
    assert.match(message, /allocated\n.*stacks\.test\.js.*first freed\n {4}at inTheWorker/s);
  });
});

describe('the memory of stacks', () => {
  /** A function whose stack is like no other, with a long text. */
  const place = (name) =>
    new Function('heap', `return heap.malloc(8);\n//# sourceURL=${name}${'x'.repeat(500)}.js`);

  test('is given back with the last block that has them, and counted until then', () => {
    const start = heap.stats().bytes.metadata;
    const blocks = Array.from({ length: 500 }, (_, i) => place(i)(heap));
    const { bytes, peak } = heap.stats();
    assert.ok(bytes.metadata - start > 500 * 500, `${bytes.metadata - start} bytes`);
    assert.ok(peak.metadata >= bytes.metadata);
    heap.freeMany(blocks);
    // The stacks of the latest frees are remembered, unless a block was allocated at the address since.
    for (let i = 0; i < 25_000; i++) heap.free(heap.malloc(8 + (i % 2)));
    const one = heap.stats().bytes.metadata;
    for (let i = 0; i < 2000; i++) heap.free(place(i)(heap));
    // All blocks are at one address, of which the last free is remembered.
    const after = heap.stats().bytes.metadata;
    assert.ok(after - one < 100_000, `${after - one} bytes more`);
    assert.ok(heap.stats().peak.metadata >= after);
  });
});
