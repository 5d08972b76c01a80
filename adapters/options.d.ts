import { Heap } from '../index.js';

/** A heap, of either kind of addresses. Several processes share a heap in a file. */
export type AnyHeap = Heap<bigint> | Heap<number> | Heap<bigint | number>;

/** What every adapter can be given. Limits are those of the map, in all processes: the last one that is given counts. */
export interface AdapterOptions {
  /** The name of the map in the heap, of 1 to 46 bytes of UTF-8. Adapters of the same kind with the same name have the same entries. */
  name?: string;
  /** The most bytes of the map, its tables included. Entries are evicted for others. Without it the map grows with its heap. */
  maxBytes?: number;
  /** The most entries. Entries are evicted for others. */
  maxEntries?: number;
  /** Milliseconds that an entry lives, unless it is said when it is stored. 0: for ever. */
  ttl?: number;
  /** Parts with a table each, of a new map: a power of two from 1 to 4096; by default 256, or fewer with less than 256 KiB. */
  shards?: number;
  /** Whether the entries of a new map have checksums. */
  checksum?: boolean;
}
