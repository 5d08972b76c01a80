/// <reference lib="es2020" />
// Neither of these two is everywhere: the types of Node.js are an optional peer, and TypeScript has the other since 5.2.
// @ts-ignore
/// <reference types="node" />
// @ts-ignore
/// <reference lib="esnext.disposable" />

/**
 * MeMS: memory outside the JavaScript heap, reached through virtual addresses.
 *
 * The functions of this module use the default heap, which all threads of the process share: an address that {@link malloc}
 * returned in one worker thread is valid in all others. A {@link Heap} is a separate heap, with the same functions as methods.
 *
 * The functions of this module take and return addresses as BigInts. A {@link Heap} can return numbers instead, if it is made
 * with {@link HeapOptions.addresses}, and its methods take both.
 *
 * Every error has a `code`: see {@link ErrorCode}. A call that throws has changed nothing.
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
  // Also declared by TypeScript's library since 5.2, and by the types of Node.js before. Equal declarations are merged.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/**
 * The `Buffer` of Node.js. In a program without the types of Node.js (`@types/node`), a `Uint8Array` with the methods of a
 * `Buffer` that are used most.
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

// Without this line every declaration is exported, whether it says so or not.
// biome-ignore lint/complexity/noUselessEmptyExport: not useless in declarations
export {};

/** How a heap chooses the hole that serves a request; see {@link InitOptions.policy}. */
export type Policy = 'first-fit' | 'next-fit' | 'best-fit' | 'worst-fit' | 'buddy' | 'segregated';

/** Options of a heap. The default values are those of {@link init}; a {@link Heap} has others where that is said. */
export interface InitOptions {
  /**
   * Sizes are rounded up to a multiple of this number of bytes, and the physical address of every block is a multiple of
   * it. It is 1, or 16 as for C's `malloc`: then every block is aligned for every type, and no hole is too small to be
   * used. (Virtual addresses are not multiples of 16: they begin at 1000, and continue from there in steps of 16.) With 1, a
   * `Heap` for which no policy is chosen has `'first-fit'`.
   *
   * @defaultValue 1; 16 for a {@link Heap}
   */
  alignment?: 1 | 16;
  /**
   * Whether child processes that `fork()` makes get none of the heap's memory. Linux only. `child_process.spawn()` forks,
   * and copying the page tables of gigabytes blocks the event loop for hundreds of milliseconds, although the child runs
   * another program at once and does not use the memory. In a child that continues the same program, which cannot be
   * made from JavaScript, the heap has ended. On a running heap, {@link init} compares this option only if it is given.
   *
   * @defaultValue true; false for a heap made from C
   */
  dontFork?: boolean;
  /**
   * Whether a new main block has at least an eighth of the heap's length, so that a large heap has few main blocks. Memory
   * that is not touched costs nothing.
   *
   * @defaultValue false; true for a {@link Heap}
   */
  growingBlocks?: boolean;
  /**
   * The most bytes that all main blocks together can have, at least 4096 (one page). When {@link malloc} needs more, it
   * throws `ERR_MEMS_OUT_OF_MEMORY`.
   *
   * @defaultValue no limit
   */
  maxSize?: number | bigint;
  /**
   * Whether the heap detects writes to memory outside of live blocks. For debugging, and for programs in which safety
   * matters more than speed.
   *
   * - Behind each block there is a pattern, which {@link free} and {@link verify} check. If something has overwritten it,
   *   they throw `ERR_MEMS_OVERFLOW`.
   * - A freed block is filled with 0xdf and stays in quarantine before its memory can be allocated again. The quarantine
   *   holds 65536 blocks or 32 MiB. If something has written to such a block, `ERR_MEMS_WRITE_AFTER_FREE` is thrown by
   *   {@link verify}, or by the {@link free} that would let the block out of quarantine. If a {@link malloc} that found no
   *   other room has let it out, the next call of either throws. A block of 1 MiB or more is filled only at its ends; the
   *   whole pages between them are given back to the system and read as zeros.
   *
   * Each such write is reported once. When {@link free} reports one, the block that it was called with is still allocated.
   * Sizes become 16 bytes larger and are rounded up, to a multiple of 16 at least, and every {@link realloc} moves its block.
   *
   * @defaultValue false
   */
  hardened?: boolean;
  /**
   * Whether the heap keeps the JavaScript stacks of the calls that allocated and freed each block. {@link leaks} lists
   * them, and the error for a block that is freed twice has both, as long as the block is among the last 10000 freed. For
   * debugging: a call takes some ten microseconds longer, the more the deeper its stack is.
   *
   * A stack begins where MeMS was called and has at most `Error.stackTraceLimit` frames (10 if that is not a number; never
   * more than 200). `Error.prepareStackTrace` and source maps apply to its text; if they fail, it is the text that the
   * engine makes. No call fails because its stack cannot be read. Equal stacks are kept once, for as long as a block has
   * them, and are part of `bytes.metadata` in {@link Stats}.
   *
   * @defaultValue false
   */
  trackAllocations?: boolean;
  /**
   * Whether a block is filled with zeros when it is freed, so that its contents cannot be read later. Other threads can use
   * the heap while a large block is filled. On Linux, pages that were never written to are skipped.
   *
   * @defaultValue false
   */
  zeroOnFree?: boolean;
  /**
   * Whether the heap's pages are locked in physical memory (`mlock`), so that keys and passwords are never written to swap.
   * On Linux they are left out of core dumps, too. The system limits how much a process can lock (`ulimit -l`): when
   * {@link malloc} needs more, it throws `ERR_MEMS_LOCK_LIMIT`. On Windows the working set is enlarged as far as the system
   * allows. {@link trim} does not give locked pages back.
   *
   * @defaultValue false
   */
  lockMemory?: boolean;
  /**
   * The least length of a new main block in bytes, from 1 to `Number.MAX_SAFE_INTEGER`, rounded up to whole pages of 4096.
   * No block can extend over two main blocks, so longer main blocks waste less at their ends. If
   * {@link InitOptions.maxSize} leaves less than this, the main block has what is left.
   *
   * @defaultValue 4096; 65536 for a {@link Heap}
   */
  minBlockSize?: number | bigint;
  /**
   * Which hole serves a request. If no hole is large enough, a new main block is made. Every policy takes amortized
   * O(log n) for n blocks and holes. All but the last two take the block from the start of the hole:
   *
   * - `'first-fit'`: the lowest hole that is large enough.
   * - `'next-fit'`: the first hole that is large enough. The search continues where the last one ended (the rest of the hole
   *   that it used comes first), and then at the start of the heap.
   * - `'best-fit'`: the smallest hole that is large enough; of several, the lowest.
   * - `'worst-fit'`: the largest hole; of several, the lowest.
   * - `'buddy'`: every block is a power of two of at least {@link InitOptions.alignment} bytes. The smallest hole that is
   *   large enough is split in halves until one fits. A freed block is joined with the other half of what it was split from
   *   if that is free, and so on. Main blocks are powers of two as well and are never joined: with
   *   {@link InitOptions.joinEmptyBlocks} `true`, `'buddy'` throws `ERR_INVALID_ARG_VALUE`. What a block has beyond its
   *   size is internal fragmentation: see `fragmentation.internal` in {@link Stats}. Blocks can be aligned to 4096 bytes at
   *   most.
   * - `'segregated'`: sizes up to 32 KiB are rounded up to one of 54 size classes, and a block gets a slot of its class's
   *   pages; a larger block gets whole pages. Allocating and freeing is O(1). Free slots are holes of their own that never
   *   merge, and so is what is left at the end of a class's pages: a hole that is smaller than a page serves its own class
   *   only, whatever `largestHole` in {@link Stats} and `available` of an error say. A block that becomes smaller keeps its
   *   slot. Main blocks are as long as the memory behind them is in one piece. {@link InitOptions.joinEmptyBlocks} is `true` and
   *   {@link InitOptions.alignment} is 16: with `false` or 1, `'segregated'` throws `ERR_INVALID_ARG_VALUE`. Some free
   *   slots of each class wait to be handed out next: `peak.live` counts them as live, so it may be higher than the bytes that
   *   ever were, by up to 128 KiB for each class, and as much for each thread whose JavaScript uses the heap: most calls of
   *   `malloc` and `free` are made there, with the slots that wait.
   *
   * The classes of `'segregated'` are 16 bytes apart up to 128, 8 to a doubling up to 1 KiB and 4 to a doubling up to 32 KiB, and two
   * more have 1152 and 4608 bytes, so rounding up adds at most 15 bytes, a ninth or a fifth of the block; whole pages are 4096 bytes.
   * To keep heaps with a few blocks small, a heap of 64 KiB that has cut half of its pages into slots gives classes that have none
   * the slots of classes up to twice as large, for their first blocks. {@link usableSize} returns the
   * bytes that a block has then.
   *
   * A `Heap` whose options leave the policy open has `'segregated'`, unless they ask for something that only the others do:
   * `alignment: 1` or `joinEmptyBlocks: false`. Then it has `'first-fit'`.
   *
   * @defaultValue `'first-fit'`; `'segregated'` for a {@link Heap}
   *
   * @example
   * const heap = new Heap({ policy: 'best-fit' });
   * heap.malloc(100);
   * heap.close();
   */
  policy?: Policy;
  /**
   * Whether neighbouring main blocks that are wholly free are joined, so that they can serve a request larger than either.
   * If the last main block is wholly free, it grows by what a request lacks. If `false`, main blocks never change, as in
   * the original MeMS; a `Heap` for which no policy is chosen has `'first-fit'` then.
   *
   * @defaultValue false; true for a {@link Heap}
   */
  joinEmptyBlocks?: boolean;
  /**
   * Whether free pages are given back to the system without a call of {@link trim}: when those freed since the last time are a
   * sixteenth of the heap, and at least 1 MiB, so that few calls of {@link free} pay for a system call. When a block of
   * 1 MiB or more is allocated in pages that have just been given back, or half of what is given back was given back before,
   * a short while ago, the heap keeps more free pages from then on: up to twice the block's size, or twice as many as this time,
   * at most 64 MiB.
   * No address changes.
   *
   * @defaultValue false; true for a {@link Heap}
   */
  autoTrim?: boolean;
}

/**
 * Starts the default heap. No memory is mapped before the first {@link malloc}.
 *
 * If the heap is running already with the same options, `init()` does nothing. So every worker and every library can call
 * it.
 *
 * @param options - By default, blocks get exactly the addresses that the original MeMS is meant to give them.
 * @throws `ERR_MEMS_ALREADY_INITIALIZED` if the heap is running with other options.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if `minBlockSize` or `maxSize` is not a size, `ERR_MEMS_INVALID_ALIGNMENT`
 * (RangeError) if `alignment` is neither 1 nor 16.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError) for a value of a wrong type, or an option that does
 * not exist.
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
 * Allocates `size` bytes and returns the virtual address of the block.
 *
 * By default the block is the front of the lowest hole that is large enough (first fit; {@link InitOptions.policy} chooses
 * others). If there is none, a new main block is made, with `ceil(size / 4096)` pages or with
 * {@link InitOptions.minBlockSize} bytes if that is more. Memory that was never allocated before is zero. Memory that was
 * freed still has its old contents. Amortized O(log n) for n segments.
 *
 * @param size - The size in bytes, a whole number from 1 to `Number.MAX_SAFE_INTEGER`. It is not rounded up.
 * @param options - `alignment`: see {@link MallocOptions}. A value that is not an object is ignored, as extra arguments
 * are.
 * @returns The virtual address of the first byte. It stays the same until the block is freed. The first one is `1000n`.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if `size` is 0, negative, a fraction, `NaN` or not a safe integer.
 * @throws {@link OutOfMemoryError} `ERR_MEMS_OUT_OF_MEMORY` if the system does not provide the pages.
 * @throws `ERR_MEMS_INVALID_ALIGNMENT` (RangeError), `ERR_MEMS_NOT_INITIALIZED`, `ERR_INVALID_ARG_TYPE` (TypeError).
 *
 * @example
 * const a = malloc(1000); // 1000n: the addresses 1000..1999
 * const b = malloc(3n); // 2000n: the addresses 2000..2002
 * const c = malloc(64, { alignment: 64 }); // get(c) % 64n === 0n
 */
export function malloc(size: number | bigint, options?: MallocOptions): bigint;

/** Options of a call that allocates a block. */
export interface MallocOptions {
  /**
   * The physical address of the block is a multiple of this number of bytes: a power of two from 1 to 2097152 (2 MiB). The
   * block is taken from the first hole that has room for it at such an address, and what is left before and after it stays
   * a hole. The block stays aligned when {@link realloc} moves it.
   *
   * @defaultValue 1
   */
  alignment?: number;
}

/**
 * Allocates `count` times `size` bytes, which are all zero. Amortized O(log n), plus O(bytes) if the memory was allocated
 * before; memory that was never allocated is known to be zero.
 *
 * @param count - The number of elements, from 1.
 * @param size - The size of an element in bytes, from 1.
 * @returns The virtual address of the block.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if either is not a whole number from 1, or if their product is larger than
 * `Number.MAX_SAFE_INTEGER`.
 * @throws What {@link malloc} throws.
 *
 * @example
 * const p = calloc(1000, 8);
 * view(p, Float64Array).every((x) => x === 0); // true
 */
export function calloc(count: number | bigint, size: number | bigint): bigint;

/**
 * Allocates a block as {@link malloc} does, with the arguments of C's `aligned_alloc`.
 *
 * @param alignment - What the physical address is a multiple of: a power of two from 1 to 2097152 (2 MiB).
 * @param size - The size in bytes.
 * @returns The virtual address of the block.
 * @throws What {@link malloc} throws.
 *
 * @example
 * get(alignedAlloc(4096, 100)) % 4096n; // 0n
 */
export function alignedAlloc(alignment: number, size: number | bigint): bigint;

/**
 * Changes the size of a block. The contents are kept, up to the lesser of both sizes.
 *
 * The block stays where it is if it becomes smaller, or if the hole behind it has enough room. Otherwise it moves, and its
 * old address becomes invalid. It keeps the alignment that {@link MallocOptions.alignment}, {@link alignedAlloc} or
 * {@link mallocAs} gave it. Amortized O(log n), plus O(size) if it moves.
 *
 * @param address - An address that {@link malloc} returned.
 * @param size - The new size in bytes.
 * @param options - `alignment`: a new alignment for the block, which moves if it does not have it yet. A value that is not
 * an object is ignored, as extra arguments are.
 * @returns The address of the block, which may have changed.
 * @throws What {@link free} and {@link malloc} throw. The block is unchanged then.
 *
 * @example
 * let p = malloc(100);
 * write(p, 'kept');
 * p = realloc(p, 100_000);
 * read(p, 4).toString(); // 'kept'
 */
export function realloc(address: bigint, size: number | bigint, options?: MallocOptions): bigint;

/**
 * Options of a call that makes a view. There are two kinds of buffer over the same memory, so all views of a block show the
 * same bytes.
 */
export interface ViewOptions {
  /**
   * `false` makes a view over an `ArrayBuffer`, for I/O: whatever takes a `Buffer` or bytes takes it, on every runtime.
   *
   * `true` makes a view over a `SharedArrayBuffer`, for sharing: it can be posted to other threads, and `Atomics.wait`
   * works on it. But some functions refuse such views, and `fetch`, `Response` and `WebSocket` of Node.js 24 and 26 send
   * the text `1,2,3` of one instead of its bytes. Only Node.js 22.23, 24.21 and 26 and Bun have it. Other runtimes throw
   * `ERR_MEMS_UNSUPPORTED`.
   *
   * By default a `Buffer` is over an `ArrayBuffer`, and any other view is over a `SharedArrayBuffer` if the runtime has it.
   */
  shared?: boolean;
}

/**
 * A constructor of views: that of a typed array or of `DataView`, a subclass of one, or one of another realm. The elements
 * are as wide as those of the runtime's own class that it extends.
 */
export interface ViewConstructor<V> {
  new (buffer: ArrayBuffer | SharedArrayBuffer, byteOffset?: number, length?: number): V;
}

/**
 * Allocates a block for `count` elements of a type, aligned for that type, and makes a view of it.
 *
 * @param Type - The constructor of a typed array, `Buffer`, or `DataView` (whose elements are bytes).
 * @param count - The number of elements, from 1.
 * @param options - Which kind of buffer the view is over.
 * @returns The virtual address of the block, and the view.
 * @throws What {@link malloc}, {@link view} and the constructor throw. Nothing is allocated then.
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
export interface Allocation<Address extends bigint | number = bigint> {
  /** The block's virtual address. */
  readonly address: Address;
  /** The bytes of the block, as {@link buffer} returns them. Made when it is first read. */
  readonly view: Buffer;
  /**
   * Frees the block. The second call throws `ERR_MEMS_NOT_ALLOCATED`, even if another block is at the address by then. A call
   * after the heap has ended throws `ERR_MEMS_CLOSED`, even if {@link init} has started the default heap again.
   */
  free(): void;
  /**
   * Frees the block. Does nothing if the block has been freed, or if its heap has ended. Only where the runtime has
   * `Symbol.dispose`.
   */
  [Symbol.dispose](): void;
}

/**
 * Allocates a block and returns it as an object, for `using`, or to keep the address and the view together.
 *
 * @param size - The size in bytes.
 * @param options - Those of {@link malloc}, and which kind of buffer the view is over.
 * @returns The block.
 * @throws What {@link malloc} throws. The view is made when {@link Allocation.view} is first read, which throws what
 * {@link buffer} throws.
 *
 * @example
 * const block = allocate(100);
 * block.view.write('hello');
 * block.free();
 */
export function allocate(size: number | bigint, options?: MallocOptions & ViewOptions): Allocation;

/**
 * Returns a `Buffer` over the memory of a block, without copying it. It is for I/O: files, sockets, streams, `fetch`,
 * WebCrypto and everything else that takes a `Buffer` take it, and get its bytes as they are. O(1).
 *
 * The buffer can be used for as long as something refers to it, and never crashes. After {@link free} it shows whatever is
 * in the memory now; after {@link finish} it shows zeros.
 *
 * It is over an `ArrayBuffer` that has other blocks in it, so that `structuredClone()` and `postMessage()` copy more than
 * its bytes. To share memory with another thread, use {@link view} or send the address.
 *
 * @param address - Any address inside a live block.
 * @param length - The length in bytes; by default, all up to the end of what was asked for.
 * @param options - `shared: true` makes it over a `SharedArrayBuffer`.
 * @returns The buffer.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if the block has fewer bytes from there on, or the runtime allows no buffer
 * of that length.
 * @throws `ERR_MEMS_UNSUPPORTED` if the runtime allows no buffers over native memory, as Electron does ({@link read} works
 * there), or for `shared: true` if it has no such `SharedArrayBuffer`.
 * @throws What {@link get} throws.
 *
 * @example
 * const p = malloc(100);
 * buffer(p).write('hello');
 * buffer(p + 1n, 4).toString(); // 'ello'
 */
export function buffer(address: bigint, length?: number | bigint, options?: ViewOptions): Buffer;

/**
 * Returns a typed array or `DataView` over the memory of a block, without copying it. It is for computing and sharing, and
 * otherwise like a {@link buffer}. O(1).
 *
 * If the runtime can make a `SharedArrayBuffer` over native memory (Node.js 22.23, 24.21 and 26, and Bun), the view is over
 * one: it can be posted to other threads, and `Atomics.wait` works on it. Functions that send bytes should get a
 * {@link buffer}, or a view made with `{ shared: false }`: see {@link ViewOptions}.
 *
 * @param address - Any address inside a live block. Its memory must be aligned for the type.
 * @param Type - The constructor of the view; by default `Uint8Array`.
 * @param length - The number of elements (bytes for a `DataView`); by default, as many as fit what was asked for.
 * @param options - Which kind of buffer the view is over. `view(address, Buffer)` is like `buffer(address)`.
 * @returns The view.
 * @throws `ERR_MEMS_MISALIGNED` (RangeError) if the memory is not aligned for the type. Allocate with
 * {@link MallocOptions.alignment}, or with {@link mallocAs}.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if the block has fewer elements from there on, or the runtime allows no view
 * of that length.
 * @throws What {@link get} throws.
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
 * Returns a copy of bytes of a block. It works on every runtime, also on those that allow no buffers over native memory.
 * O(length).
 *
 * @param address - Any address inside a live block.
 * @param length - The number of bytes; by default, all up to the end of what was asked for.
 * @returns The copy.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if the block has fewer bytes from there on, or the runtime has no memory for
 * so many.
 * @throws What {@link get} throws.
 *
 * @example
 * const p = malloc(5);
 * write(p, 'hello');
 * read(p).toString(); // 'hello'
 */
export function read(address: bigint, length?: number | bigint): Buffer;

/**
 * Copies bytes into a block. O(bytes).
 *
 * @param address - Any address inside a live block.
 * @param bytes - A typed array, a `DataView`, or a string, which is encoded as UTF-8.
 * @returns The number of bytes written.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if the block has fewer bytes from there on. Nothing is written then.
 * @throws What {@link get} throws.
 *
 * @example
 * const p = malloc(16);
 * write(p, new Float64Array([1, 2])); // 16
 */
export function write(address: bigint, bytes: ArrayBufferView | string): number;

/**
 * Copies bytes from one block to another, or inside one, as C's `memmove` does: the two ranges may overlap. O(length).
 *
 * @param to - Any address inside a live block.
 * @param from - Any address inside a live block.
 * @param length - The number of bytes, from 0.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if either range reaches past the end of its block.
 * @throws What {@link get} throws.
 *
 * @example
 * const [a, b] = [malloc(100), malloc(100)];
 * copy(b, a, 100);
 */
export function copy(to: bigint, from: bigint, length: number | bigint): void;

/**
 * Sets bytes of a block to a value. O(length).
 *
 * @param address - Any address inside a live block.
 * @param byte - The value, from 0 to 255.
 * @param length - The number of bytes; by default, all up to the end of what was asked for.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if the block has fewer bytes from there on.
 * @throws What {@link get} throws.
 *
 * @example
 * const p = malloc(100);
 * fill(p, 0xff);
 */
export function fill(address: bigint, byte: number, length?: number | bigint): void;

/**
 * Compares bytes of two blocks as C's `memcmp` does. O(length).
 *
 * @param a - Any address inside a live block.
 * @param b - Any address inside a live block.
 * @param length - The number of bytes, from 0.
 * @returns 0 if all bytes are equal. Otherwise -1 or 1: whether the first byte that differs is smaller or larger at `a`.
 * @throws `ERR_MEMS_OUT_OF_BLOCK` (RangeError) if either range reaches past the end of its block.
 * @throws What {@link get} throws.
 *
 * @example
 * const [a, b] = [calloc(1, 100), calloc(1, 100)];
 * compare(a, b, 100); // 0
 */
export function compare(a: bigint, b: bigint, length: number | bigint): -1 | 0 | 1;

/**
 * Returns the length of a block: the size that was asked for, rounded up if the heap has an {@link InitOptions.alignment}.
 * All of these bytes can be used. Amortized O(log n).
 *
 * @param address - Any address inside a live block.
 * @returns The length of the block in bytes.
 * @throws What {@link get} throws.
 *
 * @example
 * usableSize(malloc(20)); // 20
 * const heap = new Heap();
 * heap.usableSize(heap.malloc(20)); // 32
 */
export function usableSize(address: bigint): number;

/** A live block; see {@link blockOf}. */
export interface Block<Address extends bigint | number = bigint> {
  /** The virtual address of the block. */
  address: Address;
  /** The size that was asked for, in bytes. */
  size: number;
  /** The length of the block in bytes; see {@link usableSize}. */
  usableSize: number;
}

/**
 * Returns the block that an address is in. Amortized O(log n).
 *
 * @param address - Any address inside a live block.
 * @returns The address of the block and its sizes.
 * @throws What {@link get} throws.
 *
 * @example
 * const p = malloc(100);
 * blockOf(p + 50n); // { address: p, size: 100, usableSize: 100 }
 */
export function blockOf(address: bigint): Block;

/**
 * Returns whether an address is in a live block of the heap. Amortized O(log n).
 *
 * @param address - Any BigInt.
 * @returns `true` if it is; `false` for every other BigInt, whatever its value.
 * @throws `ERR_INVALID_ARG_TYPE` (TypeError) if `address` is not a BigInt.
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * const p = malloc(10);
 * owns(p + 9n); // true
 * owns(p + 10n); // false
 */
export function owns(address: bigint): boolean;

/**
 * Returns the physical address of a virtual one: where that byte is in this process, for use by native code. Amortized
 * O(log n).
 *
 * @param address - Any address inside a live block, not only its start: `get(p + 4n) === get(p) + 4n`.
 * @returns An address in this process. It is valid until the block is freed or moved.
 * @throws `ERR_MEMS_OUT_OF_RANGE` (RangeError) if the address is outside every main block.
 * @throws `ERR_MEMS_NOT_ALLOCATED` if it is inside a hole: it was freed, or never allocated.
 * @throws `ERR_MEMS_NOT_INITIALIZED`, `ERR_INVALID_ARG_TYPE` (TypeError).
 *
 * @example
 * const p = malloc(8);
 * get(p + 4n) - get(p); // 4n
 */
export function get(address: bigint): bigint;

/**
 * Frees a block. It becomes a hole, which is joined with a hole before it and a hole after it inside its main block.
 * Amortized O(log n).
 *
 * The pages are given back to the system at {@link trim} or {@link finish}. With {@link InitOptions.autoTrim},
 * {@link InitOptions.zeroOnFree} or {@link InitOptions.hardened} a call can take as long as giving back or filling the
 * memory takes: a third of a second for a gigabyte that was written to. Other threads can use the heap meanwhile.
 *
 * @param address - An address that {@link malloc} returned.
 * @throws `ERR_MEMS_NOT_BLOCK_START` if it is inside a block and not its start. The message has the start.
 * @throws `ERR_MEMS_NOT_ALLOCATED` if it is inside a hole, for example because the block was freed before.
 * @throws `ERR_MEMS_OUT_OF_RANGE` (RangeError) if it is outside every main block.
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
 * Allocates a block of each size in one call: all of them, or none. In the default heap, and wherever calls of
 * {@link malloc} reach the addon, that takes less time than a call for each of many small blocks; for few blocks it takes more.
 *
 * The addresses are those that as many calls of {@link malloc} would return, one after the other, unless other threads
 * allocate meanwhile: after every few thousand blocks they can use the heap. Amortized O(k log n) for k blocks.
 *
 * @param sizes - The sizes in bytes, each as for {@link malloc}. At most 2^27 of them.
 * @returns The addresses, in the order of the sizes.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if there are too many sizes.
 * @throws What {@link malloc} throws for the first size that is invalid or cannot be allocated. No block is allocated then,
 * and only the heap's bookkeeping may have become larger.
 *
 * @example
 * const blocks = mallocMany([16, 16, 1000]); // BigUint64Array [1000n, 1016n, 1032n]
 */
export function mallocMany(
  sizes: ArrayLike<number | bigint> & Iterable<number | bigint>,
): BigUint64Array;

/**
 * Frees many blocks in one call: all of them, or none. O(k log k) for k addresses.
 *
 * The addresses are sorted, so that neighbouring blocks are freed one after the other. For addresses in random order that
 * takes a fraction of the time of single calls. After every few thousand blocks other threads can use the heap. If one of
 * them frees a block of the list meanwhile, the call frees all others and then throws.
 *
 * @param addresses - Addresses that {@link malloc} or {@link mallocMany} returned, each of them once. At most 2^27 of them.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if there are too many addresses.
 * @throws What {@link free} throws for the first address that is not the start of a live block, and
 * `ERR_MEMS_NOT_ALLOCATED` for an address that is given twice. No block is freed then.
 *
 * @example
 * const blocks = mallocMany(new Float64Array(1000).fill(64));
 * freeMany(blocks);
 */
export function freeMany(addresses: BigUint64Array | readonly bigint[]): void;

/**
 * Prints the heap through `console.log()`, line by line. First comes a line for each main block with its sub-chain of
 * processes (`<P>`, live blocks) and holes (`<H>`), each with its starting virtual address (SVA) and its ending virtual
 * address (EVA). Then come the totals. O(n).
 *
 * All lines show the moment of the call, whatever other threads do until they are printed. Threads that use the heap wait
 * while the lines are made.
 *
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 * @throws `ERR_MEMS_OUT_OF_MEMORY` if there is no memory for the text, or if the line of a main block would be longer than
 * a string can be.
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
 * Ends the default heap and prints a line through `console.log()`. All memory is given back to the system, and every address
 * becomes invalid. Called in a worker, it ends the heap for the whole process. {@link init} starts a new heap, at address
 * 1000 again.
 *
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * finish();
 * malloc(8); // throws ERR_MEMS_NOT_INITIALIZED
 */
export function finish(): void;

/**
 * Gives the whole pages inside of holes back to the system, so that the process uses less memory. Call it when much has
 * been freed, not after every {@link free}.
 *
 * No address changes. The pages can be allocated again, and read as zeros then. Other threads can use the heap meanwhile:
 * the work is done in steps, and what they free between two steps may or may not be given back.
 *
 * Expected O(k log n), with a system call for each of k holes of a page or more. On Windows O(bytes) as well, because zeros
 * are written to the pages first, and the process keeps what it has reserved of the page file.
 *
 * @returns How many bytes the pages have, whether the system had put memory behind them or not.
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * const blocks = mallocMany(new Float64Array(1000).fill(1 << 20));
 * freeMany(blocks);
 * trim(); // 1048576000
 */
export function trim(): number;

/**
 * Checks the whole heap: walks its chains, index, counters, mappings and maps, and compares them with each other. O(n), and O(bytes) of keys, and
 * of values that have checksums. Other threads that use the heap wait until it is done.
 *
 * @throws `ERR_MEMS_CORRUPT` if an invariant does not hold, which is a bug in MeMS, or a map is damaged, which a wrong write can do. In a heap
 * file either is `ERR_MEMS_FILE_CORRUPT`: {@link HeapConstructor.repair} may help.
 * @throws `ERR_MEMS_OVERFLOW`, `ERR_MEMS_WRITE_AFTER_FREE` in a heap that is {@link InitOptions.hardened}.
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * verify(); // throws nothing: the heap is sound
 */
export function verify(): void;

/**
 * Statistics of a heap, all of the same moment. Sizes are in bytes. It is always true that
 * `bytes.live + bytes.quarantined + bytes.holes === bytes.mapped`.
 */
export interface Stats {
  /** Sizes in bytes. */
  bytes: {
    /** The bytes in main blocks. */
    mapped: number;
    /** The bytes in live blocks. */
    live: number;
    /** The bytes in live blocks that were asked for. Less than `live` if sizes are rounded up. */
    requested: number;
    /**
     * The bytes of blocks that have been freed and cannot be allocated again yet: those in the quarantine of a hardened heap, and
     * large blocks that are being cleared. They are neither live nor holes.
     */
    quarantined: number;
    /** The bytes in holes. */
    holes: number;
    /** The length of the largest hole, and so the largest size that needs no new main block. */
    largestHole: number;
    /**
     * The bytes of the heap's own bookkeeping, which is not in the memory that it allocates. With size classes a sixteenth of
     * `mapped` is part of it, of which the system holds only pages in whose addresses blocks have started.
     */
    metadata: number;
    /**
     * The bytes in main blocks that are in physical memory: what the process really uses. Only there with
     * {@link StatsOptions.resident}, and if the system can say it.
     */
    resident?: number;
  };
  /** How many there are. */
  counts: {
    /** The number of pages of 4096 bytes in main blocks. */
    pages: number;
    /** The number of main blocks, which is the length of the main chain. */
    mainBlocks: number;
    /** The number of live blocks: `totals.malloc - totals.free`. */
    live: number;
    /** The number of blocks that have been freed and cannot be allocated again yet; see `bytes.quarantined`. */
    quarantined: number;
    /** The number of holes. */
    holes: number;
  };
  /**
   * The largest values that `bytes` has had after any call since {@link init}. With the policy `'segregated'`, whose quick calls count as
   * little as they can, `live` contains slots that wait for the next call, and `holes` and `largestHole` may be less than they were.
   */
  peak: {
    /** The most `bytes.mapped`. */
    mapped: number;
    /** The most `bytes.live` and `bytes.quarantined` together. */
    live: number;
    /** The most `bytes.holes`. */
    holes: number;
    /** The most `bytes.largestHole`. */
    largestHole: number;
    /** The most `bytes.metadata`. */
    metadata: number;
  };
  /** The successful calls since {@link init}: how many, and their bytes. */
  totals: {
    /** The number of calls of {@link malloc}. */
    malloc: number;
    /** The number of calls of {@link free}. */
    free: number;
    /**
     * The bytes of all blocks that were ever allocated, each with what its size was rounded up by, and what {@link realloc} has made
     * blocks longer by where they are. Less `bytes.live` and `bytes.quarantined`, it is the bytes that were freed.
     */
    allocatedBytes: number;
  };
  /** How often something rare has happened since {@link init}. */
  events: {
    /** How often main blocks have been appended, or the last one has grown. */
    grow: number;
    /** How often free pages have been given back to the system, by {@link trim} or {@link InitOptions.autoTrim}. */
    trim: number;
    /**
     * Requests for a block, or for another size of one, that were refused for want of memory, from JavaScript and from C: calls that
     * threw `ERR_MEMS_OUT_OF_MEMORY` or `ERR_MEMS_LOCK_LIMIT`. That is all that such a call changes.
     */
    outOfMemory: number;
  };
  /** Fractions from 0 to 1. */
  fragmentation: {
    /**
     * External fragmentation: the fraction of the bytes in holes that is outside of the largest hole. If it is 0, every request
     * that is no larger than all holes together can be served.
     */
    external: number;
    /** Internal fragmentation: the fraction of the bytes in live blocks that was not asked for. */
    internal: number;
    /** The fraction of the bytes in main blocks that is in holes. */
    unused: number;
  };
}

/** Options of {@link stats}. */
export interface StatsOptions {
  /**
   * Whether the result has `bytes.resident`. For that the system looks at all pages that are in memory, which takes a few
   * milliseconds for a gigabyte of them. Before Linux 6.7, and on other systems, it also looks at pages that were never
   * touched: a fifth of a millisecond for a gigabyte. Other threads can use the heap meanwhile.
   *
   * @defaultValue false
   */
  resident?: boolean;
}

/**
 * Returns statistics of the heap. O(log n) however many blocks there are, so a program can poll it. With
 * {@link StatsOptions.resident} it takes longer, the more the larger the heap is.
 *
 * @param options - A value that is not an object is ignored, as extra arguments are.
 * @returns The statistics.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError) for an option of a wrong type, or one that does not
 * exist.
 * @throws `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * const { bytes } = stats();
 * const utilization = bytes.live / bytes.mapped;
 * const { resident } = stats({ resident: true }).bytes;
 */
export function stats(options?: StatsOptions): Stats;

/** Options of {@link metrics}. */
export interface MetricsOptions {
  /**
   * The value of the label `heap`, any text. Name heaps, since ids differ from one process to the next: a name keeps what belongs
   * together in one series.
   *
   * @defaultValue `'default'` for the default heap, {@link Heap.id} for others
   */
  name?: string;
  /**
   * Whether the text has `mems_resident_bytes`, for which the system is asked, as by {@link StatsOptions.resident}.
   *
   * @defaultValue true
   */
  resident?: boolean;
  /**
   * The sizes, in bytes, for which `mems_unusable_holes_ratio` says which share of the bytes in holes is in smaller holes: those of the
   * requests that matter to the program. All of them take one walk over the heap, O(n) for n segments; an empty list takes none.
   *
   * @defaultValue `[64, 1024, 65536]`
   */
  unusable?: ArrayLike<number | bigint> & Iterable<number | bigint>;
}

/**
 * Returns the metrics of the heap as text for Prometheus, in its format 0.0.4: for each a description, a type, and a sample. Serve it as
 * `text/plain; version=0.0.4; charset=utf-8`. `docs/services.md` has all metrics, and what to alert on.
 *
 * Sizes are in bytes and shares from 0 to 1, as {@link stats} and {@link unusable} return them. Counters never fall as long as the heap
 * lives: after the blocks of a call that failed have been taken back, they may be higher than `totals` of {@link stats}.
 * {@link HeapConstructor.metrics} is for several heaps: two such texts one after the other are no valid text, since each
 * metric must be described once.
 *
 * @param options - What the text has, and the name of the heap in it.
 * @returns The text, which ends with a line feed.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError), `ERR_MEMS_INVALID_SIZE` (RangeError) for options that are not
 * valid; `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * malloc(1000);
 * const lines = metrics({ name: 'my "cache"', resident: false }).split('\n');
 * lines[0]; // '# HELP mems_mapped_bytes Bytes in main blocks.'
 * lines[1]; // '# TYPE mems_mapped_bytes gauge'
 * lines[2]; // 'mems_mapped_bytes{heap="my \\"cache\\""} 4096'
 */
export function metrics(options?: MetricsOptions): string;

/** What all messages about a heap have. Sizes are in bytes. */
export interface HeapMessage {
  /** The {@link Heap.id} of the heap, 0 for the default heap. (Other threads can attach to it when its `id` has been read.) */
  heap: number;
  /** The policy of the heap. */
  policy: Policy;
  /** Sizes at the moment of the message; see {@link Stats}. */
  bytes: { mapped: number; live: number; holes: number; largestHole: number };
}

/** What is published when a heap has grown: on `mems:grow`. */
export interface GrowMessage extends HeapMessage {
  /** By how many bytes the heap has grown, the last time. */
  size: number;
  /** How often it has grown since the last message: more than once if it did so in another thread, in a call of C, or in one batch. */
  count: number;
}

/** What is published when free pages were given back to the system: on `mems:trim`. Nothing is if {@link trim} has found none. */
export interface TrimMessage extends HeapMessage {
  /** How many bytes the pages had that were given back, the last time. */
  size: number;
  /** How often that has happened since the last message. */
  count: number;
}

/** What is published when a request was refused for want of memory: on `mems:out-of-memory`. */
export interface OutOfMemoryMessage extends HeapMessage {
  /** The size of the request, of the last one. 0 if the call was no `malloc`. */
  size: number;
  /** The largest size that could have been allocated instead. 0 if there was no memory for the heap's bookkeeping. */
  available: number;
  /** How many requests have been refused since the last message. */
  count: number;
}

/** What is published when too much of the holes has become too small: on `mems:fragmentation`; see {@link HeapOptions.warnUnusable}. */
export interface FragmentationMessage extends HeapMessage {
  /** The size that the heap watches for. */
  size: number;
  /** The share that was passed, from 0 to 1. */
  share: number;
  /** The share of the bytes in holes that are in holes smaller than `size`, from 0 to 1. */
  unusable: number;
}

/** What is published when a recording has ended because of the disk, or a snapshot could not be written: on `mems:record:error`. */
export interface RecordErrorMessage {
  /** The id of the heap, 0 for the default heap. */
  heap: number;
  /** The path of the file. */
  path?: string;
  /** What {@link stopRecording} or {@link snapshot} throws. */
  error: Error;
}

/** What is published when this thread has made a heap: on `mems:heap:create`. */
export interface HeapCreateMessage {
  /** The id of the heap, 0 for the default heap. */
  heap: number;
  /** The policy of the heap. */
  policy: Policy;
  /** The options of the heap, as in {@link HeapEntry}. */
  options: InitOptions;
}

/**
 * The messages that are published on diagnostics channels of Node.js, by the names of the channels. A subscriber is called in the thread
 * that it has subscribed in, and before the call returns or throws in which something has happened; where a quick call has pages given
 * back, at the next turn. What happens in other threads, or in C, is published when the subscriber's thread next has such a call of that
 * heap itself, or calls {@link stats} or {@link metrics}. While a subscriber runs, nothing is published: it comes with the next message.
 *
 * Without a subscriber, no call takes longer. Node.js before 14.17 has no channels, and nothing is published there.
 *
 * @example
 * const { channel } = require('diagnostics_channel');
 * const seen = [];
 * channel('mems:grow').subscribe(({ size, count }) => seen.push([size, count]));
 * malloc(5000);
 * seen; // [[8192, 1]]
 */
export interface ChannelMessages {
  'mems:grow': GrowMessage;
  'mems:trim': TrimMessage;
  'mems:out-of-memory': OutOfMemoryMessage;
  'mems:fragmentation': FragmentationMessage;
  'mems:record:error': RecordErrorMessage;
  'mems:heap:create': HeapCreateMessage;
  /** Published when this thread has closed a heap, or finished the default heap, with what it had before. */
  'mems:heap:close': HeapMessage;
}

/** A live block; see {@link leaks}. */
export interface Leak<Address extends bigint | number = bigint> {
  /** The virtual address of the block. */
  address: Address;
  /** The size that was asked for, in bytes. */
  size: number;
  /**
   * The JavaScript stack of the call that allocated the block. Empty without {@link InitOptions.trackAllocations}, and for a
   * block that was allocated from C.
   */
  stack: string;
}

/** The live blocks that one place in a program has allocated; see {@link leaks}. */
export interface LeakSite {
  /** The JavaScript stack of the calls that allocated the blocks. Empty if it is not known, as in {@link Leak}. */
  stack: string;
  /** The number of blocks. */
  count: number;
  /** The sum of the sizes that were asked for, in bytes. */
  bytes: number;
}

/** Options of {@link leaks}: which live blocks it lists, and in which order. */
export interface LeaksOptions {
  /**
   * `'block'` lists each block. `'site'` lists one entry for all blocks that were allocated with the same stack, the one
   * with the most bytes first. For heaps with {@link InitOptions.trackAllocations}.
   *
   * @defaultValue `'block'`
   */
  by?: 'block' | 'site';
  /**
   * The most entries to list, a whole number from 0.
   *
   * @defaultValue no limit
   */
  limit?: number | bigint;
  /**
   * `'address'`: the lowest block first. `'size'`: the largest block first, and blocks of equal size by address. `'site'`:
   * blocks with the same stack together, those whose stack has the most bytes first, and by address. With `by: 'site'` only
   * `'size'` is allowed.
   *
   * @defaultValue `'address'`; `'size'` with `by: 'site'`
   */
  order?: 'address' | 'size' | 'site';
}

/**
 * Lists the live blocks and where each was allocated. At the end of a program these are the blocks that it forgot to free.
 *
 * The heap is read while you iterate, a few thousand blocks at a time, so that listing millions of blocks takes little
 * memory and other threads do not wait. Changes made meanwhile may or may not be seen. No block is listed twice. By
 * `'address'` it is O(n). By `'size'` or `'site'` it is O(n log k) for the first k entries, and again for every four times
 * as many entries, up to a quarter of a million.
 *
 * @param options - Which blocks to list.
 * @returns An iterator of blocks, or of sites.
 * @throws `ERR_MEMS_INVALID_SIZE` (RangeError) if `limit` is not a whole number.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError) for an option of a wrong type, with a value that is
 * not listed, or that does not exist.
 * @throws `ERR_MEMS_OUT_OF_MEMORY` if there is no memory for the list.
 * @throws `ERR_MEMS_NOT_INITIALIZED`. The iterator throws `ERR_MEMS_CLOSED` if the heap ends while you iterate.
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
export interface MainBlock<Address extends bigint | number = bigint> {
  /** The first virtual address of the main block. */
  start: Address;
  /** The length in bytes, a multiple of 4096. */
  size: number;
  /** The sub-chain: the segments of the main block in order of address. Read while you iterate. */
  segments: Iterable<Segment<Address>>;
}

/** A segment of a sub-chain. */
export interface Segment<Address extends bigint | number = bigint> {
  /** `'live'` for a block (`P` in {@link printStats}), `'hole'` for a hole (`H`). */
  kind: 'live' | 'hole';
  /** The first virtual address of the segment. */
  start: Address;
  /** The length in bytes. */
  size: number;
}

/**
 * Returns how much of what is free a request of `size` bytes could not use: the share of hole bytes that are in holes smaller than
 * that. `stats().fragmentation.external` looks at the largest hole alone, and is close to 1 in most heaps that have lived for a while.
 *
 * O(n) for n segments, in parts, between which other threads use the heap: what they change meanwhile may or may not be seen. With
 * the policy `'segregated'` each free slot is a hole.
 *
 * @param size - Bytes of the request, from 1 to `Number.MAX_SAFE_INTEGER`.
 * @returns From 0, if every hole is large enough or there is none, to 1, if none is.
 * @throws `ERR_MEMS_INVALID_SIZE`, `ERR_INVALID_ARG_TYPE`, `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * const blocks = [100, 8, 3000, 8].map((size) => malloc(size));
 * free(blocks[0]);
 * free(blocks[2]);
 * unusable(2000).toFixed(2); // '0.26': holes of 100 and 980 bytes, of 4080
 */
export function unusable(size: number | bigint): number;

/**
 * Returns how many holes a list of holes in order of address would look at to place `size` bytes now, as textbooks count it: with the
 * policies `'first-fit'` and `'next-fit'` the holes up to the one that is used, with `'segregated'` 1, with the others all holes. MeMS
 * itself finds the hole by an index. Nothing changes.
 *
 * O(n) for n segments. Other threads that use the heap wait until it is done.
 *
 * @param size - Bytes of the request, from 1 to `Number.MAX_SAFE_INTEGER`.
 * @param options - As {@link malloc} takes them.
 * @returns The number of holes, all of them if none is large enough.
 * @throws `ERR_MEMS_INVALID_SIZE`, `ERR_MEMS_INVALID_ALIGNMENT`, `ERR_INVALID_ARG_TYPE`, `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * const [first] = [malloc(100), malloc(8)];
 * free(first);
 * lookedAt(100); // 1: the hole that was just made
 * lookedAt(101); // 2: that is too small, the rest of the page is not
 */
export function lookedAt(size: number | bigint, options?: MallocOptions): number;

/** A `file:` URL, as `new URL()` and `pathToFileURL()` make it. */
export interface FileUrl {
  /** The whole URL. */
  readonly href: string;
  /** `'file:'`. */
  readonly protocol: string;
}

/** Options of {@link record}. */
export interface RecordOptions {
  /** Whether it is recorded when calls were made: the clock is read at one of 64 operations. `true` if it is not given. */
  clock?: boolean;
  /**
   * Whether the stack of each call from JavaScript is recorded: the command `mems` names the places that allocate most. That takes
   * microseconds a call. `false` if it is not given.
   */
  stacks?: boolean;
}

/** What a recording holds that has ended. */
export interface Recorded {
  /** Operations in the file: calls that allocate, free or resize a block, requests for which there was no room, growth, marks. */
  operations: number;
  /** Operations that are not in the file, since the disk was slower than the program. */
  missing: number;
  /** The length of the file in bytes. */
  bytes: number;
}

/**
 * Begins to record what the calls of a heap do, in all threads and from C, into a file: which blocks were allocated, freed and resized,
 * and where; requests for which there was no room; growth and trims. A file that is there is replaced. The command `mems` replays,
 * inspects and compares recordings; `docs/recording.md` has their format.
 *
 * The file is written by a thread of its own, and no call that allocates or frees waits for the disk: if that is slower than the
 * program, operations are left out and counted. If the disk fails, the recording ends there, no other call fails, and
 * {@link stopRecording} throws. A recording also ends when the heap does, or when the process exits. A process that is killed, by
 * `SIGINT` or `SIGTERM` without a handler too, leaves a file that `mems` reads with `--partial`, mostly without the last second.
 *
 * A heap that is recorded makes each call natively: one with the policy `'segregated'` loses its quick calls meanwhile. What other
 * threads do while `record` is being called may or may not be recorded. O(n) for a heap with n blocks, which are recorded first.
 *
 * With the environment variable `MEMS_RECORD` set to a path, each default heap is recorded from {@link init} on; `%p` in the path is
 * replaced by the id of the process: use it where there are several. A second recording of the process gets `.2` behind its path.
 *
 * @param path - The path of the file, or a `file:` URL.
 * @throws `ERR_MEMS_RECORDING` if the heap is being recorded already, or the file cannot be written or is a heap file; `ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE`, `ERR_MEMS_OUT_OF_MEMORY`, `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * record('program.mems');
 * const block = malloc(100);
 * mark('the block is there');
 * free(block);
 * stopRecording().operations; // 4: a main block was appended as well
 */
export function record(path: string | FileUrl, options?: RecordOptions): void;

/**
 * Ends the recording of a heap, and waits until the file is written.
 *
 * @returns What the file has.
 * @throws `ERR_MEMS_RECORDING` if the heap is not being recorded, or the disk has failed since {@link record}: the file is cut off then;
 * `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * stopRecording(); // throws The heap is not being recorded
 */
export function stopRecording(): Recorded;

/**
 * Puts a text between the operations of a recording, such as the name of the phase that begins: the command `mems` finds it. O(1).
 *
 * @param text - Any string, of which 4096 bytes of UTF-8 are kept.
 * @throws `ERR_MEMS_RECORDING` if the heap is not being recorded, `ERR_INVALID_ARG_TYPE`, `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * record('program.mems');
 * mark('start-up');
 * malloc(100);
 * mark('requests');
 * stopRecording();
 */
export function mark(text: string): void;

/**
 * Writes what is in a heap now, its main blocks and live blocks, as a recording of no operations. A file that is there is replaced.
 * O(n) for n blocks; other threads that use the heap wait while it is read, and not while the file is written.
 *
 * @param path - The path of the file, or a `file:` URL.
 * @returns The length of the file in bytes.
 * @throws `ERR_MEMS_RECORDING` if the file cannot be written, or a heap is being recorded into it, or is in it; `ERR_INVALID_ARG_TYPE`,
 * `ERR_MEMS_OUT_OF_MEMORY`, `ERR_MEMS_NOT_INITIALIZED`.
 *
 * @example
 * malloc(100);
 * snapshot('now.mems') < 1000; // true
 */
export function snapshot(path: string | FileUrl): number;

/**
 * Writes a page about what is in a heap now, an HTML file that a browser opens without a network: a map of its blocks and holes, its
 * chains, holes by size, and its statistics, each with what it means. A file that is there is replaced. `mems report` makes such a page of
 * a recording, with all that happens over time; the guide is `docs/seeing.md`.
 *
 * The page shows the moment of the call. It has no history, also of a heap that is being recorded: that continues undisturbed, and
 * `mems report` shows the file once {@link stopRecording} has ended it. Other threads that use the heap wait while its blocks are read. What
 * they change right after that may be seen in how free slots of size classes are drawn. O(n) for n blocks, of which a million take
 * some seconds, most of them in this thread. The numbers are those of {@link stats}; blocks in the quarantine of a heap that is
 * {@link InitOptions.hardened} are drawn as holes, and not counted as such.
 *
 * Pages are made by the command `mems`, which is loaded by the first call and takes Node.js 20. On older versions, and in a bundle without
 * the package's folder `bin`, write a {@link snapshot} instead, and run `mems report` on that.
 *
 * @param path - The path of the page, or a `file:` URL.
 * @returns A promise of the length of the page in bytes.
 * @throws The promise is rejected with `ERR_MEMS_UNSUPPORTED` where there is no command, `ERR_MEMS_RECORDING` if the page cannot be
 * written, `ERR_INVALID_ARG_TYPE`, `ERR_MEMS_OUT_OF_MEMORY`, `ERR_MEMS_NOT_INITIALIZED`; of a {@link Heap} that is closed with
 * `ERR_MEMS_CLOSED`.
 *
 * @example
 * malloc(100);
 * report('heap.html').catch((error) => console.error(error.message)); // resolves once the page is written
 */
export function report(path: string | FileUrl): Promise<number>;

/**
 * Has a {@link snapshot} of every open heap written when a signal arrives, each into a file of its own. The files are named as those of
 * Node's `--heapsnapshot-signal`: `Mems.20261129.142355.PID.TID.001.HEAP.mems`, with the date and the time of day, the ids of the
 * process and of the thread, a number that counts, and the {@link Heap.id} of the heap (0 for the default heap). A later call for the same
 * signal replaces the folder.
 *
 * While MeMS listens, the signal does no longer what it does by itself: one such as `'SIGTERM'` then ends the process only if the program
 * listens as well, and exits. When the last listener has gone, it ends the process again.
 *
 * The files are written by JavaScript, so they come when the event loop turns: a loop that does not end keeps them back. A heap that only
 * another thread knows (see {@link Heap.id}) is left out. If a file cannot be written, that is published on `mems:record:error`
 * ({@link ChannelMessages}), the first time with a warning of the process, and nothing else happens.
 *
 * With the environment variable `MEMS_SNAPSHOT_SIGNAL` set to a signal, loading the package in the main thread does this, for a program
 * that does not call it. Files then go into the folder that `MEMS_SNAPSHOT_FOLDER` names. Before the package is loaded, if only workers
 * load it, and in child processes, which inherit the variable, such a signal ends the process as it does without MeMS.
 *
 * @param signal - The name of a signal, such as `'SIGUSR2'`. (Node.js itself uses `'SIGUSR1'`, to start its debugger.)
 * @param folder - A folder that exists: by default that of `MEMS_SNAPSHOT_FOLDER`, or the working directory of the moment.
 * @returns A function that ends the listening of this call. If a later call has replaced it, that function does nothing.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError) if there is no such signal, or no process can listen to it, as to
 * `'SIGKILL'`; `ERR_MEMS_UNSUPPORTED` in a worker thread, which no signal reaches.
 *
 * @example
 * const stop = snapshotOnSignal('SIGUSR2'); // from now on: kill -USR2 PID, and mems inspect Mems.*.mems
 * stop(); // undefined
 */
export function snapshotOnSignal(signal: string, folder?: string): () => void;

/**
 * Returns an iterator of the main blocks, each with its segments. The heap is read while you iterate: even for millions of
 * blocks it takes no memory, and changes made meanwhile may or may not be seen. O(n) for n segments.
 *
 * @returns An iterator of the main chain.
 * @throws `ERR_MEMS_NOT_INITIALIZED` when the iteration begins.
 *
 * @example
 * for (const { start, segments } of chains()) {
 *   for (const segment of segments) console.log(start, segment.kind, segment.size);
 * }
 */
export function chains(): IterableIterator<MainBlock>;

/**
 * The absolute path of the native addon that this package has loaded. It is a shared library with C functions, which an FFI
 * library can call. They are declared and documented in `include/mems.h`, and work on the same heaps as the functions of
 * this module. Loading the library by this path does not load a second copy. Empty if the system does not know the path.
 *
 * @example
 * const koffi = require('koffi');
 * const malloc = koffi.load(library).func('uint64_t mems_malloc(uint64_t size)');
 * const address = BigInt(malloc(100));
 * buffer(address).write('hello'); // blocks that C has allocated are like all others
 */
export const library: string;

/**
 * A kind of addresses; see {@link HeapOptions.addresses}. `AddressKind<number>` is `'number'`, and `AddressKind<bigint>` is
 * `'bigint'`.
 */
export type AddressKind<Address extends bigint | number = bigint | number> = Address extends number
  ? 'number'
  : 'bigint';

/** The type of the addresses of a kind. What is `any` gives BigInts, as no kind does. */
export type AddressOf<Kind extends AddressKind> = 0 extends Kind & 1
  ? bigint
  : Kind extends 'number'
    ? number
    : bigint;

/** The addresses that {@link Heap.mallocMany} returns: a `Float64Array` of numbers, or a `BigUint64Array`. */
export type AddressArray<Address extends bigint | number> = Address extends number
  ? Float64Array
  : BigUint64Array;

/** Options of a {@link Heap}. */
export interface HeapOptions<Address extends bigint | number = bigint> extends InitOptions {
  /**
   * Whether this object returns addresses as BigInts or as numbers. All of its methods do: {@link malloc} returns `1000` instead
   * of `1000n`, {@link mallocMany} a `Float64Array`, and {@link get} a physical address that is a number. Every virtual address
   * is at most `Number.MAX_SAFE_INTEGER`. So is every physical address on the systems that MeMS has addons for; if one were not,
   * {@link get} would throw `ERR_MEMS_OUT_OF_RANGE` (RangeError).
   *
   * Numbers are quicker to compute with, to compare and to look up in a `Map`, and JSON and a `Float64Array` can hold them.
   * The addresses are the same ones. The option belongs to the object and not to the heap: another object of the same heap, made
   * by {@link HeapConstructor.attach}, chooses for itself. What methods take may be a BigInt or a number in either case.
   *
   * @defaultValue `'bigint'`
   *
   * @example
   * const heap = new Heap({ addresses: 'number' });
   * const address = heap.malloc(100); // 1000
   * heap.blockOf(address + 50).address; // 1000
   * heap.free(address);
   * const blocks = heap.mallocMany([100, 100]); // Float64Array [1000, 1112]: a slot of this size class has 112 bytes
   * heap.freeMany(blocks);
   * heap.close();
   */
  addresses?: AddressKind<Address>;
  /**
   * How many times a request that is refused for want of memory may leave a {@link snapshot} of the heap behind, for the command `mems`.
   * The file is written before the call throws, which takes O(n) for n blocks and what the disk takes. It is named and placed as by
   * {@link snapshotOnSignal} without a folder, and if it cannot be written, the same happens as there. A whole number from 0.
   *
   * The option belongs to the thread of the object: of requests in other threads and from C it learns as {@link ChannelMessages} says.
   * {@link HeapConstructor.attach} takes it as well, also for the default heap, whose id is 0. The option of a later object of the heap
   * replaces that of an earlier one of the thread; without it, nothing changes.
   *
   * @defaultValue 0
   */
  snapshotNearLimit?: number | bigint;
  /**
   * Has a message published on `mems:fragmentation` ({@link ChannelMessages}) when `share` of the bytes in holes, above 0 and at most 1,
   * are in holes smaller than `size` bytes, as {@link unusable} says, and much is free: holes have at least a quarter of the bytes in main
   * blocks, and when the heap grows, as many as eight blocks of `size`. The next one comes only after the share, or that part, has been
   * below nine tenths of that.
   *
   * To find the share takes O(n) for n segments. So it is looked at only while the channel has a subscriber: when the heap has grown and is
   * longer by a sixteenth than the last time, and at one in sixteen requests that are refused although as much is free. The option belongs
   * to the thread of the object, and a later object replaces it, as {@link HeapOptions.snapshotNearLimit} says.
   *
   * @defaultValue no message
   *
   * @example
   * const heap = new Heap({ warnUnusable: { size: 65536, share: 0.5 } });
   * // Half of what is free has become useless for requests of 64 KiB: compact, or start anew.
   * heap.close();
   */
  warnUnusable?: { size: number | bigint; share: number };
  /**
   * Who owns the heap. With `'thread'` it is closed when the thread that made it ends, even if that is a worker which is
   * terminated. With `'process'` it stays open until {@link Heap.close}.
   *
   * @defaultValue `'process'`
   */
  owner?: 'process' | 'thread';
}

/**
 * Options of {@link HeapConstructor.open}. If this process has the file open already, they change nothing but `addresses`; `exclusive: true`
 * throws `ERR_MEMS_FILE_IN_USE` then, unless it was opened so. (A heap for reading only is another one.)
 */
export interface HeapFileOptions<Address extends bigint | number = bigint> {
  /**
   * Whether the file is made if there is none. It is complete and on the disk before it gets its name, and of several processes that make
   * it at the same time one succeeds, and the others open that file.
   *
   * @defaultValue true
   */
  create?: boolean;
  /**
   * Whether the heap is only read: every call that would change it or store bytes throws `ERR_MEMS_READ_ONLY`. Views can be stored into all
   * the same, and what is stored does not reach the file: the page that it is in becomes a copy of this process alone, which no longer shows what
   * others store. Such a process is not among {@link Heap.processes}, and
   * cannot repair what a dead one has left: calls that walk the heap throw `ERR_MEMS_LOCK_TIMEOUT` then, until a process that writes has come.
   * The file must exist. A heap for reading and one for writing of the same file are two heaps of the process.
   *
   * @defaultValue false
   */
  readOnly?: boolean;
  /**
   * Whether this process has the file for itself: `ERR_MEMS_FILE_IN_USE` is thrown if others have it open for writing, and in others that
   * open it later.
   *
   * @defaultValue false
   */
  exclusive?: boolean;
  /**
   * The most bytes of data that this process lets the file grow to, from 4096 to 2^40 (1 TiB). The file grows by multiples of 65536, so that
   * with less than that there can be no block in a new file. A number that is smaller than the file is no error: the blocks stay, and
   * nothing is added.
   *
   * @defaultValue 68719476736 (64 GiB)
   */
  maxSize?: number | bigint;
  /**
   * The permissions of a new file, from 0o600 to 0o777, less the process's umask. On Windows a new file has those of its folder.
   * A file that its group or others may write to is refused to other users.
   *
   * @defaultValue 0o600
   */
  mode?: number;
  /**
   * How long a call waits for a process that holds the file's lock and is alive, in milliseconds, a whole number from 0, before it throws
   * `ERR_MEMS_LOCK_TIMEOUT`. A dead one is found after about a millisecond. The thread does nothing else meanwhile. With a few
   * milliseconds, calls are refused when others are merely busy.
   *
   * @defaultValue 5000
   */
  lockTimeout?: number;
  /**
   * Whether a path that is a symbolic link is followed. Links in the folders of a path always are.
   *
   * @defaultValue false
   */
  followSymlinks?: boolean;
  /**
   * Whether file systems are used on which memory cannot be shared safely: those of networks, FUSE and the like, and an overlay for reading
   * only. Two machines that have such a file open damage it.
   *
   * @defaultValue false
   */
  anyFileSystem?: boolean;
  /**
   * As {@link InitOptions.zeroOnFree}, for blocks that this process frees. A block is cleared when it is free: a process that is killed in
   * between leaves its contents in a hole.
   *
   * @defaultValue false
   */
  zeroOnFree?: boolean;
  /**
   * Whether the heap has to survive a power failure: what comes back then is the state of its last finished {@link Heap.sync}. A new file is
   * made so. A file that is there is as it was made, and `true` throws `ERR_MEMS_NOT_DURABLE` if it is not durable: a program can make a new
   * file, and copy the data. Not together with
   * `zeroOnFree` (`ERR_MEMS_FILE`).
   *
   * The bytes of a block that is freed in a durable heap are not used again before the next sync has finished, so a heap that is never synced
   * only grows. Bookkeeping takes 8 % of the data instead of 2 %.
   *
   * @defaultValue false
   */
  durable?: boolean;
  /**
   * How often a thread of this process syncs a durable heap, in milliseconds from the end of one sync to the next, at least 1. If the process has
   * the file open already, the first who passes this counts. The process does not wait for the thread when it ends. If the disk fails, the thread
   * ends, and the next call of {@link Heap.sync} throws.
   *
   * @defaultValue undefined: nothing is synced but by calls, and by the last close
   */
  syncEvery?: number | bigint;
  /**
   * What happens with a file that was open when the system stopped (power, kernel), so that the disk may have some of its newer pages and some of
   * its older:
   * - `'refuse'`: `ERR_MEMS_NEEDS_RECOVERY` is thrown, as always with `readOnly`.
   * - `'restore'`: a durable heap is as it was at its last finished sync. Any other is refused.
   * - `'salvage'`: blocks are where the disk has starts and ends that make sense, and roots that name none of them are dropped. Whatever was
   *   changed in the last seconds may be there or not, each change by itself; contents too.
   * - `'reset'`: the heap is empty, as suits a cache. The file keeps its length.
   *
   * @defaultValue `'restore'` for durable heaps, `'refuse'` for others
   */
  onPowerLoss?: 'refuse' | 'reset' | 'salvage' | 'restore';
  /** As {@link HeapOptions.addresses}. */
  addresses?: AddressKind<Address>;
}

/** A process that has a heap file open for writing; see {@link Heap.processes}. */
export interface HeapProcess {
  /** The number of the process's slot in the file, from 0 to 1023. */
  slot: number;
  /** The process's id, as that process sees it: in another container the id means nothing, or another process. */
  pid: number;
  /** When it opened the file. */
  since: Date;
}

/**
 * Names for addresses of a heap file, by which a program finds its data again: at most 256, with the file's maps. They are in the file, so all
 * processes see the same ones, and they are read each time. A root does not keep its block: freeing the block leaves the name with an address of nothing.
 *
 * @example
 * const heap = Heap.open('roots.heap');
 * const { roots } = heap;
 * roots.set('users', heap.malloc(100));
 * roots.get('users'); // 1000n
 * [...roots].length; // 1
 * roots.delete('users'); // true
 * roots.get('users') === undefined; // true
 * heap.close();
 */
export interface HeapRoots<Address extends bigint | number = bigint> {
  /**
   * Returns the address that a name stands for, or `undefined`. O(256), without a lock.
   *
   * @throws `ERR_INVALID_ARG_TYPE` (TypeError) if the name is not a string, or has a zero byte in it.
   */
  get(name: string): Address | undefined;
  /**
   * Lets a name stand for a block. A name that stands for another stands for this one then: a process that dies meanwhile leaves the one or
   * the other.
   *
   * @param name - A string of 1 to 47 bytes of UTF-8.
   * @param address - The start of a live block.
   * @throws `ERR_MEMS_ROOT_NAME`, `ERR_MEMS_TOO_MANY_ROOTS`, `ERR_MEMS_READ_ONLY`, `ERR_MEMS_LOCK_TIMEOUT`, `ERR_MEMS_FILE_LOST`; what
   * {@link free} throws if no block starts at the address.
   */
  set(name: string, address: bigint | number): void;
  /**
   * Forgets a name. Returns whether it stood for an address.
   *
   * @throws `ERR_MEMS_READ_ONLY`, `ERR_MEMS_LOCK_TIMEOUT`, `ERR_MEMS_FILE_LOST`.
   */
  delete(name: string): boolean;
  /** Returns an iterator of all names and their addresses, as they are when the iteration begins. */
  [Symbol.iterator](): IterableIterator<[name: string, address: Address]>;
}

/** How the values of a {@link SharedMap} become bytes and values again, by a program's own functions. */
export interface MapCodec<Value> {
  /** Returns the bytes of a value: a Buffer, a Uint8Array or a string. */
  encode(value: Value): Uint8Array | string;
  /** Returns the value of bytes, which are a Buffer of the caller's own. */
  decode(bytes: Buffer): Value;
}

/** Options of {@link Heap.map}. */
export interface MapOptions<Value = Buffer> {
  /**
   * How values become bytes: `'binary'` takes Buffers, Uint8Arrays and strings, and returns Buffers; `'string'` takes and returns strings;
   * `'json'` what JSON can have; `'v8'` what `v8.serialize` takes (`Map`, `Date`, typed arrays; versions of Node.js from then on read it); or
   * functions of one's own. A value is encoded with it, so that objects that are read are copies. Each entry says which one it has been
   * encoded with, except for functions of one's own.
   *
   * `v8.deserialize` is not made for bytes of others: with `'v8'` all programs that can write to the heap, or to its file, are trusted.
   *
   * @defaultValue `'binary'`
   */
  encoding?: 'binary' | 'string' | 'json' | 'v8' | MapCodec<Value>;
  /**
   * The most bytes of all blocks of the map, its tables included. Entries are evicted to stay below it. It is the map's: of those who give it,
   * in all processes, the last one counts. 0 or `Infinity` for no limit.
   *
   * The heap needs room beside the bytes of its maps, about as much again: freed blocks leave holes of other sizes than the next need, and in a
   * durable heap wait for the next sync. A map whose `maxBytes` is near the heap's `maxSize` ends in sets that throw `ERR_MEMS_OUT_OF_MEMORY`.
   *
   * @defaultValue that of the map; a new one has no limit, and grows until the heap or the disk is full
   */
  maxBytes?: number;
  /** The most entries, as `maxBytes`. */
  maxEntries?: number;
  /**
   * For how long an entry lives, in milliseconds, if {@link SharedMap.set} does not say so; 0 or `Infinity`: for ever. It is this object's. An
   * entry that has expired is not found; its bytes are freed when its key is set, when room is needed below `maxBytes` or `maxEntries`, or before a
   * table grows.
   *
   * @defaultValue for ever
   */
  ttl?: number;
  /**
   * Into how many parts a new map is divided, a power of two from 1 to 4096. Each part has a table of its own, which is copied when it grows;
   * readers of other parts do not notice.
   *
   * @defaultValue `256`; fewer in a map with less than 256 KiB, so that an eighth of them is the tables' at most
   */
  shards?: number;
  /** Whether each entry of a new map has a checksum, which is compared whenever it is read. @defaultValue `false` */
  checksum?: boolean;
}

/** A key of a {@link SharedMap}: a string, or bytes, at most 65,535 of them. A string and its bytes as UTF-8 are the same key. Surrogates without
 * their other half become U+FFFD. */
export type MapKey = string | Uint8Array;

/** What {@link SharedMap.stats} returns. */
export interface MapStats {
  /** Entries, with those that have expired and not been removed yet. */
  entries: number;
  /** The bytes of all blocks of the map. */
  bytes: number;
  /** As {@link MapOptions.maxBytes}. */
  maxBytes: number;
  /** As {@link MapOptions.maxEntries}. */
  maxEntries: number;
  /** How many entries have been evicted to make room, since the map was made. */
  evictions: number;
  /** How many entries have been removed since they had expired. */
  expirations: number;
  /** As {@link MapOptions.shards}. */
  shards: number;
  /** Places for entries in the tables of all shards. */
  slots: number;
  /** How often this object has found a value. */
  hits: number;
  /** How often it has found none. */
  misses: number;
  /** How many values {@link SharedMap.fetch} of this object has made and not kept, since there was no room, or the key was changed meanwhile. */
  unkept: number;
}

/**
 * A map in the blocks of a heap; see {@link Heap.map}. All threads that have the heap see the same entries, and with a heap file all processes.
 *
 * Reading takes no lock: `get` copies a value while others change the map, and returns one that was there whole. A call that changes something
 * holds the heap's lock for that long. A process that is killed in the middle leaves each entry whole, or as it was before.
 *
 * Its methods throw, beside what each says, what `malloc` of the heap throws, `ERR_MEMS_CLOSED` of a heap that has ended, `ERR_MEMS_CORRUPT` of a
 * value that is not what its entry says, and in a heap file `ERR_MEMS_READ_ONLY`, `ERR_MEMS_LOCK_TIMEOUT`, `ERR_MEMS_FILE_LOST` and
 * `ERR_MEMS_FILE_CORRUPT`; of keys `ERR_INVALID_ARG_TYPE` (TypeError) and `ERR_MEMS_KEY_TOO_LONG`.
 *
 * @typeParam Value - The type of the values.
 */
export interface SharedMap<Value = Buffer> {
  /** The map's name. */
  readonly name: string;
  /** How many entries there are, with those that have expired and have not been removed yet. */
  readonly size: number;
  /**
   * Returns a copy of the value of a key, or `undefined`. An entry that is read stays longer: the eviction's hand passes it by once. Counters
   * are returned as BigInts, and values with another encoding than this object's decoded by their own: but those that `v8.serialize` or
   * functions of one's own have made are Buffers then.
   */
  get(key: MapKey): Value | undefined;
  /** As `get`, without effect on which entries are evicted. */
  peek(key: MapKey): Value | undefined;
  /**
   * Copies the bytes of a value to an array, if there is room for all of them, and returns how many they are; -1 if there is no value. This is
   * the quickest way to read: nothing is allocated. What is behind the value in the array may be other bytes afterwards.
   *
   * @throws `ERR_INVALID_ARG_TYPE` (TypeError) if `into` is neither a Buffer nor a Uint8Array.
   */
  getInto(key: MapKey, into: Uint8Array): number;
  /** Returns whether a key has a value. */
  has(key: MapKey): boolean;
  /**
   * Sets the value of a key, and evicts others if the map has a limit. Nothing is evicted because the heap or the disk is full.
   *
   * @param value - With `encoding: 'binary'`, which is the default, also a Uint8Array or a string.
   * @param options - `ttl`: for how long the entry lives, in milliseconds; 0 or `Infinity`: for ever.
   * @throws `ERR_MEMS_TOO_LARGE` if the entry is larger than the map may be, or the value than 4 GiB; `ERR_INVALID_ARG_TYPE` (TypeError) if the
   * encoding does not take the value; what `JSON.stringify`, `v8.serialize` or `encode` throws.
   */
  set(key: MapKey, value: Value, options?: { ttl?: number }): this;
  set(
    this: SharedMap<Buffer>,
    key: MapKey,
    value: Uint8Array | string,
    options?: { ttl?: number },
  ): this;
  /** Removes a key. Returns whether it had a value. */
  delete(key: MapKey): boolean;
  /** Removes all entries, some hundreds at a time, and their tables: others may add some meanwhile. */
  clear(): void;
  /**
   * Returns the value of a key, and lets `make` make it if there is none: once, in whichever thread or process is first, while all others wait
   * for it. If `make` throws, or its process dies, one of the others is next. A value of `undefined` is returned and not kept. Calls of one object
   * for the same key have one promise: none of them is over before `make` is, however long that takes. If the key is set or removed while `make`
   * makes its value, that value is returned and not kept: what it was made of may have been of before.
   *
   * @param options - `ttl` as in `set`; `lease`: for how long `make` may take before another is asked, 30,000 milliseconds by default. Of several that have
   * made the value then, the first to come sets it.
   * @returns A promise. It is rejected with what `make` throws, and with what `set` throws, except for a lack of room: a value for which there is none is
   * returned and not kept ({@link MapStats.unkept}). Calls of a thread that wait for the same key get the same object.
   */
  fetch<Key extends MapKey>(
    key: Key,
    make: (key: Key) => Value | Promise<Value>,
    options?: { ttl?: number; lease?: number },
  ): Promise<Value>;
  fetch<Key extends MapKey>(
    key: Key,
    make: (key: Key) => Value | undefined | Promise<Value | undefined>,
    options?: { ttl?: number; lease?: number },
  ): Promise<Value | undefined>;
  /**
   * Adds to a counter, which begins at 0, and returns the sum: a whole number from -2^63 to 2^63 - 1. A counter is
   * evicted as other entries are: a map without limits is the place for totals.
   *
   * @param by - A whole number, 1 by default: a BigInt, or a number that is a safe integer.
   * @param options - `ttl`: for how long a counter that begins with this call lives, in milliseconds; 0 or `Infinity`, which is the default whatever
   * the `ttl` of the map is: for ever.
   * @throws `ERR_MEMS_NOT_A_COUNTER` if the key has a value that was set; `ERR_OUT_OF_RANGE` if the sum is none that a counter can have.
   */
  increment(key: MapKey, by?: bigint | number, options?: { ttl?: number }): bigint;
  /**
   * Sets the value of a key if the bytes of its value are those that `expected` is encoded as; `undefined`: if it has none. Returns whether it has been
   * set. `v8.serialize` may make other bytes of a value that is the same, such as an object with its properties in another order. A counter is
   * eight bytes, which no value of another encoding than `'binary'` equals.
   *
   * @throws As `set`.
   */
  compareAndSet(
    key: MapKey,
    expected: Value | undefined,
    value: Value,
    options?: { ttl?: number },
  ): boolean;
  compareAndSet(
    this: SharedMap<Buffer>,
    key: MapKey,
    expected: Uint8Array | string | undefined,
    value: Uint8Array | string,
    options?: { ttl?: number },
  ): boolean;
  /**
   * Returns an iterator of all keys and values, in no order. It copies one shard after another, each as it is at one moment: what others change
   * meanwhile may be there or not.
   */
  entries(): IterableIterator<[key: string | Buffer, value: Value]>;
  /** As `entries`, for the keys: strings if they were set by strings. */
  keys(): IterableIterator<string | Buffer>;
  /** As `entries`, for the values. */
  values(): IterableIterator<Value>;
  /** As `entries`. */
  [Symbol.iterator](): IterableIterator<[key: string | Buffer, value: Value]>;
  /** Returns what the map has, and what has become of its entries. O(shards). */
  stats(): MapStats;
}

/** Options of {@link Heap.malloc}. */
export interface HeapMallocOptions extends MallocOptions {
  /**
   * In a heap file only: the address of a word of eight bytes in a live block, a multiple of 8, in which the new block's address is stored
   * by the same operation. A process that dies has done both or neither, so that a block which the data refers to is never lost. The word is a
   * little-endian number: `heap.view(word, BigUint64Array, 1)[0]`. A block whose address is to be there must not be there already: see
   * {@link Heap.replace}.
   *
   * @example
   * const heap = Heap.open('words.heap');
   * const word = heap.calloc(1, 8);
   * heap.roots.set('first', word);
   * const block = heap.malloc(100, { into: word });
   * heap.view(word, BigUint64Array, 1)[0] === block; // true
   * heap.free({ from: word }); // frees the block, and clears the word
   * heap.view(word, BigUint64Array, 1)[0]; // 0n
   * heap.malloc(100, { into: word + 1n }); // throws ERR_INVALID_ARG_VALUE
   * heap.close();
   */
  into?: bigint | number;
}

/** An open heap; see {@link HeapConstructor.list}. */
export interface HeapEntry {
  /** The {@link Heap.id} of the heap, for {@link HeapConstructor.attach}. 0 for the default heap. */
  id: number;
  /** The path of the heap's file, if it is in one. */
  path?: string;
  /** Sizes in bytes. */
  bytes: {
    /** The bytes in main blocks. */
    mapped: number;
    /** The bytes in live blocks. */
    live: number;
  };
  /**
   * The options of the heap, with the default values of those that were not given. Without `maxSize` if there is no limit, and
   * without `owner` and `addresses`.
   */
  options: InitOptions;
}

/**
 * A heap of one's own. Its default options are made for programs, not to match the original MeMS: see {@link InitOptions}.
 *
 * A heap stays open until {@link Heap.close}, even if no object refers to it any more: other threads may know its
 * {@link Heap.id}.
 *
 * A `Heap` object cannot be sent to another thread: `postMessage()`, `structuredClone()` and `JSON.stringify()` make `{}`
 * of it. Send {@link Heap.id}, and call {@link HeapConstructor.attach} there.
 *
 * `console.log(heap)` shows the id, the policy and the bytes of the heap, and the path of its file if it is in one. The methods also work through a `Proxy` of it. A
 * method that was taken out of the heap, as in `const { malloc } = heap`, throws `ERR_INVALID_THIS` (TypeError). To pass
 * one on, bind it: `heap.malloc.bind(heap)`.
 *
 * The methods take an address as a BigInt or as a number, and return BigInts unless the heap was made with
 * {@link HeapOptions.addresses}. A number that is no address (a negative one, a fraction, `NaN`, one above
 * `Number.MAX_SAFE_INTEGER`) is refused as a BigInt is that is outside every main block: by `ERR_MEMS_OUT_OF_RANGE`
 * (RangeError), and {@link owns} returns `false`.
 *
 * @typeParam Address - The type of the addresses that the heap returns.
 */
export interface Heap<Address extends bigint | number = bigint> {
  /**
   * The id of the heap, which {@link HeapConstructor.attach} takes. It can be sent to other threads. No other heap of the process
   * ever has the same id.
   *
   * Ids begin at a random number in each process, so that one which is used in another process by mistake is no heap's
   * there. They are not secret, and heaps are no security boundary: all code of the process can list all heaps and attach
   * to them.
   *
   * A heap whose policy is `'segregated'` is known only to its thread until that reads this property, so that its calls need no
   * atomic operation. Reading it ends that for good, and takes O(slots that wait).
   */
  readonly id: number;
  /**
   * The path by which the heap's file was opened.
   *
   * @throws `ERR_INVALID_ARG_VALUE` if the heap is not in a file, as do `uuid`, `processes` and `roots`.
   */
  readonly path: string;
  /** What no other heap file has: 32 hexadecimal digits, as in `'27083d68-e8aa-4313-80cf-5dc67e635075'`. A copy of a file has the same. */
  readonly uuid: string;
  /**
   * The processes that have the heap's file open for writing, this one among them, and no process that has died, however it died. Takes
   * some microseconds for each process.
   *
   * @example
   * const heap = Heap.open('processes.heap');
   * heap.processes.map(({ pid }) => pid)[0] === process.pid; // true
   * heap.close();
   */
  readonly processes: HeapProcess[];
  /** The names for addresses that are in the heap's file. */
  readonly roots: HeapRoots<Address>;
  /**
   * Returns the map of a name, and makes it if there is none: a cache for all threads that have the heap, and in a heap file for all processes, which
   * outlives them. A heap file has at most 256 maps and roots in all, and a map stays for as long as its heap. In
   * TypeScript, name the type of values in JSON or of `v8.serialize`:
   * `heap.map<User>('users', { encoding: 'json' })`.
   *
   * @param name - A string of 1 to 46 bytes of UTF-8, without zeros.
   * @throws `ERR_MEMS_MAP_NAME`; `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError), `ERR_MEMS_INVALID_SIZE` (RangeError) for an option
   * that is not valid or does not exist; `ERR_MEMS_READ_ONLY` if the heap is for
   * reading only and has no such map; `ERR_MEMS_TOO_MANY_ROOTS`; what `malloc` throws.
   *
   * @example
   * const heap = Heap.open('pages.mems');
   * const pages = heap.map('pages', { encoding: 'string', maxBytes: 2 ** 30, ttl: 3600_000 });
   * pages.set('/home', '<h1>Home</h1>');
   * pages.get('/home'); // '<h1>Home</h1>'
   * pages.has('/news'); // false
   * pages.compareAndSet('/home', '<h1>Home</h1>', '<h1>Hello</h1>'); // true
   * pages.increment('visits'); // 1n
   * [...pages.keys()].sort(); // ['/home', 'visits']
   * pages.delete('/home'); // true
   * // One of all processes renders, the others wait for it:
   * pages.fetch('/news', async () => '<h1>News</h1>').then(() => heap.close());
   */
  map(name: string, options: MapOptions<string> & { encoding: 'string' }): SharedMap<string>;
  map<Value = unknown>(
    name: string,
    options: MapOptions<Value> & { encoding: 'json' | 'v8' },
  ): SharedMap<Value>;
  map<Value = Buffer>(name: string, options?: MapOptions<Value>): SharedMap<Value>;
  /** The names of the heap's maps. There is no call that removes a map; {@link SharedMap.clear} empties one. */
  readonly maps: string[];
  /**
   * As {@link malloc}. Sizes are rounded up as {@link InitOptions.policy} says: by default to a size class.
   *
   * In a heap file, sizes are rounded up to a multiple of 16 bytes, and the exact size is not kept: {@link blockOf} returns the rounded one.
   *
   * @throws In a heap file also `ERR_MEMS_OUT_OF_SPACE`, `ERR_MEMS_READ_ONLY`, `ERR_MEMS_LOCK_TIMEOUT`, `ERR_MEMS_FILE_LOST`,
   * `ERR_MEMS_FILE_CORRUPT`; `ERR_INVALID_ARG_VALUE` (TypeError) if `into` is not the address of a word, or the heap is not in a file.
   */
  malloc(size: number | bigint, options?: HeapMallocOptions): Address;
  /** As {@link calloc}. */
  calloc(count: number | bigint, size: number | bigint): Address;
  /** As {@link alignedAlloc}. */
  alignedAlloc(alignment: number, size: number | bigint): Address;
  /** As {@link realloc}. */
  realloc(address: bigint | number, size: number | bigint, options?: MallocOptions): Address;
  /** As {@link mallocAs}. */
  mallocAs<V extends ArrayBufferView>(
    Type: ViewConstructor<V>,
    count: number | bigint,
    options?: ViewOptions,
  ): { address: Address; view: V };
  /** As {@link allocate}. */
  allocate(size: number | bigint, options?: MallocOptions & ViewOptions): Allocation<Address>;
  /**
   * Waits while a word of a heap file is `expected`, whichever process or thread changes it, and returns how that has ended. The thread does
   * nothing else meanwhile; a worker should do it, and the main thread use {@link Heap.waitAsync}. Who changes the word calls
   * {@link Heap.notify}; a change without that is seen after 50 milliseconds at most.
   *
   * @param address - The address of a word of four bytes in a live block, a multiple of 4.
   * @param expected - What the word is now, as an `Int32Array` or `Uint32Array` has it.
   * @param timeout - In milliseconds, a number: at most a year is waited, and 0 or less only looks. By default, with `Infinity` and with `NaN`
   * there is no limit.
   * @returns `'ok'` if the word has changed, `'not-equal'` if it was another to begin with, `'timed-out'` when the time is over.
   * @throws `ERR_INVALID_ARG_VALUE` (TypeError) if `address` is not that of a word, or the heap is not in a file; `ERR_INVALID_ARG_TYPE`;
   * `ERR_MEMS_FILE_LOST`; what {@link get} throws.
   *
   * @example
   * const heap = Heap.open('waiting.heap');
   * const word = heap.calloc(1, 4);
   * heap.wait(word, 1); // 'not-equal': it is 0
   * heap.wait(word, 0, 10); // 'timed-out'
   * heap.view(word, Int32Array)[0] = 1;
   * heap.notify(word); // wakes those that wait, in all processes
   * heap.close();
   */
  wait(
    address: bigint | number,
    expected: number,
    timeout?: number,
  ): 'ok' | 'not-equal' | 'timed-out';
  /**
   * As {@link Heap.wait}, without holding up the thread: one thread of the addon for each open file waits for all who wait this way in the
   * process. {@link Heap.notify} wakes it, and each promise is settled by a later turn of its event loop. A change without that is seen
   * after 50 milliseconds at most, and 10 microseconds more for each promise that is pending in the process.
   *
   * A pending promise keeps the event loop alive, as a timer does, since it is mostly another process that changes the word. (Node.js, Bun and
   * Deno exit while an `Atomics.waitAsync` is pending.) The block has to stay allocated meanwhile. What a thread waits for ends with
   * the thread, and promises of other threads are still settled.
   *
   * @param address - As of {@link Heap.wait}.
   * @param expected - As of {@link Heap.wait}.
   * @param timeout - As of {@link Heap.wait}, but a timer as of `setTimeout`.
   * @returns A promise of what {@link Heap.wait} returns. It is rejected with what that throws; with `ERR_MEMS_CLOSED` when the heap is closed,
   * by any thread; with `ERR_MEMS_FILE_LOST` when another program cuts the file off; with `ERR_MEMS_FILE` if the system starts no thread.
   */
  waitAsync(
    address: bigint | number,
    expected: number,
    timeout?: number,
  ): Promise<'ok' | 'not-equal' | 'timed-out'>;
  /**
   * Wakes those that {@link Heap.wait} for a word of a heap file, or {@link Heap.waitAsync}, in all processes. It takes a system call only
   * if somebody has waited since the last time.
   *
   * @param address - An address in a live block. All that wait for words of the file look at theirs.
   * @throws `ERR_MEMS_READ_ONLY`; `ERR_INVALID_ARG_VALUE` if the heap is not in a file; what {@link get} throws.
   */
  notify(address: bigint | number): void;
  /**
   * Writes a durable heap ({@link HeapFileOptions.durable}) to the disk, in a thread of its own. When the promise is fulfilled, a power failure brings
   * back what the heap was at one moment of the call, or what a later sync has written: the blocks, the roots, and of each block the bytes that it
   * had then, unless they are stored to later. (Those may be there or not, each page by itself. Addresses in blocks are such bytes, also those that
   * {@link Heap.replace} stores. To replace contents as a whole, write them to a new block, and store its address in a root.)
   *
   * Any process and thread may sync, and calls continue meanwhile; several syncs come one after the other. Calls of a thread while one of its
   * syncs is under way have the next one in common. The last process that closes a
   * file syncs it. On Windows a sync is sure to have what this process has stored in blocks; what other processes have stored may be missing.
   *
   * @returns The number of the sync: one more each time, for as long as the file exists.
   * @throws `ERR_MEMS_SYNC_FAILED` if the disk fails, or has failed before; `ERR_MEMS_NOT_DURABLE`, `ERR_MEMS_READ_ONLY`,
   * `ERR_MEMS_LOCK_TIMEOUT`, `ERR_MEMS_FILE_LOST`; `ERR_INVALID_ARG_VALUE` if the heap is not in a file. All reject the promise.
   *
   * @example
   * const heap = Heap.open('orders.mems', { durable: true });
   * const order = heap.malloc(100);
   * heap.write(order, 'four candles');
   * heap.roots.set('order', order);
   * const synced = await heap.sync();
   * synced.generation; // 1
   * heap.close();
   */
  sync(): Promise<{ generation: number }>;
  /**
   * As {@link Heap.sync}, in this thread, which does nothing else meanwhile: some milliseconds on most disks.
   *
   * @example
   * const heap = Heap.open('ledger.mems', { durable: true, onPowerLoss: 'restore' });
   * heap.roots.set('balance', heap.calloc(1, 8));
   * heap.syncSync(); // { generation: 1 }
   * heap.close();
   */
  syncSync(): { generation: number };
  /** As {@link get}. If addresses are numbers it may throw as {@link HeapOptions.addresses} says. */
  get(address: bigint | number): Address;
  /**
   * As {@link free}. In a heap file, `{ from }` is the address of a word that holds the address of a block: the block is freed and the word
   * cleared, by one operation; see {@link HeapMallocOptions.into}.
   *
   * @throws In a heap file also `ERR_MEMS_READ_ONLY`, `ERR_MEMS_LOCK_TIMEOUT`, `ERR_MEMS_FILE_LOST`; `ERR_MEMS_NOT_ALLOCATED` if the word is 0;
   * `ERR_INVALID_ARG_VALUE` (TypeError) if `from` is not the address of a word, the word is in the block itself, or there are other options.
   */
  free(address: bigint | number | { from: bigint | number }): void;
  /**
   * Stores an address in a word of a heap file, and frees the block whose address was there, if any, by one operation: a process that dies has
   * done both or neither. So data are replaced by a copy that is complete before anybody sees it. If the word has `address` already, nothing
   * changes: a program can repeat a call of which it does not know whether it was done.
   *
   * @param word - The address of a word of eight bytes in a live block, a multiple of 8. It holds 0 or the start of a block.
   * @param address - The start of a live block, or 0 for none.
   * @throws What {@link free} throws about the block that is freed, and about `address`; `ERR_INVALID_ARG_VALUE` if `word` is not the address
   * of a word (TypeError), if it is in the block that would be freed, or if the heap is not in a file; `ERR_MEMS_READ_ONLY`, `ERR_MEMS_LOCK_TIMEOUT`,
   * `ERR_MEMS_FILE_LOST`.
   *
   * @example
   * const heap = Heap.open('replace.heap');
   * const word = heap.calloc(2, 8); // the current text, and one that is being written
   * const old = heap.malloc(16, { into: word });
   * const next = heap.malloc(16, { into: word + 8n });
   * heap.write(next, 'the new text');
   * heap.replace(word, next); // frees the old block
   * heap.view(word, BigUint64Array, 2).set([0n], 1); // the new one is referred to once
   * heap.owns(old); // false
   * heap.close();
   */
  replace(word: bigint | number, address: bigint | number): void;
  /** As {@link mallocMany}. Returns a `Float64Array` if addresses are numbers. */
  mallocMany(sizes: ArrayLike<number | bigint> & Iterable<number | bigint>): AddressArray<Address>;
  /** As {@link freeMany}. Takes every array and typed array of addresses, also of BigInts and numbers side by side. */
  freeMany(addresses: ArrayLike<bigint | number> & Iterable<bigint | number>): void;
  /** As {@link buffer}. */
  buffer(address: bigint | number, length?: number | bigint, options?: ViewOptions): Buffer;
  /** As {@link view}. */
  view(address: bigint | number): Uint8Array;
  view<V extends ArrayBufferView>(
    address: bigint | number,
    Type: ViewConstructor<V>,
    length?: number | bigint,
    options?: ViewOptions,
  ): V;
  /** As {@link read}. */
  read(address: bigint | number, length?: number | bigint): Buffer;
  /** As {@link write}. `write`, `copy` and `fill` throw `ERR_MEMS_READ_ONLY` in a heap that is for reading only. */
  write(address: bigint | number, bytes: ArrayBufferView | string): number;
  /** As {@link copy}. */
  copy(to: bigint | number, from: bigint | number, length: number | bigint): void;
  /** As {@link fill}. */
  fill(address: bigint | number, byte: number, length?: number | bigint): void;
  /** As {@link compare}. */
  compare(a: bigint | number, b: bigint | number, length: number | bigint): -1 | 0 | 1;
  /** As {@link usableSize}. */
  usableSize(address: bigint | number): number;
  /** As {@link blockOf}. */
  blockOf(address: bigint | number): Block<Address>;
  /** As {@link owns}. */
  owns(address: bigint | number): boolean;
  /** As {@link trim}. */
  trim(): number;
  /** As {@link verify}. */
  verify(): void;
  /** As {@link stats}. */
  stats(options?: StatsOptions): Stats;
  /** As {@link metrics}. */
  metrics(options?: MetricsOptions): string;
  /** As {@link unusable}. */
  unusable(size: number | bigint): number;
  /** As {@link lookedAt}. */
  lookedAt(size: number | bigint, options?: MallocOptions): number;
  /** As {@link record}. */
  record(path: string | FileUrl, options?: RecordOptions): void;
  /** As {@link stopRecording}. */
  stopRecording(): Recorded;
  /** As {@link mark}. */
  mark(text: string): void;
  /** As {@link snapshot}. */
  snapshot(path: string | FileUrl): number;
  /** As {@link report}. */
  report(path: string | FileUrl): Promise<number>;
  /** As {@link leaks}. */
  leaks(options?: LeaksOptions & { by?: 'block' }): IterableIterator<Leak<Address>>;
  leaks(options: LeaksOptions & { by: 'site'; order?: 'size' }): IterableIterator<LeakSite>;
  /** As {@link chains}. */
  chains(): IterableIterator<MainBlock<Address>>;
  /** As {@link printStats}. */
  printStats(): void;
  /**
   * Closes the heap for all threads. Its memory is given back to the system, its views show zeros, and from then on every other
   * method throws `ERR_MEMS_CLOSED`. Closing a closed heap does nothing.
   *
   * A heap file stays, with its blocks and roots. In this process it is open until each object that {@link HeapConstructor.open} has returned
   * is closed, or the worker that has opened it has ended; the object itself is closed at once. One that {@link HeapConstructor.attach} has
   * returned ends alone. The last process that closes it waits until the file is
   * on the disk. A process that ends without closing loses nothing. On Windows, views of a heap file that are left show the file, and
   * stores in them reach it, until they are collected. Until then the file cannot be removed there, even if they were made inside `read`
   * or `write`.
   */
  close(): void;
  /** Calls {@link Heap.close}, for `using`. Only where the runtime has `Symbol.dispose`. */
  [Symbol.dispose](): void;
}

/** The class {@link Heap}: what `new Heap()` makes, and its static methods. A class of one's own can extend it. */
export interface HeapConstructor {
  // As of a generic class, so that `instanceof` makes of a value what it did when the class was not generic.
  // biome-ignore lint/suspicious/noExplicitAny: as said.
  readonly prototype: Heap<any>;
  /**
   * Makes a heap. No memory is mapped before the first {@link malloc}.
   *
   * @param options - The options of the heap. With `addresses: 'number'` it is a `Heap<number>`.
   * @throws `ERR_MEMS_INVALID_SIZE`, `ERR_MEMS_INVALID_ALIGNMENT` (RangeError), `ERR_INVALID_ARG_TYPE`,
   * `ERR_INVALID_ARG_VALUE` (TypeError) for an option that is not valid or does not exist.
   * @throws `ERR_MEMS_OUT_OF_MEMORY` if 32768 heaps are open, the most that a process can have.
   */
  // The second type parameter keeps a class that extends `Heap` from having this signature: all that it has must agree.
  new <Kind extends AddressKind, _ extends never>(
    options: HeapOptions<bigint | number> & { addresses: Kind },
  ): Heap<AddressOf<Kind>>;
  new <Address extends bigint | number = bigint>(
    ...options: Address extends bigint
      ? [options?: HeapOptions]
      : [options: HeapOptions<Address> & { addresses: AddressKind<Address> }]
  ): Heap<Address>;
  new (options?: HeapOptions): Heap;
  /**
   * Returns another object for a heap that is open, made by this thread or any other of the process.
   *
   * Called on a subclass of `Heap`, it returns an instance of the subclass: it calls the constructor with `others`, and
   * when the constructor calls `super()`, that attaches to the heap instead of making one. Of the options that it passes only
   * {@link HeapOptions.addresses} matters, and all others are ignored: they are the heap's.
   *
   * @param id - The {@link Heap.id} of the heap.
   * @param options - Which addresses the object returns.
   * @param others - Arguments for the constructor of a subclass.
   * @returns An instance of the class that the method was called on.
   * @throws `ERR_MEMS_CLOSED` if the heap with that id is closed.
   * @throws `ERR_MEMS_UNKNOWN_HEAP` if no heap of this process has had that id, for example because another process sent
   * it; or if the heap is known only to another thread, which has not read its {@link Heap.id} yet.
   * @throws `ERR_INVALID_ARG_TYPE` (TypeError).
   *
   * @example
   * const heap = new Heap();
   * // In a worker that got heap.id by a message:
   * const same = Heap.attach(heap.id);
   * same.malloc(8) === 1000n; // true
   * const numbers = Heap.attach(heap.id, { addresses: 'number' });
   * numbers.malloc(8); // 1016
   *
   * @example
   * const heap = new Heap();
   * const p = heap.malloc(100); // 1000n
   * heap.usableSize(p); // 112
   * heap.malloc(100); // 1112n: the next slot
   * heap.malloc(5); // 5096n: slots of 16 bytes have a page of their own
   * heap.usableSize(heap.malloc(50_000)); // 53248, 13 pages
   * heap.close();
   */
  attach<Kind extends AddressKind>(
    // biome-ignore lint/suspicious/noConfusingVoidType: taken out of the class it has no receiver.
    this: HeapConstructor | void,
    id: number,
    options: HeapOptions<bigint | number> & { addresses: Kind },
  ): Heap<AddressOf<Kind>>;
  attach<H extends Heap<bigint | number> = Heap, Others extends unknown[] = []>(
    // biome-ignore lint/suspicious/noConfusingVoidType: taken out of the class it has no receiver.
    this: (new (...others: Others) => H) | void,
    id: number,
    ...others: Others
  ): H;
  /**
   * Opens the heap in a file, or creates the file. Its memory and bookkeeping are the file itself, which every process that opens it maps: an
   * address in the data is good in all of them, and after a restart. A process that is killed at any moment leaves a sound heap. The guide is
   * `docs/files.md`.
   *
   * Blocks are taken by first fit. Opening takes less than a millisecond however many blocks there are, and one write to the disk if all had closed the file. A file that this process has open
   * already is the same heap, in another thread too, where {@link HeapConstructor.attach} also works; it is closed when each that opened it
   * has closed it. Called on a subclass of `Heap`, it returns an instance of the subclass.
   *
   * @param path - The path of the file, or a `file:` URL.
   * @param options - `hardened`, `trackAllocations` and other options of `new Heap()` do not exist here.
   * @throws `ERR_MEMS_NOT_A_HEAP_FILE`, `ERR_MEMS_FILE_VERSION`, `ERR_MEMS_FILE_CORRUPT`, `ERR_MEMS_NEEDS_RECOVERY`,
   * `ERR_MEMS_NOT_DURABLE`, `ERR_MEMS_SYNC_FAILED`, `ERR_MEMS_FILE_IN_USE`, `ERR_MEMS_FILE_SYSTEM`, `ERR_MEMS_OUT_OF_SPACE`, `ERR_MEMS_LOCK_TIMEOUT` while another process opens or closes
   * it, `ERR_MEMS_TOO_MANY_PROCESSES`, `ERR_MEMS_FILE`: see {@link FileErrorCode}.
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError), `ERR_MEMS_INVALID_SIZE` (RangeError) for an option that is not
   * valid or does not exist; `ERR_MEMS_OUT_OF_MEMORY` if 32768 heaps are open. `ERR_INVALID_URL_SCHEME`,
   * `ERR_INVALID_FILE_URL_HOST`, `ERR_INVALID_FILE_URL_PATH` (TypeError) for a URL that names no file. If the system refuses the file, its own error is the `cause`.
   *
   * @example
   * try {
   *   Heap.open('no-such-folder/greeting.heap');
   * } catch (error) {
   *   error.code; // 'ERR_MEMS_FILE'
   *   error.cause.code; // 'ENOENT'
   * }
   *
   * @example
   * const heap = Heap.open('greeting.heap', { maxSize: 1 << 30 });
   * const address = heap.malloc(100);
   * heap.write(address, 'hello');
   * heap.roots.set('greeting', address);
   * heap.close();
   * // This process or another, now or after a restart:
   * const again = Heap.open('greeting.heap', { create: false });
   * again.read(again.roots.get('greeting'), 5).toString(); // 'hello'
   * again.close();
   * Heap.open('missing.heap', { create: false }); // throws ERR_MEMS_FILE
   */
  open<Kind extends AddressKind>(
    // biome-ignore lint/suspicious/noConfusingVoidType: taken out of the class it has no receiver.
    this: HeapConstructor | void,
    path: string | FileUrl,
    options: HeapFileOptions<bigint | number> & { addresses: Kind },
  ): Heap<AddressOf<Kind>>;
  open<H extends Heap<bigint | number> = Heap>(
    // biome-ignore lint/suspicious/noConfusingVoidType: taken out of the class it has no receiver.
    this: (new () => H) | void,
    path: string | FileUrl,
    options?: HeapFileOptions,
  ): H;
  /**
   * Lists the open heaps of the process, whichever thread made them. So you can find and close heaps that a dead worker has
   * left. {@link HeapConstructor.attach} refuses the id of a heap that only another thread knows, as long as that thread runs and
   * has not read {@link Heap.id}. O(n) for the most heaps n that were ever open at once.
   *
   * @returns An entry for each heap; the first is the default heap if it is running. Heaps that other threads open or close
   * meanwhile may or may not be listed.
   *
   * @example
   * const heap = new Heap({ maxSize: 1 << 20 });
   * Heap.list().find(({ id }) => id === heap.id).options.maxSize; // 1048576
   */
  list(): HeapEntry[];
  /**
   * Looks at a heap file, offline or beside processes that use it, and writes nothing. What a dead process has left for the next one to
   * recover is no damage: it is among the notes. Takes fractions of a millisecond, with `deep` some 60 ms for a million blocks.
   *
   * A durable heap that was open when the system stopped is shown as {@link HeapConstructor.open} brings it back, at its last sync, which takes as
   * long as `deep`; macOS shows what is found. If the sync is damaged, what is found is counted, and not checked.
   *
   * A look takes place between two operations of other processes. If they leave no time for it, it is taken again, 32 times at most.
   *
   * @param path - The path of the file, or its `file:` URL. Symbolic links are followed, and the file may be on any file system.
   * @returns What is in the file, and what is damaged.
   * @throws `ERR_MEMS_NOT_A_HEAP_FILE`, `ERR_MEMS_FILE_VERSION`; `ERR_MEMS_FILE_CORRUPT` if the file's header cannot be read at all;
   * `ERR_MEMS_FILE` if the file cannot be read; `ERR_MEMS_FILE_IN_USE` if others change it during each look; `ERR_MEMS_LOCK_TIMEOUT`;
   * `ERR_MEMS_FILE_LOST`; `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError).
   *
   * @example
   * const heap = Heap.open('pages.heap');
   * heap.roots.set('home', heap.malloc(1000));
   * const { sound, counts, roots, processes } = Heap.verify('pages.heap', { deep: true });
   * sound; // true
   * counts.live; // 1
   * roots[0]; // { name: 'home', address: 1000n, live: true }
   * processes[0].pid === process.pid; // true
   * heap.close();
   */
  verify<Kind extends AddressKind>(
    path: string | FileUrl,
    options: VerifyOptions & { addresses: Kind },
  ): HeapFileReport<AddressOf<Kind>>;
  verify(path: string | FileUrl, options?: VerifyOptions): HeapFileReport;
  /**
   * Mends a heap file that is damaged, or was open when the system stopped: derives everything anew from where blocks start and end. With
   * `into`, the file stays as it is, and a new file gets what is sound of it, with a uuid of its own; extents without blocks at its end are
   * left out.
   *
   * A durable heap that was open when the system stopped needs no repair: {@link HeapConstructor.open} brings back its last sync. A repair does so
   * first, too. If the sync is damaged, it keeps what is found, as {@link HeapFileOptions.onPowerLoss} `'salvage'` does. A note says which.
   *
   * Live blocks stay at their addresses. Lost are extents that the file's table no longer says, or that are cut off; and roots whose blocks
   * are not there. Of maps, entries that make no sense are dropped, others are found again, and all are counted anew. The bytes of other
   * blocks are not looked at. Totals of calls that cannot be become those of a heap that has only allocated the blocks that are there. What
   * was done is among the notes of the report.
   *
   * @param path - The path of the file, or its `file:` URL. No process, this one neither, may have it open for writing.
   * @returns A report of the sound file.
   * @throws `ERR_MEMS_FILE_IN_USE`; `ERR_MEMS_FILE_CORRUPT` if the constant part of the header, its first 44 bytes, is damaged: that cannot
   * be repaired; `ERR_MEMS_FILE` if a file cannot be read or written, or `into` exists; `ERR_MEMS_OUT_OF_SPACE`; what
   * {@link HeapConstructor.verify} throws.
   *
   * @example
   * const { closeSync, openSync, writeSync } = require('fs');
   * const heap = Heap.open('damaged.heap');
   * heap.roots.set('home', heap.malloc(1000));
   * heap.close();
   * const file = openSync('damaged.heap', 'r+');
   * writeSync(file, Buffer.alloc(128), 0, 128, 512);
   * closeSync(file);
   * Heap.verify('damaged.heap').problems; // ['both of its states are damaged']
   * const { sound, notes } = Heap.repair('damaged.heap');
   * sound; // true
   * notes; // ['found that both of its states are damaged']
   */
  repair<Kind extends AddressKind>(
    path: string | FileUrl,
    options: RepairOptions & { addresses: Kind },
  ): HeapFileReport<AddressOf<Kind>>;
  repair(path: string | FileUrl, options?: RepairOptions): HeapFileReport;
  /**
   * Returns the metrics of several heaps in one text, each described once; see {@link metrics}.
   *
   * @param heaps - Heaps, or their ids, by the names that they have in the text. By default all open heaps of the process, named as
   * {@link MetricsOptions.name} says. A heap that has been closed, or that only another thread knows (see {@link Heap.id}), is left out.
   * @param options - As {@link metrics} takes them, without a name.
   * @returns The text. It is empty if there is no heap.
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (TypeError), `ERR_MEMS_INVALID_SIZE` (RangeError).
   *
   * @example
   * const [sessions, cache] = [new Heap(), new Heap()];
   * const text = Heap.metrics({ sessions, cache, default: 0 });
   * text.includes('mems_live_blocks{heap="sessions"} 0\nmems_live_blocks{heap="cache"} 0\n'); // true
   * sessions.close();
   * cache.close();
   */
  metrics(
    heaps?: { readonly [name: string]: Heap<bigint> | Heap<number> | number },
    options?: Omit<MetricsOptions, 'name'>,
  ): string;
}

/** Options of {@link HeapConstructor.verify}. */
export interface VerifyOptions {
  /**
   * Whether all bookkeeping is walked, and all entries of maps; otherwise the header, the table of extents, the length of the file, the
   * counters and the heads of maps are checked.
   *
   * @defaultValue false
   */
  deep?: boolean;
  /** Whether addresses of the report are BigInts or numbers. */
  addresses?: AddressKind;
}

/** Options of {@link HeapConstructor.repair}. */
export interface RepairOptions {
  /** The path of a file that does not exist, or its `file:` URL, which gets what is sound. By default the file is mended in place. */
  into?: string | FileUrl;
  /** Whether addresses of the report are BigInts or numbers. */
  addresses?: AddressKind;
}

/** What is in a heap file; see {@link HeapConstructor.verify} and {@link HeapConstructor.repair}. Lengths are bytes. */
export interface HeapFileReport<Address extends bigint | number = bigint> {
  /** The path of the file. */
  path: string;
  /** What no other heap file has. */
  uuid: string;
  /** The version of the file's layout. */
  layout: number;
  /** Whether nothing is damaged. */
  sound: boolean;
  /** What is damaged, in English. */
  problems: string[];
  /** What is worth knowing besides; for a repair, what was done. */
  notes: string[];
  /** Whether all processes have closed the file, and what they stored is on the disk. */
  clean: boolean;
  /** Whether the heap survives a power failure, as of its last sync: {@link HeapFileOptions.durable}. */
  durable: boolean;
  /** The parts of the file that hold blocks. Each is a main block of the heap. */
  extents: { address: Address; bytes: number }[];
  /** Sums over extents, live blocks, holes and bookkeeping, and the largest hole. */
  bytes: { mapped: number; live: number; holes: number; largestHole: number; metadata: number };
  /** How many live blocks and holes there are. */
  counts: { live: number; holes: number };
  /** The names for addresses, and whether a live block starts there. A program that frees the block of a root has to delete the root. */
  roots: { name: string; address: Address; live: boolean }[];
  /**
   * The maps of the heap ({@link Heap.map}): the address of a map's first block, and what the map counts and may have, as
   * {@link SharedMap.stats} returns it. `sound` is whether nothing of the map is damaged, of which all is looked at only with
   * {@link VerifyOptions.deep}.
   */
  maps: {
    name: string;
    address: Address;
    sound: boolean;
    entries: number;
    bytes: number;
    maxEntries: number;
    maxBytes: number;
  }[];
  /** The processes that have the file open for writing. */
  processes: { slot: number; pid: number; since: Date }[];
}

/**
 * The class of heaps of one's own: see the interface {@link Heap:interface}.
 *
 * @example
 * const heap = new Heap({ maxSize: 1 << 30 });
 * const { address, view } = heap.mallocAs(Float64Array, 1000);
 * heap.close(); // frees everything
 */
export const Heap: HeapConstructor;

/** The error that {@link malloc} throws if there is not enough memory. */
export interface OutOfMemoryError extends Error {
  code: 'ERR_MEMS_OUT_OF_MEMORY';
  /** The size that was asked for, in bytes. */
  size: number;
  /** The largest size that could have been allocated, in bytes. 0 if there was no memory for the heap's bookkeeping. */
  available: number;
}

/**
 * The `code` of every error that MeMS throws. What a user's own function throws, as `encode` of a map, is passed on as it is.
 *
 * - `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`: an argument or an option has another type or value than the message says (TypeError).
 * - `ERR_INVALID_THIS`: a method is called on another object than those of its class (TypeError).
 * - `ERR_INVALID_URL_SCHEME`, `ERR_INVALID_FILE_URL_HOST`, `ERR_INVALID_FILE_URL_PATH`: a URL in the place of a path is no `file:` URL, has a
 *   host, or a path that no file has (TypeError). The runtime's own `fileURLToPath` throws them.
 * - `ERR_MEMS_NOT_INITIALIZED`: the default heap needs {@link init} before the call.
 * - `ERR_MEMS_ALREADY_INITIALIZED`: {@link init} has been called, with other options.
 * - `ERR_MEMS_INVALID_SIZE`: a size, a count or a limit is out of its range (RangeError).
 * - `ERR_MEMS_INVALID_ALIGNMENT`: an alignment is no power of two, or out of its range (RangeError).
 * - `ERR_MEMS_OUT_OF_RANGE`: an address is in no main block of the heap (RangeError).
 * - `ERR_MEMS_NOT_ALLOCATED`: no live block is at an address: it may have been freed.
 * - `ERR_MEMS_NOT_BLOCK_START`: an address is inside of a block. The message has the block's start.
 * - `ERR_MEMS_OUT_OF_BLOCK`: bytes that are asked for are not all in one block, or more than the runtime allows in one view (RangeError).
 * - `ERR_MEMS_MISALIGNED`: a typed array cannot begin at an address, which is no multiple of its elements' size (RangeError).
 * - `ERR_MEMS_CLOSED`: the heap has been closed, or the default heap ended by {@link finish}.
 * - `ERR_MEMS_UNKNOWN_HEAP`: no heap has the id that {@link HeapConstructor.attach} was given.
 * - `ERR_MEMS_OVERFLOW`, `ERR_MEMS_WRITE_AFTER_FREE`: in a hardened heap, bytes behind a block's end or in a freed block have been changed.
 * - `ERR_MEMS_LOCK_LIMIT`: the system does not let the process lock as much memory as the heap would have.
 * - `ERR_MEMS_UNSUPPORTED`: this runtime or this build of the addon cannot do what is asked for.
 * - `ERR_MEMS_OUT_OF_MEMORY`: there is no memory, or the heap has no room below its limit; see {@link OutOfMemoryError}.
 * - `ERR_MEMS_RECORDING`: a recording, snapshot or report cannot be begun, written or ended.
 * - `ERR_MEMS_CORRUPT`: the heap's bookkeeping, or a value of a map, is not what MeMS has written.
 * - `ERR_MEMS_INTERNAL`: a bug in MeMS.
 */
export type ErrorCode =
  | 'ERR_INVALID_ARG_TYPE'
  | 'ERR_INVALID_ARG_VALUE'
  | 'ERR_INVALID_THIS'
  | 'ERR_INVALID_URL_SCHEME'
  | 'ERR_INVALID_FILE_URL_HOST'
  | 'ERR_INVALID_FILE_URL_PATH'
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
  | 'ERR_MEMS_RECORDING'
  | 'ERR_MEMS_CORRUPT'
  | 'ERR_MEMS_INTERNAL'
  | FileErrorCode
  | MapErrorCode
  | LoadErrorCode;

/**
 * The `code` of an error about a heap file; see {@link HeapConstructor.open}. The message names the path, and says what to do. If the
 * system has refused something (`ERR_MEMS_FILE`, `ERR_MEMS_OUT_OF_SPACE`), the error's `cause` is an error as those of `fs`, with `code` (as
 * `'EACCES'`), `errno`, the system's number below zero, `syscall` and `path`.
 *
 * - `ERR_MEMS_NOT_A_HEAP_FILE`: the file does not begin as a heap file does.
 * - `ERR_MEMS_FILE_VERSION`: the file has a layout that this version of MeMS does not read, or features with which it may only read it.
 * - `ERR_MEMS_FILE_CORRUPT`: the file is damaged. The message says where.
 * - `ERR_MEMS_NEEDS_RECOVERY`: the file was open when the system stopped (power, kernel), so the disk may have some of its newer pages
 *   and some of its older; or the disk has failed. See {@link HeapFileOptions.onPowerLoss}.
 * - `ERR_MEMS_NOT_DURABLE`: the file was not made with {@link HeapFileOptions.durable}, and cannot be synced; or a new one would not be, and
 *   `syncEvery` is given.
 * - `ERR_MEMS_SYNC_FAILED`: the system could not write the file to the disk; its own error is the `cause`. What the disk has is
 *   unknown then, and a later attempt could succeed without having written all, so each later sync of each process fails as well, until
 *   all have closed the file and one opens it again, which returns to the last sync that has finished.
 * - `ERR_MEMS_FILE_IN_USE`: another process has the file open with {@link HeapFileOptions.exclusive}, or this one asks for that and others,
 *   or it itself, have it open without. The message names them.
 * - `ERR_MEMS_FILE_SYSTEM`: the file is on a file system on which memory cannot be shared safely. The message names its kind.
 * - `ERR_MEMS_FILE_LOST`: another program has cut the file off. What was there reads as zeros, and stores no longer reach the file.
 *   Every call but {@link Heap.close} throws it from then on.
 * - `ERR_MEMS_READ_ONLY`: the heap was opened with {@link HeapFileOptions.readOnly}, and the call would change it or its bytes.
 * - `ERR_MEMS_OUT_OF_SPACE`: the disk has no room for what the file would have to grow by.
 * - `ERR_MEMS_LOCK_TIMEOUT`: another process has held the file's lock for {@link HeapFileOptions.lockTimeout}. The message names its slot and
 *   process id, and says whether it is alive: for a heap that is only read it may be dead, since only a process that writes takes over its lock.
 * - `ERR_MEMS_TOO_MANY_PROCESSES`: 1024 processes have the file open.
 * - `ERR_MEMS_TOO_MANY_ROOTS`: the heap has 256 roots and maps. A root can be deleted, a map cannot.
 * - `ERR_MEMS_ROOT_NAME`: the name of a root has no bytes, or more than 47.
 * - `ERR_MEMS_FILE`: the system refuses to open, create, map or lock the file; or the path is a symbolic link, no regular file, or a file of
 *   another user that others may write to. The message says which.
 */
export type FileErrorCode =
  | 'ERR_MEMS_NOT_A_HEAP_FILE'
  | 'ERR_MEMS_FILE_VERSION'
  | 'ERR_MEMS_FILE_CORRUPT'
  | 'ERR_MEMS_NEEDS_RECOVERY'
  | 'ERR_MEMS_NOT_DURABLE'
  | 'ERR_MEMS_SYNC_FAILED'
  | 'ERR_MEMS_FILE_IN_USE'
  | 'ERR_MEMS_FILE_SYSTEM'
  | 'ERR_MEMS_FILE_LOST'
  | 'ERR_MEMS_READ_ONLY'
  | 'ERR_MEMS_OUT_OF_SPACE'
  | 'ERR_MEMS_LOCK_TIMEOUT'
  | 'ERR_MEMS_TOO_MANY_PROCESSES'
  | 'ERR_MEMS_TOO_MANY_ROOTS'
  | 'ERR_MEMS_ROOT_NAME'
  | 'ERR_MEMS_FILE';

/**
 * The `code` of an error about a map; see {@link Heap.map}.
 *
 * - `ERR_MEMS_MAP_NAME`: the name of a map has no bytes, or more than 46.
 * - `ERR_MEMS_KEY_TOO_LONG`: a key has more than 65,535 bytes.
 * - `ERR_MEMS_TOO_LARGE`: an entry is larger than the map may be, or a value than 4 GiB. The message has both lengths.
 * - `ERR_MEMS_NOT_A_COUNTER`: {@link SharedMap.increment} is called for a key whose value was set.
 * - `ERR_OUT_OF_RANGE`: a counter would be less than -2^63 or more than 2^63 - 1 (RangeError). It stays as it is.
 */
export type MapErrorCode =
  | 'ERR_MEMS_MAP_NAME'
  | 'ERR_MEMS_KEY_TOO_LONG'
  | 'ERR_MEMS_TOO_LARGE'
  | 'ERR_MEMS_NOT_A_COUNTER'
  | 'ERR_OUT_OF_RANGE';

/**
 * The `code` of an error that is thrown when the package is loaded.
 *
 * - `ERR_MEMS_UNSUPPORTED_PLATFORM`: there is no addon for this platform.
 * - `ERR_MEMS_ADDON_MISSING`: the addon is in none of the places that the message lists.
 * - `ERR_MEMS_ADDON_VERSION`: the addon has another version than the package.
 * - `ERR_MEMS_ADDON_BROKEN`: the addon cannot be loaded, or is not the addon of MeMS. The error's `cause` is what the runtime
 *   threw. If a flag of the runtime is the reason, the message names the flag.
 */
export type LoadErrorCode =
  | 'ERR_MEMS_UNSUPPORTED_PLATFORM'
  | 'ERR_MEMS_ADDON_MISSING'
  | 'ERR_MEMS_ADDON_VERSION'
  | 'ERR_MEMS_ADDON_BROKEN';
