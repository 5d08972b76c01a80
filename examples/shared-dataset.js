// One data set, four worker threads that ask it questions, and three ways to let them see it.
//
//   node examples/shared-dataset.js [repeats]     by default 4: about a quarter of a gigabyte of columns
//
// The data set is every allocator call that six real programs made, as recorded in bench/traces (SQLite, redis, Node.js,
// gcc, git, Python), unpacked into typed columns and repeated, as if each program had run several times. One thread loads
// it. Then, each way in a process of its own:
//
//   MeMS               the columns are blocks of a Heap; a worker gets the heap's id and the blocks' addresses, and puts
//                      its results into blocks that it allocates in that heap
//   SharedArrayBuffer  the columns are shared buffers made by JavaScript; a worker gets those
//   postMessage        the columns are ordinary arrays; a worker gets a structured clone, a copy of its own
//
// A SharedArrayBuffer shares as well as MeMS does. What it lacks: malloc and free inside it, so that any thread can put
// more data there; addresses that a message, a file or a record of the data itself can hold, and native code can follow;
// and growth as needed, past the most that one buffer of the runtime can have.

'use strict';

const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { Heap } = require('@sambhav-gautam/osmemoryallocator');

const WORKERS = 4;
const QUERIES = 16;
/** Numbers in a query's result: one for each class of sizes, doubling from 16 bytes. */
const CLASSES = 16;
/** The ways take turns, and the table shows medians. */
const ROUNDS = 3;

/** A row is one call. */
const COLUMNS = {
  /** The recorded program. */
  program: Uint8Array,
  /** malloc, realloc or free. */
  kind: Uint8Array,
  /** Which of the program's blocks. */
  slot: Uint32Array,
  /** Bytes asked for. */
  size: Float64Array,
  /** Calls until the block's end; 0 if the program left it. */
  life: Uint32Array,
};

/** Reads the traces into columns that `make(Type, length)` returns, `repeats` times over. */
function load(repeats, make) {
  // Here, so that workers do not load it.
  const { MALLOC, readTrace, traceNames } = require('../bench/trace.js');
  const traces = traceNames().map(readTrace);
  const rows = repeats * traces.reduce((sum, { count }) => sum + count, 0);
  const columns = {};
  for (const [name, Type] of Object.entries(COLUMNS)) columns[name] = make(Type, rows);
  let row = 0;
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const [program, trace] of traces.entries()) {
      const born = new Uint32Array(trace.slots);
      for (let i = 0; i < trace.count; i++, row++) {
        const slot = trace.slot[i];
        if (trace.kind[i] !== MALLOC) columns.life[born[slot]] = row - born[slot];
        born[slot] = row;
        columns.program[row] = program;
        columns.kind[row] = trace.kind[i];
        columns.slot[row] = slot;
        columns.size[row] = trace.size[i];
      }
    }
  }
  return columns;
}

/** How many blocks of each class of sizes lived for at most so many calls; to `answer`. */
function blocksThatLive({ size, life }, calls, answer) {
  for (let row = 0; row < size.length; row++) {
    if (size[row] === 0 || life[row] === 0 || life[row] > calls) continue;
    answer[Math.min(CLASSES - 1, Math.max(0, 28 - Math.clz32(size[row] - 1)))]++;
  }
  return answer;
}

/** The ways: what the loading thread makes and sends, and how a worker opens that and hands its results back. */
const WAYS = {
  MeMS: {
    start() {
      const heap = new Heap();
      const addresses = [];
      return {
        make(Type, length) {
          const { address, view } = heap.mallocAs(Type, length);
          addresses.push(address);
          return view;
        },
        message: (columns) => ({ heap: heap.id, addresses, rows: columns.size.length }),
        read(address) {
          const answer = Float64Array.from(heap.view(address, Float64Array));
          heap.free(address);
          return answer;
        },
      };
    },
    open({ heap: id, addresses, rows }) {
      const heap = Heap.attach(id);
      const columns = {};
      for (const [at, [name, Type]] of Object.entries(COLUMNS).entries()) {
        columns[name] = heap.view(addresses[at], Type, rows);
      }
      return (calls) => {
        const { address, view } = heap.mallocAs(Float64Array, CLASSES);
        blocksThatLive(columns, calls, view.fill(0));
        return address;
      };
    },
  },
  SharedArrayBuffer: {
    start: () => ({
      make: (Type, length) => new Type(new SharedArrayBuffer(length * Type.BYTES_PER_ELEMENT)),
      message: (columns) => columns,
      read: (answer) => answer,
    }),
    open: (columns) => (calls) => blocksThatLive(columns, calls, new Float64Array(CLASSES)),
  },
  postMessage: {
    start: () => ({
      make: (Type, length) => new Type(length),
      message: (columns) => columns,
      read: (answer) => answer,
    }),
    open: (columns) => (calls) => blocksThatLive(columns, calls, new Float64Array(CLASSES)),
  },
};

const milliseconds = (since) => Number(process.hrtime.bigint() - since) / 1e6;

/** Loads, starts the workers, asks; returns what the table shows. */
async function measure(way, repeats) {
  const { start } = WAYS[way];
  const begun = process.hrtime.bigint();
  const { make, message, read } = start();
  const columns = load(repeats, make);
  const loading = milliseconds(begun);
  const bytes = Object.values(columns).reduce((sum, column) => sum + column.byteLength, 0);
  const alone = process.memoryUsage.rss();

  const workers = [];
  for (let i = 0; i < WORKERS; i++) workers.push(new Worker(__filename, { workerData: { way } }));
  await Promise.all(workers.map((worker) => once(worker, 'message')));

  // The threads run by now: what follows is the data's way to them alone.
  const given = process.hrtime.bigint();
  for (const worker of workers) worker.postMessage({ data: message(columns) });
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const ready = milliseconds(given);
  const shared = process.memoryUsage.rss();

  const asked = process.hrtime.bigint();
  let next = 0;
  let checksum = 0;
  const ask = async (worker) => {
    while (next < QUERIES) {
      worker.postMessage({ calls: 2 ** next++ });
      const [answer] = await once(worker, 'message');
      for (const count of read(answer)) checksum += count;
    }
  };
  await Promise.all(workers.map(ask));
  const answering = milliseconds(asked);
  await Promise.all(workers.map((worker) => worker.terminate()));
  const rows = columns.size.length;
  return { way, rows, bytes, loading, ready, answering, checksum, alone, shared };
}

/** A worker: it is given the data once, then queries. */
function serve({ way }) {
  let answer;
  parentPort.on('message', ({ data, calls }) => {
    if (data === undefined) return parentPort.postMessage(answer(calls));
    answer = WAYS[way].open(data);
    parentPort.postMessage('ready');
  });
  parentPort.postMessage('running');
}

function main(repeats) {
  const { Table } = require('console-table-printer');
  const runs = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of Object.keys(WAYS)) {
      runs.push(JSON.parse(execFileSync(process.execPath, [__filename, String(repeats), way])));
    }
  }
  if (new Set(runs.map(({ checksum }) => checksum)).size !== 1) {
    throw new Error('the ways disagree about the answers');
  }
  const [{ rows, bytes }] = runs;
  const mib = (n) => (n / 2 ** 20).toFixed(0);
  const table = new Table({
    title: `${rows.toLocaleString('en-US')} rows, ${mib(bytes)} MiB, ${WORKERS} workers, ${QUERIES} queries over all rows`,
    shouldDisableColors: true,
    columns: [
      { name: 'way', title: '', alignment: 'left' },
      { name: 'loading', title: 'loading, ms' },
      { name: 'ready', title: 'to the workers, ms' },
      { name: 'answering', title: 'queries, ms' },
      { name: 'alone', title: 'RSS before, MiB' },
      { name: 'shared', title: 'RSS with workers, MiB' },
    ],
  });
  for (const way of Object.keys(WAYS)) {
    const own = runs.filter((run) => run.way === way);
    const middle = (figure) => own.map((run) => run[figure]).sort((a, b) => a - b)[ROUNDS >> 1];
    table.addRow({
      way,
      loading: middle('loading').toFixed(0),
      ready: middle('ready').toFixed(1),
      answering: middle('answering').toFixed(0),
      alone: mib(middle('alone')),
      shared: mib(middle('shared')),
    });
  }
  table.printTable();
  console.log('"To the workers": from the first message until all four have the columns.');
}

if (!isMainThread) {
  serve(workerData);
} else if (process.argv[3] !== undefined) {
  measure(process.argv[3], Number(process.argv[2])).then((result) =>
    console.log(JSON.stringify(result)),
  );
} else {
  const repeats = Number(process.argv[2] ?? 4);
  if (Number.isInteger(repeats) && repeats > 0) {
    main(repeats);
  } else {
    console.error('How often to repeat the traces is a whole number from 1.');
    process.exitCode = 1;
  }
}
