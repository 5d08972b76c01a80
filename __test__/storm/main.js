'use strict';

// The storm: processes, some with several threads, do random things to one heap in a file and are killed at random moments, while others
// take their slots at once. After each round, when all have stopped, everything in the file is checked. What they do is said by a subject:
// blocks (subject.js), or a map (__test__/map-storm/subject.js).
//
// With the addon for tests (MEMS_LIBRARY_PATH) most processes kill themselves before a store to the bookkeeping, so that nearly every death
// is one in the middle of a call, of an extent that is added, or of what another death has left.
//
// Arguments, as JSON: { subject: 'storm' or 'map-storm', seed, seconds, folder, processes: [least, most], rounds, round }, with `round` the
// least and most seconds of a round. Prints a line for each round, and `done` with the sums: `kills`, those in a store (`own`); deaths with the
// lock (`locked`), with an operation under way, by its kind, and with one that an earlier dead process had begun (`again`); slots that were
// taken again (`reused`). What is found wrong ends it with the seed; the file stays.

const { fork } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('../..');
const { Numbers } = require('../helpers/random.js');
const { change, stopSystem } = require('../helpers/power.js');
const { remove } = require('../helpers/remove.js');
const { found } = require('./table.js');

const given = {
  subject: 'storm',
  seed: 1,
  seconds: 20,
  folder: '/tmp',
  processes: [2, 8],
  round: [2, 5],
  ...JSON.parse(process.argv[2] ?? '{}'),
};
const random = new Numbers(given.seed);

const SUBJECT = path.join(__dirname, '..', given.subject, 'subject.js');
const { Subject } = require(SUBJECT);

/** A process that does not end so long after it was told to stop hangs. */
const PATIENCE_MS = 120_000;
/** Processes that have started and wait to be sent off. */
const SPARES = 2;
/** Where the words are that say who has the lock, whether an operation is under way, and how often and by whom a slot was taken. */
const [LOCK, SEQUENCE, INTENT, GENERATIONS, PROCESSES] = [1024, 1088, 1152, 8 * 512, 8 * 1536];
const SLOTS = 1024;
/** The kinds of operations, as the file numbers them. */
const KINDS = ['', 'take', 'release', 'resize', 'append', 'rebuild', 'retire', 'settle', 'shorten'];
/** Whether processes can kill themselves. */
const canDie = require('../../binding.js').dieBeforeStore !== undefined;
/** Where the roots are, and how long the header is. */
const [ROOTS, HEADER] = [32_768, 262_144];

const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Whether no other process has a heap open. Windows may let go of what a dead one had a moment after its end. */
async function isAlone(heap) {
  for (let i = 0; heap.processes.length > 1; i++) {
    if (i === 1000) return false;
    await later(1);
  }
  return true;
}

const spares = [];
/** How many processes have been sent off. */
let lives = 0;

/** A process that waits to be sent off. */
function spare() {
  const child = fork(path.join(__dirname, 'worker.js'), { serialization: 'advanced' });
  child.isReady = new Promise((resolve) => child.once('message', resolve));
  child.hasEnded = new Promise((resolve) =>
    child.once('exit', (code, signal) => resolve({ code, signal })),
  );
  return child;
}

async function nextProcess() {
  while (spares.length <= SPARES) spares.push(spare());
  const child = spares.shift();
  await child.isReady;
  return child;
}

/** What the processes of a round work for. */
class Round {
  constructor(number) {
    this.number = number;
    this.path = path.join(given.folder, `storm-${process.pid}-${number}.mems`);
    this.processes = random.int(...given.processes);
    this.threads = random.chance(0.5) ? random.int(2, this.processes <= 5 ? 3 : 2) : 1;
    this.seconds = random.int(...given.round);
    this.subject = new Subject(random);
    this.options = { maxSize: 2 ** 30, ...this.subject.options, ...this.durability() };
    this.owners = Array.from({ length: this.processes * this.threads }, (_, i) => i + 1);
    this.counts = { kills: 0, own: 0, locked: 0, underWay: 0, again: 0, reused: 0 };
    /** The numbers of the operations that dead processes have had under way. */
    this.begun = new Set();
  }

  /** Each process of a durable heap syncs it, and is killed in syncs too. */
  durability() {
    if (this.subject.options.zeroOnFree) return {};
    const isDurable = given.durable ?? random.chance(0.3);
    return isDurable ? { durable: true, syncEvery: random.int(1, 60) } : {};
  }

  prepare() {
    fs.rmSync(this.path, { force: true });
    const heap = Heap.open(this.path, { ...this.options, addresses: 'number' });
    this.heap = heap;
    this.control = this.subject.prepare(heap, this.owners);
  }

  /** Lets processes work for some workers, one after the other, each until it is killed. */
  async keepBusy(owners, end) {
    while (this.error === undefined) {
      const child = await nextProcess();
      const hasBegun = new Promise((resolve) => {
        child.on('message', ({ error }) => {
          this.error ??= error;
          resolve();
        });
        child.once('exit', resolve);
      });
      const dies = this.storesToLive();
      const life = ++lives;
      child.send({
        subject: SUBJECT,
        path: this.path,
        owners,
        all: this.owners,
        life,
        seed: random.int(1, 2 ** 31),
        options: this.options,
        told: this.subject.told,
        dies,
      });
      // Some die as they open the file, and most later. Those that kill themselves get time for that.
      const isShort = dies === undefined && random.chance(0.15);
      if (!isShort) await hasBegun;
      const longest = dies === undefined ? 300 * random.next() ** 2 : 3000;
      const time = isShort ? 12 * random.next() : 1 + longest;
      const own = await Promise.race([
        later(Math.min(time, Math.max(0, end - Date.now()))),
        child.hasEnded.then((ended) => ended.signal === 'SIGKILL'),
      ]);
      const isLast = Date.now() >= end;
      if (own) this.counts.own++;
      else if (isLast && !this.endsByKill) this.control[0] = 1;
      else child.kill('SIGKILL');
      const timer = setTimeout(() => {
        this.error ??= 'a process hangs';
        child.kill('SIGKILL');
      }, PATIENCE_MS);
      const { code, signal } = await child.hasEnded;
      clearTimeout(timer);
      this.subject.noteDeath(this.control, life);
      if (signal === 'SIGKILL') this.noteDeath(child.pid);
      else if (code !== 0) this.error ??= `a process has ended by ${signal ?? code}`;
      if (isLast) return;
    }
  }

  /** Before which store a process kills itself: as it opens the file and recovers it, or later. `undefined`: it does not. */
  storesToLive() {
    if (!canDie || random.chance(0.25)) return undefined;
    return random.chance(0.4) ? random.int(0, 60) : Math.floor(20_000 * random.next() ** 3);
  }

  async run() {
    this.prepare();
    this.endsByKill = random.chance(0.4);
    const end = Date.now() + 1000 * this.seconds;
    const groups = [];
    for (let i = 0; i < this.owners.length; i += this.threads)
      groups.push(this.owners.slice(i, i + this.threads));
    await Promise.all(groups.map((owners) => this.keepBusy(owners, end)));
    if (this.error !== undefined) throw new Error(this.error);
    if (random.chance(0.3)) {
      // The last process closes the file, and another finds it.
      this.heap.close();
      this.heap = Heap.open(this.path, { ...this.options, addresses: 'number' });
    }
    Object.assign(this.counts, this.subject.check(this.heap));
    this.noteSlots();
    if (!(await isAlone(this.heap))) found('processes are left', this.heap.processes);
    this.heap.close();
    this.control = undefined;
    if (this.options.durable) this.losePower();
    await remove(this.path);
  }

  /** After a power failure the last close comes back, whatever the disk has of the roots and of the first extent's starts and ends. */
  losePower() {
    change(this.path, ROOTS, Buffer.alloc(16_384));
    change(this.path, HEADER, Buffer.alloc(16_384));
    stopSystem(this.path);
    const heap = Heap.open(this.path, { addresses: 'number' });
    this.subject.check(heap);
    heap.close();
  }

  /** Calls a function with one that reads a word of the file. */
  inFile(operation) {
    const bytes = Buffer.alloc(8);
    const file = fs.openSync(this.path, 'r');
    operation((offset) => {
      fs.readSync(file, bytes, 0, 8, offset);
      return bytes.readBigUInt64LE();
    });
    fs.closeSync(file);
  }

  /** Counts a death, and looks whether it was one with the lock, unless another process has taken that over already. */
  noteDeath(pid) {
    this.counts.kills++;
    this.inFile((word) => {
      const slot = Number(word(LOCK) & 0xffffn) - 1;
      if (slot < 0 || slot >= SLOTS || Number(word(PROCESSES + 16 * slot)) !== pid) return;
      const { counts } = this;
      counts.locked++;
      const number = word(INTENT);
      if (number !== word(SEQUENCE) + 1n) return;
      counts.underWay++;
      const kind = KINDS[Number(word(INTENT + 8))];
      counts[kind] = (counts[kind] ?? 0) + 1;
      if (this.begun.has(number)) counts.again++;
      this.begun.add(number);
    });
  }

  /** Counts how often a slot was taken that a dead process had. */
  noteSlots() {
    this.inFile((word) => {
      for (let slot = 0; slot < SLOTS; slot++)
        this.counts.reused += Math.max(0, Number(word(GENERATIONS + 8 * slot)) - 1);
    });
  }
}

async function main() {
  const end = Date.now() + 1000 * given.seconds;
  const sum = { rounds: 0 };
  console.log(`seed ${given.seed} in ${given.folder}`);
  for (let number = 1; number <= (given.rounds ?? Infinity) && Date.now() < end; number++) {
    const round = new Round(number);
    try {
      await round.run();
    } catch (error) {
      const shape = `${round.processes} processes of ${round.threads} threads, ${JSON.stringify(round.options)} ${round.subject.shape}`;
      console.log(
        `found in round ${number} (${shape}) of seed ${given.seed}, in ${round.path}:\n${error.stack}`,
      );
      process.exitCode = 1;
      break;
    }
    sum.rounds++;
    for (const [name, count] of Object.entries(round.counts)) sum[name] = (sum[name] ?? 0) + count;
    console.log(
      `round ${number}: ${round.processes} x ${round.threads} ${round.subject.shape} ${JSON.stringify(round.counts)}`,
    );
  }
  for (const name of ['mapped', 'live', 'entries', 'leases']) delete sum[name];
  if (process.exitCode === undefined) console.log(`done ${JSON.stringify(sum)}`);
  for (const child of spares) child.kill('SIGKILL');
}

main();
