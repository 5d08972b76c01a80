'use strict';

// Proves that each policy places blocks where its model does: call by call in random programs, in heaps of many options, with
// the text of printStats; first, best and worst fit also where a textbook's simulator does; and all policies with a recorded
// program, for which they map the known number of bytes.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const { FREE, REALLOC, readTrace } = require('../../bench/trace.js');
const { FreeList, POLICIES: LISTED } = require('../../command/lib/free-list.js');
const { capture, finishQuietly } = require('../helpers/capture.js');
const { Model, PAGE } = require('../helpers/model.js');
const { POLICIES } = require('../helpers/policies.js');
const { check, fc, steps } = require('../helpers/property.js');
const { Numbers, seed } = require('../helpers/random.js');

const { Heap } = mems;
const PROGRAMS = Number(process.env.MEMS_PROGRAMS ?? 200);
const OPERATIONS = Number(process.env.MEMS_TRACE_OPERATIONS ?? Number.POSITIVE_INFINITY);
const FIRST = 1000;
/** Options with exact sizes, so that only the policy decides about placement. */
const EXACT = {
  alignment: 1,
  minBlockSize: PAGE,
  growingBlocks: false,
  joinEmptyBlocks: false,
  autoTrim: false,
};
/** Live blocks of a program, at most: each call is followed by a text as long as the heap. */
const MOST = 24;

/** The bytes that a recorded program, gcc's cc1, maps with each policy and the options of init(). */
const GCC_MAPS = {
  'first-fit': 4_120_576,
  'next-fit': 8_785_920,
  'best-fit': 4_005_888,
  'worst-fit': 21_659_648,
  buddy: 4_419_584,
};

const options = fc.record({
  alignment: fc.constantFrom(1, 16),
  minBlockSize: fc.constantFrom(PAGE, 3 * PAGE, 16 * PAGE),
  growingBlocks: fc.boolean(),
  joinEmptyBlocks: fc.boolean(),
  autoTrim: fc.boolean(),
  maxSize: fc.constantFrom(2 ** 40, 16 * PAGE, 50 * PAGE),
});

/** The value of a call, or the code of its error. */
function outcome(call) {
  try {
    return call();
  } catch (error) {
    if (error.code !== 'ERR_MEMS_OUT_OF_MEMORY') throw error;
    return error.code;
  }
}

/** A size that makes and fills holes: mostly small, or as large as some hole, or a byte off. */
function sizeFor(random, holes) {
  if (holes.length > 0 && random.chance(0.3)) {
    return Math.max(1, random.pick(holes) + random.pick([0, 0, -1, 1]));
  }
  return random.int(1, random.pick([20, 300, 3000, 5 * PAGE]));
}

/**
 * Runs a program on a heap and on what it is compared with: `malloc` and `free` make one call on both and compare the results,
 * `holes` are the sizes of holes.
 */
function runSteps(words, { malloc, free, holes }) {
  const live = [];
  for (const word of words) {
    const random = new Numbers(word);
    if (live.length < MOST && (live.length === 0 || random.chance(0.6))) {
      const address = malloc(sizeFor(random, holes()));
      if (address !== undefined) live.push(address);
    } else {
      free(random.take(live));
    }
  }
}

// Segregated fit has no rule for addresses: its oracle is a list of live blocks (rust/segregated.rs).
const WITHOUT_MODEL = ['segregated'];

test('each policy has a model, and each model a policy', () => {
  const names = [...Object.keys(POLICIES), ...WITHOUT_MODEL].map((name) => `'${name}'`).join(', ');
  assert.throws(() => new Heap({ policy: 'none' }), { message: new RegExp(`one of ${names}\\.`) });
});

Object.keys(POLICIES).forEach((policy, stream) => {
  describe(policy, () => {
    test('places blocks where the model does, call by call', (t) => {
      t.diagnostic(`MEMS_SEED=${seed}`);
      let history;
      const run = ([chosen, isDefault, words]) => {
        finishQuietly(mems);
        // Two main blocks of powers of two are no buddies.
        const all = {
          ...chosen,
          policy,
          joinEmptyBlocks: chosen.joinEmptyBlocks && policy !== 'buddy',
        };
        // The default heap has a heap's methods.
        if (isDefault) mems.init(all);
        const heap = isDefault ? mems : new Heap(all);
        const model = new Model(all);
        history = [isDefault ? 'init' : 'new Heap', JSON.stringify(all)];
        const compare = () => {
          const [real, wanted] = [capture(() => heap.printStats()), model.statsText()];
          if (real.join('\n') !== wanted.join('\n')) assert.deepEqual(real, wanted);
        };
        runSteps(words, {
          malloc(size) {
            history.push(`malloc(${size})`);
            const real = outcome(() => heap.malloc(size));
            assert.equal(
              real,
              outcome(() => model.malloc(size)),
            );
            compare();
            return typeof real === 'bigint' ? real : undefined;
          },
          free(address) {
            history.push(`free(${address}n)`);
            heap.free(address);
            model.free(address);
            compare();
          },
          holes: () => model.holes.sizes,
        });
        const { bytes, counts, totals } = heap.stats();
        const { metadata, ...counted } = bytes;
        const { bytes: modelled, ...others } = model.stats();
        assert.deepEqual(
          { counted, counts, totals },
          { counted: modelled, counts: others.counts, totals: others.totals },
        );
        heap.verify();
        if (isDefault) finishQuietly(mems);
        else heap.close();
      };
      const show = (value) => {
        assert.throws(() => run(value));
        return history.join(', ');
      };
      check(t, fc.tuple(options, fc.boolean(), steps(300)), run, { runs: PROGRAMS, stream, show });
    });

    test('maps the known number of bytes for a recorded program, and places it address for address', (t) => {
      const { kind, slot, size, count: whole } = readTrace('gcc-cc1');
      const count = Math.min(whole, OPERATIONS);
      const heap = new Heap({ policy, ...EXACT });
      const model = new Model({ policy });
      const live = [];
      for (let step = 0; step < count; step++) {
        const old = live[slot[step]];
        if (kind[step] !== FREE) {
          const address = heap.malloc(size[step]);
          if (Number(address) !== model.take(size[step])) assert.fail(`${address}: step ${step}`);
          live[slot[step]] = address;
          if (kind[step] !== REALLOC) continue;
        }
        heap.free(old);
        model.release(Number(old));
      }
      heap.verify();
      const { mapped, holes } = heap.stats().bytes;
      assert.equal(mapped, model.mappedBytes());
      assert.equal(holes, mapped - model.liveBytes);
      if (count === whole) assert.equal(mapped, GCC_MAPS[policy]);
      t.diagnostic(`${count} operations, ${mapped} bytes`);
      heap.close();
    });

    if (!LISTED.includes(policy)) return;

    test('places blocks where the free list of a textbook does', (t) => {
      t.diagnostic(`MEMS_SEED=${seed}`);
      const bytes = 4 * PAGE;
      let history;
      const run = (words) => {
        const heap = new Heap({ ...EXACT, policy, minBlockSize: bytes, maxSize: bytes });
        const list = new FreeList({ policy, base: FIRST, size: bytes });
        history = [];
        runSteps(words, {
          malloc(size) {
            history.push(`malloc(${size})`);
            const real = outcome(() => heap.malloc(size));
            const address = list.malloc(size);
            const wanted = address === undefined ? 'ERR_MEMS_OUT_OF_MEMORY' : BigInt(address);
            assert.equal(real, wanted);
            return address;
          },
          free(address) {
            history.push(`free(${address}n)`);
            heap.free(BigInt(address));
            list.free(address);
          },
          holes: () => list.nodes.map((node) => node.size),
        });
        heap.close();
      };
      const show = (words) => {
        assert.throws(() => run(words));
        return history.join(', ');
      };
      check(t, steps(800), run, { runs: PROGRAMS, stream: 100 + stream, show });
    });
  });
});
