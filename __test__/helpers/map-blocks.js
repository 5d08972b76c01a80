'use strict';

// The blocks of the maps in a heap, read from the memory itself and by nothing of the library's own code for maps: which they are,
// and whether what a map counts is what it has. For tests that ask whether a block is lost, or belongs to nobody.
//
// The heap has addresses as numbers, and nobody changes a map meanwhile. Layout: src/mems/map/layout.rs.

const MAGIC = Buffer.from('MEMSMAP\x01', 'latin1').readBigUInt64LE();
/** Words of the head and of a shard, by what they say. */
const HEAD = { words: 16, shards: 1, mostBytes: 4, bytes: 8, entries: 9 };
const SHARD = { words: 8, table: 0, version: 1, entries: 2, used: 3, bytes: 4 };
const ENTRY = { words: 4, lengths: 1, flags: 3 };
const ADDRESS = (1n << 48n) - 1n;
const LEASE = 2n;
const UNIT = 16;

/** All live blocks: sizes by addresses. */
function liveBlocks(heap) {
  const blocks = new Map();
  for (const { segments } of heap.chains()) {
    for (const { kind, start, size } of segments) if (kind === 'live') blocks.set(start, size);
  }
  return blocks;
}

/** One map, whose block is at an address. */
class MapBlocks {
  constructor(heap, address, live) {
    Object.assign(this, { heap, address, live });
    /** Blocks: `{ kind, address, size }`. */
    this.blocks = [];
    this.problems = [];
    this.counted = { entries: 0n, leases: 0, bytes: 0n };
    const head = this.words(address, HEAD.words);
    const shards = 2 ** Number(head[HEAD.shards] & 0xffn);
    this.claim('map', address, 8 * (HEAD.words + SHARD.words * shards));
    const words = this.words(address, HEAD.words + SHARD.words * shards);
    this.counted.bytes += BigInt(8 * words.length);
    for (let number = 0; number < shards; number++) {
      const from = HEAD.words + SHARD.words * number;
      this.shard(number, words.subarray(from, from + SHARD.words));
    }
    const { entries, bytes } = this.counted;
    this.compare('the map', [words[HEAD.entries], words[HEAD.bytes]], [entries, bytes]);
  }

  words(address, count) {
    return this.heap.view(address, BigUint64Array, count);
  }

  /** Notes a block, which must be a live one of just the size that is needed. */
  claim(kind, address, bytes) {
    const size = Math.ceil(bytes / UNIT) * UNIT;
    this.blocks.push({ kind, address, size });
    if (this.live.get(address) === size) return true;
    this.problems.push(`${kind} at ${address} of ${size} bytes: ${this.live.get(address)}`);
    return false;
  }

  compare(what, said, counted) {
    if (String(said) !== String(counted))
      this.problems.push(`${what} counts ${said}, and has ${counted}`);
  }

  shard(number, words) {
    const word = words[SHARD.table];
    const counts = [words[SHARD.entries], words[SHARD.used], words[SHARD.bytes]];
    let [entries, used, bytes] = [0n, 0n, 0n];
    const [table, slots] = [Number(word & ADDRESS), 2 ** Number(word >> 48n)];
    if (word !== 0n && this.claim('table', table, 8 * slots)) {
      bytes += BigInt(8 * slots);
      for (const slot of this.words(table, slots)) {
        if (slot !== 0n) used++;
        if (slot <= 1n) continue;
        const size = this.entry(Number(slot & ADDRESS));
        bytes += BigInt(size.bytes);
        if (!size.isLease) entries++;
      }
    }
    this.compare(`shard ${number}`, counts, [entries, used, bytes]);
    this.counted.entries += entries;
    this.counted.bytes += bytes;
  }

  entry(address) {
    if (!this.live.has(address)) {
      this.problems.push(`an entry at ${address}, where no block starts`);
      return { bytes: 0, isLease: false };
    }
    const words = this.words(address, ENTRY.words);
    const [lengths, flags] = [words[ENTRY.lengths], words[ENTRY.flags]];
    const bytes = 8 * ENTRY.words + Number(lengths & 0xffffffffn) + Number(lengths >> 32n);
    this.claim('entry', address, bytes);
    const isLease = (flags & 0xffn) === LEASE;
    if (isLease) this.counted.leases++;
    return { bytes: Math.ceil(bytes / UNIT) * UNIT, isLease };
  }
}

/** All maps of a heap. */
function mapsOf(heap, live = liveBlocks(heap)) {
  const isMap = ([address, size]) =>
    size >= 8 * HEAD.words && heap.view(address, BigUint64Array, 1)[0] === MAGIC;
  return [...live].filter(isMap).map(([address]) => new MapBlocks(heap, address, live));
}

module.exports = { liveBlocks, mapsOf };
