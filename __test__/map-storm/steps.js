'use strict';

// The random operations of a worker of the map storm, each of which can be cut short at any moment.

const { found } = require('../storm/table.js');
const { COUNTERS, Journal, KEYS } = require('./journal.js');
const { check, make, read } = require('./value.js');

const SHARED = 30;
const MADE = 5;
/** Later than this after its time, in milliseconds, an entry must be gone: clocks of languages differ by some. */
const SLACK = 100;
/** A process that is killed in the middle of making a value is known to be dead after this, in milliseconds. */
const DEATH_MS = 30_000;
/** Words of four bytes of the block that all have in common: who makes which value, and which processes are dead. */
const control = { STOP: 0, MAKERS: 4, DEAD: 4 + MADE, DEAD_COUNT: 1024 };
control.WORDS = control.DEAD + control.DEAD_COUNT;

const ownName = (owner, key) => `own ${owner} ${key}`;
const counterName = (counter) => `count ${counter}`;
/** The first half of the counters is incremented. */
const isSwapped = (counter) => counter >= COUNTERS / 2;

const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

class Steps {
  /** `life`: the number of the process, which no other has. `limits`: see subject.js. */
  constructor({ heap, map, owner, owners, life, limits, control: words, random }) {
    Object.assign(this, { heap, map, owner, life, limits, control: words, random });
    this.loses = Object.keys(limits).length > 0;
    this.journals = owners.map((each) => new Journal(heap, each));
    this.journal = this.journals.find((journal) => journal.owner === owner);
    /** When own keys have expired at the latest. */
    this.expiries = new Map();
    this.names = [
      [6, 'setOwn'],
      [3, 'deleteOwn'],
      [3, 'readOwn'],
      [6, 'readAny'],
      [3, 'setShared'],
      [1, 'deleteShared'],
      [4, 'readShared'],
      [3, 'count'],
      [0.5, 'fetch'],
      [0.1, 'list'],
      [1, 'look'],
      ...(limits.clears ? [[0.02, 'clear']] : []),
    ];
  }

  settle() {
    this.journal.settle((key) => read(this.map, ownName(this.owner, key)), this.loses);
  }

  /** One operation; a promise if it waits. */
  step() {
    return this[this.random.weighed(this.names)]();
  }

  size() {
    const { random } = this;
    const { most = 150_000 } = this.limits;
    const size = random.chance(0.02)
      ? random.int(0, 150_000)
      : random.int(0, random.chance(0.2) ? 9000 : 300);
    return Math.min(size, most);
  }

  ttl() {
    return this.limits.expires && this.random.chance(0.3) ? this.random.int(1, 40) : 0;
  }

  setOwn() {
    const key = this.random.int(0, KEYS - 1);
    const [name, ttl] = [ownName(this.owner, key), this.ttl()];
    const serial = this.journal.next();
    const value = make(name, serial, this.size());
    this.journal.change(key, serial, true, () => this.map.set(name, value, { ttl }));
    if (ttl === 0) this.expiries.delete(key);
    else this.expiries.set(key, Date.now() + ttl + SLACK);
  }

  deleteOwn() {
    const key = this.random.int(0, KEYS - 1);
    const wasThere = (this.journal.done(key) & 1n) === 1n;
    const serial = this.journal.next();
    this.journal.change(key, serial, false, () => {
      const had = this.map.delete(ownName(this.owner, key));
      if (had !== wasThere && (had || !this.loses)) found('delete is wrong', { key, had });
    });
  }

  readOwn() {
    const key = this.random.int(0, KEYS - 1);
    const state = this.journal.done(key);
    const now = Date.now();
    const serial = read(this.map, ownName(this.owner, key));
    if (serial === undefined ? (state & 1n) === 1n && !this.loses : state !== (serial << 1n) + 1n)
      found('what has been set is not there', { owner: this.owner, key, serial, state });
    if (serial !== undefined && now > (this.expiries.get(key) ?? now))
      found('what has expired is there', { owner: this.owner, key });
  }

  /** A key of anybody: what was done before the call, or what is planned after it, or anything in between. */
  readAny() {
    const journal = this.random.pick(this.journals);
    const key = this.random.int(0, KEYS - 1);
    const before = journal.done(key);
    const serial = read(this.map, ownName(journal.owner, key));
    const after = journal.planned(key);
    const isRight =
      serial === undefined
        ? this.loses || (before & 1n) === 0n || after !== before
        : serial >= before >> 1n && serial <= after >> 1n && (serial << 1n) + 1n !== before + 1n;
    if (!isRight)
      found('another’s key is wrong', { owner: journal.owner, key, serial, before, after });
  }

  sharedName() {
    return `shared ${this.random.int(0, SHARED - 1)}`;
  }

  setShared() {
    const name = this.sharedName();
    const serial = (BigInt(this.owner) << 32n) | this.journal.next();
    this.map.set(name, make(name, serial, this.size()), { ttl: this.ttl() });
  }

  deleteShared() {
    this.map.delete(this.sharedName());
  }

  readShared() {
    read(this.map, this.sharedName());
  }

  count() {
    const { journal, map, random } = this;
    const counter = random.int(0, COUNTERS - 1);
    const name = counterName(counter);
    journal.add(counter, () => {
      if (!isSwapped(counter)) {
        map.increment(name);
        return true;
      }
      const before = map.peek(name);
      const sum = before === undefined ? 0n : check(name, before);
      return map.compareAndSet(name, before, make(name, sum + 1n, random.int(0, 100)));
    });
  }

  /** Makes a value, unless another does, or asks for it while another does. */
  async fetch() {
    const i = this.random.int(0, MADE - 1);
    const name = `made ${i}`;
    const value = await this.map.fetch(name, () => this.makeAlone(i, name), { ttl: 20 });
    check(name, value);
  }

  /** Makes a value, and finds out whether another does. A map that is cleared forgets who makes values. */
  async makeAlone(i, name) {
    if (this.limits.clears) {
      await later(this.random.int(0, 3));
      return make(name, BigInt(this.life), this.size());
    }
    const before = Atomics.exchange(this.control, control.MAKERS + i, this.life);
    if (before !== 0) await this.mustBeDead(before, name);
    await later(this.random.int(0, 3));
    const now = Atomics.exchange(this.control, control.MAKERS + i, 0);
    if (now !== this.life) found('two make a value at a time', { name, now });
    return make(name, BigInt(this.life), this.size());
  }

  async mustBeDead(life, name) {
    const end = Date.now() + DEATH_MS;
    const isDead = () => this.control[control.DEAD + (life % control.DEAD_COUNT)] === life;
    while (!isDead()) {
      if (life === this.life || Date.now() > end)
        found('two make a value at a time', { name, life, own: this.life });
      await later(1);
    }
  }

  list() {
    const seen = new Set();
    for (const [name, value] of this.map) {
      if (seen.has(name)) found('a key is listed twice', { name });
      seen.add(name);
      if (typeof value !== 'bigint') check(name, value);
      if (this.random.chance(0.01)) break;
    }
  }

  look() {
    const { bytes, maxBytes } = this.map.stats();
    if (bytes > maxBytes) found('a map has more bytes than it may', { bytes, maxBytes });
  }

  clear() {
    this.map.clear();
  }
}

module.exports = { Steps, control, counterName, isSwapped, ownName };
