// A heap and what this thread knows of it: which blocks are its own, and what is in them. Every block has a pattern of its
// own, which is looked at before it is freed: a byte that differs was written by somebody who had no right to.

'use strict';

class Shadow {
  constructor(heap, random, alignment) {
    this.heap = heap;
    this.random = random;
    this.alignment = alignment;
    this.blocks = [];
    this.bytes = 0;
    this.marks = 0;
  }

  /** Makes a block, one way or another. */
  make() {
    const { heap, random } = this;
    const size = random.size();
    const way = random.int(0, 5);
    let ptr;
    if (way === 0) {
      ptr = heap.calloc(1, size);
      const zeros = heap.read(ptr);
      if (!zeros.every((byte) => byte === 0)) throw new Error(`calloc(1, ${size}) is not zero`);
    } else if (way === 1) {
      const alignment = 2 ** random.int(0, 12);
      ptr = heap.malloc(size, { alignment });
      if (heap.get(ptr) % BigInt(alignment) !== 0n) throw new Error(`not aligned to ${alignment}`);
    } else if (way === 2) {
      ptr = heap.mallocAs(Uint8Array, size).ptr;
    } else {
      ptr = heap.malloc(size);
    }
    return this.own(ptr, size);
  }

  /** Makes several at once. */
  makeMany() {
    const sizes = Array.from({ length: this.random.int(1, 20) }, () => this.random.size());
    this.heap.mallocMany(sizes).forEach((ptr, i) => {
      this.own(ptr, sizes[i]);
    });
  }

  own(ptr, size) {
    this.marks = (this.marks + 1) % 251;
    const block = { ptr, size, mark: this.marks + 1, held: false };
    if (this.random.chance(0.5)) this.heap.fill(ptr, block.mark);
    else this.heap.buffer(ptr).fill(block.mark);
    this.blocks.push(block);
    this.bytes += this.length(size);
    return block;
  }

  /** What a size comes to in this heap. */
  length(size) {
    return Math.ceil(size / this.alignment) * this.alignment;
  }

  check({ ptr, size, mark }, length = size) {
    const bytes = this.random.chance(0.5)
      ? this.heap.buffer(ptr, length)
      : this.heap.read(ptr, length);
    const wrong = bytes.findIndex((byte) => byte !== mark);
    if (wrong !== -1 || bytes.length !== length) {
      throw new Error(
        `the block of ${size} at ${ptr} in heap ${this.heap.id} has ${bytes[wrong]} at ${wrong}, not ${mark}`,
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
    this.bytes -= this.length(block.size);
    return block;
  }

  /** Frees a block, and answers it. */
  drop() {
    const block = this.takeOut();
    if (block) this.heap.free(block.ptr);
    return block;
  }

  dropMany() {
    const gone = [];
    for (let i = this.random.int(1, 20); i > 0 && this.blocks.length > 0; i--) {
      const block = this.takeOut();
      if (block) gone.push(block.ptr);
    }
    this.heap.freeMany(gone);
  }

  resize() {
    const block = this.takeOut();
    if (!block) return;
    const size = this.random.size();
    const ptr = this.heap.realloc(block.ptr, size);
    this.check({ ptr, size, mark: block.mark }, Math.min(size, block.size));
    this.own(ptr, size);
  }

  /** Copies a block onto another of the same mark, or finds that they differ. */
  copy() {
    const { heap, random, blocks } = this;
    const [a, b] = [random.pick(blocks), random.pick(blocks)];
    if (b.held) return;
    const length = Math.min(a.size, b.size);
    heap.copy(b.ptr, a.ptr, length);
    if (heap.compare(a.ptr, b.ptr, length) !== 0) throw new Error('a copy differs');
    heap.fill(b.ptr, b.mark);
  }

  /** Compares the heap's own numbers with these. */
  verify() {
    this.heap.verify();
    const { bytes, counts } = this.heap.stats();
    if (counts.live !== this.blocks.length || bytes.live !== this.bytes) {
      const found = `${counts.live} blocks of ${bytes.live} bytes`;
      throw new Error(
        `heap ${this.heap.id} says ${found}, there are ${this.blocks.length} of ${this.bytes}`,
      );
    }
    if (bytes.mapped !== bytes.live + bytes.holes) throw new Error('mapped is not live and holes');
  }
}

module.exports = { Shadow };
