'use strict';

// Proves that the heap does what the naive model in helpers/model.js does, operation by operation:
// 200 random programs (and 40 large ones), each of thousands of valid and invalid calls. Addresses, error codes,
// statistics and the text of printStats must be equal, and verify() must find nothing.
// A program that fails is shortened, and how to repeat it is printed.

const { afterEach, test } = require('node:test');
const assert = require('node:assert/strict');
const mems = require('@sambhav-gautam/osmemoryallocator');
const printed = require('../fixtures/seed.json');
const { Model, PAGE, errorClass } = require('../helpers/model.js');
const { check, steps } = require('../helpers/property.js');
const { Numbers, Random, seed } = require('../helpers/random.js');
const { capture, finishQuietly } = require('../helpers/capture.js');

const PROGRAMS = Number(process.env.MEMS_PROGRAMS ?? 200);
/** After how many operations the text of a medium program is compared. */
const TEXT_EVERY = Number(process.env.MEMS_TEXT_EVERY ?? 8);
/** Bytes of the first region: Windows charges all of it. */
const FIRST_REGION = process.platform === 'win32' ? 2 ** 26 : 2 ** 40;

/** How large the blocks of a program are. */
const SIZES = {
  tiny: (random) => random.int(1, 48),
  mixed: (random) => random.int(1, 5 * PAGE),
  pages: (random) => PAGE * random.int(1, 4),
  pageEdges: (random) => Math.max(1, PAGE * random.int(0, 3) + random.int(-2, 2)),
  // Most are of a few bytes, some of hundreds of pages.
  heavyTail: (random) => Math.min(2 ** 20, Math.floor(16 / random.next() ** 1.3)),
  // As large as some hole, or one byte off: where a wrong `<` instead of `<=` shows.
  refits: (random, model) => {
    const { sizes } = model.holes;
    if (sizes.length === 0 || random.chance(0.3)) return random.int(1, 3000);
    const size = random.pick(sizes);
    // Joined blocks a little too small grow without end; past the first region they would not be neighbours any more.
    const most = Math.max(PAGE, Math.min(2 ** 24, FIRST_REGION / 2 - model.end));
    return Math.min(Math.max(1, size + random.pick([0, 0, 0, -1, 1])), most);
  },
};

/** Which live block the next free takes, as an index into the list from oldest to newest. */
const ORDERS = {
  random: (random, count) => random.int(0, count - 1),
  fifo: () => 0,
  lifo: (_, count) => count - 1,
};

/** Whether the next step allocates; `state.filling` is for the modes that need to remember something. */
const BALANCES = {
  even: (random) => random.chance(0.5),
  full: (random) => random.chance(0.8),
  sawtooth: (random, state, count, most) => {
    if (count === 0) state.filling = true;
    if (count >= most) state.filling = false;
    return random.chance(state.filling ? 0.95 : 0.05);
  },
};

// PROGRAMS small and medium ones. The text is as long as the heap, and printing it takes most of the time: that of small
// ones is compared after every operation, of medium ones after every few, of the large ones, which come on top, now and then.
const SCALES = {
  small: { steps: [2000, 4000], most: [1, 24], textEvery: 1 },
  medium: { steps: [2000, 4000], most: [40, 120], textEvery: TEXT_EVERY },
  large: { steps: [5000, 7000], most: [2000, 3000], textEvery: 701 },
};
const LARGE = Math.ceil(PROGRAMS / 5);

// This many more programs join empty blocks, which changes addresses: the oracle joins them too.
const JOINING = Math.ceil(PROGRAMS / 5);
const ALL = PROGRAMS + LARGE + JOINING;

const nameAt = (table, number) => Object.keys(table)[number % Object.keys(table).length];

/** Program 0, 1, 2... walk through all combinations; only the numbers within are random. */
function makePlan(number) {
  const random = new Random(number);
  const sizes = nameAt(SIZES, number);
  const order = nameAt(ORDERS, Math.floor(number / 6));
  const balance = nameAt(BALANCES, Math.floor(number / 18));
  const joinEmptyBlocks = number >= PROGRAMS + LARGE;
  const isLarge = number >= PROGRAMS && !joinEmptyBlocks;
  const scale = isLarge ? 'large' : number % 5 < 3 ? 'small' : 'medium';
  const minBlockSize = number % 7 === 3 ? 64 * 1024 : PAGE;
  const title = `program ${number} (${sizes}, ${order}, ${balance}, ${scale}, ${minBlockSize}${joinEmptyBlocks ? ', joining' : ''})`;
  const mean = random.int(...SCALES[scale].steps);
  const most = random.int(...SCALES[scale].most);
  const { textEvery } = SCALES[scale];
  return {
    sizes,
    order,
    balance,
    minBlockSize,
    joinEmptyBlocks,
    title,
    mean,
    most,
    textEvery,
  };
}

/** The outcome of a call: its value, or the code and class of its error. */
function outcome(call) {
  try {
    return { value: call() };
  } catch (error) {
    // An error without a code is not one of MeMS, and must not pass for an expected one.
    if (typeof error.code !== 'string') throw error;
    return { code: error.code, isOfClass: error instanceof errorClass(error.code) };
  }
}

class Program {
  constructor(plan) {
    Object.assign(this, plan);
    this.model = new Model(plan);
    this.live = []; // { address, size }, oldest first
    this.freed = []; // the last addresses freed, to be freed again
    this.state = { filling: true };
    this.history = [];
  }

  /** Runs a list of steps, each the seed of what it does. */
  run(words) {
    const { minBlockSize, joinEmptyBlocks } = this;
    const isDefault = minBlockSize === PAGE && !joinEmptyBlocks;
    mems.init(isDefault ? undefined : { minBlockSize, joinEmptyBlocks });
    for (const [before, word] of words.entries()) {
      const step = before + 1;
      this.random = new Numbers(word);
      const kind = this.random.next();
      if (kind < 0.06) this.misuse();
      else if (kind < 0.12) this.getInside();
      else this.mallocOrFree();
      if (step % this.textEvery === 0) this.compareText();
      if (step % 61 === 0) this.compareStats();
      if (step % 127 === 0) assert.equal(mems.verify(), undefined);
      if (step % 1013 === 0) this.comparePhysical();
    }
    this.compareAll();
    this.drain();
    assert.deepEqual(
      capture(() => mems.finish()),
      [printed.unmapped],
    );
  }

  /** Makes a call on both heaps. If the outcomes differ, the program has failed. */
  both(name, argument) {
    this.history.push(`${name}(${String(argument)}${typeof argument === 'bigint' ? 'n' : ''})`);
    const real = outcome(() => mems[name](argument));
    const wanted = outcome(() => this.model[name](argument));
    // The model knows no physical addresses: of a get that succeeds, only that it does is compared.
    const valueCounts = name !== 'get' || wanted.code !== undefined;
    if (
      real.code !== wanted.code ||
      (valueCounts && real.value !== wanted.value) ||
      real.isOfClass !== wanted.isOfClass
    ) {
      assert.fail(`the heap returns ${format(real)}, the oracle ${format(wanted)}`);
    }
    return real;
  }

  mallocOrFree() {
    const { random, live, most } = this;
    const allocate = BALANCES[this.balance](random, this.state, live.length, most);
    if (live.length === 0 || (allocate && live.length < most)) {
      const size = SIZES[this.sizes](random, this.model);
      // Both kinds of number are sizes, and must be the same size.
      const { value } = this.both('malloc', random.chance(0.1) ? BigInt(size) : size);
      live.push({ address: value, size });
    } else {
      this.free(live[ORDERS[this.order](random, live.length)].address);
    }
  }

  free(address) {
    const { code } = this.both('free', address);
    if (code !== undefined) return;
    this.live.splice(
      this.live.findIndex((block) => block.address === address),
      1,
    );
    this.freed.push(address);
    if (this.freed.length > 32) this.freed.shift();
  }

  getInside() {
    if (this.live.length === 0) return;
    const { address, size } = this.random.pick(this.live);
    const offset = BigInt(this.random.pick([0, size - 1, this.random.int(0, size - 1)]));
    const base = this.both('get', address).value;
    assert.equal(this.both('get', address + offset).value, base + offset);
  }

  /** A call that is most likely wrong; the model knows whether it is. */
  misuse() {
    if (this.random.chance(0.15)) {
      const sizes = [0, -0, -1, 1.5, NaN, Infinity, 2 ** 53, 0n, -5n, 2n ** 53n, 2n ** 64n + 8n];
      this.both('malloc', this.random.pick(sizes));
    } else if (this.random.chance(0.5)) {
      this.free(this.wrongAddress());
    } else {
      this.both('get', this.wrongAddress());
    }
    // Refused or not, the totals show whether anything has changed.
    this.compareStats();
  }

  wrongAddress() {
    const { random, model, live, freed } = this;
    const { end, holes } = model;
    const kind = random.int(0, 4);
    if (kind === 0 && freed.length > 0) return random.pick(freed);
    if (kind === 1 && holes.sizes.length > 0) {
      const at = random.int(0, holes.sizes.length - 1);
      const [first, last] = [holes.starts[at], holes.starts[at] + holes.sizes[at] - 1];
      return BigInt(random.pick([first, last, random.int(first, last)]));
    }
    if (kind === 2 && live.length > 0) {
      const { address, size } = random.pick(live);
      return address + BigInt(random.pick([1, size - 1, size]));
    }
    if (kind === 3) {
      // Truncated to 64 bits, the last three would be the most ordinary address there is.
      const wrapped = [2n ** 64n + 1000n, 1000n - 2n ** 64n, 2n ** 128n + 1000n];
      return random.pick([0n, -1n, 999n, BigInt(end), 2n ** 63n, 2n ** 64n - 1n, ...wrapped]);
    }
    return BigInt(random.int(1000 - 16, end + 16));
  }

  compareText() {
    const lines = capture(() => mems.printStats());
    const wanted = this.model.statsText();
    // Strings first: deepEqual of long arrays is slow, and is only needed to show a difference.
    if (lines.length !== wanted.length || lines.join('\n') !== wanted.join('\n')) {
      assert.deepEqual(lines, wanted);
    }
  }

  compareStats() {
    const stats = mems.stats({ resident: true });
    const { fragmentation, ...others } = stats;
    const { metadata, resident, ...bytes } = stats.bytes;
    const { metadata: most, ...peak } = stats.peak;
    assert.deepEqual({ ...others, bytes, peak }, this.model.stats());
    assert.equal(fragmentation.external, bytes.holes && 1 - bytes.largestHole / bytes.holes);
    assert.ok(resident === undefined || resident <= bytes.mapped, `resident: ${resident}`);
    assert.ok(most >= metadata, `metadata: ${metadata}, at most ${most}`);
    assert.ok(Number.isSafeInteger(metadata) && metadata >= 0, `metadata: ${metadata}`);
    assert.equal(bytes.live + bytes.holes, bytes.mapped);
    assert.equal(stats.counts.pages * PAGE, bytes.mapped);
    assert.equal(stats.totals.malloc - stats.totals.free, stats.counts.live);
  }

  /** A main block is one piece of memory, and no two main blocks share a byte. */
  comparePhysical() {
    const ranges = [];
    for (const { start, size, segments } of this.model.chains()) {
      const used = segments.filter((segment) => segment.live);
      if (used.length === 0) continue;
      const shift = mems.get(BigInt(used[0].start)) - BigInt(used[0].start);
      for (const segment of used) {
        const [first, last] = [segment.start, segment.start + segment.size - 1].map(BigInt);
        assert.equal(mems.get(first), first + shift);
        assert.equal(mems.get(last), last + shift);
      }
      ranges.push({ first: BigInt(start) + shift, last: BigInt(start + size - 1) + shift });
    }
    ranges.sort((a, b) => (a.first < b.first ? -1 : 1));
    for (let index = 1; index < ranges.length; index += 1) {
      assert.ok(ranges[index - 1].last < ranges[index].first, 'main blocks overlap in memory');
    }
  }

  compareAll() {
    this.compareText();
    this.compareStats();
    this.comparePhysical();
    mems.verify();
  }

  /** Everything is freed: each main block must end as one hole, and the first be used again. */
  drain() {
    while (this.live.length > 0) this.free(this.random.pick(this.live).address);
    assert.equal(this.model.holes.sizes.length, this.model.mains.length);
    this.compareAll();
    this.both('malloc', 1);
    this.compareAll();
  }
}

function format({ code, isOfClass, value }) {
  return code === undefined ? String(value) : `${code}${isOfClass ? '' : ' of a wrong class'}`;
}

afterEach(() => finishQuietly(mems));

test('the oracle itself agrees with the example of the seed', () => {
  const model = new Model();
  assert.equal(model.malloc(1000), 1000n);
  assert.deepEqual(model.statsText(), printed.one);
  assert.equal(model.malloc(3), 2000n);
});

// One test for each kind of sizes, so that a failure in one leaves the others to be seen.
Object.keys(SIZES).forEach((sizes, first, { length: kinds }) => {
  test(`random programs with sizes '${sizes}' do what the oracle does`, (t) => {
    t.diagnostic(`MEMS_SEED=${seed}`);
    for (let number = first; number < ALL; number += kinds) {
      const plan = makePlan(number);
      let program;
      const run = (words) => {
        finishQuietly(mems);
        program = new Program(plan);
        program.run(words);
      };
      const show = (words) => {
        // The program that failed last need not be the shortest.
        assert.throws(() => run(words));
        const { title, history } = program;
        return `${title}, call ${history.length}; the last ones: ${history.slice(-40).join(', ')}`;
      };
      check(t, steps(2 * plan.mean), run, { runs: 1, stream: number, show });
    }
  });
});
