// The recorded traces of bench/traces, and one of tiny blocks, replayed to their ends in heaps as `new Heap()` makes them: addresses
// as BigInts and as numbers, in a heap that is its thread's own and in one that is published. Every block is filled with bytes of its
// own, and every byte is compared before the block is freed or resized, and afterwards.
//
//   node __test__/traces/main.js [<trace> ...]
//
// biome-ignore-all lint/style/useNodejsImportProtocol: Node 14 cannot require a node: name.

'use strict';

const { Heap } = require('../..');
const { FREE, REALLOC, SMALL_BLOCKS, readTrace, traceNames } = require('../../bench/trace.js');
const { holds, write } = require('../helpers/pattern.js');

/** After how many operations the heap is verified, and a block looked up and a wrong address freed. */
const VERIFY_EVERY = 100_000;
const LOOK_EVERY = 64;

const KINDS = [
  { addresses: 'bigint', published: false },
  { addresses: 'bigint', published: true },
  { addresses: 'number', published: false },
  { addresses: 'number', published: true },
];

const done = { traces: 0, operations: 0, MB: 0 };

function ensure(right, what) {
  if (!right) throw new Error(what);
}

/** The code with which a call is refused. */
function refusal(call) {
  try {
    call();
  } catch (error) {
    return error.code;
  }
  return 'none: it was not refused';
}

/** A trace in progress: the heap, and the live blocks by slot as `{ address, size, number }`. */
class Replay {
  constructor(trace, { addresses, published }) {
    this.trace = trace;
    this.heap = new Heap({ addresses });
    this.type = addresses;
    // To read the id publishes the heap, since it may be given to other threads then.
    if (published) ensure(this.heap.id > 0, 'a heap without an id');
    this.live = new Array(trace.slots);
    this.counts = { live: 0, bytes: 0, compared: 0 };
  }

  check({ address, size, number }, step) {
    const view = this.heap.view(address);
    ensure(view.length === size, `${address} has ${view.length} bytes, not ${size}, at ${step}`);
    ensure(holds(view, number), `a byte of the block at ${address} was overwritten before ${step}`);
    this.counts.compared += size;
  }

  add(slot, address, size, number, kept) {
    ensure(typeof address === this.type, `${address} is no ${this.type}`);
    const { heap } = this;
    const view = heap.view(address);
    ensure(view.length === size, `${address} has ${view.length} bytes, not ${size}, at ${number}`);
    ensure(heap.usableSize(address) >= size, `${address} is smaller than ${size} bytes`);
    write(view, number, kept);
    this.live[slot] = { address, size, number };
    this.counts.live += 1;
    this.counts.bytes += size;
  }

  remove(slot) {
    const { size } = this.live[slot];
    this.live[slot] = undefined;
    this.counts.live -= 1;
    this.counts.bytes -= size;
  }

  /** What a block says of itself, and that an address inside of it is refused. */
  look({ address, size }, step) {
    const { heap } = this;
    const inside = this.type === 'number' ? address + size - 1 : address + BigInt(size - 1);
    const found = heap.blockOf(inside);
    ensure(
      found.address === address && found.size === size,
      `blockOf: ${found.address}, ${found.size}`,
    );
    ensure(found.usableSize === heap.usableSize(address), 'two usable sizes');
    if (size === 1) return;
    const code = refusal(() => heap.free(inside));
    ensure(code === 'ERR_MEMS_NOT_BLOCK_START', `free(${inside}) at ${step}: ${code}`);
  }

  step(step) {
    const { trace, heap, live } = this;
    const [slot, size] = [trace.slot[step], trace.size[step]];
    const old = live[slot];
    if (trace.kind[step] === FREE) {
      this.check(old, step);
      heap.free(old.address);
      this.remove(slot);
      if (step % LOOK_EVERY > 0) return;
      const code = refusal(() => heap.free(old.address));
      const wrong = ['ERR_MEMS_NOT_ALLOCATED', 'ERR_MEMS_OUT_OF_RANGE'];
      ensure(wrong.includes(code), `a second free of ${old.address}: ${code}`);
      return;
    }
    if (trace.kind[step] === REALLOC) {
      this.check(old, step);
      const address = heap.realloc(old.address, size);
      const kept = Math.min(size, old.size);
      this.remove(slot);
      ensure(
        holds(heap.view(address), old.number, kept),
        `${old.address} was not copied at ${step}`,
      );
      // What is added to it is filled with more of its own bytes.
      this.add(slot, address, size, old.number, kept);
    } else this.add(slot, heap.malloc(size), size, step, 0);
    if (step % LOOK_EVERY === 0) this.look(live[slot], step);
  }

  checkStats() {
    this.heap.verify();
    const { bytes, counts, totals } = this.heap.stats();
    const { live, bytes: requested } = this.counts;
    const report = JSON.stringify({ bytes, counts, totals, live, requested });
    ensure(counts.live === live && totals.malloc - totals.free === live, report);
    ensure(bytes.requested === requested && bytes.live + bytes.holes === bytes.mapped, report);
  }

  run() {
    const { trace, heap, live } = this;
    for (let step = 0; step < trace.count; step++) {
      this.step(step);
      if (step % VERIFY_EVERY === 0) this.checkStats();
    }
    this.checkStats();
    live.forEach((block, slot) => {
      if (block === undefined) return;
      this.check(block, 'the end');
      heap.free(block.address);
      this.remove(slot);
    });
    heap.trim();
    this.checkStats();
    const { holes, mainBlocks } = heap.stats().counts;
    ensure(holes === mainBlocks, `${holes} holes in ${mainBlocks} main blocks without a block`);
    heap.close();
    done.traces += 1;
    done.operations += trace.count;
    done.MB += this.counts.compared / 1e6;
  }
}

const named = process.argv.slice(2);
for (const name of named.length > 0 ? named : [...traceNames(), SMALL_BLOCKS]) {
  const trace = readTrace(name);
  for (const kind of KINDS) {
    new Replay(trace, kind).run();
    console.log(`${name}, ${kind.addresses}s${kind.published ? ', published' : ''}`);
  }
}
done.MB = Math.round(done.MB);
ensure(Heap.list().length === 0, 'heaps are left');
console.log(`done ${JSON.stringify(done)}`);
