/**
 * MeMS: memory outside the JavaScript heap, reached through virtual addresses.
 *
 * All functions work on one default heap, which the whole process shares: an address that one worker thread got from
 * {@link malloc} is valid in every other.
 *
 * Errors carry a `code`. A call that throws has changed nothing.
 *
 * @example
 * const mems = require('@sambhav-gautam/osmemoryallocator');
 *
 * mems.init();
 * const address = mems.malloc(1000); // 1000n
 * mems.printStats();
 * mems.free(address);
 * mems.finish();
 *
 * @packageDocumentation
 */

/** What can be chosen when the heap starts. */
export interface InitOptions {
  /**
   * Least length of a new main block in bytes, from 1 to `Number.MAX_SAFE_INTEGER`, rounded up to whole pages of 4096.
   * Larger blocks waste less at their ends: a request can never use space of two blocks.
   *
   * @defaultValue 4096
   */
  minBlockSize?: number | bigint;
  /**
   * Whether neighbouring main blocks that are wholly free become one, so that a request larger than either can use them,
   * and an empty last block grows by what a request lacks. Without it main blocks never change, as in the original.
   *
   * @defaultValue false
   */
  joinEmptyBlocks?: boolean;
  /**
   * Whether free pages go back to the system by themselves, as {@link trim} gives them: together, once those freed lately
   * come to a sixteenth of the heap and at least 1 MiB, so that few calls of `free` pay for a system call. No address changes.
   *
   * @defaultValue false
   */
  trim?: boolean;
}

/**
 * Starts the default heap. Nothing is mapped before the first {@link malloc}.
 *
 * On a running heap with the same options this does nothing, so that every worker and every library may call it.
 *
 * @param options - Without them the heap places blocks exactly as the original MeMS is meant to.
 * @throws `ERR_MEMS_ALREADY_INITIALIZED` if the heap runs with other options.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if `minBlockSize` is not a size.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError) for a wrong type, or an option that does not exist.
 *
 * @example
 * init();
 * init(); // the same heap still
 * finish();
 * init({ minBlockSize: 1 << 20 }); // main blocks of at least 256 pages
 * finish();
 * init({ joinEmptyBlocks: true }); // free pages side by side serve larger requests
 */
export function init(options?: InitOptions): void;

/**
 * Allocates `size` bytes by first fit: the front of the lowest-addressed hole that is large enough, else of a new main
 * block of `ceil(size / 4096)` pages, or of {@link InitOptions.minBlockSize} if that is more. Memory never handed out
 * before is zero; memory handed out again holds what was in it. Amortized O(log n) for n segments.
 *
 * @param size - Bytes, a whole number from 1 to `Number.MAX_SAFE_INTEGER`. Sizes are exact: nothing is rounded up.
 * @returns The virtual address of the first byte. It stays the same for the life of the block; the first is `1000n`.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) for 0, a negative, a fraction, `NaN` or a number that is not a safe integer.
 * @throws {@link OutOfMemoryError} `ERR_MEMS_OUT_OF_MEMORY` if the system refuses the pages.
 * @throws `ERR_MEMS_NOT_INITIALIZED`, `ERR_INVALID_ARG_TYPE` (TypeError).
 *
 * @example
 * const a = malloc(1000); // 1000n: the addresses 1000..1999
 * const b = malloc(3n); // 2000n: the addresses 2000..2002
 */
export function malloc(size: number | bigint): bigint;

/**
 * The physical address of a virtual one: where its byte stands in this process, for native code.
 *
 * @param address - Any address inside a live block, not just its start: `get(p + 4n) === get(p) + 4n`.
 * @returns An address of this process. It is valid until the block is freed. Amortized O(log n).
 * @throws `ERR_MEMS_OUT_OF_RANGE` (RangeError) outside every main block.
 * @throws `ERR_MEMS_NOT_ALLOCATED` inside a hole: freed already, or never allocated.
 * @throws `ERR_MEMS_NOT_INITIALIZED`, `ERR_INVALID_ARG_TYPE` (TypeError).
 *
 * @example
 * const p = malloc(8);
 * get(p + 4n) - get(p); // 4n
 */
export function get(address: bigint): bigint;

/**
 * Frees the block that starts at `address`. It becomes a hole, merged with a hole before it and a hole after it inside
 * its main block. Amortized O(log n). The pages go back to the system at {@link trim} or {@link finish}.
 *
 * @param address - What {@link malloc} returned.
 * @throws `ERR_MEMS_NOT_BLOCK_START` for an address inside a block; the message names the block's start.
 * @throws `ERR_MEMS_NOT_ALLOCATED` inside a hole: a block freed twice is found out.
 * @throws `ERR_MEMS_OUT_OF_RANGE` (RangeError) outside every main block.
 * @throws `ERR_MEMS_NOT_INITIALIZED`, `ERR_INVALID_ARG_TYPE` (TypeError).
 *
 * @example
 * const p = malloc(100);
 * free(p);
 * free(p); // throws: 1000 is not allocated
 */
export function free(address: bigint): void;

/**
 * Allocates a block of each size in one call: all of them, or none. The addresses are those that as many calls of
 * {@link malloc} would give, in order; for many small blocks one call is much cheaper.
 *
 * @param sizes - Bytes, each as for {@link malloc}.
 * @returns The addresses, in the order of the sizes.
 * @throws What {@link malloc} throws for a size that is none, or for the first that cannot be served. Nothing has changed
 * then but the room that bookkeeping takes.
 *
 * @example
 * const blocks = mallocMany([16, 16, 1000]); // BigUint64Array [1000n, 1016n, 1032n]
 */
export function mallocMany(
  sizes: ArrayLike<number | bigint> & Iterable<number | bigint>,
): BigUint64Array;

/**
 * Frees blocks in one call: all of them, or none.
 *
 * @param addresses - What {@link malloc} or {@link mallocMany} returned, each once.
 * @throws What {@link free} throws for the first address that is not the start of a live block, `ERR_MEMS_NOT_ALLOCATED`
 * for an address given twice; no block has been freed then.
 *
 * @example
 * const blocks = mallocMany(new Float64Array(1000).fill(64));
 * freeMany(blocks);
 */
export function freeMany(addresses: BigUint64Array | readonly bigint[]): void;

/**
 * Prints the heap through `console.log`, a line at a time: each main block with its sub-chain of processes (`<P>`, live
 * blocks) and holes (`<H>`), each from its starting (SVA) to its ending virtual address (EVA); then the totals. O(n).
 *
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * init();
 * malloc(1000);
 * printStats();
 * // MeMS Stats:
 * // MAIN[1000:5095] -> <P>[SVA:1000:EVA:1999] <-> <H>[SVA:2000:EVA:5095] <-> <NULL>
 * // Page used: 1
 * // Space unused: 3096
 * // Main Chain Length: 1
 * // Sub-chain Length array: 2
 */
export function printStats(): void;

/**
 * Ends the default heap: all its memory goes back to the system, every address becomes invalid, and a line says so
 * through `console.log`. In a worker too it ends the heap for the whole process. {@link init} starts a new one, at address 1000 again.
 *
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * finish();
 * malloc(8); // throws ERR_MEMS_NOT_INITIALIZED
 */
export function finish(): void;

/**
 * Gives the whole pages inside holes back to the system, so that the process uses less memory. No address changes, and the
 * pages can be handed out again: they read as zeros then. Where the system has no call for it (Windows), nothing happens.
 * Expected O(k log n) and a system call for each of k holes of a page or more: call it after much has been freed, not after
 * every {@link free}.
 *
 * @returns The bytes in those pages, whether the system had put memory behind them yet or not.
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * const blocks = mallocMany(new Float64Array(1000).fill(1 << 20));
 * freeMany(blocks);
 * trim(); // 1048576000
 */
export function trim(): number;

/**
 * Checks the whole heap: chains, index, counters and mappings are walked and compared with each other. O(n).
 *
 * @throws `ERR_MEMS_CORRUPT` if an invariant is broken, which is a bug in MeMS.
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * verify(); // throws nothing: the heap is sound
 */
export function verify(): void;

/** Statistics of one moment. Sizes are bytes. `bytes.live + bytes.holes === bytes.mapped`, always. */
export interface Stats {
  /** Sizes now, in bytes. */
  bytes: {
    /** In main blocks. */
    mapped: number;
    /** In live blocks. */
    live: number;
    /** In holes. */
    holes: number;
    /** The largest hole: the largest size that needs no new main block. */
    largestHole: number;
    /** The heap's own bookkeeping, kept apart from the memory that is handed out. */
    metadata: number;
  };
  /** Numbers of things now. */
  counts: {
    /** Pages of 4096 bytes in main blocks. */
    pages: number;
    /** Main blocks: the length of the main chain. */
    mainBlocks: number;
    /** Live blocks. */
    live: number;
    /** Holes. */
    holes: number;
  };
  /** High-water marks since {@link init}, in bytes, of what `bytes` was after any call. */
  peak: {
    /** Of `bytes.mapped`. */
    mapped: number;
    /** Of `bytes.live`. */
    live: number;
    /** Of `bytes.holes`. */
    holes: number;
    /** Of `bytes.largestHole`. */
    largestHole: number;
    /** Of `bytes.metadata`. */
    metadata: number;
  };
  /** Successful calls since {@link init}. */
  totals: {
    /** Of {@link malloc}. */
    malloc: number;
    /** Of {@link free}. */
    free: number;
  };
}

/**
 * Statistics of the default heap. O(1): cheap enough to poll.
 *
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * const { bytes } = stats();
 * const utilization = bytes.live / bytes.mapped;
 */
export function stats(): Stats;

/** The error of a {@link malloc} that the system cannot serve. */
export interface OutOfMemoryError extends Error {
  code: 'ERR_MEMS_OUT_OF_MEMORY';
  /** Bytes asked for. */
  size: number;
  /** The largest size that could be had instead, in bytes; 0 if the heap cannot grow its bookkeeping. */
  available: number;
}

/** The `code` of every error that MeMS throws. */
export type ErrorCode =
  | 'ERR_INVALID_ARG_TYPE'
  | 'ERR_INVALID_ARG_VALUE'
  | 'ERR_MEMS_NOT_INITIALIZED'
  | 'ERR_MEMS_ALREADY_INITIALIZED'
  | 'ERR_MEMS_INVALID_SIZE'
  | 'ERR_MEMS_OUT_OF_RANGE'
  | 'ERR_MEMS_NOT_ALLOCATED'
  | 'ERR_MEMS_NOT_BLOCK_START'
  | 'ERR_MEMS_OUT_OF_MEMORY'
  | 'ERR_MEMS_CORRUPT'
  | 'ERR_MEMS_INTERNAL';
