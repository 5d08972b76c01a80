// One contender of npm run bench:gc, in a process of its own: holds many records, reads, updates and replaces them at
// random while garbage is made, and prints as JSON what the collector did meanwhile.
//
//   node bench/gc/holder.js mems|buffers|objects records operations

'use strict';

const { PerformanceObserver, constants, monitorEventLoopDelay } = require('node:perf_hooks');

/** A record is a number, a count, a time, and a payload of between half and one and a half times this many bytes. */
const MEAN = 1000;
const HEAD = 24;
/** Operations between two turns of the event loop. */
const SLICE = 256;
/** Garbage is the objects of requests: this many stay for a while. */
const YOUNG = 2000;
/** How many bytes of a record's payload a read looks at. */
const LOOK = 16;

/** Marsaglia's xorshift32: the same pattern for all. */
let state = 0x9e3779b9;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return Math.floor(((state >>> 0) / 2 ** 32) * below);
}
const payloadLength = () => (MEAN >> 1) + random(MEAN);

/** The bytes that payloads are cut from. */
const SOURCE = Buffer.alloc(1 << 16, 'The quick brown fox jumps over the lazy dog. ');

/** Records in Buffers, or in blocks viewed as Buffers: the same code on `at(i)`. */
function inBytes({ at, put }) {
  return {
    make(i, length, from) {
      const record = put(i, HEAD + length);
      record.writeDoubleLE(i, 0);
      record.writeUInt32LE(0, 8);
      record.writeDoubleLE(from, 16);
      record.set(SOURCE.subarray(from, from + length), HEAD);
    },
    read(i, position) {
      const record = at(i);
      let sum = record.readDoubleLE(0);
      for (let k = 0; k < LOOK; k++) sum += record[HEAD + position + k];
      return sum;
    },
    update(i, amount) {
      const record = at(i);
      record.writeDoubleLE(record.readDoubleLE(0) + amount, 0);
      record.writeUInt32LE(record.readUInt32LE(8) + 1, 8);
    },
  };
}

const CONTENDERS = {
  mems(records) {
    const { Heap } = require('@sambhav-gautam/osmemoryallocator');
    const heap = new Heap();
    const addresses = new BigUint64Array(records);
    return inBytes({
      at: (i) => heap.buffer(addresses[i]),
      put(i, length) {
        if (addresses[i] !== 0n) heap.free(addresses[i]);
        addresses[i] = heap.malloc(length);
        return heap.buffer(addresses[i]);
      },
    });
  },
  buffers(records) {
    const all = new Array(records);
    return inBytes({
      at: (i) => all[i],
      put(i, length) {
        all[i] = Buffer.allocUnsafeSlow(length);
        return all[i];
      },
    });
  },
  objects() {
    const all = new Map();
    return {
      make(i, length, from) {
        // A new string, of one byte for each character.
        const text = SOURCE.latin1Slice(from, from + length);
        all.set(i, { balance: i, updates: 0, written: from, text });
      },
      read(i, position) {
        const { balance, text } = all.get(i);
        let sum = balance;
        for (let k = 0; k < LOOK; k++) sum += text.charCodeAt(position + k);
        return sum;
      },
      update(i, amount) {
        const record = all.get(i);
        record.balance += amount;
        record.updates++;
      },
    };
  },
};

const KINDS = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak',
};

/** Records every collection: milliseconds and number of each kind, and the longest. */
class Collections {
  constructor() {
    this.clear();
    this.observer = new PerformanceObserver((list) => this.add(list.getEntries()));
    this.observer.observe({ entryTypes: ['gc'] });
  }

  clear() {
    this.longest = 0;
    this.ms = { minor: 0, major: 0, incremental: 0, weak: 0 };
    this.count = { minor: 0, major: 0, incremental: 0, weak: 0 };
  }

  add(entries) {
    for (const { duration, detail } of entries) {
      const kind = KINDS[detail.kind];
      this.ms[kind] += duration;
      this.count[kind]++;
      this.longest = Math.max(this.longest, duration);
    }
  }

  /** All collections since it was cleared. Entries arrive a turn of the event loop late. */
  async taken() {
    await new Promise((resolve) => setTimeout(resolve, 20));
    this.add(this.observer.takeRecords());
    const { ms, count, longest } = this;
    const all = ms.minor + ms.major + ms.incremental + ms.weak;
    this.clear();
    return { ...ms, all, longest, majors: count.major, minors: count.minor };
  }
}

/** Runs action(i) for each i below n, a slice a turn of the event loop. */
function inSlices(n, action) {
  return new Promise((resolve) => {
    let i = 0;
    const slice = () => {
      for (const end = Math.min(i + SLICE, n); i < end; i++) action(i);
      if (i < n) setImmediate(slice);
      else resolve();
    };
    slice();
  });
}

/** Does the work of a phase. Returns its time, the collections, and the longest delay of the event loop. */
async function phase(collections, n, action) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const begun = process.hrtime.bigint();
  await inSlices(n, action);
  const ms = Number(process.hrtime.bigint() - begun) / 1e6;
  delay.disable();
  return { ms, gc: await collections.taken(), delay: delay.max / 1e6 };
}

async function main(contender, records, operations) {
  const store = CONTENDERS[contender](records);
  const collections = new Collections();
  const make = (i) => store.make(i, payloadLength(), random(SOURCE.length - 2 * MEAN));
  const loading = await phase(collections, records, make);

  const young = new Array(YOUNG);
  let checksum = 0;
  const working = await phase(collections, operations, (n) => {
    const i = random(records);
    const chance = random(10);
    let read = 0;
    if (chance < 6) read = store.read(i, random(MEAN / 2 - LOOK));
    else if (chance < 9) store.update(i, chance);
    else make(i);
    checksum += read;
    young[n % YOUNG] = { request: n, record: i, answer: [read, chance], done: () => read };
  });

  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  // A forced collection: the time that one full collection takes while the records are there.
  const begun = process.hrtime.bigint();
  global.gc();
  const full = Number(process.hrtime.bigint() - begun) / 1e6;
  const throughput = operations / (working.ms / 1000);
  const memory = { rss, heapUsed, external, arrayBuffers };
  console.log(JSON.stringify({ checksum, loading, working, throughput, full, memory }));
}

const [contender, records, operations] = process.argv.slice(2);
main(contender, Number(records), Number(operations));
