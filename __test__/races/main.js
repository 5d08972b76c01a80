// Races: threads that do to one heap at the same moment what only one of them can. Whatever the outcome, no block is handed out
// twice, no slot is lost, each free of a block but one is refused, and statistics add up.
//
//   node __test__/races/main.js <seed> <seconds> [<rounds> [<race> ...]]
//
// It goes round the races, or those that are named, until the time is up, each at least `rounds` times. The seed decides what is done; the machine decides who
// wins.
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const path = require('path');
const { Worker } = require('worker_threads');
const { Heap } = require('../..');
const { Random } = require('../soak/random.js');
const { shareMemory } = require('./programs.js');
const { race } = require('./racer.js');

const [seed, seconds = 10, least = 1] = process.argv.slice(2, 5).map(Number);
const named = process.argv.slice(5);
const random = new Random(seed);
const RACER = path.join(__dirname, 'racer.js');
const SAY_MS = 5000;

/** A race has the part of its rounds that this says: in a checked build each call takes long. */
const PART = Number(process.env.MEMS_RACES_PART ?? 1);
const roundsOf = (all) => Math.ceil(all / PART);

/** Words, and numbers behind them: addresses of blocks. */
const memoryFor = (numbers) => new SharedArrayBuffer(1024 + 8 * numbers);

const done = {
  races: 0,
  frees: 0,
  refused: 0,
  crossed: 0,
  closed: 0,
  killed: 0,
  published: 0,
  operations: 0,
};

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** Starts a thread of a race. Returns the worker, and what it will have counted: undefined if it was stopped. */
function startRacer(data) {
  const worker = new Worker(RACER, { workerData: data });
  const counts = new Promise((resolve, reject) => {
    let message;
    worker.on('message', (counted) => {
      message = counted;
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve(message));
  });
  // The promise is awaited later.
  counts.catch(() => {});
  return { worker, counts };
}

function ensure(holds, what) {
  if (!holds) throw new Error(what);
}

/** Checks that a heap which nobody uses now has no blocks but those that are `kept`, or up to `more` more, and ends it. */
function settle(heap, kept, more = 0) {
  heap.verify();
  const live = kept.length;
  const { bytes, counts, totals } = heap.stats();
  ensure(
    counts.live >= live && counts.live <= live + more,
    `${counts.live} live blocks, not ${live}`,
  );
  ensure(
    totals.malloc - totals.free === counts.live,
    `${JSON.stringify(totals)}, ${counts.live} live`,
  );
  ensure(bytes.live + bytes.holes === bytes.mapped, JSON.stringify(bytes));
  heap.freeMany(kept);
  heap.trim();
  const left = heap.stats();
  if (left.counts.live === 0) {
    ensure(left.bytes.requested === 0, `${left.bytes.requested} bytes requested of none`);
    // Slots that waited in fronts are back in their spans, and spans without blocks are gone.
    const { holes, mainBlocks } = left.counts;
    ensure(holes === mainBlocks, `${holes} holes in ${mainBlocks} main blocks`);
  }
  heap.verify();
  heap.close();
}

const anyAddresses = () => (random.chance(0.5) ? 'number' : 'bigint');

/** A heap, which has a front by now or not, and blocks of which some are live. */
function anyHeap() {
  const addresses = anyAddresses();
  const heap = new Heap({ addresses });
  const kept = [];
  for (let call = random.int(0, 400); call > 0; call--) {
    const address = heap.malloc(random.int(1, 300));
    if (random.chance(0.1)) kept.push(address);
    else heap.free(address);
  }
  return { heap, kept, addresses };
}

/** Threads free the same blocks, or make them smaller: each is freed once. */
async function doubleFree(part = 'double') {
  const threads = part === 'shrink' ? 2 : random.pick([2, 2, 4]);
  const { heap, kept, addresses } = anyHeap();
  // Few at once: a thread that has lost a block is behind for the next.
  const most = random.pick([1, 2, 2, 16, 256, 4096]);
  const rounds = roundsOf(40_000 / most / (threads > 2 && most < 16 ? 16 : 1));
  const data = { part, threads, memory: memoryFor(most), rounds, most, addresses };
  const byAddon = random.pick([-1, -1, 0, threads - 1]);
  const all = { ...data, id: heap.id, byAddon, seed: random.int(0, 2 ** 30) };
  const racers = Array.from({ length: threads }, (_, number) => startRacer({ ...all, number }));
  const counts = await Promise.all(racers.map((racer) => racer.counts));
  const won = counts.reduce((sum, each) => sum + each.won, 0);
  ensure(won === rounds * most, `${won} of ${rounds * most} blocks were freed`);
  done.frees += won * threads;
  done.refused += won * (threads - 1);
  settle(heap, kept);
}

/** Threads free what others have made. */
async function crossFree() {
  const threads = random.pick([2, 2, 3, 4]);
  const { heap, kept, addresses } = anyHeap();
  const memory = memoryFor(threads * random.pick([1, 7, 64, 1000]));
  const rounds = roundsOf(20_000);
  const all = { part: 'cross', threads, memory, rounds, addresses, id: heap.id };
  const start = (number) => startRacer({ ...all, number, seed: random.int(0, 2 ** 30) });
  const racers = Array.from({ length: threads }, (_, number) => start(number));
  const counts = Promise.all(racers.map((racer) => racer.counts));
  let running = true;
  const stop = () => {
    running = false;
  };
  counts.then(stop, stop);
  const words = new Int32Array(memory, 0, 256);
  let verified = 0;
  while (running) {
    // Now and then: threads that wait for a heap which is being verified all the time do not come far.
    if (words[16] - verified >= 1000) {
      verified = words[16];
      heap.verify();
    }
    heap.stats();
    await tick();
  }
  for (const { won, made } of await counts)
    ensure(won === rounds && made === rounds, 'a block is gone');
  done.crossed += threads * rounds;
  settle(heap, kept);
}

/** Starts threads that churn, and waits until they do. */
async function startChurn(heap, addresses, threads, numbers) {
  const memory = memoryFor(threads * numbers);
  const words = new Int32Array(memory, 0, 256);
  const only = random.pick([0, 0, 64, 300, 20_000]);
  const all = { part: 'churn', threads, memory, addresses, only, id: heap.id };
  const start = (number) => startRacer({ ...all, number, seed: random.int(0, 2 ** 30) });
  const racers = Array.from({ length: threads }, (_, number) => start(number));
  const failed = Promise.race(racers.map((racer) => racer.counts));
  let failure;
  failed.catch((error) => {
    failure = error;
  });
  while (Atomics.load(words, 0) < threads && failure === undefined) await tick();
  return { racers, numbers: new Float64Array(memory, 1024) };
}

/** A heap ends while threads use it. */
async function closeInTheMiddle() {
  const threads = random.int(1, 4);
  const { heap, addresses } = anyHeap();
  const { racers } = await startChurn(heap, addresses, threads, random.pick([1, 10, 1000]));
  for (let turn = random.int(0, 2000); turn > 0; turn--) if (turn % 8 === 0) await tick();
  heap.close();
  await Promise.all(racers.map((racer) => racer.counts));
  done.closed += threads;
}

/**
 * Threads are stopped while they use a heap. What waited in their fronts is not lost. (Not in Deno, which says that a worker has ended
 * while it still runs.)
 */
async function killInTheMiddle() {
  if (typeof Deno !== 'undefined') return;
  const threads = random.int(1, 3);
  const { heap, kept, addresses } = anyHeap();
  const room = random.pick([1, 10, 300]);
  const { racers, numbers } = await startChurn(heap, addresses, threads, room);
  for (let turn = random.int(0, 2000); turn > 0; turn--) if (turn % 8 === 0) await tick();
  await Promise.all(racers.map((racer) => racer.worker.terminate()));
  await Promise.all(racers.map((racer) => racer.counts));
  // A thread was stopped in one call at most: its block is there or not, and a realloc may have two.
  const unsure = numbers.filter((number) => number < 0).length;
  ensure(unsure <= threads, `${unsure} calls of ${threads} threads were not ended`);
  for (const address of numbers) if (address > 0) heap.free(address);
  done.killed += threads;
  settle(heap, kept, 2 * unsure);
}

/** A heap is published while its thread uses it, and others continue with its blocks at once. */
async function publishInTheMiddle() {
  const { heap, kept, addresses } = anyHeap();
  const threads = 2;
  const most = 256;
  const memory = memoryFor(most);
  const rounds = 20;
  const all = {
    part: 'double',
    threads,
    memory,
    rounds,
    most,
    addresses,
    seed: random.int(0, 2 ** 30),
  };
  const blocks = Array.from({ length: 300 }, () => heap.malloc(random.int(1, 200)));
  const { id } = heap;
  const racer = startRacer({ ...all, id, number: 1 });
  // This thread has the object that the heap was made with.
  const counts = race({ ...all, id: heap, number: 0 });
  for (const block of blocks) heap.free(block);
  const { won } = await racer.counts;
  ensure(won + counts.won === rounds * most, `${won + counts.won} of ${rounds * most} were freed`);
  done.published += 1;
  settle(heap, kept);
}

/** Three threads run random programs on one heap, each with a shadow of its blocks. */
async function randomPrograms() {
  const threads = 3;
  const { heap, kept, addresses } = anyHeap();
  const rounds = roundsOf(10_000);
  const { requested } = heap.stats().bytes;
  const all = { part: 'programs', threads, memory: memoryFor(0), programs: shareMemory(threads) };
  const start = (number) => {
    const seed = random.int(0, 2 ** 30);
    return startRacer({ ...all, id: heap.id, rounds, addresses, number, seed });
  };
  const racers = Array.from({ length: threads }, (_, number) => start(number));
  let left = [];
  let made = 0;
  for (const counts of await Promise.all(racers.map((racer) => racer.counts))) {
    left = [...left, ...counts.left];
    made += counts.made;
  }
  const bytes = left.reduce((sum, { size }) => sum + size, requested);
  const stats = heap.stats();
  ensure(stats.bytes.requested === bytes, `${stats.bytes.requested} bytes, not ${bytes}`);
  done.operations += made;
  settle(heap, [...kept, ...left.map(({ address }) => address)]);
}

const shrinkAndFree = () => doubleFree('shrink');

const RACES = {
  doubleFree,
  shrinkAndFree,
  crossFree,
  closeInTheMiddle,
  killInTheMiddle,
  publishInTheMiddle,
  randomPrograms,
};

async function main() {
  const end = Date.now() + 1000 * seconds;
  let said = Date.now();
  for (let round = 0; round < least || Date.now() < end; round++) {
    for (const name of named.length > 0 ? named : Object.keys(RACES)) {
      await RACES[name]();
      done.races += 1;
      if (Date.now() - said > SAY_MS) {
        said = Date.now();
        console.log(JSON.stringify(done));
      }
    }
  }
  const { length } = Heap.list();
  ensure(length === 0, `${length} heaps are left`);
  console.log(`done ${JSON.stringify(done)}`);
}

main().catch((error) => {
  console.error(`seed ${seed}:`, error);
  process.exit(1);
});
