// Heaps in files: what their objects do beside what all heaps do.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.

'use strict';

const util = require('util');
const binding = require('../binding.js');
const { returned } = require('./addresses.js');
const { hasOwn, isRevoked, refuseOthers } = require('./arguments.js');
const { INSPECT } = require('./inspect.js');
const { pathOf } = require('./recording.js');

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

// Shown with its names and addresses, as a Map is. Showing never throws: the heap may be closed.
Object.defineProperty(Roots.prototype, INSPECT, {
  value: function inspect(depth, options, inspectInside = util.inspect) {
    if (depth < 0) return '[Roots]';
    try {
      return inspectInside(new Map(this), options).replace(/^Map/, 'Roots');
    } catch (_) {
      return '[Roots]';
    }
  },
  configurable: true,
  writable: true,
});

/** Numbers, `width` at a time, as lists. */
function* rows(numbers, width) {
  for (let i = 0; i < numbers.length; i += width) yield numbers.slice(i, i + width);
}

/** Processes, of the addon's numbers. */
const listed = (numbers) =>
  [...rows(numbers, PROCESS)].map(([slot, pid, since]) => ({ slot, pid, since: new Date(since) }));

/** The processes that have the file of a heap open for writing. */
const processesOf = (heap) => listed(binding.fileOf(heap).processes);

/** Numbers of the addon for a map: address, whether it is sound, entries, bytes, and the most of both. */
const MAP = 6;

/** A limit of the addon's, for which 0 is none. */
const limit = (number) => (number === 0 ? Number.POSITIVE_INFINITY : number);

/** A report on a heap file, of the addon's. */
function reportOf(report, asNumber) {
  const { extents, summary, names, roots, mapNames, maps, processes, ...said } = report;
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
    maps: [...rows(maps, MAP)].map(([first, isSound, entries, size, maxEntries, maxBytes], at) => ({
      name: mapNames[at],
      address: address(first),
      sound: isSound === 1,
      entries,
      bytes: size,
      maxEntries: limit(maxEntries),
      maxBytes: limit(maxBytes),
    })),
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

/** The word that `free` is called with. Throws if something else is named as well. */
function wordIn({ from, ...unknown }) {
  refuseOthers(unknown, ['from'], 'free()', wordIn);
  return from;
}

/** The options of `repair`, checked, with the path in the place of a URL. */
const withPath = (options) =>
  hasOwnName(options, 'into') ? { ...options, into: pathOf(options.into) } : options;

/** How waiting has ended, by the addon's numbers. */
const WAITED = ['ok', 'not-equal', 'timed-out'];

/** Waits for a word to change; the thread does nothing else meanwhile. */
const wait = (heap, address, expected, timeout) =>
  WAITED[binding.wait(heap, address, expected, timeout)];

/** The longest time that a timer takes, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Calls `end` after so many milliseconds, and has `timer.current` be the timer meanwhile. */
function after(milliseconds, timer, end) {
  const rest = milliseconds - LONGEST_TIMER;
  timer.current = setTimeout(
    () => (rest > 0 ? after(rest, timer, end) : end()),
    Math.min(milliseconds, LONGEST_TIMER),
  );
}

/** Waits for a word to change: the addon has a thread that waits, and calls a function when the word has changed. */
function waitAsync(heap, address, expected, timeout) {
  return new Promise((resolve, reject) => {
    if (timeout <= 0 && Number.isFinite(timeout)) {
      resolve(wait(heap, address, expected, 0));
      return;
    }
    const timer = { current: undefined };
    const ticket = binding.beginWait(heap, address, expected, (outcome) => {
      clearTimeout(timer.current);
      if (typeof outcome === 'number') resolve(WAITED[outcome]);
      else reject(outcome);
    });
    if (ticket === 0) resolve('not-equal');
    else if (Number.isFinite(timeout)) {
      after(timeout, timer, () => {
        const outcome = WAITED[binding.endWait(ticket)];
        // Without an outcome the wait has ended, and the addon is about to call its function.
        if (outcome !== undefined) resolve(outcome);
      });
    }
  });
}

/**
 * For each heap that is being synced the promise of that sync, `running`, and that of the `next` one, which all calls since have in common. So any
 * number of calls takes one thread of the pool.
 */
const syncs = new Map();

/** Begins a sync, and returns a promise of its number. */
function beginSync(heap) {
  syncs.delete(heap);
  const current = { running: binding.syncFile(heap), next: undefined };
  syncs.set(heap, current);
  const end = () => {
    if (current.next === undefined) syncs.delete(heap);
  };
  current.running.then(end, end);
  return current.running;
}

/** Writes a heap to the disk in another thread. */
async function sync(heap) {
  const current = syncs.get(heap);
  if (current === undefined) return { generation: await beginSync(heap) };
  if (current.next === undefined) {
    const begin = () => beginSync(heap);
    current.next = current.running.then(begin, begin);
  }
  return { generation: await current.next };
}

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
  withPath,
  wordIn,
};
