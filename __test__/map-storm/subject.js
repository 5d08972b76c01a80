'use strict';

// A map as what the storm is about (__test__/storm/main.js): processes set, delete, count, compare and make values of one map.

const { liveBlocks, mapsOf } = require('../helpers/map-blocks.js');
const { found } = require('../storm/table.js');
const { COUNTERS, Journal } = require('./journal.js');
const { Steps, control, counterName, isSwapped, ownName } = require('./steps.js');
const { check, read } = require('./value.js');

const open = (heap, { maxBytes, shards }) => heap.map('storm', { maxBytes, shards });

/** How a map of a round may lose entries. In half of the rounds it may not. */
function limitsOf(random) {
  if (random.chance(0.5)) return {};
  const maxBytes = random.int(30_000, 200_000);
  return {
    ...(random.chance(0.6) ? { maxBytes, most: maxBytes >> 3 } : {}),
    ...(random.chance(0.5) ? { expires: true } : {}),
    ...(random.chance(0.3) ? { clears: true } : {}),
  };
}

class Subject {
  constructor(random) {
    this.options = random.chance(0.2) ? { zeroOnFree: true } : {};
    this.limits = limitsOf(random);
    this.shards = 2 ** random.int(0, 5);
  }

  /** What workers are told. */
  get told() {
    return { limits: this.limits, shards: this.shards };
  }

  get shape() {
    return JSON.stringify({ ...this.limits, shards: this.shards });
  }

  prepare(heap, owners) {
    this.owners = owners;
    this.control = heap.malloc(4 * control.WORDS);
    heap.fill(this.control, 0);
    heap.roots.set('control', this.control);
    for (const owner of owners) Journal.make(heap, owner);
    open(heap, { ...this.limits, shards: this.shards });
    return heap.view(this.control, Uint32Array, control.WORDS);
  }

  /** Says that a process is dead. */
  noteDeath(words, life) {
    words[control.DEAD + (life % control.DEAD_COUNT)] = life;
  }

  /** Checks all of the file, when all processes have ended. */
  check(heap) {
    const map = open(heap, this.told);
    const loses = Object.keys(this.limits).length > 0;
    // The next owner of the lock finishes what a dead one has left.
    map.delete('nobody’s');
    heap.verify();
    const live = liveBlocks(heap);
    const maps = mapsOf(heap, live);
    const [{ blocks, problems, counted }] = maps;
    if (maps.length !== 1 || problems.length > 0)
      found('the map is not sound', { maps: maps.length, problems: problems.slice(0, 10) });
    const journals = this.owners.map((owner) => new Journal(heap, owner));
    const known = [...blocks, { address: this.control }, ...journals].map(({ address }) => address);
    const unclaimed = new Set(live.keys());
    for (const address of known)
      if (!unclaimed.delete(address)) found('a block is lost, or has two owners', { address });
    if (unclaimed.size > 0) found('blocks are left over', [...unclaimed].slice(0, 10));
    for (const [name, value] of map) if (typeof value !== 'bigint') check(name, value);
    for (const journal of journals)
      journal.settle((key) => read(map, ownName(journal.owner, key)), loses);
    for (let counter = 0; counter < COUNTERS; counter++)
      this.checkCounter(map, counter, journals, loses);
    const { evictions, expirations, bytes, maxBytes } = map.stats();
    if (bytes > maxBytes) found('a map has more bytes than it may', { bytes, maxBytes });
    const changes = journals.reduce((sum, journal) => sum + Number(journal.changes), 0);
    const { entries, leases } = counted;
    return { changes, entries: Number(entries), leases, evictions, expirations };
  }

  checkCounter(map, counter, journals, loses) {
    const value = map.get(counterName(counter)) ?? 0n;
    const sum =
      typeof value === 'bigint' || !isSwapped(counter) ? value : check(counterName(counter), value);
    const bounds = journals.map((journal) => journal.added(counter));
    const [least, most] = [0, 1].map((i) => bounds.reduce((all, bound) => all + bound[i], 0n));
    if ((sum < least && !loses) || sum > most)
      found('a counter is wrong', { counter, sum, least, most });
  }
}

/** What a worker does. */
function begin({ heap, owner, owners, life, random, told }) {
  const map = open(heap, told);
  const words = heap.view(heap.roots.get('control'), Uint32Array, control.WORDS);
  const steps = new Steps({
    heap,
    map,
    owner,
    owners,
    life,
    limits: told.limits,
    control: words,
    random,
  });
  steps.settle();
  return () => steps.step();
}

module.exports = { Subject, begin };
