// Everything the typings promise, used as they promise it; compiled, never run, by package.test.js.
import mems, {
  type AddressArray,
  type Allocation,
  alignedAlloc,
  allocate,
  type Block,
  blockOf,
  buffer,
  type ChannelMessages,
  calloc,
  chains,
  compare,
  copy,
  type ErrorCode,
  type FileErrorCode,
  fill,
  finish,
  free,
  freeMany,
  get,
  Heap,
  type HeapFileOptions,
  type HeapFileReport,
  type HeapOptions,
  type HeapProcess,
  type HeapRoots,
  init,
  leaks,
  library,
  type MapErrorCode,
  type MapOptions,
  type MapStats,
  type MetricsOptions,
  malloc,
  mallocAs,
  mallocMany,
  metrics,
  type OutOfMemoryMessage,
  owns,
  printStats,
  read,
  realloc,
  type SharedMap,
  snapshotOnSignal,
  stats,
  trim,
  usableSize,
  verify,
  view,
  write,
} from '@sambhav-gautam/osmemoryallocator';

init();
init({});
init({ minBlockSize: 65536 });
init({ minBlockSize: 65536n });

const fromNumber: bigint = malloc(1000);
const fromBigInt: bigint = malloc(1000n);
const physical: bigint = get(fromNumber + 4n);
free(fromBigInt);
const many: BigUint64Array = mallocMany([16, 16n]);
freeMany(many);
freeMany([...mallocMany(new Uint32Array([8]))]);
export const aligned: bigint = malloc(64, { alignment: 64 }) + alignedAlloc(4096, 1n);
export const grown: bigint = realloc(calloc(2n, 8), 100n);
export const bytes1: Buffer = buffer(grown);
export const bytes2: Buffer = buffer(grown, 10n);
export const octets: Uint8Array = view(grown);
export const doubles: Float64Array = view(grown, Float64Array, 2);
export const big: BigInt64Array = view(grown, BigInt64Array);
export const cells: DataView = view(grown, DataView);
export const typed: { address: bigint; view: Int32Array } = mallocAs(Int32Array, 3);
export const handle: Allocation = allocate(10, { alignment: 2 });
handle.view.write('x');
handle.free();
export const written: number = write(grown, 'text') + write(grown, new Float32Array(1));
export const copied: Buffer = read(grown, 4);
copy(grown, grown + 4n, 4);
fill(grown, 255);
export const order: -1 | 0 | 1 = compare(grown, grown, 8);
export const block: Block = blockOf(grown);
export const isLive: boolean = owns(grown) && usableSize(grown) === 100;
for (const { segments } of chains()) {
  for (const { kind, start, size } of segments) console.log(kind === 'hole', start + 1n, size + 1);
}
{
  using heap = new Heap({ maxSize: 1 << 20, alignment: 16, growingBlocks: true });
  const other: Heap = Heap.attach(heap.id);
  use(other.mallocAs(Uint16Array, 5).view);
  other.close();
}
function use(words: Uint16Array): void {
  words.fill(1);
}
printStats();
export const given: number = trim();
verify();

const { bytes, counts, peak, totals, fragmentation } = stats({ resident: true });
export const numbers: number[] = [
  bytes.mapped,
  bytes.live,
  bytes.holes,
  bytes.largestHole,
  bytes.metadata,
  bytes.requested,
  bytes.resident ?? 0,
  fragmentation.external,
  fragmentation.internal,
  fragmentation.unused,
  bytes.quarantined,
  ...[...leaks({ order: 'size', limit: 10 })].map(
    ({ address, size, stack }) => Number(address) + size + stack.length,
  ),
  counts.pages,
  counts.mainBlocks,
  counts.live,
  counts.quarantined,
  counts.holes,
  peak.mapped,
  peak.live,
  peak.holes,
  peak.largestHole,
  peak.metadata,
  totals.malloc,
  totals.free,
  totals.allocatedBytes,
];
finish();

// A subclass attaches as what it is, with the arguments of its own constructor.
class Arena extends Heap {
  constructor(readonly label: string) {
    super({ maxSize: 1 << 20 });
  }
}
export const attached: string = Arena.attach(new Arena('a').id, 'b').label;

// Heaps whose addresses are numbers, and those of BigInts; what methods take may be either.
const numeric: Heap<number> = new Heap({ addresses: 'number', maxSize: 1 << 20 });
const ofBigInts: Heap<bigint> = new Heap({ addresses: 'bigint' });
const usual: Heap = new Heap();
export const place: number = numeric.malloc(8) + numeric.calloc(1, 8) + numeric.get(1000);
export const resized: number = numeric.realloc(numeric.alignedAlloc(8, 8), 16) + place;
export const doublesOf: Float64Array = numeric.mallocMany([8, 8n]);
export const wordsOf: BigUint64Array = usual.mallocMany([8, 8n]);
numeric.freeMany(doublesOf);
usual.freeMany(doublesOf);
numeric.freeMany(wordsOf);
numeric.freeMany([1000n, 1016]);
export const inBoth: Uint8Array = numeric.view(1000n) ?? ofBigInts.view(1000);
export const numberOf: number =
  numeric.allocate(8).address + numeric.mallocAs(Uint8Array, 8).address;
export const blockOfNumbers: Block<number> = numeric.blockOf(1000n);
export const bigOf: bigint = usual.blockOf(1000).address + ofBigInts.malloc(8);
for (const { address } of numeric.leaks()) numeric.free(address + 0);
for (const { start, segments } of numeric.chains()) {
  for (const segment of segments) console.log(start + segment.start + segment.size);
}
export const attachedAsNumbers: Heap<number> = Heap.attach(usual.id, { addresses: 'number' });
export const attachedAsBigInts: Heap = Heap.attach(numeric.id);
export const attachedAsBefore: Heap<bigint> = Heap.attach(numeric.id, { addresses: 'bigint' });
export const made: Heap<number> = new Heap<number>({ addresses: 'number' });
export const ofInstance: bigint = (usual as InstanceType<typeof Heap>).malloc(8);
export function release<A extends bigint | number>(heap: Heap<A>, list: AddressArray<A>): A {
  heap.freeMany(list);
  return heap.malloc(8);
}
export const released: [number, bigint] = [release(numeric, doublesOf), release(usual, wordsOf)];
export function anyHeap(heap: Heap<bigint | number>): bigint | number {
  return heap.malloc(8);
}
anyHeap(numeric);
anyHeap(usual);
export function narrowed(value: unknown): Heap | undefined {
  return value instanceof Heap ? value : undefined;
}

// Subclasses: as they were, with options that they pass on, and of numbers.
class Plain extends Heap {}
class Passing extends Heap {
  constructor(options?: HeapOptions) {
    super(options);
  }

  override malloc(size: number | bigint): bigint {
    return super.malloc(size) + 0n;
  }
}
class OfNumbers extends Heap<number> {
  constructor(readonly label = '') {
    super({ addresses: 'number' });
  }
}
class OfBigInts extends Heap<bigint> {}
export const subclasses: [bigint, bigint, number, bigint] = [
  new Plain({ maxSize: 4096 }).malloc(8),
  new Passing({ maxSize: 4096 }).malloc(8),
  new OfNumbers('label').malloc(8),
  new OfBigInts().malloc(8),
];
export const subclass: Plain = Plain.attach(usual.id, { maxSize: 4096 });
export const subclassOfNumbers: OfNumbers = OfNumbers.attach(usual.id, 'label');
export const entries: number = Plain.list().length + Heap.list().length;
export const { attach } = Heap;

// Looking at heap files.
export const report: HeapFileReport = Heap.verify('a.heap', { deep: true });
export const firsts: [bigint, number, Date] = [
  report.roots[0].address,
  Heap.repair('a.heap', { into: 'b.heap', addresses: 'number' }).extents[0].address,
  report.processes[0].since,
];

export const thisRefused: ErrorCode = 'ERR_INVALID_THIS';

// Running services.
const metricsOptions: MetricsOptions = { name: 'cache', resident: false, unusable: [64, 1024n] };
export const texts: string[] = [
  metrics(),
  metrics(metricsOptions),
  usual.metrics({ unusable: new Float64Array([1]) }),
  Heap.metrics(),
  Heap.metrics({ usual, numeric, default: 0 }, { resident: true }),
];
export const events: number =
  stats().events.grow + stats().events.trim + stats().events.outOfMemory;
export function subscribe<Name extends keyof ChannelMessages>(
  name: Name,
  subscriber: (message: ChannelMessages[Name]) => void,
): void {
  void [name, subscriber];
}
subscribe('mems:grow', ({ heap, policy, bytes, size, count }) => [
  heap + bytes.largestHole + size + count,
  policy === 'buddy',
]);
subscribe('mems:out-of-memory', (message: OutOfMemoryMessage) => message.available);
subscribe('mems:fragmentation', ({ share, unusable }) => share < unusable);
subscribe('mems:record:error', ({ path, error }) => `${path} ${error.message}`);
subscribe('mems:heap:create', ({ options }) => options.maxSize);
subscribe('mems:heap:close', ({ bytes }) => bytes.live);
new Heap({ warnUnusable: { size: 65536n, share: 0.5 }, snapshotNearLimit: 2 }).close();
Heap.attach(0, { addresses: 'number', snapshotNearLimit: 1 });
snapshotOnSignal('SIGUSR2');
snapshotOnSignal('SIGUSR2', 'folder');

// Heap files.
const fileOptions: HeapFileOptions = {
  create: true,
  readOnly: false,
  exclusive: false,
  maxSize: 1n << 40n,
  mode: 0o640,
  lockTimeout: 1000,
  followSymlinks: false,
  anyFileSystem: false,
  zeroOnFree: true,
};
export const filed: Heap = Heap.open('a.mems');
export const filedNumbers: Heap<number> = Heap.open('a.mems', {
  ...fileOptions,
  addresses: 'number',
});
export const filedOwn: Plain = Plain.open('a.mems', fileOptions);
export const { path: filePath, uuid: fileUuid }: { path: string; uuid: string } = filed;
export const holders: HeapProcess[] = filed.processes;
export const sinceWhen: number = holders[0].slot + holders[0].pid + holders[0].since.getTime();
export const rootsOfNumbers: HeapRoots<number> = filedNumbers.roots;
rootsOfNumbers.set('name', 1000);
filed.roots.set('name', filed.malloc(8, { alignment: 64, into: 1000n }));
export const root: bigint | undefined = filed.roots.get('name');
export const wasThere: boolean = filed.roots.delete('name');
export const named: [string, number][] = [...rootsOfNumbers];
filed.free({ from: 1000n });
filedNumbers.free({ from: 1000 });
filed.replace(1000n, 0n);
filedNumbers.replace(1000, 0);
export const waited: 'ok' | 'not-equal' | 'timed-out' = filed.wait(1000n, 0, 10);
export const waiting: Promise<'ok' | 'not-equal' | 'timed-out'> = filed.waitAsync(1000n, 0);
filed.notify(1000n);
export const byteMap: SharedMap = filed.map('bytes', { maxBytes: 2 ** 30, ttl: 60_000 });
byteMap.set('a', 'text').set('b', new Uint8Array(1), { ttl: 5 });
export const wasSet: boolean = byteMap.compareAndSet(new Uint8Array(1), 'text', 'new');
export const mapped: Buffer | undefined = byteMap.get('a');
export const fetched: number = byteMap.getInto('a', new Uint8Array(8));
export const textMap: SharedMap<string> = filedNumbers.map('text', { encoding: 'string' });
const renders = async (url: string) => `<h1>${url}</h1>`;
export const rendered: Promise<string> = textMap.fetch('/news', renders, { lease: 1000 });
export const perhaps: Promise<string | undefined> = textMap.fetch('/none', async () => undefined);
interface User {
  name: string;
  born?: number;
}
export const users: SharedMap<User> = filed.map<User>('users', { encoding: 'json' });
export const born: number | undefined = users.set('ada', { name: 'Ada' }).get('ada')?.born;
export const anything: unknown = filed.map('any', { encoding: 'v8' }).set('a', new Map()).get('a');
export const small = filed.map('small', {
  encoding: { encode: (value: number) => Uint8Array.of(value), decode: (bytes) => bytes[0] },
});
export const one: number | undefined = small.set('one', 1).peek('one');
const mapOptions: MapOptions<User> = { encoding: 'v8', maxEntries: 10, shards: 1, checksum: true };
export const others: SharedMap<User> = filed.map('users', mapOptions);
export const names: string[] = [...users].map(([, { name }]) => name);
export const visits: bigint = users.increment('visits', 2n);
export const counted: MapStats = users.stats();
/** A class over maps of any values. */
export class Cache<Value> {
  readonly #map: SharedMap<Value>;
  constructor(map: SharedMap<Value>) {
    this.#map = map;
  }
  set(key: string, value: Value): boolean {
    return this.#map.set(key, value).compareAndSet(key, value, value);
  }
}
export const cache = new Cache(users);
export const fileError: FileErrorCode = 'ERR_MEMS_FILE_IN_USE';
export const anyError: ErrorCode = fileError;
export const mapError: MapErrorCode & ErrorCode = 'ERR_MEMS_TOO_LARGE';

export const file: string = library;
export const sameByDefaultImport: bigint = mems.get(mems.malloc(8)) + physical;
export const sameFunction: boolean = mems.stats === stats;
