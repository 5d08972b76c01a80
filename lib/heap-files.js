// Heaps in files: what their objects do beside what all heaps do.

'use strict';

const binding = require('../binding.js');
const { returned } = require('./addresses.js');
const { hasOwn, isRevoked } = require('./arguments.js');

/** Numbers of the addon for a process: slot, id, and when it opened the file. */
const PROCESS = 3;

/** Names for addresses, by which programs find their data again. They are read from the file each time. */
class Roots {
  #heap;
  #asNumber;

  /** The roots of the heap with the id that `heap` returns. */
  constructor(heap, asNumber) {
    this.#heap = heap;
    this.#asNumber = asNumber;
  }

  get(name) {
    const address = binding.root(this.#heap(), name);
    return address === null ? undefined : returned(address, this.#asNumber);
  }

  set(name, address) {
    binding.setRoot(this.#heap(), name, address);
  }

  delete(name) {
    return binding.deleteRoot(this.#heap(), name);
  }

  *[Symbol.iterator]() {
    for (const { name, address } of binding.roots(this.#heap())) {
      yield [name, this.#asNumber ? address : BigInt(address)];
    }
  }
}

/** Numbers, `width` at a time, as lists. */
function* rows(numbers, width) {
  for (let i = 0; i < numbers.length; i += width) yield numbers.slice(i, i + width);
}

/** Processes, of the addon's numbers. */
const listed = (numbers) =>
  [...rows(numbers, PROCESS)].map(([slot, pid, since]) => ({ slot, pid, since: new Date(since) }));

/** The processes that have the file of a heap open for writing. */
const processesOf = (heap) => listed(binding.fileOf(heap).processes);

/** A report on a heap file, of the addon's. */
function reportOf({ extents, summary, names, roots, processes, ...said }, asNumber) {
  const address = (number) => (asNumber ? number : BigInt(number));
  const [mapped, live, holes, largestHole, metadata, liveBlocks, holeCount] = summary;
  return {
    ...said,
    extents: [...rows(extents, 2)].map(([first, bytes]) => ({ address: address(first), bytes })),
    bytes: { mapped, live, holes, largestHole, metadata },
    counts: { live: liveBlocks, holes: holeCount },
    roots: [...rows(roots, 2)].map(([first, isLive], at) => {
      return { name: names[at], address: address(first), live: isLive === 1 };
    }),
    processes: listed(processes),
  };
}

/** Whether an argument is an object with a property of its own by that name. */
const hasOwnName = (argument, name) =>
  typeof argument === 'object' &&
  argument !== null &&
  !isRevoked(argument) &&
  hasOwn(argument, name);

/** Whether the options of `malloc` name a word that gets the address. */
const hasWord = (options) => hasOwnName(options, 'into');

/** Allocates a block whose address is stored in a word by the same operation. */
function mallocInto(heap, size, options, asNumber) {
  const { into, ...others } = options;
  const { alignment, ...unknown } = others;
  // Options that malloc does not know are refused by it.
  if (into === undefined || Object.keys(unknown).length > 0)
    return returned(binding.heapMalloc(heap, size, others), asNumber);
  return returned(binding.mallocInto(heap, size, alignment, into), asNumber);
}

/** Whether what `free` is called with names the word that has the address. */
const isWord = (address) => hasOwnName(address, 'from');

/** How waiting has ended, by the addon's numbers. */
const WAITED = ['ok', 'not-equal', 'timed-out'];

/** Waits for a word to change; the thread does nothing else meanwhile. */
const wait = (heap, address, expected, timeout) =>
  WAITED[binding.wait(heap, address, expected, timeout)];

/** Milliseconds from one look of `waitAsync` at a word to the next. */
const OFTEN = 1;

/** Waits for a word to change, and looks at it each millisecond. */
function waitAsync(heap, address, expected, timeout = Number.POSITIVE_INFINITY) {
  return new Promise((resolve, reject) => {
    const until = Date.now() + timeout;
    let isFirst = true;
    function look() {
      try {
        // With no time to wait, the addon only looks.
        const seen = binding.wait(heap, address, expected, 0);
        if (seen === 1) return resolve(isFirst ? 'not-equal' : 'ok');
        if (Date.now() >= until) return resolve('timed-out');
        isFirst = false;
        setTimeout(look, OFTEN);
      } catch (error) {
        reject(error);
      }
    }
    look();
  });
}

/** Writes a heap to the disk in another thread. */
const sync = async (heap) => ({ generation: await binding.syncFile(heap) });

/** Writes a heap to the disk; the thread does nothing else meanwhile. */
const syncSync = (heap) => ({ generation: binding.syncFileNow(heap) });

/** The id of a heap that has ended, for objects that are closed while others of their heap are not. */
let ended;
function endedId() {
  if (ended === undefined) {
    ended = binding.open();
    binding.close(ended);
  }
  return ended;
}

module.exports = {
  Roots,
  endedId,
  hasWord,
  isWord,
  mallocInto,
  processesOf,
  reportOf,
  sync,
  syncSync,
  wait,
  waitAsync,
};
