/// <reference lib="es2020" />
// What these two name is not everywhere: the types of Node.js are an optional peer, and TypeScript has known the other since 5.2.
// @ts-ignore
/// <reference types="node" />
// @ts-ignore
/// <reference lib="esnext.disposable" />

/**
 * MeMS: memory outside the JavaScript heap, reached through virtual addresses.
 *
 * The functions work on one default heap, which the whole process shares: an address that one worker thread got from
 * {@link malloc} is valid in every other. A {@link Heap} is a heap of one's own, with the same functions as methods.
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

declare global {
  // As TypeScript's own library has it since 5.2, and the types of Node.js before: declarations that say the same are one.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/**
 * Node.js's `Buffer`. In a program without its types (`@types/node`), a `Uint8Array` with those of its methods that are used
 * most.
 */
type Buffer = typeof globalThis extends { Buffer: { isBuffer(value: unknown): value is infer B } }
  ? B
  : BytesWithoutNode;

/** See {@link Buffer}. */
interface BytesWithoutNode extends Uint8Array {
  equals(other: Uint8Array): boolean;
  toString(encoding?: string, start?: number, end?: number): string;
  write(text: string, offset?: number): number;
}

// Without this line a declaration is exported that does not say so.
// biome-ignore lint/complexity/noUselessEmptyExport: not useless in declarations
export {};

/** A way of choosing the hole that serves a request: {@link InitOptions.policy}. */
export type Policy = 'first-fit' | 'next-fit' | 'best-fit' | 'worst-fit' | 'buddy';

/** What can be chosen when a heap starts. The defaults are those of {@link init}; {@link Heap} has others. */
export interface InitOptions {
  /**
   * Bytes that every size is rounded up to a multiple of, and every physical address is one of: 1, or 16 as C's `malloc` has
   * it. (Virtual addresses begin at 1000, which is no multiple of 16, and go on from there in steps of 16.) With 16 every
   * block is aligned for every type, and holes are never too small to use.
   *
   * @defaultValue 1; 16 for a {@link Heap}
   */
  alignment?: 1 | 16;
  /**
   * Whether the heap's memory is kept from children that `fork()` makes, on Linux. `spawn()` of Node.js forks, and copying the
   * page tables of gigabytes stops the event loop for hundreds of milliseconds; the child runs another program at once and has
   * no use for the memory. In a child that does not, which JavaScript cannot make, the heap has ended. {@link init} on a
   * running heap takes no notice of it unless it is given.
   *
   * @defaultValue true; false for a heap made from C
   */
  dontFork?: boolean;
  /**
   * Whether a new main block has at least an eighth of the heap's length, so that a large heap has few. Memory that is not
   * touched costs nothing.
   *
   * @defaultValue false; true for a {@link Heap}
   */
  growingBlocks?: boolean;
  /**
   * Most bytes that the main blocks may have in sum, from 4096, a page. A {@link malloc} beyond throws `ERR_MEMS_OUT_OF_MEMORY`.
   *
   * @defaultValue no limit
   */
  maxSize?: number | bigint;
  /**
   * Whether mistakes with memory are looked for. Behind each block stands a pattern that {@link free} and {@link verify}
   * check: a write past the end throws `ERR_MEMS_OVERFLOW`. A freed block is filled with 0xdf (one of 1 MiB or more only at its
   * ends: its whole pages go back to the system and read as zeros) and kept from being handed out for a while (65536 blocks or
   * 32 MiB): a write to it throws `ERR_MEMS_WRITE_AFTER_FREE` at {@link verify}, at the {@link free} that would let it go, or
   * at the next of the two after a {@link malloc} that found room nowhere else. Either is reported once, and the block given to
   * that call is live still. Sizes are rounded up to 16 bytes and 16 more, blocks move at every {@link realloc}. For debugging,
   * or where safety is worth it.
   *
   * @defaultValue false
   */
  hardened?: boolean;
  /**
   * Whether it is noted where each block was allocated and freed, as JavaScript stacks: {@link leaks} lists them, and a block
   * freed twice names both places, as long as it is among the last 10000 freed. Stacks begin where MeMS was called and have as
   * many frames as `Error.stackTraceLimit` says (10 if it is no number, at most 200). Their text is what `Error.prepareStackTrace`
   * and source maps make of them; where those fail, the engine's. No call ever fails for the sake of a stack. A stack is kept
   * once, as long as a block has it, and is part of {@link Stats} `bytes.metadata`. Some ten microseconds a call, the
   * more the deeper the stack: for debugging.
   *
   * @defaultValue false
   */
  trackAllocations?: boolean;
  /**
   * Whether a block is overwritten with zeros when it is freed, so that what was in it cannot be read later. Other threads do
   * not wait for that where the block is large, and on Linux pages that were never written to are not.
   *
   * @defaultValue false
   */
  zeroOnFree?: boolean;
  /**
   * Whether the heap's pages are kept in memory (`mlock`), so that keys and passwords are never written to swap, and kept out
   * of core dumps on Linux. The system limits how much a process may lock (`ulimit -l`): beyond, {@link malloc} throws
   * `ERR_MEMS_LOCK_LIMIT`. Windows enlarges the working set as far as it goes. Locked pages are not given back by {@link trim}.
   *
   * @defaultValue false
   */
  lockMemory?: boolean;
  /**
   * Least length of a new main block in bytes, from 1 to `Number.MAX_SAFE_INTEGER`, rounded up to whole pages of 4096.
   * Larger blocks waste less at their ends: a request can never use space of two blocks. Where {@link InitOptions.maxSize}
   * leaves less than that, the block has what is left.
   *
   * @defaultValue 4096; 65536 for a {@link Heap}
   */
  minBlockSize?: number | bigint;
  /**
   * Which hole serves a request. Whatever the policy, a block is taken from the front of its hole, and a request that no hole
   * is large enough for gets a new main block. Every policy takes O(log n) for n blocks and holes, amortized.
   *
   * - `'first-fit'`: the lowest hole that is large enough.
   * - `'next-fit'`: the first hole that is large enough from where the last search ended (the rest of the hole that it used is
   *   looked at first), then from the heap's start.
   * - `'best-fit'`: the smallest hole that is large enough, the lowest of several.
   * - `'worst-fit'`: the largest hole, the lowest of several.
   * - `'buddy'`: blocks of powers of two, at least {@link InitOptions.alignment} bytes each, taken from the smallest hole that
   *   is large enough, which is split in halves until it fits. A freed block is joined with the other half of what it was split
   *   from, as long as that is free. Main blocks are powers of two as well. What a block has beyond its size is internal
   *   fragmentation: {@link Stats} `fragmentation.internal`. Blocks are aligned to 4096 bytes at most, and main blocks are never
   *   joined: with {@link InitOptions.joinEmptyBlocks} `true` it is refused (`ERR_INVALID_ARG_VALUE`).
   *
   * @defaultValue `'first-fit'`
   *
   * @example
   * const heap = new Heap({ policy: 'best-fit' });
   * heap.malloc(100);
   * heap.close();
   */
  policy?: Policy;
  /**
   * Whether neighbouring main blocks that are wholly free become one, so that a request larger than either can use them,
   * and an empty last block grows by what a request lacks. Without it main blocks never change, as in the original.
   *
   * @defaultValue false; true for a {@link Heap}
   */
  joinEmptyBlocks?: boolean;
  /**
   * Whether free pages go back to the system by themselves, as {@link trim} gives them: together, once those freed lately
   * come to a sixteenth of the heap and at least 1 MiB, so that few calls of `free` pay for a system call. If a block of 1 MiB
   * or more gets pages that have just been given back, up to twice its size waits from then on, 64 MiB at most. No address
   * changes.
   *
   * @defaultValue false; true for a {@link Heap}
   */
  autoTrim?: boolean;
}

/**
 * Starts the default heap. Nothing is mapped before the first {@link malloc}.
 *
 * On a running heap with the same options this does nothing, so that every worker and every library may call it.
 *
 * @param options - Without them the heap places blocks exactly as the original MeMS is meant to.
 * @throws `ERR_MEMS_ALREADY_INITIALIZED` if the heap runs with other options.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if `minBlockSize` or `maxSize` is not a size, `ERR_MEMS_INVALID_ALIGNMENT`.
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
 * @param options - `alignment`: see {@link MallocOptions}. Anything but an object is ignored, as extra arguments are.
 * @returns The virtual address of the first byte. It stays the same for the life of the block; the first is `1000n`.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) for 0, a negative, a fraction, `NaN` or a number that is not a safe integer.
 * @throws {@link OutOfMemoryError} `ERR_MEMS_OUT_OF_MEMORY` if the system refuses the pages.
 * @throws `ERR_MEMS_INVALID_ALIGNMENT` (RangeError), `ERR_MEMS_NOT_INITIALIZED`, `ERR_INVALID_ARG_TYPE` (TypeError).
 *
 * @example
 * const a = malloc(1000); // 1000n: the addresses 1000..1999
 * const b = malloc(3n); // 2000n: the addresses 2000..2002
 * const c = malloc(64, { alignment: 64 }); // get(c) % 64n === 0n
 */
export function malloc(size: number | bigint, options?: MallocOptions): bigint;

/** How a block is to be placed. */
export interface MallocOptions {
  /**
   * What the block's physical address is to be a multiple of, in bytes: a power of two from 1 to 2097152 (2 MiB). The block is
   * taken from the first hole that has room wherever it starts, and what is left before and after it stays a hole. It stays
   * aligned when {@link realloc} moves it.
   *
   * @defaultValue 1
   */
  alignment?: number;
}

/**
 * Allocates `count` times `size` bytes, all zero. Memory that was never handed out before is known to be zero: it costs
 * nothing. Amortized O(log n), and O(bytes) for the others.
 *
 * @param count - How many, from 1.
 * @param size - Bytes of each, from 1.
 * @returns The virtual address.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) for a count or size that is none, or a product above
 * `Number.MAX_SAFE_INTEGER`; else what {@link malloc} throws.
 *
 * @example
 * const p = calloc(1000, 8);
 * view(p, Float64Array).every((x) => x === 0); // true
 */
export function calloc(count: number | bigint, size: number | bigint): bigint;

/**
 * {@link malloc} with the arguments of C's `aligned_alloc`.
 *
 * @param alignment - A power of two from 1 to 2097152.
 * @param size - Bytes.
 * @returns The virtual address.
 * @throws What {@link malloc} throws.
 *
 * @example
 * get(alignedAlloc(4096, 100)) % 4096n; // 0n
 */
export function alignedAlloc(alignment: number, size: number | bigint): bigint;

/**
 * Gives a block another size, keeping what it holds as far as that fits. It stays where it is if it shrinks, or if the hole
 * behind it has room; else it moves, and its old address becomes invalid. It keeps the alignment that it was allocated with,
 * by {@link MallocOptions.alignment}, {@link alignedAlloc} or {@link mallocAs}. Amortized O(log n), and O(size) where it moves.
 *
 * @param address - What {@link malloc} returned.
 * @param size - The new size in bytes.
 * @param options - `alignment`: what the block is aligned to from now on, instead of what it was allocated with; it moves if
 * it is not. Anything but an object is ignored, as extra arguments are.
 * @returns The block's address, which may be another.
 * @throws What {@link free} and {@link malloc} throw. The old block is intact then.
 *
 * @example
 * let p = malloc(100);
 * write(p, 'kept');
 * p = realloc(p, 100_000);
 * read(p, 4).toString(); // 'kept'
 */
export function realloc(address: bigint, size: number | bigint, options?: MallocOptions): bigint;

/**
 * What a view is to stand over. Both kinds of buffer are over the same memory, so all views of a block show the same bytes.
 */
export interface ViewOptions {
  /**
   * `false`: an `ArrayBuffer`, for I/O. Whatever takes a `Buffer` or bytes takes such a view, on every runtime.
   *
   * `true`: a `SharedArrayBuffer`, for sharing. It can be posted to threads, and `Atomics.wait` works on it; some functions
   * refuse such views, and those of Node.js 24 and 26 that take text as well (fetch, `Response`, `WebSocket`) send the text
   * `1,2,3` of one instead of its bytes. Node.js 22.23, 24.21, 26 and Bun have it; elsewhere `true` throws `ERR_MEMS_UNSUPPORTED`.
   *
   * Unasked, what is a `Buffer` stands over an `ArrayBuffer`, and any other view over a `SharedArrayBuffer` where there is one.
   */
  shared?: boolean;
}

/**
 * A constructor of views: a typed array's or `DataView`, a subclass's, or one of another realm. Its elements are as wide as those
 * of the runtime's own type that it descends from.
 */
export interface ViewConstructor<V> {
  new (buffer: ArrayBuffer | SharedArrayBuffer, byteOffset?: number, length?: number): V;
}

/**
 * Allocates room for `count` elements of a type, aligned for it, and a view over them.
 *
 * @param Type - A typed array constructor, `Buffer` or `DataView` (whose elements are bytes).
 * @param count - Elements, from 1.
 * @param options - What the view is to stand over.
 * @returns The block's virtual address, and the view.
 * @throws What {@link malloc}, {@link view} and the constructor throw; there is no block then.
 *
 * @example
 * const { address, view } = mallocAs(Float64Array, 1000);
 * view.fill(0.5);
 * free(address);
 */
export function mallocAs<V extends ArrayBufferView>(
  Type: ViewConstructor<V>,
  count: number | bigint,
  options?: ViewOptions,
): { address: bigint; view: V };

/** A block as an object; see {@link allocate}. */
export interface Allocation {
  /** The block's virtual address. */
  readonly address: bigint;
  /** Its bytes, as {@link buffer} returns them; made when first asked for. */
  readonly view: Buffer;
  /**
   * Frees the block. Throws `ERR_MEMS_NOT_ALLOCATED` the second time, whatever lives at the address by then, and
   * `ERR_MEMS_CLOSED` after its heap has ended, a default heap that was started later notwithstanding.
   */
  free(): void;
  /**
   * Frees the block, or does nothing if it is gone already, by itself or with its heap. There where the runtime has
   * `Symbol.dispose`.
   */
  [Symbol.dispose](): void;
}

/**
 * {@link malloc} that returns an object, for `using` or where address and view travel together.
 *
 * @param size - Bytes.
 * @param options - As for {@link malloc}, and what its view is to stand over.
 * @returns The block.
 * @throws What {@link malloc} throws. Whether the view can be made is seen when {@link Allocation.view} is first read, which
 * throws what {@link buffer} throws.
 *
 * @example
 * const block = allocate(100);
 * block.view.write('hello');
 * block.free();
 */
export function allocate(size: number | bigint, options?: MallocOptions & ViewOptions): Allocation;

/**
 * A `Buffer` over a block's own memory, no copy, for I/O: files, sockets, streams, fetch, WebCrypto and whatever else takes a
 * `Buffer` take it, and the bytes arrive as they are. It works as long as anything refers to it: after {@link free} it shows
 * whatever is there, after {@link finish} zeros, and it never faults. It stands over an `ArrayBuffer` that shows other blocks too,
 * so what clones it (`structuredClone`, `postMessage`) copies more than its bytes: to share memory, use {@link view}, or send the
 * address. O(1).
 *
 * @param address - Any address inside a live block.
 * @param length - Bytes; without it all to the end of what was asked for.
 * @param options - `shared: true` to make it over a `SharedArrayBuffer`.
 * @returns The buffer.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) for more bytes than the block has from there, or than the runtime allows.
 * @throws `ERR_MEMS_UNSUPPORTED` where the runtime allows no buffers over native memory (Electron): {@link read} works there;
 * and for `shared: true` where it makes no such `SharedArrayBuffer`.
 * @throws What {@link get} throws.
 *
 * @example
 * const p = malloc(100);
 * buffer(p).write('hello');
 * buffer(p + 1n, 4).toString(); // 'ello'
 */
export function buffer(address: bigint, length?: number | bigint, options?: ViewOptions): Buffer;

/**
 * A typed array or `DataView` over a block's own memory, no copy, for computing and sharing; else as {@link buffer}. Where the runtime
 * can make one over native memory (Node.js 22.23, 24.21, 26, Bun) it stands over a `SharedArrayBuffer`: other threads can be sent it,
 * and `Atomics.wait` works on it. What sends bytes should be given {@link buffer}, or `{ shared: false }` said here: see
 * {@link ViewOptions}. O(1).
 *
 * @param address - Any address inside a live block. Its memory must be aligned for the type.
 * @param Type - The view's constructor; `Uint8Array` if there is none.
 * @param length - Elements (bytes of a `DataView`); without it as many as fit what was asked for.
 * @param options - What it is to stand over; `view(address, Buffer)` is {@link buffer}.
 * @returns The view.
 * @throws `ERR_MEMS_MISALIGNED` (RangeError): allocate with {@link MallocOptions.alignment}, or by {@link mallocAs}.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError), also for more than the runtime allows; what {@link get} throws.
 *
 * @example
 * const p = malloc(800, { alignment: 8 });
 * const numbers = view(p, Float64Array); // 100 of them
 */
export function view(address: bigint): Uint8Array;
export function view<V extends ArrayBufferView>(
  address: bigint,
  Type: ViewConstructor<V>,
  length?: number | bigint,
  options?: ViewOptions,
): V;

/**
 * Copies bytes out of a block. This works on every runtime, those without buffers over native memory included.
 *
 * @param address - Any address inside a live block.
 * @param length - Bytes; without it all to the end of what was asked for.
 * @returns A copy.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError), also for more than the runtime has memory for; what {@link get} throws.
 *
 * @example
 * const p = malloc(5);
 * write(p, 'hello');
 * read(p).toString(); // 'hello'
 */
export function read(address: bigint, length?: number | bigint): Buffer;

/**
 * Copies bytes into a block.
 *
 * @param address - Any address inside a live block.
 * @param bytes - A typed array, `DataView`, or string, which is written as UTF-8.
 * @returns The number of bytes written.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if they do not fit; nothing is written then. What {@link get} throws.
 *
 * @example
 * const p = malloc(16);
 * write(p, new Float64Array([1, 2])); // 16
 */
export function write(address: bigint, bytes: ArrayBufferView | string): number;

/**
 * Copies bytes from block to block, or inside one: the two ranges may overlap. At the speed of C's `memmove`.
 *
 * @param to - Any address inside a live block.
 * @param from - Any address inside a live block.
 * @param length - Bytes, from 0.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if either range leaves its block; what {@link get} throws.
 *
 * @example
 * const [a, b] = [malloc(100), malloc(100)];
 * copy(b, a, 100);
 */
export function copy(to: bigint, from: bigint, length: number | bigint): void;

/**
 * Sets bytes.
 *
 * @param address - Any address inside a live block.
 * @param byte - The value, from 0 to 255.
 * @param length - Bytes; without it all to the end of what was asked for.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError); what {@link get} throws.
 *
 * @example
 * const p = malloc(100);
 * fill(p, 0xff);
 */
export function fill(address: bigint, byte: number, length?: number | bigint): void;

/**
 * Compares bytes as C's `memcmp` does.
 *
 * @param a - Any address inside a live block.
 * @param b - Any address inside a live block.
 * @param length - Bytes, from 0.
 * @returns -1, 0 or 1: by the first bytes that differ.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if either range leaves its block; what {@link get} throws.
 *
 * @example
 * const [a, b] = [calloc(1, 100), calloc(1, 100)];
 * compare(a, b, 100); // 0
 */
export function compare(a: bigint, b: bigint, length: number | bigint): -1 | 0 | 1;

/**
 * The bytes of a block: what was asked for, rounded up in heaps with {@link InitOptions.alignment}. All can be used.
 *
 * @param address - Any address inside a live block.
 * @returns The block's length in bytes.
 * @throws What {@link get} throws.
 *
 * @example
 * usableSize(malloc(20)); // 20
 * const heap = new Heap();
 * heap.usableSize(heap.malloc(20)); // 32
 */
export function usableSize(address: bigint): number;

/** A live block; see {@link blockOf}. */
export interface Block {
  /** Its virtual address. */
  address: bigint;
  /** Bytes that were asked for. */
  size: number;
  /** Bytes that it has. */
  usableSize: number;
}

/**
 * The block round an address.
 *
 * @param address - Any address inside a live block.
 * @returns The block's address and lengths.
 * @throws What {@link get} throws.
 *
 * @example
 * const p = malloc(100);
 * blockOf(p + 50n); // { address: p, size: 100, usableSize: 100 }
 */
export function blockOf(address: bigint): Block;

/**
 * Whether an address lies in a live block.
 *
 * @param address - Any BigInt.
 * @throws `ERR_INVALID_ARG_TYPE` (TypeError) for anything but a BigInt, `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * const p = malloc(10);
 * owns(p + 9n); // true
 * owns(p + 10n); // false
 */
export function owns(address: bigint): boolean;

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
 * its main block. Amortized O(log n). The pages go back to the system at {@link trim} or {@link finish}; with the options
 * {@link InitOptions.autoTrim}, {@link InitOptions.zeroOnFree} or {@link InitOptions.hardened} the call may take as long as
 * that takes, a third of a second for a gigabyte that was written to, but other threads use the heap meanwhile.
 *
 * @param address - What {@link malloc} returned.
 * @throws `ERR_MEMS_NOT_BLOCK_START` for an address inside a block; the message names the block's start.
 * @throws `ERR_MEMS_NOT_ALLOCATED` inside a hole: a block freed twice is found out.
 * @throws `ERR_MEMS_OUT_OF_RANGE` (RangeError) outside every main block.
 * @throws `ERR_MEMS_OVERFLOW`, `ERR_MEMS_WRITE_AFTER_FREE` in a heap that is {@link InitOptions.hardened}.
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
 * {@link malloc} would give, in order, if no other thread allocates meanwhile: every few thousand blocks others are let in. For
 * many small blocks one call is much cheaper.
 *
 * @param sizes - Bytes, each as for {@link malloc}; at most 2^27 of them.
 * @returns The addresses, in the order of the sizes.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) for more.
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
 * Frees blocks in one call: all of them, or none. Addresses are sorted first, so that neighbours are freed one after the other:
 * of a list in no order that takes a fraction of the time of single calls. Other threads are let in every few thousand blocks;
 * a block that one of them frees during the call is refused when the others are free. O(k log k) for k addresses.
 *
 * @param addresses - What {@link malloc} or {@link mallocMany} returned, each once; at most 2^27 of them.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) for more.
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
 * blocks) and holes (`<H>`), each from its starting (SVA) to its ending virtual address (EVA); then the totals. O(n), and
 * other threads that use the heap wait while the lines are made.
 *
 * All lines are of the moment of the call, whatever other threads do until they are printed.
 *
 * @throws `ERR_MEMS_NOT_INITIALIZED`; `ERR_MEMS_OUT_OF_MEMORY` without memory for the text, or if a main block's line were
 * longer than a string can be.
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
 * pages can be handed out again: they read as zeros then. Expected O(k log n) and a system call for each of k holes of a page
 * or more; on Windows O(bytes) as well, since zeros are written there first, and what the process has reserved of the page file
 * stays so. Call it after much has been freed, not after every {@link free}. Other threads use the heap meanwhile: it is done
 * in steps, and what they free in between is given back or not.
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
 * Checks the whole heap: chains, index, counters and mappings are walked and compared with each other. O(n), and other threads
 * that use the heap wait for it.
 *
 * @throws `ERR_MEMS_CORRUPT` if an invariant is broken, which is a bug in MeMS.
 * @throws `ERR_MEMS_OVERFLOW`, `ERR_MEMS_WRITE_AFTER_FREE` in a heap that is {@link InitOptions.hardened}.
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * verify(); // throws nothing: the heap is sound
 */
export function verify(): void;

/** Statistics of one moment. Sizes are bytes. `bytes.live + bytes.quarantined + bytes.holes === bytes.mapped`, always. */
export interface Stats {
  /** Sizes now, in bytes. */
  bytes: {
    /** In main blocks. */
    mapped: number;
    /** In live blocks. */
    live: number;
    /** In live blocks, and asked for: less than `live` where sizes are rounded up. */
    requested: number;
    /**
     * Freed, but not to be handed out yet: in a hardened heap's quarantine, or in a large block that is being cleared. They are
     * neither live nor holes.
     */
    quarantined: number;
    /** In holes. */
    holes: number;
    /** The largest hole: the largest size that needs no new main block. */
    largestHole: number;
    /** The heap's own bookkeeping, kept apart from the memory that is handed out. */
    metadata: number;
    /**
     * In main blocks, and in memory: what the process pays for. Only there with {@link StatsOptions.resident}, and where the
     * system says so.
     */
    resident?: number;
  };
  /** Numbers of things now. */
  counts: {
    /** Pages of 4096 bytes in main blocks. */
    pages: number;
    /** Main blocks: the length of the main chain. */
    mainBlocks: number;
    /** Live blocks: `totals.malloc - totals.free`. */
    live: number;
    /** Blocks that are freed, but not to be handed out yet; see `bytes.quarantined`. */
    quarantined: number;
    /** Holes. */
    holes: number;
  };
  /** High-water marks since {@link init}, in bytes, of what `bytes` was after any call. */
  peak: {
    /** Of `bytes.mapped`. */
    mapped: number;
    /** Of `bytes.live` and `bytes.quarantined` together. */
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
  /** Shares from 0 to 1. */
  fragmentation: {
    /** External: of the bytes in holes, those outside the largest. 0: any request that fits the holes' sum is served. */
    external: number;
    /** Internal: of the bytes in live blocks, those that nobody asked for. */
    internal: number;
    /** Of the bytes in main blocks, those in holes. */
    unused: number;
  };
}

/** What {@link stats} is to ask. */
export interface StatsOptions {
  /**
   * Whether the system is asked how much of the heap is in memory. It goes through the pages, a few milliseconds for a gigabyte
   * of them that is; before Linux 6.7 and elsewhere also through those that nobody has touched, a fifth of a millisecond for a
   * gigabyte. Other threads need not wait.
   *
   * @defaultValue false
   */
  resident?: boolean;
}

/**
 * Statistics of the heap: O(log n) however many blocks there are, cheap enough to poll. Only with
 * {@link StatsOptions.resident} it takes longer, the longer the larger the heap is.
 *
 * @param options - Anything but an object is ignored, as extra arguments are.
 * @throws `ERR_MEMS_NOT_INITIALIZED`; for options `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError).
 *
 * @example
 * const { bytes } = stats();
 * const utilization = bytes.live / bytes.mapped;
 * const { resident } = stats({ resident: true }).bytes;
 */
export function stats(options?: StatsOptions): Stats;

/** A live block; see {@link leaks}. */
export interface Leak {
  /** Its virtual address. */
  address: bigint;
  /** Bytes that were asked for. */
  size: number;
  /**
   * The JavaScript stack of the call that allocated it; empty without {@link InitOptions.trackAllocations}, and for what was
   * allocated from C.
   */
  stack: string;
}

/** A place in a program whose blocks are live; see {@link leaks}. */
export interface LeakSite {
  /** The JavaScript stack of the calls that allocated them; empty where it is not known, as in {@link Leak}. */
  stack: string;
  /** Number of blocks. */
  count: number;
  /** Bytes that were asked for, in sum. */
  bytes: number;
}

/** Which live blocks {@link leaks} lists, and in which order. */
export interface LeaksOptions {
  /**
   * `block`: each block. `site`: one entry for all blocks that were allocated by the same stack, the most bytes first, for
   * heaps with {@link InitOptions.trackAllocations}.
   *
   * @defaultValue 'block'
   */
  by?: 'block' | 'site';
  /**
   * Most entries, a whole number from 0.
   *
   * @defaultValue all of them
   */
  limit?: number | bigint;
  /**
   * `address`: from the lowest. `size`: from the largest, and blocks of one size by address. `site`: blocks that were allocated
   * by one stack together, those whose stack has the most bytes first, and by address. By `site` entries, only `size`.
   *
   * @defaultValue 'address'; 'size' for entries by `site`
   */
  order?: 'address' | 'size' | 'site';
}

/**
 * Lists the live blocks with where each was allocated: at the end of a program, what was forgotten.
 *
 * They are read while the list is walked, some thousand at a time, so that a heap of millions of blocks costs little memory and
 * holds no other thread up. Changes made meanwhile are seen, or not; no block is listed twice. O(n) by `address`; by `size` and
 * `site` O(n log k) for the first k entries, and again for each four times as many, up to a quarter of a million.
 *
 * @throws `ERR_MEMS_NOT_INITIALIZED`; while it is walked `ERR_MEMS_CLOSED`, if the heap has ended meanwhile.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if `limit` is no whole number, `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
 * (TypeError) for a wrong type or word, or an option that does not exist.
 * @throws `ERR_MEMS_OUT_OF_MEMORY` if there is no memory for the list.
 *
 * @example
 * init({ trackAllocations: true });
 * const p = malloc(100);
 * const [leak] = leaks();
 * leak.address; // 1000n
 * leak.size; // 100
 * leak.stack; // where malloc() was called: '    at ...'
 *
 * @example
 * init({ trackAllocations: true });
 * for (let i = 1; i <= 3; i++) malloc(i * 100);
 * malloc(1000);
 * Array.from(leaks({ order: 'size', limit: 2 }), ({ size }) => size); // [1000, 300]
 * for (const { count, bytes, stack } of leaks({ by: 'site', limit: 10 })) {
 *   console.log(count, bytes); // what to look at first
 * }
 */
export function leaks(options?: LeaksOptions & { by?: 'block' }): IterableIterator<Leak>;
export function leaks(
  options: LeaksOptions & { by: 'site'; order?: 'size' },
): IterableIterator<LeakSite>;

/** A main block; see {@link chains}. */
export interface MainBlock {
  /** First virtual address. */
  start: bigint;
  /** Length in bytes, whole pages of 4096. */
  size: number;
  /** Its sub-chain, in order of address, read as it is walked. */
  segments: Iterable<Segment>;
}

/** A segment of a sub-chain. */
export interface Segment {
  /** `live`: a block (`P` in {@link printStats}). `hole`: free (`H`). */
  kind: 'live' | 'hole';
  /** First virtual address. */
  start: bigint;
  /** Length in bytes. */
  size: number;
}

/**
 * Walks the main chain. What it yields is read while it is walked: a heap of millions of blocks costs no memory, and changes
 * made meanwhile are seen, or not. O(n) for n segments walked.
 *
 * @throws `ERR_MEMS_NOT_INITIALIZED` when the walk begins.
 *
 * @example
 * for (const { start, segments } of chains()) {
 *   for (const segment of segments) console.log(start, segment.kind, segment.size);
 * }
 */
export function chains(): IterableIterator<MainBlock>;

/**
 * The absolute path of the native addon that this package has loaded. It is a shared library, whose C functions an FFI
 * library can call: they are declared and documented in `include/mems.h`, and work on the same heaps as the functions here.
 * Loading it once more by this path is no second copy. Empty where the system cannot tell.
 *
 * @example
 * const koffi = require('koffi');
 * const malloc = koffi.load(library).func('uint64_t mems_malloc(uint64_t size)');
 * const address = BigInt(malloc(100));
 * buffer(address).write('hello'); // a block is a block, whoever made it
 */
export const library: string;

/** What can be chosen for a {@link Heap}. */
export interface HeapOptions extends InitOptions {
  /**
   * Who the heap belongs to: with `'thread'` it is closed as the thread that made it ends, a worker that is terminated as
   * well; with `'process'` it stays until {@link Heap.close}.
   *
   * @defaultValue 'process'
   */
  owner?: 'process' | 'thread';
}

/** An open heap; see {@link Heap.list}. */
export interface HeapEntry {
  /** What {@link Heap.attach} takes; 0 for the default heap. */
  id: number;
  /** Sizes in bytes. */
  bytes: {
    /** In main blocks. */
    mapped: number;
    /** In live blocks. */
    live: number;
  };
  /**
   * The options it was made with, those that were not given as well; without `maxSize` if there is no limit. `owner` is not
   * among them.
   */
  options: InitOptions;
}

/**
 * A heap of one's own. Its defaults are those that a program wants rather than the original's: see {@link InitOptions}.
 *
 * It lives until {@link Heap.close}, not until it is garbage: other threads may have its {@link Heap.id}.
 *
 * An object is not what can be sent: by `postMessage()`, `structuredClone()` and `JSON.stringify()` it becomes `{}`. Send
 * {@link Heap.id}, and {@link Heap.attach} there.
 *
 * `console.log()` shows its id, policy and bytes. Methods work through a `Proxy` of the heap. Taken out of it, as in
 * `const { malloc } = heap`, they throw `ERR_INVALID_THIS` (TypeError); `heap.malloc.bind(heap)` can be passed on.
 *
 * @example
 * const heap = new Heap({ maxSize: 1 << 30 });
 * const { address, view } = heap.mallocAs(Float64Array, 1000);
 * heap.close(); // all at a stroke
 */
export class Heap {
  /**
   * @throws `ERR_MEMS_INVALID_SIZE`, `ERR_MEMS_INVALID_ALIGNMENT` (RangeError), `ERR_INVALID_ARG_TYPE`,
   * `ERR_INVALID_ARG_VALUE` (TypeError) for what is no option; `ERR_MEMS_OUT_OF_MEMORY` beyond 32768 open heaps.
   */
  constructor(options?: HeapOptions);
  /**
   * Another object for a heap that is open, in this thread or another of the process.
   *
   * Called on a subclass it makes one of that: the subclass's constructor runs with `others`, and where it calls `super()`
   * the heap is attached to, whatever options it gives, and none is made.
   *
   * @param id - What {@link Heap.id} is.
   * @param others - Arguments for the constructor of a subclass.
   * @returns An object of the class that this was called on.
   * @throws `ERR_MEMS_CLOSED` if the heap of that id is closed; `ERR_MEMS_UNKNOWN_HEAP` if no heap of the process has had it, as
   * of ids that another process has sent; `ERR_INVALID_ARG_TYPE` (TypeError).
   *
   * @example
   * const heap = new Heap();
   * // In a worker that was sent heap.id:
   * const same = Heap.attach(heap.id);
   * same.malloc(8) === 1000n; // true
   */
  static attach<H extends Heap, Others extends unknown[] = []>(
    // biome-ignore lint/suspicious/noConfusingVoidType: taken out of the class it has no receiver.
    this: (new (...others: Others) => H) | void,
    id: number,
    ...others: Others
  ): H;
  /**
   * Lists the open heaps of the process, whoever made them: so those that a dead worker has left can be found, and closed.
   * O(heaps that were ever open at once).
   *
   * @returns An entry for each heap, the default heap's first if it runs. Heaps that other threads open or close meanwhile
   * are listed or not.
   *
   * @example
   * const heap = new Heap({ maxSize: 1 << 20 });
   * Heap.list().find(({ id }) => id === heap.id).options.maxSize; // 1048576
   */
  static list(): HeapEntry[];
  /**
   * What {@link Heap.attach} takes: a number that no other heap of the process ever has. It can be sent to other threads.
   * Ids begin at random in each process, so that one that strays into another names no heap there. They are no secret, and
   * heaps are no border: all code in the process can list and attach to all of them.
   */
  readonly id: number;
  /** As {@link malloc}; sizes are rounded up to 16 bytes unless the heap was made otherwise. */
  malloc(size: number | bigint, options?: MallocOptions): bigint;
  /** As {@link calloc}. */
  calloc(count: number | bigint, size: number | bigint): bigint;
  /** As {@link alignedAlloc}. */
  alignedAlloc(alignment: number, size: number | bigint): bigint;
  /** As {@link realloc}. */
  realloc(address: bigint, size: number | bigint, options?: MallocOptions): bigint;
  /** As {@link mallocAs}. */
  mallocAs<V extends ArrayBufferView>(
    Type: ViewConstructor<V>,
    count: number | bigint,
    options?: ViewOptions,
  ): { address: bigint; view: V };
  /** As {@link allocate}. */
  allocate(size: number | bigint, options?: MallocOptions & ViewOptions): Allocation;
  /** As {@link get}. */
  get(address: bigint): bigint;
  /** As {@link free}. */
  free(address: bigint): void;
  /** As {@link mallocMany}. */
  mallocMany(sizes: ArrayLike<number | bigint> & Iterable<number | bigint>): BigUint64Array;
  /** As {@link freeMany}. */
  freeMany(addresses: BigUint64Array | readonly bigint[]): void;
  /** As {@link buffer}. */
  buffer(address: bigint, length?: number | bigint, options?: ViewOptions): Buffer;
  /** As {@link view}. */
  view(address: bigint): Uint8Array;
  view<V extends ArrayBufferView>(
    address: bigint,
    Type: ViewConstructor<V>,
    length?: number | bigint,
    options?: ViewOptions,
  ): V;
  /** As {@link read}. */
  read(address: bigint, length?: number | bigint): Buffer;
  /** As {@link write}. */
  write(address: bigint, bytes: ArrayBufferView | string): number;
  /** As {@link copy}. */
  copy(to: bigint, from: bigint, length: number | bigint): void;
  /** As {@link fill}. */
  fill(address: bigint, byte: number, length?: number | bigint): void;
  /** As {@link compare}. */
  compare(a: bigint, b: bigint, length: number | bigint): -1 | 0 | 1;
  /** As {@link usableSize}. */
  usableSize(address: bigint): number;
  /** As {@link blockOf}. */
  blockOf(address: bigint): Block;
  /** As {@link owns}. */
  owns(address: bigint): boolean;
  /** As {@link trim}. */
  trim(): number;
  /** As {@link verify}. */
  verify(): void;
  /** As {@link stats}. */
  stats(options?: StatsOptions): Stats;
  /** As {@link leaks}. */
  leaks(options?: LeaksOptions & { by?: 'block' }): IterableIterator<Leak>;
  leaks(options: LeaksOptions & { by: 'site'; order?: 'size' }): IterableIterator<LeakSite>;
  /** As {@link chains}. */
  chains(): IterableIterator<MainBlock>;
  /** As {@link printStats}. */
  printStats(): void;
  /**
   * Ends the heap, for all threads: its memory goes back to the system, and every other method throws `ERR_MEMS_CLOSED` from
   * then on. Views show zeros. A heap that is closed already stays so.
   */
  close(): void;
  /** {@link Heap.close}, for `using`. There where the runtime has `Symbol.dispose`. */
  [Symbol.dispose](): void;
}

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
  | 'ERR_INVALID_THIS'
  | 'ERR_MEMS_NOT_INITIALIZED'
  | 'ERR_MEMS_ALREADY_INITIALIZED'
  | 'ERR_MEMS_INVALID_SIZE'
  | 'ERR_MEMS_INVALID_ALIGNMENT'
  | 'ERR_MEMS_OUT_OF_RANGE'
  | 'ERR_MEMS_NOT_ALLOCATED'
  | 'ERR_MEMS_NOT_BLOCK_START'
  | 'ERR_MEMS_OUT_OF_BLOCK'
  | 'ERR_MEMS_MISALIGNED'
  | 'ERR_MEMS_CLOSED'
  | 'ERR_MEMS_UNKNOWN_HEAP'
  | 'ERR_MEMS_OVERFLOW'
  | 'ERR_MEMS_WRITE_AFTER_FREE'
  | 'ERR_MEMS_LOCK_LIMIT'
  | 'ERR_MEMS_UNSUPPORTED'
  | 'ERR_MEMS_OUT_OF_MEMORY'
  | 'ERR_MEMS_CORRUPT'
  | 'ERR_MEMS_INTERNAL'
  | LoadErrorCode;

/**
 * The `code` of an error that loading the package throws, before there is anything to call: no addon exists for this platform;
 * it is at none of the places that the message names; it has another version than this package; it does not load (see the
 * error's `cause`, and the flag that the message names if the runtime was told to load none) or is not MeMS.
 */
export type LoadErrorCode =
  | 'ERR_MEMS_UNSUPPORTED_PLATFORM'
  | 'ERR_MEMS_ADDON_MISSING'
  | 'ERR_MEMS_ADDON_VERSION'
  | 'ERR_MEMS_ADDON_BROKEN';
