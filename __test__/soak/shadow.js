// A heap and what this thread knows about it: its blocks and their contents. Every block has a pattern of its own, which is compared
// before the block is freed: a byte that differs is a bug in MeMS.

'use strict';

const { WRITE_AFTER_FREE, isFull, refused } = require('./expected.js');
const { checkGone } = require('./guards.js');
const { alignmentOf, isSlot, roomInPlace, roomOf } = require('./options.js');

const NOT_ALLOCATED = 'ERR_MEMS_NOT_ALLOCATED';

/** What a call that fails must leave alone. */
function countersOf(heap, policy) {
  const { bytes, counts, peak, totals } = heap.stats();
  const { mapped, live, requested, holes, largestHole } = bytes;
  // Such a call may give up the empty spans that the heap keeps, whose slots become one hole.
  if (policy === 'segregated')
    return JSON.stringify([mapped, live, requested, holes, { ...counts, holes: 0 }, totals]);
  const peaks = [peak.mapped, peak.live, peak.holes, peak.largestHole];
  return [mapped, live, requested, holes, largestHole, counts, totals, peaks]
    .map((value) => JSON.stringify(value))
    .join(' ');
}

class Shadow {
  constructor(heap, random, options, policy, done) {
    this.heap = heap;
    this.random = random;
    this.options = options;
    this.policy = policy;
    this.done = done;
    this.alignment = alignmentOf(options);
    this.blocks = [];
    /** Bytes of the blocks, as the heap counts them and as they were asked for. */
    this.bytes = 0;
    this.requested = 0;
    this.marks = 0;
    /** Addresses in freed blocks that have been written to, which the heap has not reported yet. */
    this.stale = new Set();
  }

  /** Makes a block, one way or another. Nothing if the heap is full. */
  make() {
    const { heap, random } = this;
    const size = random.size();
    const alignment = 2 ** random.int(0, 12);
    const [isZero, alignedTo, allocate] = random.pick([
      [true, 1, () => heap.calloc(1, size)],
      [false, alignment, () => heap.malloc(size, { alignment })],
      [false, alignment, () => heap.alignedAlloc(alignment, size)],
      [false, 1, () => heap.mallocAs(Uint8Array, size).address],
      [false, alignment, () => heap.allocate(size, { alignment })],
      [false, 1, () => heap.malloc(size)],
      [false, 1, () => heap.malloc(size)],
    ]);
    const made = this.unlessFull(allocate);
    if (made === undefined) return undefined;
    const address = typeof made === 'object' ? made.address : made;
    if (isZero && !heap.read(address).every((byte) => byte === 0)) {
      throw new Error(`calloc(1, ${size}) is not zero`);
    }
    if (BigInt(heap.get(address)) % BigInt(alignedTo) !== 0n)
      throw new Error(`not aligned to ${alignedTo}`);
    return this.own(address, size, alignedTo, { handle: made === address ? undefined : made });
  }

  /** Makes several at once: all, or none. */
  makeMany() {
    const sizes = Array.from({ length: this.random.int(1, 20) }, () => this.random.size());
    const made = this.unlessFull(() => this.heap.mallocMany(sizes)) || [];
    made.forEach((address, i) => {
      this.own(address, sizes[i], 1);
    });
  }

  /** Does what a full heap may refuse, and nothing but that; returns undefined then, and nothing has changed. */
  unlessFull(action) {
    const { heap, options, policy } = this;
    // What waits in quarantine may have been given up.
    const before = options.maxSize && !options.hardened ? countersOf(heap, policy) : undefined;
    try {
      return action();
    } catch (error) {
      if (!isFull(error, options)) throw error;
      this.done.refusals += 1;
      if (before !== undefined && countersOf(heap, policy) !== before) {
        throw new Error(`a refusal changed ${before} to ${countersOf(heap, policy)}`);
      }
      this.verify();
      return undefined;
    }
  }

  /** Does what frees blocks. A heap may report writes to blocks freed before instead. Then nothing has been freed. */
  retry(action) {
    for (;;) {
      try {
        return action();
      } catch (error) {
        const at = /at (\d+)$/.exec(error.message);
        if (error.code !== WRITE_AFTER_FREE || !this.stale.delete(BigInt(at[1]))) throw error;
      }
    }
  }

  own(address, size, alignment, { handle, room = this.roomOf(address, size, alignment) } = {}) {
    this.marks = (this.marks + 1) % 251;
    const block = { address, size, alignment, ...room, mark: this.marks + 1, held: false, handle };
    if (this.random.chance(0.5)) this.heap.fill(address, block.mark);
    else (handle ? handle.view : this.heap.buffer(address)).fill(block.mark);
    if (BigInt(this.heap.get(address)) % BigInt(this.alignment) !== 0n)
      throw new Error(`${address} is not aligned`);
    this.putBack(block);
    return block;
  }

  putBack(block) {
    this.blocks.push(block);
    this.bytes += block.length;
    this.requested += block.size;
  }

  /** The bytes that a block takes in this heap. A small heap with size classes may give it a slot up to twice as long as others. */
  roomOf(address, size, alignment) {
    const room = roomOf(size, alignment, this.options, this.policy);
    if (this.policy !== 'segregated' || room.inPages) return room;
    const length = this.options.hardened ? this.segmentAt(address) : this.heap.usableSize(address);
    if (length < room.length || length > 2 * room.length || !isSlot(length))
      this.fail(`${size} bytes are in a slot of ${length}`);
    return { ...room, length };
  }

  /** The bytes of the segment that starts at an address. */
  segmentAt(address) {
    const at = BigInt(address);
    for (const { start, size, segments } of this.heap.chains()) {
      if (at < BigInt(start) || at >= BigInt(start) + BigInt(size)) continue;
      for (const segment of segments) if (BigInt(segment.start) === at) return segment.size;
    }
    return this.fail(`no segment starts at ${address}`);
  }

  check({ address, size, mark }, length = size) {
    const bytes = this.random.chance(0.5)
      ? this.heap.buffer(address, length)
      : this.heap.read(address, length);
    const wrong = bytes.findIndex((byte) => byte !== mark);
    if (wrong !== -1 || bytes.length !== length) {
      throw new Error(
        `the block of ${size} at ${address} in heap ${this.heap.id} has ${bytes[wrong]} at ${wrong}, not ${mark}`,
      );
    }
  }

  /** Takes a block that no job holds out of the list, with a look at its pattern. */
  takeOut() {
    const block = this.random.take(this.blocks);
    if (block.held) {
      this.blocks.push(block);
      return undefined;
    }
    this.check(block);
    this.bytes -= block.length;
    this.requested -= block.size;
    return block;
  }

  /** Frees a block that has been taken out. */
  free({ address, handle }) {
    const free = () => (handle ? handle.free() : this.heap.free(address));
    this.retry(free);
    if (this.random.chance(0.9)) return;
    const known = this.options.trackAllocations && !handle ? ['first freed\n', 'shadow.js'] : [];
    refused(free, NOT_ALLOCATED, address, ...known);
  }

  /** Frees a block, and looks what is left of it. */
  drop() {
    const block = this.takeOut();
    if (!block) return;
    const view = this.random.chance(0.3) ? this.heap.buffer(block.address) : undefined;
    this.free(block);
    if (view) checkGone(view, this.options);
  }

  dropMany() {
    const gone = [];
    for (let i = this.random.int(1, 20); i > 0 && this.blocks.length > 0; i--) {
      const block = this.takeOut();
      if (block) gone.push(block.address);
    }
    this.retry(() => this.heap.freeMany(gone));
  }

  /** The addresses of a block and of some others, in any order. */
  pointersWith(block) {
    const others = this.blocks.filter((other) => other !== block && !other.held).slice(0, 5);
    const pointers = others.map(({ address }) => address);
    pointers.splice(this.random.int(0, pointers.length), 0, block.address);
    return pointers;
  }

  resize() {
    const { heap, options, random } = this;
    const block = this.takeOut();
    if (!block) return;
    const size = random.size();
    const old = heap.buffer(block.address);
    this.putBack(block);
    const address = this.unlessFull(() => this.retry(() => heap.realloc(block.address, size)));
    if (address === undefined) return this.check(block);
    this.blocks.pop();
    this.bytes -= block.length;
    this.requested -= block.size;
    const { alignment } = block;
    const moved = address !== block.address;
    const room = moved
      ? this.roomOf(address, size, alignment)
      : roomInPlace(block, size, options, this.policy);
    if (moved) checkGone(old, options);
    else if (options.hardened) throw new Error(`${address} has not moved`);
    else checkGone(old.subarray(room.length), options);
    this.check({ address, size, mark: block.mark }, Math.min(size, block.size));
    this.own(address, size, alignment, { room });
  }

  /** Copies a block onto another of the same mark, or finds that they differ. */
  copy() {
    const { heap, random, blocks } = this;
    const [a, b] = [random.pick(blocks), random.pick(blocks)];
    if (b.held) return;
    const length = Math.min(a.size, b.size);
    heap.copy(b.address, a.address, length);
    if (heap.compare(a.address, b.address, length) !== 0) throw new Error('a copy differs');
    heap.fill(b.address, b.mark);
    if (a !== b && Math.sign(a.mark - b.mark) !== heap.compare(a.address, b.address, length)) {
      throw new Error('compare() says that blocks are what they are not');
    }
  }

  /** Compares the heap's own numbers and its list of blocks with these. */
  verify() {
    const { heap, options, stale } = this;
    if (stale.size === 0) heap.verify();
    else if (!stale.has(this.told())) this.fail('tells of a write that was not');
    const { bytes, counts, totals } = heap.stats();
    if (bytes.live !== this.bytes) this.fail(`there are ${bytes.live} bytes, not ${this.bytes}`);
    if (bytes.requested !== this.requested) {
      this.fail(`${bytes.requested} bytes were asked for, not ${this.requested}`);
    }
    if (counts.live !== this.blocks.length) this.fail(`there are ${counts.live} blocks`);
    if (totals.malloc - totals.free !== counts.live) this.fail('totals are not the blocks');
    const all = bytes.live + bytes.quarantined + bytes.holes;
    if (bytes.mapped !== all) this.fail('mapped is not live, quarantined and holes');
    if (bytes.mapped > options.maxSize) this.fail(`${bytes.mapped} is above its limit`);
    this.verifyList();
  }

  /** The address of a write that the heap reports. */
  told() {
    const { message } = refused(() => this.heap.verify(), WRITE_AFTER_FREE);
    return BigInt(/at (\d+)$/.exec(message)[1]);
  }

  verifyList() {
    const found = [...this.heap.leaks()];
    const sizes = new Map(this.blocks.map(({ address, size }) => [address, size]));
    const named = this.options.trackAllocations
      ? (stack) => stack.includes('shadow.js')
      : (stack) => stack === '';
    for (const { address, size, stack } of found) {
      if (sizes.get(address) !== size) this.fail(`lists ${size} bytes at ${address}`);
      if (!named(stack)) this.fail(`${address} was allocated ${stack || 'nowhere'}`);
    }
    if (found.length !== sizes.size) this.fail(`lists ${found.length} of ${sizes.size} blocks`);
  }

  fail(what) {
    throw new Error(`heap ${this.heap.id} ${JSON.stringify(this.options)}: ${what}`);
  }
}

module.exports = { Shadow };
