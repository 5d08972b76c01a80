// A heap as an object. The module's functions are those of the default heap, made of the same methods.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

const path = require('path');
const binding = require('../binding.js');
const { Allocation } = require('./allocation.js');
const { checkedCount, copyOf, fail, isAddress, isSize, wrongType } = require('./arguments.js');
const calls = require('./calls.js');
const { mainBlocks } = require('./chains.js');
const { Windows, blockOf, rangeOf, widthOf } = require('./views.js');

// How many live blocks are asked for at once: other threads wait meanwhile.
const LEAKS = 1000;

// Stacks of allocations begin where the user's code does. (No require.resolve: a bundle has no such file.)
binding.hideFrames([__dirname, path.join(__dirname, '..', 'index.js')]);

// Given to the constructor in place of options: the id of a heap that is there.
const ATTACH = Symbol('attach');

class Heap {
  #id;
  #windows;

  constructor(options) {
    this.#id = options?.[ATTACH] ?? binding.open(options);
    this.#windows = new Windows(this.#id);
  }

  static attach(id) {
    if (!Number.isSafeInteger(id)) throw wrongType('id', 'a heap’s id, a number', id);
    binding.attach(id);
    return new Heap({ [ATTACH]: id });
  }

  get id() {
    return this.#id;
  }

  malloc(size, options) {
    return calls.malloc(this.#id, size, options);
  }

  calloc(count, size) {
    return binding.calloc(this.#id, count, size);
  }

  alignedAlloc(alignment, size) {
    return binding.heapMalloc(this.#id, size, { alignment });
  }

  realloc(address, size) {
    return binding.realloc(this.#id, address, size);
  }

  free(address) {
    calls.free(this.#id, address);
  }

  get(address) {
    return calls.get(this.#id, address);
  }

  mallocAs(Type, count) {
    const width = Type === Buffer ? 1 : widthOf(Type);
    const ptr = this.malloc(checkedCount('count', count) * width, { alignment: width });
    return { ptr, view: this.view(ptr, Type, count) };
  }

  alloc(size, options) {
    return new Allocation(this, this.malloc(size, options));
  }

  mallocMany(sizes) {
    const copy = copyOf('sizes', sizes, isSize, (size) => this.malloc(size));
    const addresses = new BigUint64Array(copy.length);
    binding.mallocMany(this.#id, copy, addresses);
    return addresses;
  }

  freeMany(addresses) {
    binding.freeMany(
      this.#id,
      copyOf('addresses', addresses, isAddress, (address) => this.get(address)),
    );
  }

  buffer(address, length) {
    return this.#windows.buffer(address, length);
  }

  view(address, Type = Uint8Array, length = undefined) {
    return this.#windows.view(address, Type, length);
  }

  read(address, length) {
    const bytes = this.#windows.bufferIfAny(address, length);
    if (bytes !== undefined) return Buffer.from(bytes);
    // Asked before memory is made for it: the length may be far too large.
    const copy = Buffer.allocUnsafeSlow(rangeOf(this.#id, address, length));
    binding.read(this.#id, address, copy);
    return copy;
  }

  write(address, bytes) {
    if (typeof bytes === 'string') return this.write(address, Buffer.from(bytes));
    if (!ArrayBuffer.isView(bytes))
      throw wrongType('bytes', 'a typed array, DataView or string', bytes);
    const source =
      bytes instanceof Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { length } = source;
    const target = this.#windows.bufferIfAny(address, length);
    if (target === undefined) binding.write(this.#id, address, source);
    else target.set(source);
    return length;
  }

  copy(to, from, length) {
    binding.copy(this.#id, to, from, length);
  }

  fill(address, byte, length) {
    binding.fill(this.#id, address, byte, rangeOf(this.#id, address, length));
  }

  compare(a, b, length) {
    return binding.compare(this.#id, a, b, length);
  }

  usableSize(address) {
    return this.blockOf(address).usableSize;
  }

  blockOf(address) {
    return blockOf(this.#id, address);
  }

  owns(address) {
    return binding.owns(this.#id, address);
  }

  trim() {
    return binding.trim(this.#id);
  }

  verify() {
    binding.verify(this.#id);
  }

  stats() {
    const stats = binding.stats(this.#id);
    const { mapped, live, requested, holes, largestHole } = stats.bytes;
    stats.fragmentation = {
      // Shares of what could be had; 0 where there is nothing.
      external: holes === 0 ? 0 : 1 - largestHole / holes,
      internal: live === 0 ? 0 : 1 - requested / live,
      unused: mapped === 0 ? 0 : holes / mapped,
    };
    return stats;
  }

  leaks() {
    const found = [];
    for (let next = 0; ; ) {
      const batch = binding.allocations(this.#id, next, LEAKS);
      for (const { address, size, stack } of batch) {
        found.push({ address: BigInt(address), size, stack });
      }
      if (batch.length < LEAKS) return found;
      next = batch[LEAKS - 1].address + 1;
    }
  }

  chains() {
    return mainBlocks(this.#id);
  }

  printStats() {
    // One at a time: all of them at once may be more than the JavaScript heap has room for.
    const next = binding.statsLines(this.#id);
    for (let line = next(); line !== null; line = next()) console.log(line);
  }

  close() {
    if (this.#id === 0) {
      throw fail(Error, 'ERR_MEMS_CLOSED', 'the default heap is ended by finish()');
    }
    this.#windows.clear();
    binding.close(this.#id);
  }
}

if (Symbol.dispose) Heap.prototype[Symbol.dispose] = Heap.prototype.close;

/** The heap of an id, which need not be open. */
function heapOf(id) {
  return new Heap({ [ATTACH]: id });
}

module.exports = { Heap, heapOf };
