'use strict';

// The history that a page has of a heap: after every operation its numbers are those of stats() and unusable(), for every policy; what is
// packed is unpacked as it was; windows have what the whole has.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');
const { KIND } = require('../../command/lib/kinds.js');
const { SKIP, temporaryFolder } = require('../helpers/command.js');
const { Random, reproducible } = require('../helpers/random.js');

/** A whole number from 0 to below `most`. */
const below = (random, most) => random.int(0, most - 1);

const QUIET = { stdin: undefined, progress: () => ({ update() {}, stop() {} }), warn() {} };

/** How many programs windows are compared of. */
const PROGRAMS = 8;

describe('the history of a heap', SKIP, () => {
  const folder = temporaryFolder(after);
  const file = path.join(folder, 'heap.mems');
  const { POLICIES } = SKIP.skip ? {} : require('../../command/library.js');
  const { HistoryBuilder } = SKIP.skip ? {} : require('../../command/lib/history.js');
  const { open, readAll } = SKIP.skip ? {} : require('../../command/lib/replay-file.js');
  const { slice } = SKIP.skip ? {} : require('../../command/lib/slice.js');
  const { chooseWindows } = SKIP.skip ? {} : require('../../command/lib/windows.js');
  let page;
  let varints;
  before(async () => {
    page = await import('../../pages/report/command.mjs');
    varints = await import('../../pages/report/varints.mjs');
  });

  /** A size that programs ask for: mostly small. */
  function sizeFrom(random) {
    const kind = below(random, 20);
    if (kind === 0) return 1 + below(random, 60_000);
    return kind < 5 ? 1 + below(random, 5000) : 1 + below(random, 200);
  }

  /** Does something with a heap: most steps allocate or free. */
  function step(heap, blocks, random) {
    const kind = below(random, 100);
    const pick = () => blocks.splice(below(random, blocks.length), 1)[0];
    try {
      if (kind < 48 || blocks.length === 0) blocks.push(heap.malloc(sizeFrom(random)));
      else if (kind < 52)
        blocks.push(heap.malloc(sizeFrom(random), { alignment: 2 ** below(random, 14) }));
      else if (kind < 85) heap.free(pick());
      else if (kind < 95) {
        const block = pick();
        blocks.push(block);
        blocks[blocks.length - 1] = heap.realloc(block, sizeFrom(random));
      } else if (kind < 96) heap.trim();
      else if (kind < 97) heap.malloc(8 << 20);
      else if (kind === 97)
        for (const block of blocks.splice(0, blocks.length - 2)) heap.free(block);
    } catch (error) {
      if (!/OUT_OF_MEMORY|INVALID_ALIGNMENT/.test(error.code)) throw error;
    }
  }

  /** Options that a heap with a policy may have. */
  function optionsFrom(policy, random) {
    const isExact = policy !== 'segregated' && below(random, 2) === 0;
    return {
      policy,
      alignment: isExact ? 1 : 16,
      joinEmptyBlocks: policy === 'segregated' || (policy !== 'buddy' && below(random, 2) === 0),
      growingBlocks: below(random, 2) === 0,
      minBlockSize: [4096, 65536][below(random, 2)],
      maxSize: 4 << 20,
      autoTrim: false,
    };
  }

  /** Records a random program. Returns what the heap was like after each of its steps, whose marks are numbers. */
  function record(random, options, steps) {
    const heap = new Heap({ ...options, addresses: 'number' });
    heap.record(file);
    const known = [];
    const blocks = [];
    for (let at = 0; at < steps; at++) {
      step(heap, blocks, random);
      heap.mark(String(at));
      known.push({
        stats: heap.stats(),
        unusable: [64, 1024, 65536].map((size) => heap.unusable(size)),
      });
    }
    heap.stopRecording();
    heap.close();
    return known;
  }

  async function historyOf(name, policy, limit) {
    const source = await open(name, {}, QUIET);
    const builder = new HistoryBuilder(page, source, { policy, limit });
    try {
      await readAll(source, QUIET, (some) => builder.add(some));
      return { history: builder.finish({}), inferred: builder.inferred };
    } finally {
      builder.close();
    }
  }

  function assertNumbers(numbers, { stats: { bytes, counts, fragmentation }, unusable }, what) {
    const { external, internal, unused, unusable64, unusable1K, unusable64K } =
      page.fractions(numbers);
    const is = { ...numbers, external, internal, unused };
    const wanted = {
      mapped: bytes.mapped,
      live: bytes.live,
      requested: bytes.requested,
      holeBytes: bytes.holes,
      largest: bytes.largestHole,
      blocks: counts.live,
      holes: counts.holes,
      mainBlocks: counts.mainBlocks,
      ...fragmentation,
    };
    for (const [name, value] of Object.entries(wanted)) {
      assert.ok(Math.abs(is[name] - value) < 1e-9, `${what}: ${name} is ${is[name]}, not ${value}`);
    }
    [unusable64, unusable1K, unusable64K].forEach((share, at) => {
      assert.ok(
        Math.abs(share - unusable[at]) < 1e-9,
        `${what}: unusable ${at}: ${share}, not ${unusable[at]}`,
      );
    });
  }

  /** The moment after the mark with a number. */
  const momentsOf = ({ kinds }) => page.operationsOf(kinds, [KIND.mark]);

  for (const policy of POLICIES ?? []) {
    test(`has the numbers of stats() after every operation, with ${policy}`, async (t) => {
      for (let round = 0; round < 4; round++) {
        const random = new Random(100 * round + POLICIES.indexOf(policy));
        const options = optionsFrom(policy, random);
        const known = record(random, options, 500);
        const { history, inferred } = await historyOf(file);
        reproducible(t, () => {
          assert.equal(inferred, undefined);
          const layout = new page.Layout(page.unpack(page.pack(history)));
          momentsOf(history).forEach((moment, at) => {
            assertNumbers(layout.go(moment), known[at], `${JSON.stringify(options)}, step ${at}`);
          });
        });
      }
    });

    test(`is packed and unpacked as it was, and in windows, with ${policy}`, async (t) => {
      const random = new Random(1000 + POLICIES.indexOf(policy));
      record(random, optionsFrom(policy, random), 400);
      const { history } = await historyOf(file);
      reproducible(t, () => {
        const packed = page.unpack(page.pack(history));
        for (const name of ['address', 'size', 'asked', 'birth', 'death', 'previous']) {
          assert.deepEqual(Array.from(packed.blocks[name]), Array.from(history.blocks[name]), name);
        }
        for (const name of ['kinds', 'refused']) {
          assert.deepEqual(Array.from(packed[name]), Array.from(history[name]), name);
        }
        for (const list of ['mains', 'borders', 'spans']) {
          for (const [name, values] of Object.entries(history[list])) {
            assert.deepEqual(Array.from(packed[list][name]), Array.from(values), `${list}.${name}`);
          }
        }
        assert.deepEqual(packed.meta.marks, history.meta.marks);
        const whole = new page.Layout(history);
        const found = { history, peak: Math.floor(history.operations / 2) };
        const windows = chooseWindows(found, 200, page);
        for (const most of [200, 9, 3, 1]) {
          const some = chooseWindows(found, most, page);
          assert.ok(some.reduce((sum, { from, to }) => sum + to - from, 0) <= most);
        }
        for (const { from, to } of windows) {
          const part = page.unpack(page.pack(slice(history, from, to, page)));
          const layout = new page.Layout(part);
          assert.equal(part.meta.offset, from);
          for (let moment = from; moment <= to; moment++) {
            assert.deepEqual(layout.go(moment - from), whole.go(moment), `operation ${moment}`);
            const kind = moment > from ? part.kinds[moment - from - 1] : undefined;
            if (kind !== undefined) assert.equal(kind, history.kinds[moment - 1]);
          }
        }
      });
    });
  }

  test('says of a block in a window when it was made and what becomes of it', async (t) => {
    const { Engine } = await import('../../pages/report/engine.mjs');
    const [near, theme] = [10_000, 'light'];
    /** The blocks that the engine names at a moment: that of the operation, and those of the chain. */
    const blocksAt = (engine, moment, focus) => {
      const { operation, chain } = engine.moment({ moment, near, focus, scale: 'size', theme });
      return [operation.block, ...(chain?.shown ?? []).map(({ block }) => block)];
    };
    const said = (engine, block, offset) => {
      const { made, gone, lived, resized, isFirst } = engine.block({ block });
      return { made: made + offset, gone: gone && gone + offset, lived, resized, isFirst };
    };
    let [earlier, later] = [0, 0];

    /** Compares each window of a history with the whole. */
    function compareWindows(history) {
      const whole = new Engine();
      whole.open({ bytes: page.pack(history) });
      for (const { from, to } of chooseWindows({ history, peak: 400 }, 300, page)) {
        const part = slice(history, from, to, page);
        const engine = new Engine();
        engine.open({ bytes: page.pack(part) });
        for (let moment = from; moment <= to; moment += 7) {
          const focus = whole.moment({ moment, near }).chain?.start;
          const numbers = blocksAt(whole, moment, focus);
          blocksAt(engine, moment - from, focus).forEach((block, at) => {
            if (moment === from && at === 0) return;
            assert.equal(block === undefined, numbers[at] === undefined);
            if (block === undefined) return;
            const wanted = said(whole, numbers[at], 0);
            assert.deepEqual(said(engine, block, from), wanted, `operation ${moment}, ${at}`);
            if (wanted.made < from && wanted.resized > 0) earlier += 1;
            if (wanted.gone > to) later += 1;
          });
        }
        // What is found is so in the whole program.
        for (const [what, value] of [['never freed'], ['age', 500]]) {
          for (let moment = 0; ; ) {
            const found = engine.find({ what, value, moment });
            const inWhole = whole.find({ what, value, moment: moment + from });
            const isInside = inWhole && inWhole.moment <= to && !inWhole.isRound;
            assert.equal(found !== undefined && !found.isRound, Boolean(isInside), what);
            if (!isInside) break;
            assert.equal(found.moment + from, inWhole.moment, what);
            moment = found.moment;
          }
        }
      }
    }

    await reproducible(t, async () => {
      // Few programs have a block that is resized before a window and still there in it.
      for (let number = 0; number < PROGRAMS; number++) {
        const random = new Random(1100 + number);
        record(random, optionsFrom('first-fit', random), 800);
        compareWindows((await historyOf(file)).history);
      }
      assert.ok(earlier > 10 && later > 10, `${earlier} and ${later} blocks`);
    });
  });

  test('finds the last operation before the first', async () => {
    const { Engine } = await import('../../pages/report/engine.mjs');
    const heap = new Heap();
    heap.record(file);
    for (const size of [10, 20, 30]) heap.malloc(size);
    heap.stopRecording();
    heap.close();
    const { history } = await historyOf(file);
    const engine = new Engine();
    engine.open({ bytes: page.pack(history) });
    const find = (moment, isBack) => engine.find({ what: 'size', value: 1, moment, isBack }).moment;
    const { operations } = history;
    assert.deepEqual(
      [find(0, true), find(operations, true), find(0, false), find(operations, false)],
      [operations, operations - 1, 2, 2],
    );
  });

  test('has the times between which an operation was, in windows as well', async () => {
    const { Engine } = await import('../../pages/report/engine.mjs');
    const heap = new Heap({ autoTrim: false });
    heap.record(file);
    for (let at = 0; at < 300; at++) heap.malloc(10);
    heap.stopRecording();
    heap.close();
    const { history } = await historyOf(file);
    const { clockStep } = history.meta;
    assert.equal(history.clock.length, Math.ceil(history.operations / clockStep));
    // An operation in a step takes as many seconds as its number says.
    history.clock = history.clock.map((_, step) => 1e6 * (step * clockStep + 1));
    for (const [from, to] of [
      [0, history.operations],
      [63, 70],
      [64, 128],
      [100, 180],
    ]) {
      const engine = new Engine();
      engine.open({ bytes: page.pack(slice(history, from, to, page)) });
      for (let operation = from + 1; operation <= to; operation++) {
        const [low, high] = engine.moment({ moment: operation - from, near: 3 }).seconds;
        const isLast = operation > 257;
        const step = Math.floor((operation - 1) / clockStep) * clockStep + 1;
        assert.equal(low, step, `operation ${operation}`);
        const wanted = operation === step ? step : step + clockStep;
        assert.equal(high, isLast ? undefined : wanted, `operation ${operation}`);
      }
    }
    const engine = new Engine();
    engine.open({ bytes: page.pack(history) });
    assert.equal(engine.moment({ moment: 0, near: 3 }).seconds, undefined);
  });

  test('has the numbers of stats() after every operation of a trace', async (t) => {
    const { Player } = require('../../command/lib/player.js');
    const { KIND } = require('../../command/lib/recordings.js');
    for (const policy of POLICIES) {
      const random = new Random(5000 + POLICIES.indexOf(policy));
      const chunk = { kind: [], block: [], size: [] };
      const live = [];
      const lines = Array.from({ length: 600 }, () => {
        const kind = random.pick(live.length === 0 ? 'a' : 'aaaaaffffr');
        const at = kind === 'a' ? live.length : below(random, live.length);
        if (kind === 'a') live.push(Math.max(-1, ...live) + 1);
        const id = live[at];
        if (kind === 'f') live.splice(at, 1);
        const size = kind === 'f' ? 0 : sizeFrom(random);
        chunk.kind.push({ a: KIND.malloc, f: KIND.free, r: KIND.realloc }[kind]);
        chunk.block.push(id);
        chunk.size.push(size);
        return kind === 'f' ? `f ${id}` : `${kind} ${id} ${size}`;
      });
      const trace = path.join(folder, 'heap.rep');
      fs.writeFileSync(trace, lines.join('\n'));
      const { history } = await historyOf(trace, policy);
      const layout = new page.Layout(page.unpack(page.pack(history)));
      const player = new Player({ kind: 'trace' }, { policy });
      reproducible(t, () => {
        for (let at = 0; at < lines.length; at++) {
          player.play(chunk, at);
          const known = {
            stats: player.heap.stats(),
            unusable: [64, 1024, 65536].map((size) => player.heap.unusable(size)),
          };
          assertNumbers(layout.go(at + 1), known, `${policy}, operation ${at + 1}, ${lines[at]}`);
        }
      });
      player.close();
    }
  });

  test('of a recording that began with blocks there follows from the rules', async () => {
    for (const policy of POLICIES) {
      const heap = new Heap({ policy, autoTrim: false });
      const blocks = Array.from({ length: 500 }, (_, at) => heap.malloc(1 + ((at * 37) % 900)));
      for (let at = 0; at < 500; at += 3) heap.free(blocks[at]);
      heap.record(file);
      for (let at = 1; at < 500; at += 3) heap.free(blocks[at]);
      const more = Array.from({ length: 100 }, () => heap.malloc(100));
      more.push(heap.realloc(more.pop(), 70_000));
      const stats = heap.stats();
      heap.stopRecording();
      heap.close();
      const { history, inferred } = await historyOf(file);
      assert.match(inferred, /began with blocks/);
      const is = new page.Layout(history).go(history.operations);
      const { bytes, counts } = stats;
      assert.deepEqual(
        [is.mapped, is.live, is.requested, is.blocks, is.mainBlocks],
        [bytes.mapped, bytes.live, bytes.requested, counts.live, counts.mainBlocks],
        policy,
      );
      // Where spans begin is not known.
      if (policy !== 'segregated')
        assert.deepEqual([is.holes, is.largest], [counts.holes, bytes.largestHole], policy);
    }
  });

  test('of a recording with another policy is a replay', async () => {
    const random = new Random(3000);
    record(random, optionsFrom('first-fit', random), 300);
    for (const policy of POLICIES) {
      const { history } = await historyOf(file, policy);
      assert.equal(history.meta.policy, policy);
      assert.ok(history.blocks.count > 100);
      new page.Layout(history).go(history.operations);
    }
  });

  test('sees that a heap has grown for an aligned block below its old end', async () => {
    const heap = new Heap({
      policy: 'best-fit',
      joinEmptyBlocks: true,
      growingBlocks: false,
      minBlockSize: 4096,
      addresses: 'number',
    });
    heap.record(file);
    heap.malloc(4096);
    heap.free(heap.malloc(4096));
    // Room is looked for with 1023 bytes more, so the empty main block grows; the block is where it began.
    heap.malloc(4096, { alignment: 1024 });
    const { mapped } = heap.stats().bytes;
    assert.equal(mapped, 12_288);
    heap.stopRecording();
    heap.close();
    for (const policy of ['best-fit', 'worst-fit', 'first-fit']) {
      const { history } = await historyOf(file, policy);
      assert.equal(new page.Layout(history).go(history.operations).mapped, mapped, policy);
    }
  });

  test('of a recording with another policy has the numbers of mems replay', async (t) => {
    const { json } = require('../helpers/command.js');
    // A replayed heap with size classes is not recorded, so that its caches keep slots.
    const others = POLICIES.filter((policy) => policy !== 'segregated');
    for (let round = 0; round < 12; round++) {
      const own = POLICIES[round % POLICIES.length];
      const random = new Random(6000 + round);
      const options = optionsFrom(own, random);
      record(random, options, 500);
      const [{ results }] = (await json(['replay', file, '--policy', others.join(',')])).files;
      for (const replayed of results.filter(({ policy }) => policy !== own)) {
        const { history } = await historyOf(file, replayed.policy);
        const { mapped, holes, largest, live } = new page.Layout(history).go(history.operations);
        reproducible(t, () => {
          const { refused } = history;
          assert.deepEqual(
            { mapped, holes, largest, live, refused: refused.length },
            {
              mapped: replayed.mapped,
              holes: replayed.holes,
              largest: replayed.largestHole,
              live: replayed.live,
              refused: replayed.refused,
            },
            `${JSON.stringify(options)}, ${replayed.policy}`,
          );
        });
      }
    }
  });

  test('has what a heap with size classes and a limit has after it has refused a request', async (t) => {
    const { Player } = require('../../command/lib/player.js');
    const random = new Random(7000);
    const chunk = { kind: [], block: [], size: [] };
    const live = [];
    const lines = Array.from({ length: 1500 }, (_, at) => {
      const isFree = live.length > 150 || (live.length > 0 && below(random, 5) < 2);
      const id = isFree ? live.splice(below(random, live.length), 1)[0] : at;
      const size = isFree ? 0 : sizeFrom(random);
      if (!isFree) live.push(id);
      chunk.kind.push(isFree ? 3 : 2);
      chunk.block.push(id);
      chunk.size.push(size);
      return isFree ? `f ${id}` : `a ${id} ${size}`;
    });
    const trace = path.join(folder, 'limit.rep');
    fs.writeFileSync(trace, lines.join('\n'));
    const settings = { policy: 'segregated', limit: 256 << 10 };
    const { history } = await historyOf(trace, settings.policy, settings.limit);
    const layout = new page.Layout(history);
    const player = new Player({ kind: 'trace' }, settings);
    reproducible(t, () => {
      assert.ok(history.refused.length > 10);
      for (let at = 0; at < lines.length; at++) {
        player.play(chunk, at);
        const known = {
          stats: player.heap.stats(),
          unusable: [64, 1024, 65536].map((size) => player.heap.unusable(size)),
        };
        assertNumbers(layout.go(at + 1), known, `operation ${at + 1}, ${lines[at]}`);
      }
    });
    player.close();
  });

  test('has varints for every number that JavaScript is sure of', () => {
    const numbers = [
      0,
      1,
      127,
      128,
      16_383,
      16_384,
      2 ** 28 - 1,
      2 ** 28,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 35 + 7,
      2 ** 53 - 1,
    ];
    const packed = new varints.Varints();
    for (const each of numbers) packed.push(each);
    assert.deepEqual([...varints.readVarints(packed.bytes, numbers.length)], numbers);
    for (const each of [0, -1, 1, -(2 ** 31), 2 ** 31, -(2 ** 51), 2 ** 51]) {
      assert.equal(varints.unzigzag(varints.zigzag(each)), each);
    }
    assert.throws(() => varints.readVarints(packed.bytes, 3), /another length/);
  });

  test('sorts positions by value, equal ones in their order', (t) => {
    return import('../../pages/report/layout.mjs').then(({ sortedPositions }) => {
      reproducible(t, () => {
        const random = new Random(4000);
        for (const most of [10, 5000, 2 ** 31 - 1]) {
          const values = Array.from(
            { length: 3000 },
            () => below(random, most) * (most > 1e9 ? 4 : 1),
          );
          const wanted = values.map((_, at) => at).sort((a, b) => values[a] - values[b] || a - b);
          assert.deepEqual([...sortedPositions(Float64Array.from(values))], wanted);
        }
      });
    });
  });

  test('is left alone by a recording that is empty', async () => {
    const heap = new Heap();
    heap.record(file);
    heap.stopRecording();
    heap.close();
    const { history } = await historyOf(file);
    assert.equal(history.operations, 0);
    assert.equal(new page.Layout(page.unpack(page.pack(history))).go(0).mapped, 0);
    fs.rmSync(file);
  });
});
