// The public face of MeMS. The addon does the work; printing is done here, because output of native code would
// bypass process.stdout: it could not be captured and would lose its order.

'use strict';

const binding = require('./binding.js');
const { bigintOnly } = require('./lib/addresses.js');
const { checkedOptions, isBigAddress } = require('./lib/arguments.js');
const { malloc: mallocIn, get: getIn, free: freeIn } = require('./lib/calls.js');
const { onClose, onCreate } = require('./lib/events.js');
const { Heap, forgetViews, heapOf } = require('./lib/heap.js');
const { copyOf } = require('./lib/lists.js');
const { recordByEnvironment } = require('./lib/recording.js');
const { snapshotByEnvironment, snapshotOnSignal } = require('./lib/snapshots.js');

const DEFAULT_HEAP = 0;
const heap = heapOf(DEFAULT_HEAP);

// The path of the file that binding.js has loaded. Only the addon itself knows it for sure.
const library = binding.libraryPath();

function init(options) {
  const isNew = binding.init(checkedOptions(options));
  recordByEnvironment();
  if (isNew) onCreate(DEFAULT_HEAP);
}

function finish() {
  onClose(DEFAULT_HEAP, () => {
    binding.finish();
    return true;
  });
  forgetViews(heap);
  console.log('..........Successfully UnMapped the Memory without Errors .........');
}

// These functions take BigInts as addresses, as the original's do. The methods of a heap take numbers as well.

// Programs make these calls by the million, so they call the addon without a method in between.
const malloc = (size, options) => mallocIn(DEFAULT_HEAP, size, options, false);
const get = (address) => getIn(DEFAULT_HEAP, bigintOnly(address), false);
const free = (address) => freeIn(DEFAULT_HEAP, bigintOnly(address));
const calloc = (count, size) => heap.calloc(count, size);
const alignedAlloc = (alignment, size) => heap.alignedAlloc(alignment, size);
const realloc = (address, size, options) => heap.realloc(bigintOnly(address), size, options);
const mallocAs = (Type, count, options) => heap.mallocAs(Type, count, options);
const allocate = (size, options) => heap.allocate(size, options);
const mallocMany = (sizes) => heap.mallocMany(sizes);
const freeMany = (addresses) => {
  binding.freeMany(DEFAULT_HEAP, copyOf('addresses', addresses, isBigAddress, get));
};
const buffer = (address, length, options) => heap.buffer(bigintOnly(address), length, options);
const view = (address, Type, length, options) =>
  heap.view(bigintOnly(address), Type, length, options);
const read = (address, length) => heap.read(bigintOnly(address), length);
const write = (address, bytes) => heap.write(bigintOnly(address), bytes);
const copy = (to, from, length) => heap.copy(bigintOnly(to), bigintOnly(from), length);
const fill = (address, byte, length) => heap.fill(bigintOnly(address), byte, length);
const compare = (a, b, length) => heap.compare(bigintOnly(a), bigintOnly(b), length);
const usableSize = (address) => heap.usableSize(bigintOnly(address));
const blockOf = (address) => heap.blockOf(bigintOnly(address));
const owns = (address) => heap.owns(bigintOnly(address));
const trim = () => heap.trim();
const verify = () => heap.verify();
const stats = (options) => heap.stats(options);
const metrics = (options) => heap.metrics(options);
const unusable = (size) => heap.unusable(size);
const lookedAt = (size, options) => heap.lookedAt(size, options);
const record = (path, options) => heap.record(path, options);
const stopRecording = () => heap.stopRecording();
const mark = (text) => heap.mark(text);
const snapshot = (path) => heap.snapshot(path);
const report = (path) => heap.report(path);
const chains = () => heap.chains();
const leaks = (options) => heap.leaks(options);
const printStats = () => heap.printStats();

module.exports = {
  Heap,
  init,
  malloc,
  calloc,
  alignedAlloc,
  realloc,
  mallocAs,
  allocate,
  get,
  free,
  mallocMany,
  freeMany,
  buffer,
  view,
  read,
  write,
  copy,
  fill,
  compare,
  usableSize,
  blockOf,
  owns,
  printStats,
  finish,
  trim,
  verify,
  stats,
  metrics,
  unusable,
  lookedAt,
  record,
  stopRecording,
  mark,
  snapshot,
  report,
  snapshotOnSignal,
  chains,
  leaks,
  library,
};

snapshotByEnvironment();
