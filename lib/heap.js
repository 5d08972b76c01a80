// The class Heap. The functions of the module are its methods, bound to the default heap.
// biome-ignore-all lint/style/useNodejsImportProtocol: the first versions of Node 14 cannot require a node: name.
'use strict';

// Node's global Buffer is a getter, which every view would call.
const { Buffer } = require('buffer');
const { isMainThread } = require('worker_threads');
const binding = require('../binding.js');
const { asNumbers, inKind, returned, wantsNumbers } = require('./addresses.js');
const { Allocation } = require('./allocation.js');
const {
  bytesOf,
  checkedCount,
  checkedOptions,
  define,
  described,
  fail,
  hasOwn,
  isAddress,
  isRecord,
  isRevoked,
  isSize,
  wrongType,
} = require('./arguments.js');
const bytes = require('./bytes.js');
const calls = require('./calls.js');
const { mainBlocks } = require('./chains.js');
const { onClose, onCreate } = require('./events.js');
const { Front } = require('./front.js');
const {
  Roots,
  endedId,
  hasWord,
  isWord,
  mallocInto,
  processesOf,
  reportOf,
  sync,
  syncSync,
  wait,
  waitAsync,
  withPath,
  wordIn,
} = require('./heap-files.js');
const { INSPECT, inspector } = require('./inspect.js');
const { copyOf } = require('./lists.js');
const { SharedMap } = require('./map.js');
const { metricsOf, metricsOfAll } = require('./metrics.js');
const { pathOf, record, stopRecording } = require('./recording.js');
const { report } = require('./report.js');
const { stackOfCall } = require('./stacks.js');
const { statsOf } = require('./stats.js');
const { widthOf } = require('./view-types.js');
const { Views, blockOf, rangeOf } = require('./views.js');
const { watchIn } = require('./watch-options.js');
const { setWatch } = require('./watches.js');

// The state of a heap is under symbols rather than in private fields: a Proxy of the heap passes symbols on to the heap, and has
// no private fields. They are not enumerable, so nothing that copies or compares a heap sees them.
const ID = Symbol('id');
const VIEWS = Symbol('views');
const FRONT = Symbol('front');
// Whether this object returns addresses as numbers. Another object of the same heap may return BigInts.
const AS_NUMBER = Symbol('as number');
// The names for addresses, in objects of heaps that are in files.
const ROOTS = Symbol('roots');
// In objects of heaps that are in files, whether the object has opened the file: only then its end closes the file.
const HAS_OPENED = Symbol('has opened');
// The id that an object of a heap in a file had before it was closed.
const FORMER = Symbol('former id');

/** What the addon says of a heap that is attached to: not in a file, and in one that is open for reading only. */
const [IN_MEMORY, FOR_READING] = [0, 2];

/** What all blocks that a front hands out are aligned to, in bytes. */
const SLOT = 16;

// A Heap that is posted or cloned arrives as an object without anything in it.
const AN_ID = 'a heap’s id, a number (to send a heap to a thread, post heap.id)';

// The heap that is being attached to: its id, and the class whose constructor is to take it instead of opening one.
let attaching;

// The next three are compiled into every method, so they are as short as can be: a longer one made a view slower.

/** The id of the heap that a method was called on. */
function idOf(heap) {
  try {
    const id = heap[ID];
    if (id !== undefined) return id;
  } catch (error) {
    passOn(error, heap);
  }
  throw notAHeap(heap);
}

/** The views of the heap that a method was called on. */
function viewsOf(heap) {
  try {
    const views = heap[VIEWS];
    if (views !== undefined) return views;
  } catch (error) {
    passOn(error, heap);
  }
  throw notAHeap(heap);
}

/** The front of the heap that a method was called on. */
function frontOf(heap) {
  try {
    const front = heap[FRONT];
    if (front !== undefined) return front;
  } catch (error) {
    passOn(error, heap);
  }
  throw notAHeap(heap);
}

/** Throws `error` if a trap of a Proxy threw it, and not if it only means that `receiver` has no properties. */
function passOn(error, receiver) {
  if (receiver !== undefined && receiver !== null && !isRevoked(receiver)) throw error;
}

function notAHeap(receiver) {
  const message =
    'The method must be called on a Heap, as in heap.malloc(8). To pass it on, use bind(heap). ' +
    `It was called on ${described(receiver)}`;
  return fail(TypeError, 'ERR_INVALID_THIS', message, notAHeap);
}

/** Blocks, or the sites that allocated them, a batch at a time as they are read. `next` returns the next batch. */
function* listed(next, asNumber) {
  for (let batch = next(); batch; batch = next()) {
    const { sites, numbers, stacks } = batch;
    for (let i = 0; i < numbers.length; i += 3) {
      const [first, bytes, stack] = [numbers[i], numbers[i + 1], stacks[numbers[i + 2]]];
      if (sites) yield { count: first, bytes, stack };
      else yield { address: asNumber ? first : BigInt(first), size: bytes, stack };
    }
  }
}

class Heap {
  constructor(options) {
    const asNumber = wantsNumbers(options);
    const watch = watchIn(options);
    let id;
    let isNew = false;
    if (attaching?.Class === new.target) {
      id = attaching.id;
      // Only this object attaches. Another heap that the constructor of a subclass makes is a new one.
      attaching = undefined;
    } else {
      id = binding.open(checkedOptions(options));
      isNew = true;
    }
    const front = new Front(id, asNumber, isNew);
    // Configurable, or a Proxy could put nothing else in their place.
    define(this, ID, id, false);
    define(this, VIEWS, new Views(id, front), false);
    define(this, FRONT, front, false);
    define(this, AS_NUMBER, asNumber, false);
    setWatch(id, watch);
    if (isNew) onCreate(id);
  }

  static attach(id, ...others) {
    if (!Number.isSafeInteger(id)) throw wrongType('id', AN_ID, id);
    const kind = binding.attach(id);
    // biome-ignore lint/complexity/noThisInStatic: a subclass makes an object of its own.
    const heap = attachAs(isHeapClass(this) ? this : Heap, id, others);
    if (kind !== IN_MEMORY) define(heap, HAS_OPENED, false, false);
    if (kind === FOR_READING) viewsOf(heap).isReadOnly = true;
    return heap;
  }

  static open(path, options) {
    const asNumber = wantsNumbers(options);
    const id = binding.openFile(pathOf(path), checkedOptions(options), !isMainThread);
    // biome-ignore lint/complexity/noThisInStatic: a subclass makes an object of its own.
    const Class = isHeapClass(this) ? this : Heap;
    let heap;
    try {
      heap = attachAs(Class, id, asNumber ? [{ addresses: 'number' }] : []);
    } catch (error) {
      // The constructor of a subclass has thrown: nobody has the object.
      binding.close(id);
      throw error;
    }
    define(heap, HAS_OPENED, true, false);
    define(heap, ROOTS, new Roots(() => idOf(heap), asNumber), false);
    if (options !== undefined && options.readOnly === true) viewsOf(heap).isReadOnly = true;
    onCreate(id);
    return heap;
  }

  static list() {
    return binding.heaps();
  }

  static verify(path, options) {
    const asNumber = wantsNumbers(options);
    return reportOf(binding.verifyFile(pathOf(path), checkedOptions(options)), asNumber);
  }

  static repair(path, options) {
    const asNumber = wantsNumbers(options);
    return reportOf(binding.repairFile(pathOf(path), withPath(checkedOptions(options))), asNumber);
  }

  static metrics(heaps, options) {
    return metricsOfAll(heaps === undefined ? undefined : idsOf(heaps), options);
  }

  get id() {
    // The reader may pass it on to another thread.
    frontOf(this).publish();
    const id = idOf(this);
    return this[FORMER] ?? id;
  }

  malloc(size, options) {
    if (options === undefined) {
      const address = frontOf(this).malloc(size);
      if (address !== undefined) return address;
    } else if (hasWord(options)) {
      return mallocInto(idOf(this), size, options, this[AS_NUMBER]);
    }
    return calls.malloc(idOf(this), size, options, this[AS_NUMBER]);
  }

  calloc(count, size) {
    const id = idOf(this);
    const asNumber = this[AS_NUMBER];
    return returned(binding.calloc(id, count, size), asNumber);
  }

  alignedAlloc(alignment, size) {
    const id = idOf(this);
    const asNumber = this[AS_NUMBER];
    if (Number.isInteger(alignment) && alignment > 0 && SLOT % alignment === 0) {
      const address = frontOf(this).malloc(size);
      if (address !== undefined) return address;
    }
    return returned(binding.heapMalloc(id, size, { alignment }), asNumber);
  }

  realloc(address, size, options) {
    const id = idOf(this);
    const asNumber = this[AS_NUMBER];
    if (options === undefined && frontOf(this).resize(address, size) === true)
      return inKind(address, asNumber);
    return calls.realloc(id, address, size, options, asNumber);
  }

  free(address) {
    if (frontOf(this).free(address) !== false) return;
    if (isWord(address)) binding.freeFrom(idOf(this), wordIn(address));
    else calls.free(idOf(this), address);
  }

  replace(word, address) {
    binding.replace(idOf(this), word, address);
  }

  wait(address, expected, timeout) {
    return wait(idOf(this), address, expected, timeout);
  }

  waitAsync(address, expected, timeout) {
    return waitAsync(idOf(this), address, expected, timeout);
  }

  notify(address) {
    // Throws unless it is an address of a live block. Which word has changed is for those that wait to find out.
    binding.heapGet(idOf(this), address);
    binding.notify(idOf(this));
  }

  map(name, options) {
    const id = idOf(this);
    return new SharedMap(() => idOf(this), name, options, binding.isInFile(id));
  }

  get maps() {
    return binding.mapNames(idOf(this));
  }

  sync() {
    return sync(idOf(this));
  }

  syncSync() {
    return syncSync(idOf(this));
  }

  get path() {
    return binding.fileOf(idOf(this)).path;
  }

  get uuid() {
    return binding.fileOf(idOf(this)).uuid;
  }

  get processes() {
    return processesOf(idOf(this));
  }

  get roots() {
    const id = idOf(this);
    if (this[ROOTS] === undefined) {
      // Throws unless the heap is in a file, as one that was attached to may be.
      binding.fileOf(id);
      define(this, ROOTS, new Roots(() => idOf(this), this[AS_NUMBER]), false);
    }
    return this[ROOTS];
  }

  get(address) {
    const physical = frontOf(this).get(address);
    return physical === undefined ? calls.get(idOf(this), address, this[AS_NUMBER]) : physical;
  }

  mallocAs(Type, count, options) {
    const views = viewsOf(this).chosen(Type, options, 'mallocAs()');
    const width = widthOf(Type);
    const size = checkedCount('count', count) * width;
    // A heap that has a front aligns all blocks to 16 bytes, as much as any type wants. A subclass may have a malloc of its own, and
    // the default heap may be another one by now.
    const isQuick = frontOf(this).isThere() && this.malloc === Heap.prototype.malloc;
    if (!isQuick || idOf(this) === 0) return slowMallocAs(this, views, Type, count, size, width);
    const address = this.malloc(size);
    return { address, view: viewOfNew(this, idOf(this), views, address, Type, count) };
  }

  allocate(size, options) {
    const id = idOf(this);
    const asNumber = this[AS_NUMBER];
    const { shared, others } = splitOptions(options);
    // Options that are not valid throw here, before there is a block.
    if (shared !== undefined) viewsOf(this).chosen(Buffer, shared, 'allocate()');
    const [address, its] = binding.heapAllocate(id, size, others);
    const heap = its === id ? this : defaultHeapOf(its);
    return new Allocation(heap, returned(address, asNumber), shared);
  }

  mallocMany(sizes) {
    const id = idOf(this);
    const asNumber = this[AS_NUMBER];
    const copy = copyOf('sizes', sizes, isSize, (size) => calls.malloc(id, size));
    const addresses = new BigUint64Array(copy.length);
    binding.mallocMany(id, copy, addresses);
    return asNumber ? asNumbers(addresses) : addresses;
  }

  freeMany(addresses) {
    const id = idOf(this);
    const refuse = (address) => calls.get(id, address);
    binding.freeMany(id, copyOf('addresses', addresses, isAddress, refuse));
  }

  buffer(address, length, options) {
    if (options === undefined) {
      const { plain } = viewsOf(this);
      const buffer = plain.quickBuffer(address, length);
      return buffer === undefined ? plain.buffer(address, length) : buffer;
    }
    return viewsOf(this).chosen(Buffer, options, 'buffer()').buffer(address, length);
  }

  view(address, Type = Uint8Array, length, options) {
    if (options === undefined && Type !== Buffer) {
      const view = viewsOf(this).shared.quickView(address, Type, length);
      if (view !== undefined) return view;
    }
    return slowView(this, address, Type, length, options);
  }

  read(address, length) {
    const views = viewsOf(this);
    return bytes.read(views, address, length) ?? views.read(address, length);
  }

  write(address, data) {
    const views = viewsOf(this);
    const source = typeof data === 'string' ? Buffer.from(data) : bytesOf('bytes', data);
    const { length } = source;
    if (!bytes.write(views, address, source)) views.write(address, source);
    return length;
  }

  copy(to, from, length) {
    if (bytes.copy(viewsOf(this), to, from, length)) return;
    binding.copy(idOf(this), to, from, length);
  }

  fill(address, byte, length) {
    if (bytes.fill(viewsOf(this), address, byte, length)) return;
    binding.fill(idOf(this), address, byte, rangeOf(idOf(this), address, length));
  }

  compare(a, b, length) {
    const order = bytes.compare(viewsOf(this), a, b, length);
    return order === undefined ? binding.compare(idOf(this), a, b, length) : order;
  }

  usableSize(address) {
    const front = frontOf(this);
    return front.usableSize(address) || blockOf(idOf(this), address).usableSize;
  }

  blockOf(address) {
    const front = frontOf(this);
    const unit = front.unitOf(address);
    const size = front.sizeAt(unit);
    if (size < 0) return blockOf(idOf(this), address, this[AS_NUMBER]);
    return {
      address: inKind(address, this[AS_NUMBER]),
      size,
      usableSize: front.usableAt(unit),
    };
  }

  owns(address) {
    return frontOf(this).usableSize(address) > 0 || binding.owns(idOf(this), address);
  }

  trim() {
    return binding.trim(idOf(this));
  }

  verify() {
    binding.verify(idOf(this));
  }

  stats(options) {
    return statsOf(idOf(this), checkedOptions(options));
  }

  metrics(options) {
    return metricsOf(idOf(this), options);
  }

  unusable(size) {
    return binding.unusable(idOf(this), size);
  }

  lookedAt(size, options) {
    return binding.lookedAt(idOf(this), size, checkedOptions(options));
  }

  record(path, options) {
    record(idOf(this), path, checkedOptions(options));
  }

  stopRecording() {
    return stopRecording(idOf(this));
  }

  mark(text) {
    binding.mark(idOf(this), text);
  }

  snapshot(path) {
    return binding.snapshot(idOf(this), pathOf(path));
  }

  report(path) {
    idOf(this);
    return report(this, pathOf(path));
  }

  leaks(options) {
    return listed(binding.leaks(idOf(this), checkedOptions(options)), this[AS_NUMBER]);
  }

  chains() {
    return mainBlocks(idOf(this), this[AS_NUMBER]);
  }

  printStats() {
    // Line by line, because all lines together may be more than the JavaScript heap has room for.
    const next = binding.statsLines(idOf(this));
    for (let line = next(); line !== null; line = next()) console.log(line);
  }

  close() {
    if (idOf(this) === 0) {
      throw fail(Error, 'ERR_MEMS_CLOSED', 'The default heap cannot be closed. Call finish()');
    }
    frontOf(this).end();
    viewsOf(this).clear();
    const id = idOf(this);
    const hasOpened = this[HAS_OPENED];
    // A file that others of this process have open stays open for them, and only for them.
    if (hasOpened !== undefined && this[FORMER] === undefined) {
      define(this, FORMER, id, false);
      define(this, ID, endedId(), false);
    }
    if (hasOpened !== false) onClose(id, () => binding.close(id));
  }
}

// Not enumerable, so that it is not listed among the properties of a heap.
Object.defineProperty(Heap.prototype, INSPECT, {
  value: inspector(
    (heap) => heap[ID],
    binding.heapEntry,
    (heap) => heap[FORMER],
  ),
  configurable: true,
  writable: true,
});

// The addon has only a weak reference to the function that captures stacks, so this keeps it alive.
Object.defineProperty(Heap.prototype, Symbol('stacks'), { value: stackOfCall });
binding.captureStacks(stackOfCall);

if (Symbol.dispose) Heap.prototype[Symbol.dispose] = Heap.prototype.close;

/** `view` of a heap in all cases. */
function slowView(heap, address, Type, length, options) {
  const views = viewsOf(heap);
  if (options === undefined && Type !== Buffer) return views.shared.view(address, Type, length);
  return views.chosen(Type, options, 'view()').view(address, Type, length);
}

/** The names and ids of heaps, each given by its name as a Heap or an id. */
function idsOf(heaps) {
  if (!isRecord(heaps)) throw wrongType('heaps', 'an object of heaps by their names', heaps);
  return Object.entries(heaps).map(([name, heap]) => {
    if (Number.isSafeInteger(heap)) return [name, heap];
    if (heap instanceof Heap) return [name, idOf(heap)];
    throw wrongType(`heaps.${name}`, 'a Heap or the id of one', heap);
  });
}

/** Whether this is Heap, a class that extends it, or a Proxy of one. */
function isHeapClass(Class) {
  if (typeof Class !== 'function' || isRevoked(Class)) return false;
  return Class.prototype === Heap.prototype || Class.prototype instanceof Heap;
}

/** Allocates a block. Returns its address, and its heap; if that is the default heap, the one that is running now. */
function mallocOf(heap, size, options) {
  const id = idOf(heap);
  // A subclass may have a malloc of its own.
  if (id !== 0) return [heap.malloc(size, options), id];
  const asNumber = heap[AS_NUMBER];
  const [address, its] = binding.heapAllocate(id, size, options);
  return [returned(address, asNumber), its];
}

/** `mallocAs` of a heap that aligns blocks only if it is asked for. */
function slowMallocAs(heap, views, Type, count, size, alignment) {
  const [address, its] = mallocOf(heap, size, { alignment });
  return { address, view: viewOfNew(heap, its, views, address, Type, count) };
}

/** The view of a block that was allocated for it in the heap `its`, and does not stay if there can be no view. */
function viewOfNew(heap, its, views, address, Type, count) {
  try {
    return views.quickView(address, Type, count) ?? views.view(address, Type, count);
  } catch (error) {
    takeBack(heap, its, address);
    throw error;
  }
}

/** Frees a block that has not been returned to the caller yet. */
function takeBack(heap, its, address) {
  try {
    if (its === idOf(heap)) heap.free(address);
    else calls.free(its, address);
  } catch (_) {
    // The constructor of the view has freed the block or ended the heap. Its own error explains more.
  }
}

/** Splits the options of `allocate` into `shared`, for the view, and those of `malloc`. */
function splitOptions(options) {
  const others = checkedOptions(options);
  if (typeof others !== 'object' || others === null || !hasOwn(others, 'shared')) return { others };
  const { shared, ...rest } = others;
  return { shared: { shared }, others: rest };
}

let latest;

/**
 * The default heap as a heap of its own: after its end, a default heap that is started later has other blocks at the same
 * addresses, and nothing reaches them by this object. One is kept, so that its views have one buffer.
 */
function defaultHeapOf(id) {
  if (latest === undefined || latest.id !== id) latest = heapOf(id);
  return latest;
}

/** An instance of a class for the heap with an id, which need not be open. */
function attachAs(Class, id, others) {
  const outer = attaching;
  attaching = { Class, id };
  try {
    return new Class(...others);
  } finally {
    attaching = outer;
  }
}

/** The `Heap` with an id, which need not be open. */
const heapOf = (id) => attachAs(Heap, id, []);

/** Drops the buffers over the memory of a default heap that has ended. */
function forgetViews(heap) {
  viewsOf(heap).clear();
  if (latest !== undefined) viewsOf(latest).clear();
}

module.exports = { Heap, forgetViews, heapOf };
