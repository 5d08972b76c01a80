'use strict';

// The storm: processes, some with several threads, do random things to one heap in a file and are killed at random moments, while others
// take their slots at once. After each round, when all have stopped, everything in the file is checked. What they do is said by a subject:
// blocks (subject.js), or a map (__test__/map-storm/subject.js).
//
// Arguments, as JSON: { subject: 'storm' or 'map-storm', seed, seconds, folder, processes: [least, most], rounds, round }, with `round` the
// least and most seconds of a round. Prints a line for each
// round, and `done` with the sums. What is found wrong ends it with the seed; the file stays.

const { fork } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { Heap } = require('../..');
const { Numbers } = require('../helpers/random.js');
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
/** Where the words are that say who has the lock, whether an operation is under way, and which process has a slot. */
const [LOCK, SEQUENCE, INTENT, PROCESSES] = [1024, 1088, 1152, 8 * 1536];

const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

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
    this.threads = this.processes <= 5 && random.chance(0.5) ? random.int(2, 3) : 1;
    this.seconds = random.int(...given.round);
    this.subject = new Subject(random);
    this.options = { maxSize: 2 ** 28, ...this.subject.options };
    this.owners = Array.from({ length: this.processes * this.threads }, (_, i) => i + 1);
    this.counts = { kills: 0, locked: 0, underWay: 0 };
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
      });
      // Some die as they open the file, and most later.
      const isShort = random.chance(0.15);
      if (!isShort) await hasBegun;
      const time = isShort ? random.next() * 12 : 1 + 300 * random.next() ** 2;
      const isLast = Date.now() + time >= end;
      await later(Math.min(time, Math.max(0, end - Date.now())));
      if (isLast && !this.endsByKill) this.control[0] = 1;
      else if (child.kill('SIGKILL')) this.counts.kills++;
      const timer = setTimeout(() => {
        this.error ??= 'a process hangs';
        child.kill('SIGKILL');
      }, PATIENCE_MS);
      const { code, signal } = await child.hasEnded;
      clearTimeout(timer);
      this.subject.noteDeath(this.control, life);
      if (signal === 'SIGKILL') this.noteDeath(child.pid);
      if (signal !== 'SIGKILL' && code !== 0)
        this.error ??= `a process has ended by ${signal ?? code}`;
      if (isLast) return;
    }
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
    if (this.heap.processes.length !== 1) found('processes are left', this.heap.processes);
    this.heap.close();
    fs.rmSync(this.path);
  }

  /** Looks whether a process has died with the lock, unless another has taken that over already. */
  noteDeath(pid) {
    const bytes = Buffer.alloc(8);
    const file = fs.openSync(this.path, 'r');
    const word = (offset) => {
      fs.readSync(file, bytes, 0, 8, offset);
      return bytes.readBigUInt64LE();
    };
    const slot = Number(word(LOCK) & 0xffffn) - 1;
    if (slot >= 0 && Number(word(PROCESSES + 16 * slot)) === pid) {
      this.counts.locked++;
      if (word(INTENT) === word(SEQUENCE) + 1n) this.counts.underWay++;
    }
    fs.closeSync(file);
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
