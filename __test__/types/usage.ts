// Everything the typings promise, used as they promise it; compiled, never run, by package.test.js.
import mems, {
  finish,
  free,
  freeMany,
  get,
  init,
  malloc,
  mallocMany,
  printStats,
  stats,
  trim,
  verify,
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
printStats();
export const given: number = trim();
verify();

const { bytes, counts, peak, totals } = stats();
export const numbers: number[] = [
  bytes.mapped,
  bytes.live,
  bytes.holes,
  bytes.largestHole,
  bytes.metadata,
  counts.pages,
  counts.mainBlocks,
  counts.live,
  counts.holes,
  peak.mapped,
  peak.live,
  peak.holes,
  peak.largestHole,
  peak.metadata,
  totals.malloc,
  totals.free,
];
finish();

export const sameByDefaultImport: bigint = mems.get(mems.malloc(8)) + physical;
export const sameFunction: boolean = mems.stats === stats;
