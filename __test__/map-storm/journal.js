'use strict';

// What a worker of the map storm keeps in the file, beside the map: a block of words that a root names. It says what the worker has done and
// what it is about to do, so that the next worker of its number, or the check at the end, knows which states the map may have.
//
// A key of a worker is changed by that worker only. Each of its states has a number, larger than the one before, and a bit that says whether
// there is a value. Before a change the new state is planned, and afterwards it is done: a death in between leaves one or the other.
// Counters are changed by all workers: an addition that a death cuts short is counted as one that may have happened.

const { found } = require('../storm/table.js');

/** Keys of a worker, and counters of all: those that are incremented, and those that are compared and set. */
const KEYS = 40;
const COUNTERS = 8;

const at = { OWNER: 0, SERIAL: 1, DONE: 2, PLANNED: 2 + KEYS };
at.ADDED = at.PLANNED + KEYS;
at.ADDING = at.ADDED + COUNTERS;
at.PERHAPS = at.ADDING + COUNTERS;
const WORDS = at.PERHAPS + COUNTERS;

const rootOf = (owner) => `journal ${owner}`;
const stateOf = (serial, isThere) => (serial << 1n) | BigInt(isThere);

class Journal {
  /** Makes the journal of a worker. */
  static make(heap, owner) {
    const address = heap.malloc(8 * WORDS);
    heap.fill(address, 0);
    heap.view(address, BigUint64Array, WORDS)[at.OWNER] = BigInt(owner);
    heap.roots.set(rootOf(owner), address);
  }

  constructor(heap, owner) {
    this.owner = owner;
    this.address = heap.roots.get(rootOf(owner));
    this.words = heap.view(this.address, BigUint64Array, WORDS);
    if (this.words[at.OWNER] !== BigInt(owner)) found('a journal has changed', { owner });
  }

  /** The next number, which no state or value of this worker has. */
  next() {
    const serial = this.words[at.SERIAL] + 1n;
    this.words[at.SERIAL] = serial;
    return serial;
  }

  done(key) {
    return this.words[at.DONE + key];
  }

  planned(key) {
    return this.words[at.PLANNED + key];
  }

  /** Says what a key is about to become, and afterwards that it has. */
  change(key, serial, isThere, operation) {
    const state = stateOf(serial, isThere);
    this.words[at.PLANNED + key] = state;
    operation();
    this.words[at.DONE + key] = state;
  }

  /** Adds one to a counter by an operation, which returns whether it has. */
  add(counter, operation) {
    this.words[at.ADDING + counter] = 1n;
    if (operation()) this.words[at.ADDED + counter]++;
    this.words[at.ADDING + counter] = 0n;
  }

  /**
   * Settles what the worker before has left. `read` returns the number of the value of a key, or undefined; `loses`: the map may lose entries
   * at any time.
   */
  settle(read, loses) {
    const { owner, words } = this;
    for (let key = 0; key < KEYS; key++) {
      const [done, planned] = [this.done(key), this.planned(key)];
      const serial = read(key);
      const isOne = (state) =>
        serial === undefined ? (state & 1n) === 0n : state === stateOf(serial, true);
      const state = [planned, done].find(isOne);
      if (state === undefined && !(loses && serial === undefined))
        found('a key is neither as it was nor as it was to be', {
          owner,
          key,
          serial,
          done,
          planned,
        });
      // What has gone does not come back.
      const settled = state ?? stateOf(planned >> 1n, false);
      words[at.PLANNED + key] = settled;
      words[at.DONE + key] = settled;
    }
    for (let counter = 0; counter < COUNTERS; counter++) {
      if (words[at.ADDING + counter] !== 0n) words[at.PERHAPS + counter]++;
      words[at.ADDING + counter] = 0n;
    }
  }

  /** How many states and values there have been, and what has been added to counters. */
  get changes() {
    const added = this.words.subarray(at.ADDED, at.ADDED + COUNTERS);
    return added.reduce((sum, each) => sum + each, this.words[at.SERIAL]);
  }

  /** How much has been added to a counter, at least and at most. */
  added(counter) {
    const sum = this.words[at.ADDED + counter];
    return [sum, sum + this.words[at.PERHAPS + counter]];
  }
}

module.exports = { COUNTERS, Journal, KEYS, WORDS, rootOf };
