'use strict';

// The random operations of a worker of the storm, each of which can be cut short at any moment.

const { MOST_SIZE, TEMPORARY, WORDS, at, markOf, usable } = require('./table.js');

/** A block that all workers look at without the lock, whatever happens around it: it stays as it is. */
function checkStable(heap, stable, random, found) {
  const { address, size, byte } = random.pick(stable);
  const inside = address + random.int(0, size - 1);
  const block = heap.blockOf(inside);
  if (block.address !== address || block.size !== usable(size))
    found('a stable block has changed', { address, block });
  if (!heap.owns(inside)) found('a stable block is not owned', { inside });
  const bytes = heap.buffer(address, size);
  if (bytes[0] !== byte || bytes[size - 1] !== byte || bytes[inside - address] !== byte)
    found('a stable block has other contents', { address });
}

class Steps {
  /** `clears`: blocks are cleared as they are freed. `large`: how many of a hundred blocks have many pages. */
  constructor(table, random, { clears, large }) {
    this.clears = clears;
    this.large = large;
    this.table = table;
    this.heap = table.heap;
    this.random = random;
  }

  /** One operation. Returns its name. */
  step() {
    const { random, table } = this;
    const word = random.int(0, WORDS - 1);
    const isThere = table.addressAt(word) !== 0;
    const names = isThere ? this.onBlocks : this.onNone;
    const name = random.weighed(names);
    if (isThere) {
      table.check(word);
      if (name !== 'mark') this.unmark(word);
    }
    this[name](word);
    return name;
  }

  onNone = [
    [4, 'mallocInto'],
    [2, 'malloc'],
  ];

  onBlocks = [
    [6, 'freeFrom'],
    [2, 'free'],
    [3, 'replace'],
    [2, 'shrink'],
    [2, 'grow'],
    [0.3, 'mark'],
  ];

  /** A size in bytes: mostly small, seldom of many pages. */
  size() {
    const { random } = this;
    if (random.chance(this.large / 100)) return random.int(1, this.large > 1 ? MOST_SIZE : 200_000);
    return random.int(1, random.chance(0.2) ? 9000 : 400);
  }

  mallocInto(word) {
    const { heap, random, table } = this;
    const alignment = random.chance(0.2) ? 2 ** random.int(0, 12) : undefined;
    table.plan(word, this.size());
    const into = table.wordAddress(word);
    const options = alignment === undefined ? { into } : { into, alignment };
    const address = heap.malloc(table.sizeAt(word), options);
    if (address !== table.addressAt(word))
      throw new Error(`the word of ${address} has ${table.addressAt(word)}`);
    if (alignment !== undefined && Number(heap.get(address)) % alignment !== 0)
      throw new Error(`${address} is no multiple of ${alignment}`);
    table.fill(word);
  }

  malloc(word) {
    const { heap, table } = this;
    table.plan(word, this.size());
    table.note('malloc', word);
    table.words[at.WORDS + word] = BigInt(heap.malloc(table.sizeAt(word)));
    table.note('none', 0);
    table.fill(word);
  }

  freeFrom(word) {
    this.heap.free({ from: this.table.wordAddress(word) });
    if (this.table.addressAt(word) !== 0)
      throw new Error('a word keeps the address of a freed block');
  }

  free(word) {
    const { table } = this;
    table.note('free', word);
    this.heap.free(table.addressAt(word));
    table.words[at.WORDS + word] = 0n;
    table.note('none', 0);
  }

  /** Another block takes the place of a block, in one operation. */
  replace(word) {
    const { heap, table } = this;
    // A block that a dead worker has left there is as good as any.
    if (table.addressAt(TEMPORARY) === 0) this.mallocInto(TEMPORARY);
    table.note('replace', word);
    heap.replace(table.wordAddress(word), table.addressAt(TEMPORARY));
    table.moveTemporary(word);
    table.note('none', 0);
  }

  shrink(word) {
    const { table } = this;
    const size = this.random.int(1, table.sizeAt(word));
    // A block whose end is cleared first may move.
    if (this.clears) {
      this.resize(word, size);
      return;
    }
    table.note('shrink', word, size);
    const address = this.heap.realloc(table.addressAt(word), size);
    if (address !== table.addressAt(word))
      throw new Error('a block has moved as it became shorter');
    table.words[at.SIZES + word] = BigInt(size);
    table.note('none', 0);
  }

  grow(word) {
    const more = this.table.sizeAt(word) + this.size();
    this.resize(word, Math.min(MOST_SIZE, more));
  }

  /** Resizes a block, which may move. */
  resize(word, size) {
    const { table } = this;
    table.note('resize', word, size);
    const address = this.heap.realloc(table.addressAt(word), size);
    table.words[at.FILLED + word] = 0n;
    table.words[at.WORDS + word] = BigInt(address);
    table.words[at.SIZES + word] = BigInt(size);
    table.note('none', 0);
    table.fill(word);
  }

  mark(word) {
    this.heap.roots.set(markOf(this.table.owner), this.table.addressAt(word));
    this.table.marked = word;
  }

  unmark(word) {
    if (this.table.marked !== word) return;
    this.table.marked = -1;
    if (!this.heap.roots.delete(markOf(this.table.owner))) throw new Error('a root has gone');
  }
}

module.exports = { Steps, checkStable };
