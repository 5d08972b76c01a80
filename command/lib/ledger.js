// Accounts of a program, operation by operation: the address of each block, bytes that are live (as they were asked for), bytes mapped.
//
// A recording has the addresses and what its heap has mapped. A trace is replayed on a heap for them, and so is a recording if a policy
// is named.

'use strict';

const { Player } = require('./player.js');
const { NO_BLOCK } = require('./recorded.js');
const { KIND } = require('./recordings.js');

/** The first address of every heap. */
const FIRST = 1000;

class Ledger {
  /** How many operations there were; main blocks and blocks from before are none. */
  operation = 0;
  address = 0;
  live = 0;
  mapped = 0;
  #sizes = new Float64Array(1024);
  #player;

  constructor(source, policy) {
    if (source.kind === 'recording' && policy === undefined) return;
    this.#player = new Player(source, { policy: policy ?? 'first-fit' });
  }

  /** Enters the event `at` of a chunk. */
  add(chunk, at) {
    const is = chunk.kind[at];
    if (is > KIND.block) this.operation += 1;
    if (this.#player === undefined) this.#addRecorded(chunk, at);
    else this.#addPlayed(chunk, at);
    const isBlock = is >= KIND.block && is <= KIND.realloc;
    if (!isBlock || chunk.block[at] === NO_BLOCK) return;
    const isRefused = this.address === 0 && is !== KIND.free;
    if (!isRefused) this.#resize(chunk.block[at], is === KIND.free ? 0 : chunk.size[at]);
  }

  #addRecorded({ kind, address, from, size }, at) {
    this.address = address[at] === 0 ? from[at] : address[at];
    if (kind[at] === KIND.main || kind[at] === KIND.grow) this.mapped += size[at];
  }

  #addPlayed(chunk, at) {
    const player = this.#player;
    this.address = player.play(chunk, at);
    // A heap has no gaps, so that it can only have grown if a block lies behind its end.
    if (chunk.kind[at] === KIND.free || this.address + chunk.size[at] <= FIRST + this.mapped)
      return;
    this.mapped = player.heap.stats().bytes.mapped;
  }

  /** Bytes of a block, as they were asked for. */
  sizeOf(id) {
    return this.#sizes[id] ?? 0;
  }

  #resize(id, size) {
    if (id >= this.#sizes.length) {
      const longer = new Float64Array(2 * id);
      longer.set(this.#sizes);
      this.#sizes = longer;
    }
    this.live += size - this.#sizes[id];
    this.#sizes[id] = size;
  }

  close() {
    this.#player?.close();
  }
}

module.exports = { Ledger };
