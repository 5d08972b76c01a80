// Soak: a random program that makes with MeMS the mistakes that real programs make, for a given time, on any runtime.
//
//   node --expose-gc __test__/soak/main.js <seed> <seconds> [<operations>]
//
// It has heaps of two kinds. Only this thread uses a checked heap: all its blocks are shadowed, so a wrong byte is noticed
// (shadow.js). In a wild heap everything is allowed: views are written to after their block is freed, jobs of the runtime's threads
// work on it, workers allocate in it and are terminated. Once a heap has ended, every thread may use its views. Heaps have options
// in all combinations (options.js): hardened ones have to find bad writes (guards.js), full ones may refuse (with `ulimit -l 256`,
// locked ones as well, unless root runs it). Whatever happens, the process has to live, invariants have to hold, and memory has to
// stay bounded.
//
// The seed decides what is done; the machine decides about races.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const path = require('path');
const { Worker } = require('worker_threads');
const mems = require('../..');
const { quietly } = require('../helpers/console.js');
const { unlessEnded } = require('./expected.js');
const { overflow, writeAfterFree } = require('./guards.js');
const { READERS, Scratch, begin, roundTrip } = require('./jobs.js');
const { checkGrowth, collect, measure } = require('./limits.js');
const { anyHeapOptions, anyOptions, policyOf } = require('./options.js');
const { MOST, Place } = require('./place.js');
const { Random } = require('./random.js');
const { Shadow } = require('./shadow.js');
const { anyView, move, touch } = require('./views.js');

const [seed, seconds, operations = Infinity] = process.argv.slice(2).map(Number);
const random = new Random(seed);

const STEPS_A_TURN = 50;
const SAY_MS = 5000;
const { log: say } = console;

const turn = () => new Promise((resolve) => setImmediate(resolve));

class Soak {
  constructor() {
    this.done = { steps: 0, heaps: 0, ends: 0, workers: 0, jobs: 0, moves: 0 };
    /** What heaps have refused and found, as they should. */
    Object.assign(this.done, { refusals: 0, overflows: 0, staleWrites: 0 });
    // In some runs workers have the default heap too, and may end it; in the others it is checked.
    this.sharesDefault = random.chance(0.5);
    this.scratch = new Scratch();
    this.places = [];
    this.dead = [];
    this.jobs = new Set();
    this.workers = new Set();
    this.outcomes = new Map();
    this.failure = undefined;
    this.start();
    for (let i = 0; i < 4; i++) this.open();
  }

  /** A place of the kind wanted, if there is one. */
  place(wild) {
    const places = this.places.filter(({ shadow }) => (shadow === undefined) === wild);
    return places.length > 0 ? random.pick(places) : undefined;
  }

  start() {
    const options = random.chance(0.5) ? anyOptions(random) : { alignment: 1 };
    unlessEnded(() => mems.init(options));
    this.places.unshift(this.newPlace(mems, this.sharesDefault, options));
  }

  open() {
    if (this.places.length > MOST.heaps) return;
    const options = anyHeapOptions(random);
    this.done.heaps += 1;
    this.places.push(this.newPlace(new mems.Heap(options), random.chance(0.5), options));
  }

  newPlace(heap, wild, options) {
    const policy = policyOf(options, heap === mems ? 'first-fit' : 'segregated');
    const shadow = wild ? undefined : new Shadow(heap, random, options, policy, this.done);
    return new Place(heap, shadow, random, options);
  }

  /** Ends a heap. Any thread may read and write its views that are kept from then on. */
  close() {
    if (this.places.length < 2) return;
    const at = random.int(1, this.places.length - 1);
    const [place] = this.places.splice(at, 1);
    this.done.ends += 1;
    if (place.shadow && random.chance(0.5)) place.shadow.verify();
    place.heap.close();
    this.bury(place);
  }

  restart() {
    const [place] = this.places.splice(0, 1);
    this.done.ends += 1;
    if (place.shadow) place.shadow.verify();
    quietly(() => (place.shadow ? mems.finish() : unlessEnded(mems.finish)));
    this.bury(place);
    this.start();
  }

  bury({ shadow, views }) {
    for (const view of views) {
      // Nobody else has written there: what a checked heap leaves behind is zeros.
      if (shadow && touch(view, random, false) !== 0) {
        throw new Error('a view of an ended heap shows what was there');
      }
    }
    this.dead.push(...views);
    while (this.dead.length > 3 * MOST.views) random.take(this.dead);
  }

  /** One operation in a checked heap. */
  checked() {
    const place = this.place(false);
    if (!place) return;
    const { shadow } = place;
    const full = shadow.blocks.length > MOST.blocks;
    if (shadow.blocks.length === 0 && !shadow.make()) return;
    const { hardened, maxSize } = place.options;
    random.weighed([
      [full ? 1 : 30, () => shadow.make()],
      [25, () => shadow.drop()],
      [8, () => shadow.resize()],
      [5, () => shadow.copy()],
      [hardened ? 2 : 0, () => overflow(shadow)],
      [hardened ? 2 : 0, () => writeAfterFree(shadow)],
      [full ? 0 : maxSize ? 8 : 2, () => shadow.makeMany()],
      [2, () => shadow.dropMany()],
      [10, () => place.keep(anyView(shadow.heap, random.pick(shadow.blocks), random))],
      // Such a view may show anything, and must not crash.
      [10, () => place.views.length > 0 && touch(random.pick(place.views), random, false)],
      [1, () => this.checkedJob(place)],
    ])();
  }

  /** A job that reads a checked block, which is left alone meanwhile. Its heap may end. */
  checkedJob(place) {
    const { heap, blocks } = place.shadow;
    const block = random.pick(blocks);
    if (block.held || this.jobs.size >= MOST.jobs) return;
    block.held = true;
    const view = heap.buffer(block.address);
    const job = random.chance(0.3)
      ? this.roundTrip(place, view)
      : begin(view, random, this.scratch, READERS);
    this.track(job, () => {
      block.held = false;
    });
  }

  async roundTrip(place, view) {
    const same = await roundTrip(view, Buffer.from(view));
    if (!same && this.places.includes(place))
      throw new Error('gzip saw other bytes than there were');
    return 'round trip';
  }

  /** One operation in a wild heap, which another thread may use, or end if it is the default one. */
  wild() {
    const place = this.place(true);
    if (!place) return;
    const { heap, blocks, views } = place;
    const some = blocks.length > 0;
    const free = () => place.attempt(() => heap.free(random.take(blocks).address));
    if (blocks.length > MOST.blocks) free();
    const make = () => {
      const size = random.size();
      blocks.push({ address: heap.malloc(size), size });
    };
    const operation = random.weighed([
      [20, make],
      [some ? 10 : 0, free],
      [some ? 10 : 0, () => place.keep(anyView(heap, random.pick(blocks), random))],
      [views.length > 0 ? 20 : 0, () => touch(random.pick(views), random, true)],
      [some ? 2 : 0, () => this.wildJob(place, free)],
      [views.length > 0 ? 0.3 : 0, () => this.move(place)],
      [some ? 2 : 0, () => this.changeWild(place)],
      [0.2, () => heap.trim()],
      [0.2, () => [...heap.leaks({ order: random.pick(['address', 'size', 'site']), limit: 50 })]],
    ]);
    place.attempt(operation);
  }

  changeWild({ heap, blocks }) {
    const block = random.pick(blocks);
    if (random.chance(0.5)) return heap.fill(block.address, random.int(0, 255));
    const size = random.size();
    // If this throws, the state of the block is unknown.
    random.take(blocks);
    blocks.push({ address: heap.realloc(block.address, size), size });
  }

  /** A job on a wild block, which is freed before it ends or its heap closed. */
  wildJob(place, free) {
    if (this.jobs.size >= MOST.jobs) return;
    const view = anyView(place.heap, random.pick(place.blocks), random);
    this.track(begin(view, random, this.scratch));
    if (random.chance(0.5)) free();
    if (random.chance(0.1)) this.close();
  }

  track(job, then = () => {}) {
    this.done.jobs += 1;
    this.jobs.add(job);
    const end = () => {
      this.jobs.delete(job);
      then();
    };
    job.then(
      (outcome) => {
        end();
        this.outcomes.set(outcome, (this.outcomes.get(outcome) || 0) + 1);
      },
      (error) => {
        end();
        this.failure = this.failure || error;
      },
    );
  }

  move(place) {
    this.done.moves += 1;
    const moved = move(random.pick(place.views), random);
    // All of the buffer span, with bytes of other blocks, which any thread may use in a wild heap.
    if (moved && !ArrayBuffer.isView(moved)) place.keep(new Uint8Array(moved, 0, 4096));
  }

  touchDead() {
    if (this.dead.length === 0) return;
    touch(random.pick(this.dead), random, true);
  }

  /** Many heaps that live for a moment, half of them with a view. */
  burst() {
    for (let i = 0; i < 30; i++) {
      const heap = new mems.Heap();
      const address = heap.malloc(100);
      if (random.chance(0.5)) {
        this.dead.push(heap.buffer(address));
        this.done.ends += 1;
      }
      this.done.heaps += 1;
      heap.close();
    }
  }

  startWorker() {
    if (this.workers.size >= MOST.workers) return;
    const rounds = random.int(1, 60);
    const endIn = random.chance(0.5) ? random.int(0, rounds - 1) : Infinity;
    const heaps = this.places.filter(({ shadow, heap }) => !shadow && heap !== mems);
    const workerData = {
      seed: random.int(0, 2 ** 31),
      heaps: heaps.map(({ heap, options }) => ({ id: heap.id, options })),
      rounds,
      leaves: random.pick(['exit', 'end']),
      scratch: { fd: this.scratch.fd, file: this.scratch.file },
      shared: this.sharesDefault,
    };
    const worker = new Worker(path.join(__dirname, 'worker.js'), { workerData });
    this.done.workers += 1;
    this.workers.add(worker);
    worker.on('message', (round) => {
      if (round === endIn) worker.terminate();
    });
    worker.on('error', (error) => {
      this.failure = this.failure || error;
    });
    worker.on('exit', () => this.workers.delete(worker));
    if (random.chance(0.1)) worker.terminate();
  }

  step() {
    this.done.steps += 1;
    random.weighed([
      [70, () => this.checked()],
      [25, () => this.wild()],
      [4, () => this.touchDead()],
      [0.3, () => this.close()],
      [0.4, () => this.open()],
      [0.1, () => this.restart()],
      [0.02, () => this.burst()],
      [0.1, () => this.startWorker()],
      [0.02, collect],
      [0.2, () => this.verify()],
    ])();
  }

  verify() {
    for (const place of this.places) {
      if (place.shadow) place.shadow.verify();
      else place.attempt(() => place.heap.verify());
    }
  }

  async settle(condition) {
    while (condition()) await turn();
  }

  say(what) {
    const { rss, mappings } = measure();
    const counts = Object.entries(this.done).map(([name, count]) => `${count} ${name}`);
    say(
      `${what}: ${counts.join(', ')}; rss ${(rss / 2 ** 20).toFixed(0)} MiB, ${mappings} mappings`,
    );
  }

  async run() {
    const began = Date.now();
    const share = () =>
      Math.max(this.done.steps / operations, seconds ? (Date.now() - began) / 1000 / seconds : 0);
    let said = began;
    let before;
    while (share() < 1) {
      for (let i = 0; i < STEPS_A_TURN; i++) this.step();
      await turn();
      if (this.failure) throw this.failure;
      if (!before && share() >= 0.25) before = measure();
      if (Date.now() - said >= SAY_MS) {
        said = Date.now();
        this.say('running');
      }
    }
    await this.end();
    const after = measure();
    checkGrowth(before, after);
    return { before, after };
  }

  /** Ends everything, and lets the runtime release it. */
  async end() {
    await this.settle(() => this.workers.size > 0 || this.jobs.size > 0);
    this.say('ending');
    this.verify();
    for (const { heap, shadow } of this.places) {
      while (shadow && shadow.blocks.length > 0) shadow.drop();
      if (heap === mems) quietly(() => unlessEnded(mems.finish));
      else heap.close();
    }
    if (this.failure) throw this.failure;
    this.places = [];
    this.dead = [];
    for (let i = 0; i < 5; i++) {
      collect();
      await turn();
    }
    this.scratch.close();
  }
}

say(`seed ${seed}, ${seconds ? `${seconds} s` : `${operations} operations`}`);
const begun = measure();
const soak = new Soak();
soak.run().then(
  ({ before, after }) => {
    const megabytes = ({ rss }) => Math.round(rss / 2 ** 20);
    for (const [outcome, count] of soak.outcomes) say(`job ${outcome}: ${count}`);
    say(
      `done ${JSON.stringify({
        ...soak.done,
        rss: [begun, before, after].map(megabytes),
        mappings: [begun, before, after].map(({ mappings }) => mappings),
      })}`,
    );
  },
  (error) => {
    console.error(`seed ${seed}, step ${soak.done.steps}: ${error.stack || error}`);
    // Jobs and workers may never end now.
    process.exit(1);
  },
);
