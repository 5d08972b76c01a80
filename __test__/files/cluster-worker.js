'use strict';

// A worker of a cluster that keeps blocks on a shelf of its own in a heap file, and is killed in the middle of its calls: see
// cluster.test.js. Environment: MEMS_CLUSTER_FILE, the file's path; MEMS_CLUSTER_SHELF, the shelf's number; MEMS_CLUSTER_SEED.
//
// A shelf is a block of words, each 0 or the address of a block, and one more, the draft. A block is allocated into the draft, filled,
// and only then put on the shelf, by one store or by `replace`: so the blocks of the shelf are whole at any moment, and the draft's is
// not on the shelf, or is there as well.

const { Heap } = require('../..');
const { Numbers } = require('../helpers/random.js');
const { holds, write } = require('../helpers/pattern.js');

const WORDS = 48;
const DRAFT = WORDS;

const shelfName = (number) => `shelf ${number}`;
const newestName = (number) => `newest ${number}`;

class Shelf {
  static make(heap, number) {
    const address = heap.malloc(8 * (WORDS + 1));
    heap.fill(address, 0);
    heap.roots.set(shelfName(number), address);
  }

  constructor(heap, number) {
    this.heap = heap;
    this.newest = newestName(number);
    this.address = heap.roots.get(shelfName(number));
    this.words = heap.view(this.address, BigUint64Array, WORDS + 1);
  }

  wordAddress(word) {
    return this.address + 8 * word;
  }

  /** The addresses of the shelf's blocks. */
  blocks() {
    return [...this.words.subarray(0, WORDS)].filter((address) => address !== 0n).map(Number);
  }

  /** Finishes or undoes what the worker that had the shelf before was at. Returns whether there was anything. */
  settle() {
    const draft = this.words[DRAFT];
    if (draft === 0n) return false;
    if (this.words.indexOf(draft) < WORDS) this.words[DRAFT] = 0n;
    else this.heap.free({ from: this.wordAddress(DRAFT) });
    return true;
  }

  /** Checks that all blocks are whole, and that the root is that of one of them. */
  check() {
    const blocks = this.blocks();
    for (const address of blocks) {
      const block = this.heap.blockOf(address);
      if (block.address !== address) throw new Error(`no block starts at ${address}`);
      const bytes = this.heap.buffer(address, block.size);
      if (!holds(bytes.subarray(4), bytes.readUInt32LE()))
        throw new Error(`the block at ${address} has other contents`);
    }
    const newest = this.heap.roots.get(this.newest);
    if (newest !== undefined && !blocks.includes(newest))
      throw new Error(`the root names ${newest}, which is not on the shelf`);
    return blocks;
  }

  /** Allocates and fills a block, which the draft has then. */
  draft(random) {
    const size = 16 * random.int(1, random.chance(0.02) ? 20_000 : 60);
    const address = this.heap.malloc(size, { into: this.wordAddress(DRAFT) });
    const bytes = this.heap.buffer(address, size);
    const number = random.int(0, 2 ** 31);
    bytes.writeUInt32LE(number);
    write(bytes.subarray(4), number);
    return BigInt(address);
  }

  /** No root names the block of a word from now on. */
  unname(word) {
    if (this.heap.roots.get(this.newest) === Number(this.words[word]))
      this.heap.roots.delete(this.newest);
  }

  step(random) {
    const { heap, words } = this;
    const word = random.int(0, WORDS - 1);
    if (words[word] === 0n) {
      words[word] = this.draft(random);
      words[DRAFT] = 0n;
      return;
    }
    const address = Number(words[word]);
    switch (random.int(0, 3)) {
      case 0:
        this.unname(word);
        heap.free({ from: this.wordAddress(word) });
        break;
      case 1:
        this.unname(word);
        heap.replace(this.wordAddress(word), Number(this.draft(random)));
        words[DRAFT] = 0n;
        break;
      case 2:
        // Shorter, so that the block stays where it is.
        heap.realloc(address, 16 * random.int(1, heap.blockOf(address).size / 16));
        break;
      case 3:
        heap.roots.set(this.newest, address);
        break;
    }
  }
}

module.exports = { Shelf };

if (require.main === module) {
  const { MEMS_CLUSTER_FILE, MEMS_CLUSTER_SHELF, MEMS_CLUSTER_SEED } = process.env;
  const heap = Heap.open(MEMS_CLUSTER_FILE, { addresses: 'number' });
  const [stop] = [heap.view(heap.roots.get('stop'), Uint32Array, 1)];
  const shelf = new Shelf(heap, MEMS_CLUSTER_SHELF);
  const settled = shelf.settle();
  shelf.check();
  const random = new Numbers(Number(MEMS_CLUSTER_SEED));
  process.send({ settled }, () => {
    while (stop[0] === 0) shelf.step(random);
    heap.close();
    process.exit();
  });
}
