// Plays operations on a heap, one at a time: on one with the options of replay (lib/replay.js) for a trace, on one with the options of
// the heap that was recorded for a recording.
//
// Two players of the same operations have the same addresses, also where one is looked at more often than the other: heaps with size
// classes are recorded, into a file that is removed, since a heap that is recorded has no front whose slots a look gives back.
// Requests that were refused when they were recorded are only repeated on a heap like that one.

'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Heap } = require('../library.js');
const { onEnd } = require('./cleanup.js');
const { deciding } = require('./exact.js');
const { NO_BLOCK } = require('./recorded.js');
const { KIND } = require('./recordings.js');
const { checkedLimit, openReplays } = require('./replay.js');

const REFUSALS = ['ERR_MEMS_OUT_OF_MEMORY', 'ERR_MEMS_INVALID_ALIGNMENT'];

/**
 * A heap for a source, and the alignment that all of its blocks have. `policy` is used instead of the one that was recorded, and
 * `limit` is the most bytes that the heap can map.
 */
function openHeap({ options, kind }, policy, limit) {
  // Options of one policy may be impossible with another.
  if (kind !== 'recording' || (policy !== undefined && policy !== options.policy)) {
    const recorded = kind === 'recording' ? options : undefined;
    const [{ heap, alignment }] = openReplays([policy], { limit, recorded });
    return { heap, alignment };
  }
  const own = { ...deciding(options), addresses: 'number' };
  if (limit !== undefined) own.maxSize = checkedLimit(limit);
  return { heap: new Heap(own), alignment: options.alignment ?? 1 };
}

class Player {
  /** How many events were played. */
  at = 0;
  // By id; 0 if there is no block. No heap has the address 0.
  #addresses = new Float64Array(1024);
  #folder;
  /** Whether the heap is like the one that was recorded. */
  #isOwn;
  #forget = () => {};

  constructor(source, { policy, limit } = {}) {
    Object.assign(this, openHeap(source, policy, limit));
    this.#isOwn =
      source.kind === 'recording' && (policy ?? source.options.policy) === source.options.policy;
    if ((policy ?? source.options?.policy) !== 'segregated') return;
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'mems-player-'));
    this.#forget = onEnd(() => this.#remove());
    this.heap.record(path.join(this.#folder, 'heap.mems'), { clock: false });
  }

  #remove() {
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The address of the block `id`; 0 if there is none. */
  addressOf(id) {
    return this.#addresses[id] ?? 0;
  }

  /** Gives live segments, `{ kind, start }`, the names of their blocks: P and their id. O(ids). */
  nameAll(segments) {
    const live = segments.filter(({ kind }) => kind === 'live');
    const byStart = new Map(live.map((segment) => [segment.start, segment]));
    this.#addresses.forEach((address, id) => {
      const segment = byStart.get(address);
      if (segment !== undefined) segment.name = `P${id}`;
    });
  }

  #keep(id, address) {
    if (id >= this.#addresses.length) {
      const longer = new Float64Array(2 * id);
      longer.set(this.#addresses);
      this.#addresses = longer;
    }
    this.#addresses[id] = address;
    return address;
  }

  /** Asks for what was refused: the heap gives back what waits in caches before that. */
  #refuse(kind, id, size) {
    const address = this.addressOf(id);
    try {
      if (kind === KIND.refusedMalloc) this.heap.free(this.heap.malloc(size));
      else if (address !== 0) this.#keep(id, this.heap.realloc(address, size));
    } catch (error) {
      if (!/^ERR_MEMS_/.test(error.code ?? '')) throw error;
    }
  }

  /**
   * Plays the event `at` of some columns. Returns the address of a new or resized block, or of the one that was freed, and 0 if there is
   * none or the heap has refused it.
   */
  play({ kind, block, size, alignment }, at) {
    this.at += 1;
    const [is, id] = [kind[at], block[at]];
    // What waits in caches of size classes returns to its spans, so addresses depend on it.
    if (is === KIND.trim) this.heap.trim();
    if (this.#isOwn && (is === KIND.refusedMalloc || is === KIND.refusedRealloc)) {
      this.#refuse(is, id, size[at]);
    }
    if (is < KIND.block || is > KIND.realloc || id === NO_BLOCK) return 0;
    const address = this.addressOf(id);
    if (is === KIND.free) {
      if (address !== 0) this.heap.free(address);
      this.#keep(id, 0);
      return address;
    }
    try {
      const isAligned = alignment !== undefined && alignment[at] > this.alignment;
      const options = isAligned ? { alignment: alignment[at] } : undefined;
      if (is === KIND.realloc && address !== 0) {
        return this.#keep(id, this.heap.realloc(address, size[at], options));
      }
      return this.#keep(id, this.heap.malloc(size[at], options));
    } catch (error) {
      if (!REFUSALS.includes(error.code)) throw error;
      return 0;
    }
  }

  close() {
    this.heap.close();
    if (this.#folder === undefined) return;
    this.#forget();
    this.#remove();
  }
}

module.exports = { Player };
