'use strict';

// Opens a heap file again and again, each time with another damage, and calls what can be called. Every call returns, or throws an error
// with a code: the process that runs this shows it by its end.
//
// Arguments: the path of a sound file, a path for damaged ones, and the damages as JSON: a list of `{ at, byte }`, a byte that is changed
// by exclusive or, or a `count` of them; or `{ length }`, at which the file is cut, or `{ length, to }`, at each length down to `to`, where it
// cannot be opened. `late`: the file is open when it is damaged; `repair`: the file is mended, and not used before; `quick`: the
// heap does not grow, which takes longer than all else. Prints how often each code was thrown, as JSON.

const fs = require('node:fs');
const { Heap } = require('../..');

const [sound, path, list] = process.argv.slice(2);
const whole = fs.readFileSync(sound);
const OPTIONS = { addresses: 'number', lockTimeout: 20, maxSize: 8 * 2 ** 20 };
const MOST_SEGMENTS = 5000;

const codes = {};

/** Calls a function, and counts the code of the error that it throws, in `sums`. */
function attempt(operation, sums = codes) {
  try {
    return operation();
  } catch (error) {
    if (typeof error.code !== 'string') throw error;
    sums[error.code] = (sums[error.code] ?? 0) + 1;
    // What is not foreseen is a defect, even if the process lives.
    if (error.code === 'ERR_MEMS_INTERNAL') throw error;
    return undefined;
  }
}

function* segments(heap) {
  let left = MOST_SEGMENTS;
  for (const block of heap.chains()) {
    for (const segment of block.segments) {
      if (left-- === 0) return;
      yield segment;
    }
  }
}

/** Calls of all kinds. */
function use(heap, grows) {
  attempt(() => heap.verify());
  attempt(() => heap.stats());
  attempt(() => heap.processes);
  const roots = attempt(() => [...heap.roots]) ?? [];
  for (const [name, address] of roots) {
    attempt(() => heap.blockOf(address));
    attempt(() => heap.roots.get(name));
  }
  const live = attempt(() => [...segments(heap)].filter(({ kind }) => kind === 'live')) ?? [];
  const [word] = [attempt(() => heap.malloc(64))];
  if (word !== undefined) {
    attempt(() => heap.fill(word, 0));
    attempt(() => heap.malloc(100, { into: word }));
    attempt(() => heap.malloc(5000, { into: word + 8, alignment: 4096 }));
    attempt(() => heap.replace(word, attempt(() => heap.malloc(200)) ?? 0));
    attempt(() => heap.free({ from: word + 8 }));
  }
  for (const { start, size } of live.slice(0, 40)) {
    attempt(() => heap.blockOf(start + size - 1));
    attempt(() => heap.owns(start));
    attempt(() => heap.read(start, 1));
    attempt(() => heap.realloc(start, size + 16 * (start % 5) - 32));
  }
  for (const { start } of live.slice(-40)) attempt(() => heap.free(start));
  attempt(() => heap.syncSync());
  for (const size of [1, 16, 70_000, ...(grows ? [1_200_000] : [])])
    attempt(() => heap.malloc(size));
  attempt(() => heap.mallocMany([10, 20, 3000]));
  attempt(() => heap.roots.set('new', word ?? 1000));
  attempt(() => heap.roots.delete('block'));
  attempt(() => heap.verify());
  attempt(() => [...segments(heap)].length);
}

function damage({ at, byte, count = 1, length }) {
  if (length !== undefined) {
    fs.truncateSync(path, length);
    return;
  }
  const bytes = Buffer.from(whole.subarray(at, at + count)).map((before) => before ^ byte);
  const file = fs.openSync(path, 'r+');
  fs.writeSync(file, bytes, 0, count, at);
  fs.closeSync(file);
}

/** Makes the file what it was. (Pages that are there already are quicker to write than new ones.) */
function restore() {
  const file = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  fs.writeSync(file, whole, 0, whole.length, 0);
  fs.ftruncateSync(file, whole.length);
  fs.closeSync(file);
}

/** Mends the file. What has been mended is sound, and can be used. */
function mend() {
  const report = attempt(() => Heap.repair(path));
  if (report === undefined) return;
  const { sound, problems } = Heap.verify(path, { deep: true });
  if (!report.sound || !sound) throw new Error(`repaired, and not sound: ${problems}`);
  const heap = Heap.open(path, OPTIONS);
  heap.verify();
  heap.free(heap.malloc(100));
  heap.close();
}

/** Cuts the file shorter and shorter. */
function cutAll({ length, to }) {
  for (let left = length; left >= to; left--) {
    fs.truncateSync(path, left);
    attempt(() => Heap.verify(path), {});
    const heap = attempt(() => Heap.open(path, OPTIONS));
    if (heap !== undefined) throw new Error(`opened with ${left} bytes`);
  }
}

for (const harm of JSON.parse(list)) {
  restore();
  // Shown if the process ends here.
  fs.writeFileSync(`${path}.at`, JSON.stringify(harm));
  if (harm.to !== undefined) {
    cutAll(harm);
    continue;
  }
  if (!harm.late) {
    damage(harm);
    attempt(() => Heap.verify(path, { deep: true }), {});
  }
  if (harm.repair) {
    mend();
    continue;
  }
  const heap = attempt(() => Heap.open(path, OPTIONS));
  if (heap === undefined) continue;
  if (harm.late) damage(harm);
  use(heap, !harm.quick);
  attempt(() => heap.close());
}
console.log(JSON.stringify(codes));
