'use strict';

// What a worker of the storm keeps in the file: a block of words that a root names, from which every block of the worker can be reached.
// The next worker of that name, or the check at the end, can settle exactly what has become of the operation under way.
//
// Blocks that are allocated and freed with a word are exact: the word says whether the operation has happened. Blocks without a word are
// noted before, and a death leaves an entry in limbo: what may be lost is settled when all processes have stopped (check.js).
//
// Invariant: each live block of a worker is in exactly one of its words, or in limbo.

const { holds, write } = require('../helpers/pattern.js');

const UNIT = 16;
/** Words for blocks of a worker; one more is for the block that is to replace another. */
const WORDS = 160;
const TEMPORARY = WORDS;
const LIMBO = 128;

/** Places in the table, as numbers of words of eight bytes. */
const at = {
  OWNER: 0,
  NOTE: 1,
  SERIAL: 2,
  LIMBO_COUNT: 3,
  LIMBO: 4,
  WORDS: 4 + 3 * LIMBO,
};
at.SERIALS = at.WORDS + WORDS + 1;
at.SIZES = at.SERIALS + WORDS + 1;
at.FILLED = at.SIZES + WORDS + 1;
const TABLE_WORDS = at.FILLED + WORDS + 1;

/** What is noted before an operation of two steps: its kind, the number of the word, the size that is to be, and the one that is. */
const NOTES = ['none', 'malloc', 'free', 'resize', 'shrink', 'replace'];
const noteOf = (kind, word, size, before) =>
  BigInt(NOTES.indexOf(kind) + 16 * word) + (BigInt(size) << 24n) + (BigInt(before) << 44n);
const MOST_SIZE = 2 ** 20 - 1;
const readNote = (note) => ({
  kind: NOTES[Number(note & 15n)],
  word: Number((note >> 4n) & 0xfffffn),
  size: Number((note >> 24n) & 0xfffffn),
  before: Number(note >> 44n),
});

const usable = (size) => Math.ceil(size / UNIT) * UNIT;

/** The number of the pattern of a block, which nearly no other block has. */
const patternOf = (serial) => Number(serial >> 32n) * 8191 + Number(serial & 0xffffffffn);

/** Fails, with what the storm has found. */
function found(what, details) {
  const said = JSON.stringify(details, (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  throw new Error(`${what}: ${said}`);
}

const rootOf = (owner) => `table ${owner}`;
const markOf = (owner) => `mark ${owner}`;

class Table {
  /** Makes the table of a worker. */
  static make(heap, owner) {
    const address = heap.malloc(8 * TABLE_WORDS);
    heap.fill(address, 0);
    heap.view(address, BigUint64Array, TABLE_WORDS)[at.OWNER] = BigInt(owner);
    heap.roots.set(rootOf(owner), address);
  }

  constructor(heap, owner) {
    this.heap = heap;
    this.owner = owner;
    this.address = heap.roots.get(rootOf(owner));
    this.words = heap.view(this.address, BigUint64Array, TABLE_WORDS);
    if (this.words[at.OWNER] !== BigInt(owner)) found('a table has changed', { owner });
    /** The word whose block the worker's other root names. */
    this.marked = -1;
  }

  addressAt(word) {
    return Number(this.words[at.WORDS + word]);
  }

  sizeAt(word) {
    return Number(this.words[at.SIZES + word]);
  }

  /** The address of a word. */
  wordAddress(word) {
    return this.address + 8 * (at.WORDS + word);
  }

  note(kind, word, size = 0) {
    this.words[at.NOTE] = noteOf(kind, word, size, this.sizeAt(word));
  }

  /** Says what the next block of a word will be. */
  plan(word, size) {
    const serial = this.words[at.SERIAL] + 1n;
    this.words[at.SERIAL] = serial;
    this.words[at.SERIALS + word] = (BigInt(this.owner) << 32n) | serial;
    this.words[at.SIZES + word] = BigInt(size);
  }

  /** Fills the block of a word with its contents. */
  fill(word) {
    const serial = this.words[at.SERIALS + word];
    this.write(this.addressAt(word), usable(this.sizeAt(word)), serial);
    this.words[at.FILLED + word] = serial;
  }

  write(address, size, serial) {
    write(this.heap.buffer(address, size), patternOf(serial));
  }

  /** Whether a block has the contents that it was filled with. */
  holds(address, size, serial) {
    return holds(this.heap.buffer(address, size), patternOf(serial));
  }

  /** Checks the block of a word. */
  check(word) {
    const [address, size] = [this.addressAt(word), usable(this.sizeAt(word))];
    const serial = this.words[at.SERIALS + word];
    const details = { owner: this.owner, word, address, size, serial };
    const block = this.heap.blockOf(address);
    if (block.address !== address || block.size !== size)
      found('a block has changed', { ...details, block });
    if (this.words[at.FILLED + word] !== serial) return;
    if (!this.holds(address, size, serial)) found('contents have changed', details);
  }

  /** Keeps what may be lost until all processes have stopped. */
  keep(kind, word, size, before) {
    const { words } = this;
    const count = Number(words[at.LIMBO_COUNT]);
    const serial = words[at.SERIALS + word];
    // A death in the middle of this call lets it begin again.
    if (count === 0 || words[at.LIMBO + 3 * (count - 1) + 1] !== serial) {
      if (count === LIMBO) found('there is no room in limbo', { owner: this.owner });
      const first = at.LIMBO + 3 * count;
      words[first] = BigInt(NOTES.indexOf(kind));
      words[first + 1] = serial;
      words[first + 2] = BigInt(before) | (BigInt(size) << 32n);
      words[at.LIMBO_COUNT] = BigInt(count + 1);
    }
    words[at.WORDS + word] = 0n;
  }

  /** What may be lost. */
  *limbo() {
    const { words } = this;
    for (let i = 0; i < Number(words[at.LIMBO_COUNT]); i++) {
      const [kind, serial, sizes] = words.subarray(at.LIMBO + 3 * i, at.LIMBO + 3 * i + 3);
      const asked = [Number(sizes & 0xffffffffn), Number(sizes >> 32n)].filter(Boolean);
      // What both sizes have, whatever becomes of the padding.
      yield {
        kind: NOTES[Number(kind)],
        serial,
        sizes: asked.map(usable),
        least: Math.min(...asked),
      };
    }
  }

  /** Settles what the worker that had this table before has left, and checks all that it has. */
  settle() {
    const { words } = this;
    const { kind, word, size, before } = readNote(words[at.NOTE]);
    switch (kind) {
      case 'malloc':
        if (words[at.WORDS + word] === 0n) this.keep(kind, word, size, before);
        break;
      case 'free':
        if (words[at.WORDS + word] !== 0n) this.keep(kind, word, size, before);
        break;
      case 'resize':
        if (words[at.WORDS + word] !== 0n) this.keep(kind, word, size, before);
        break;
      case 'shrink':
        // Never moves: the block has one size or the other.
        if (this.heap.blockOf(this.addressAt(word)).size === usable(size))
          words[at.SIZES + word] = BigInt(size);
        break;
      case 'replace':
        if (words[at.WORDS + word] === words[at.WORDS + TEMPORARY]) this.moveTemporary(word);
        break;
    }
    words[at.NOTE] = 0n;
    for (let i = 0; i <= WORDS; i++) {
      if (this.addressAt(i) === 0) continue;
      this.check(i);
      if (words[at.FILLED + i] !== words[at.SERIALS + i]) this.fill(i);
    }
    const marked = this.heap.roots.get(markOf(this.owner));
    if (marked === undefined) return;
    this.marked = words.subarray(at.WORDS, at.WORDS + WORDS).indexOf(BigInt(marked));
    if (this.marked < 0)
      found('a root names no block of its worker', { owner: this.owner, marked });
  }

  /** Lets a word's block be that of the temporary word. */
  moveTemporary(word) {
    const { words } = this;
    for (const first of [at.SERIALS, at.SIZES, at.FILLED])
      words[first + word] = words[first + TEMPORARY];
    words[at.WORDS + TEMPORARY] = 0n;
  }
}

module.exports = { MOST_SIZE, TEMPORARY, Table, WORDS, at, found, markOf, rootOf, usable };
