/*
 * mems.h: the heaps of MeMS from C, C++ and by FFI.
 *
 * The package's native addon, a file mems.<platform>.node, is a shared library that exports these functions. Its path is
 * what the package exports as `library`; load it with dlopen() or LoadLibrary(), or by koffi, bun:ffi or Deno.dlopen(),
 * and do not unload it: the heaps would be lost. It does not need Node.js, so programs without any JavaScript can use it
 * too. In a process that runs both, C and JavaScript have the same heaps: a block that one of them allocates can be read,
 * written, resized and freed by the other.
 *
 * Addresses. A block has a virtual address, a number, which stays the same until the block is freed, and is never 0.
 * mems_get() translates any address inside a live block into a pointer. The pointer is valid until the block is freed or
 * resized by mems_heap_realloc(), or its heap ends. Nothing checks how it is used.
 *
 * Heap files. mems_heap_open_file() opens a heap that is in a file: its blocks outlive the process, and other processes share them, even
 * when one is killed at any moment. What is in the blocks is for their programs to order, as it is among threads.
 *
 * Maps. mems_map_open() opens a map of keys and values in a heap, one that JavaScript and, in a heap file, other processes have as well.
 *
 * Heaps. The default heap, whose id is MEMS_DEFAULT_HEAP, is the one that JavaScript's init(), malloc() and so on work
 * on. It places blocks exactly as the original MeMS was meant to, without alignment. All other heaps are made by
 * mems_heap_open(), or by `new Heap()` in JavaScript, and have ids below 2^53. No two heaps of a process ever have the same
 * id, and ids begin at a random number in each process. Every thread of the process can use every heap. Functions without a
 * heap among their arguments work on the default heap; the others also work on it if they are given its id.
 *
 * Failures. A call that fails has changed nothing. It returns 0, NULL or an error code, as the comment of each function
 * says. Then mems_last_error() and mems_last_error_message() return the reason, until another call of the same thread fails.
 * No argument but an invalid pointer ends the process, and nothing is printed unless there is a bug in MeMS.
 *
 * Threads. All functions can be called from any thread at any time, but not from a signal handler. A call holds the lock of
 * its heap only while it works on the heap, never while it copies or clears bytes; but mems_map_set() copies with the lock.
 *
 * Forks. fork() waits until no thread is in a call. The child has copies of the heaps that these functions have made, and can
 * use them. (This is not so for a child made by clone() or similar calls.) On Linux, heaps made from JavaScript have ended in
 * the child, unless they were made with { dontFork: false }: their memory is not copied, and must not be touched. Heaps in files have
 * ended in the child on all systems; mems_heap_open_file() opens them anew.
 *
 * Costs are given for a heap of n blocks and holes. Sizes are bytes throughout. MeMS runs on 64-bit systems.
 *
 * What is declared here does not change: neither the type or meaning of a function, nor the layout of a struct, nor the value
 * of a constant. New fields of structs take the place of those that are reserved.
 */

#ifndef MEMS_H
#define MEMS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The id of the default heap. */
#define MEMS_DEFAULT_HEAP ((uint64_t)0)

/* The largest size of a block or a heap, in bytes: 2^53 - 1, the largest whole number that JavaScript counts up to. */
#define MEMS_MAX_SIZE ((uint64_t)9007199254740991)

/* No limit, where 0 stands for a default. */
#define MEMS_UNLIMITED ((uint64_t)-1)

/* The length of a value that is not there. */
#define MEMS_MISSING ((uint64_t)-1)

/* What went wrong. Functions return these as an int. JavaScript's error.code has the same names with ERR_MEMS_. */
typedef enum mems_error {
  /* Nothing: the call succeeded. */
  MEMS_OK = 0,
  /* A pointer that must not be NULL is, a reserved field is not zero, or mems_heap_close() was given the default heap. */
  MEMS_ERROR_INVALID_ARGUMENT = 1,
  /* A size is 0 or above MEMS_MAX_SIZE; or the product of a count and a size is. */
  MEMS_ERROR_INVALID_SIZE = 2,
  /* An alignment is not one of those that the function takes. */
  MEMS_ERROR_INVALID_ALIGNMENT = 3,
  /* The default heap has not been started by mems_init(), or has ended. */
  MEMS_ERROR_NOT_INITIALIZED = 4,
  /* The default heap runs with other options than the default ones. */
  MEMS_ERROR_ALREADY_INITIALIZED = 5,
  /* The heap of that id is closed. */
  MEMS_ERROR_CLOSED = 6,
  /* The system refuses memory, the heap's max_size does, or 32768 heaps are open. */
  MEMS_ERROR_OUT_OF_MEMORY = 7,
  /* The address lies outside every main block of the heap. */
  MEMS_ERROR_OUT_OF_RANGE = 8,
  /* The address lies in a hole: its block has been freed, or there never was one. */
  MEMS_ERROR_NOT_ALLOCATED = 9,
  /* The address lies inside a block and not at its start. */
  MEMS_ERROR_NOT_BLOCK_START = 10,
  /* A range reaches past the end of its block. JavaScript only, so far. */
  MEMS_ERROR_OUT_OF_BLOCK = 11,
  /* mems_heap_verify() found an invariant broken, which is a bug in MeMS. */
  MEMS_ERROR_CORRUPT = 12,
  /* A bug in MeMS. The heap refuses all calls until mems_finish() or mems_heap_close() has ended it. */
  MEMS_ERROR_INTERNAL = 13,
  /* A write past the end of a block was found, by mems_heap_free() or mems_heap_verify() of a hardened heap. */
  MEMS_ERROR_OVERFLOW = 14,
  /* A write to a freed block was found, by mems_heap_free() or mems_heap_verify() of a hardened heap. */
  MEMS_ERROR_WRITE_AFTER_FREE = 15,
  /* The system keeps no more of the process's memory from being swapped out. */
  MEMS_ERROR_LOCK_LIMIT = 16,
  /* No heap of the process has had that id. */
  MEMS_ERROR_UNKNOWN_HEAP = 17,
  /* A recording that cannot be begun, ended or written. */
  MEMS_ERROR_RECORDING = 18,
  /*
   * A heap file that cannot be opened or used: what JavaScript has codes for of their own, as ERR_MEMS_FILE_CORRUPT. Also a heap that is in
   * no file, an address at which there is no word, or a name that no root can have. The message says which.
   */
  MEMS_ERROR_FILE = 19,
  /* The disk has no room for what a heap file would have to grow by. */
  MEMS_ERROR_OUT_OF_SPACE = 20,
  /* Another process has held the lock of a heap file all the time: it may be stopped. For a heap that is only read it may also be dead. */
  MEMS_ERROR_LOCK_TIMEOUT = 21,
  /* A call that would change a heap file that was opened for reading only. */
  MEMS_ERROR_READ_ONLY = 22,
  /*
   * What a map refuses: a name that no map can have, a key that is too long, or an entry that is larger than the map may be. The message says
   * which.
   */
  MEMS_ERROR_MAP = 23
} mems_error;

/* Which hole serves a request. */
typedef enum mems_policy {
  /* The lowest hole that is large enough. */
  MEMS_POLICY_FIRST_FIT = 1,
  /* The first hole that is large enough from where the last search ended, once round. */
  MEMS_POLICY_NEXT_FIT = 2,
  /* The smallest hole that is large enough, the lowest of several. */
  MEMS_POLICY_BEST_FIT = 3,
  /* The largest hole, the lowest of several. */
  MEMS_POLICY_WORST_FIT = 4,
  /* Blocks of powers of two, split in halves that are joined again. Needs join_empty_blocks to be 0 or -1. */
  MEMS_POLICY_BUDDY = 5,
  /*
   * Size classes: a block of up to 32 KiB gets a slot in a span of equal slots, a larger one gets whole pages. Pointers are multiples
   * of 16. The quickest policy.
   */
  MEMS_POLICY_SEGREGATED = 6
} mems_policy;

/*
 * Options of a heap. A struct of zeros stands for the defaults, and so does each field that is zero:
 *
 *   mems_options options = {0};
 *   options.max_size = 1 << 30;
 */
typedef struct mems_options {
  /*
   * Every size is rounded up to a multiple of this number of bytes, and every pointer is one: 1 or 16. Default: 16. With 1 the
   * policy is MEMS_POLICY_FIRST_FIT unless another one is chosen; MEMS_POLICY_SEGREGATED is refused.
   */
  uint64_t alignment;
  /* Least length of a new main block in bytes, from 1 to MEMS_MAX_SIZE, rounded up to pages of 4096. Default: 65536. */
  uint64_t min_block_size;
  /* Most bytes that main blocks may have in sum, from 4096 to MEMS_MAX_SIZE, rounded down to pages. Default: no limit. */
  uint64_t max_size;
  /* Whether a new main block has at least an eighth of the heap's length: 1 yes, -1 no. Default: yes. */
  int32_t growing_blocks;
  /*
   * Whether neighbouring main blocks that are wholly free become one: 1 yes, -1 no. Default: yes; no with MEMS_POLICY_BUDDY. With
   * -1 the policy is MEMS_POLICY_FIRST_FIT unless another one is chosen; MEMS_POLICY_SEGREGATED is refused.
   */
  int32_t join_empty_blocks;
  /* Whether free pages are given back to the system without a call, many at a time: 1 yes, -1 no. Default: yes. */
  int32_t auto_trim;
  /* Whether writes past a block's end and to freed blocks are detected: 1 yes. Default: no. */
  int32_t hardened;
  /* Whether blocks are cleared as they are freed: 1 yes. Default: no. */
  int32_t zero_on_free;
  /* Whether main blocks are kept in memory and, on Linux, out of core dumps: 1 yes. Default: no. */
  int32_t lock_memory;
  /* Which hole serves a request, a value of mems_policy. Default: MEMS_POLICY_SEGREGATED. */
  uint32_t policy;
  /* Zeros. */
  uint32_t reserved[3];
} mems_options;

/* How a heap file is opened. A struct of zeros stands for the defaults, and so does each field that is zero. */
typedef struct mems_file_options {
  /* Most bytes of data that this process lets the file have, from 4096 to 1 TiB. Default: 64 GiB. */
  uint64_t max_size;
  /* Milliseconds that a call waits for another process before it fails. Default: 5000. */
  uint64_t lock_timeout;
  /* The permissions of a file that is created, as for open(), from 0600 to 0777. Default: 0600. */
  uint32_t mode;
  /* Whether a file is created where there is none: 1 yes, -1 no. Default: yes. */
  int32_t create;
  /* Whether the heap is opened for reading only: 1 yes. Default: no. */
  int32_t read_only;
  /* Whether this process has the file for itself: 1 yes. Default: no. */
  int32_t exclusive;
  /* Whether a path that is a symbolic link is followed: 1 yes. Default: no. */
  int32_t follow_symlinks;
  /* Whether the file may be on a file system on which processes cannot share memory safely: 1 yes. Default: no. */
  int32_t any_file_system;
  /* Whether blocks are cleared as they are freed: 1 yes. Default: no. */
  int32_t zero_on_free;
  /* Zeros. */
  uint32_t reserved[5];
} mems_file_options;

/* What a map is opened with. A struct of zeros stands for the defaults, and so does each field that is zero. */
typedef struct mems_map_options {
  /*
   * Most bytes of all blocks of the map, and most entries; others are evicted to stay below them. They are the map's: of those who give one, in
   * all processes, the last one counts. MEMS_UNLIMITED for none. Default: as the map has them, which is none for a new one.
   */
  uint64_t max_bytes;
  uint64_t max_entries;
  /* Into how many parts a new map is divided, a power of two from 1 to 4096. Default: 256, or fewer with less than 256 KiB. */
  uint32_t shards;
  /* Whether each entry of a new map has a checksum, which is compared whenever it is read: 1 yes. Default: no. */
  int32_t checksums;
  /* What values are that are set here, for JavaScript, which decodes them by it: 0 bytes, 1 text in UTF-8, 2 JSON. Up to 255. */
  uint32_t encoding;
  /* Whether JavaScript lists keys that are set here as Buffers: 1 yes. Default: as strings, if they are UTF-8. */
  int32_t binary_keys;
  /* Zeros. */
  uint32_t reserved[8];
} mems_map_options;

/* A map that is open, for one thread at a time. */
typedef struct mems_map mems_map;

/* A live block. */
typedef struct mems_block {
  /* The block's first virtual address. */
  uint64_t start;
  /* Bytes that were requested. */
  uint64_t size;
  /* Bytes that can be used: `size`, rounded up by the heap. */
  uint64_t usable;
} mems_block;

/* Statistics of one moment. live + quarantined + hole_bytes == mapped, always, and mallocs - frees == live_blocks. */
typedef struct mems_stats {
  /* Bytes in main blocks. */
  uint64_t mapped;
  /* Bytes in live blocks. */
  uint64_t live;
  /* Bytes in live blocks that were requested. */
  uint64_t requested;
  /* Bytes in holes. */
  uint64_t hole_bytes;
  /* Bytes of the largest hole; 0 if there is none. */
  uint64_t largest_hole;
  /* Bytes of the heap's bookkeeping, which is kept apart from the memory that is handed out. */
  uint64_t metadata;
  /* Number of main blocks. */
  uint64_t main_blocks;
  /* Number of live blocks. */
  uint64_t live_blocks;
  /* Number of holes. */
  uint64_t holes;
  /* Highest values of mapped, live with quarantined, hole_bytes, largest_hole and metadata since the heap began. */
  uint64_t peak_mapped;
  uint64_t peak_live;
  uint64_t peak_hole_bytes;
  uint64_t peak_largest_hole;
  uint64_t peak_metadata;
  /* Blocks allocated and blocks freed since the heap began; resizing in place is neither. */
  uint64_t mallocs;
  uint64_t frees;
  /* Bytes that are freed but not handed out again yet: in a hardened heap's quarantine, or being cleared. */
  uint64_t quarantined;
  /* Number of blocks that `quarantined` counts. */
  uint64_t quarantined_blocks;
  /* How often main blocks have been appended, or the last one has grown. */
  uint64_t grows;
  /* How often free pages have been given back to the system. */
  uint64_t trims;
  /* Requests for a block, or for another size of one, that were refused for want of memory. */
  uint64_t failed_mallocs;
  /*
   * Bytes of all blocks that were ever allocated, counted as live counts them, and what blocks have grown by where they are. Less live
   * and quarantined, the bytes that were freed.
   */
  uint64_t allocated;
  /* Zeros. */
  uint64_t reserved[2];
} mems_stats;

/*
 * Starts the default heap with its default options. Nothing is mapped before the first block. If the heap runs with these
 * options, from C or by JavaScript's init(), this does nothing, so that every part of a program may call it. O(1).
 *
 * With the environment variable MEMS_RECORD set to a path the heap is recorded; `%p` in it is replaced by the id of the process. A file
 * that cannot be written is ignored.
 *
 * Returns MEMS_OK, MEMS_ERROR_ALREADY_INITIALIZED or MEMS_ERROR_INTERNAL.
 */
int mems_init(void);

/*
 * Ends the default heap for the whole process, JavaScript included: its memory is given back to the system, and every address
 * and pointer of it becomes invalid. (Memory that JavaScript still has a view of stays mapped, as zeros.) mems_init()
 * starts a new one.
 *
 * Returns MEMS_OK or MEMS_ERROR_NOT_INITIALIZED.
 */
int mems_finish(void);

/* mems_heap_malloc() in the default heap, whose blocks have no alignment: see mems_heap_aligned(). */
uint64_t mems_malloc(uint64_t size);

/* mems_heap_free() in the default heap. */
int mems_free(uint64_t address);

/* mems_heap_get() in the default heap. */
void *mems_get(uint64_t address);

/*
 * Makes a heap. NULL stands for the default options, which are those of JavaScript's `new Heap()`. Nothing is mapped before
 * the first block. O(1).
 *
 * Returns the heap's id, below 2^53, which JavaScript's Heap.attach() takes as a number. 0 on failure:
 * MEMS_ERROR_INVALID_ARGUMENT, MEMS_ERROR_INVALID_SIZE, MEMS_ERROR_INVALID_ALIGNMENT, MEMS_ERROR_OUT_OF_MEMORY.
 */
uint64_t mems_heap_open(const mems_options *options);

/*
 * Opens the heap in the file at `path`, UTF-8, or creates the file, and writes the heap's id to `heap`. NULL for `options` stands for the
 * defaults. Other processes can have it open meanwhile: all see the same blocks, at the same addresses, which last when all processes
 * have ended. A file that this process has open already is the same heap, which is closed when mems_heap_close() has been called as
 * often; `options` count for the first. Some dozens of system calls, whatever the file's length.
 *
 * All functions work on such a heap, but mems_heap_record() is refused (MEMS_ERROR_RECORDING), and mems_heap_trim() gives nothing back.
 * Each can also fail with MEMS_ERROR_LOCK_TIMEOUT or MEMS_ERROR_FILE, and those that change the heap with MEMS_ERROR_READ_ONLY or, where
 * it grows, MEMS_ERROR_OUT_OF_SPACE.
 *
 * Returns MEMS_OK, MEMS_ERROR_FILE, MEMS_ERROR_OUT_OF_SPACE, MEMS_ERROR_LOCK_TIMEOUT, MEMS_ERROR_INVALID_SIZE,
 * MEMS_ERROR_OUT_OF_MEMORY, or MEMS_ERROR_INVALID_ARGUMENT if `path` or `heap` is NULL, or `path` is not UTF-8.
 */
int mems_heap_open_file(const char *path, const mems_file_options *options, uint64_t *heap);

/*
 * Writes to `address` the address that `name`, UTF-8, stands for in a heap that is in a file; 0 if it stands for none. O(256).
 *
 * Returns MEMS_OK, MEMS_ERROR_FILE if the heap is in no file, or MEMS_ERROR_INVALID_ARGUMENT if `name` or `address` is NULL, or `name` is
 * not UTF-8.
 */
int mems_heap_root(uint64_t heap, const char *name, uint64_t *address);

/*
 * Lets `name`, UTF-8, of 1 to 47 bytes, stand for the block that starts at `address`, in all processes and for good. A name that stands for
 * another gets this one. There are 256 at most. O(256).
 *
 * Returns MEMS_OK, MEMS_ERROR_FILE, MEMS_ERROR_READ_ONLY, the errors of mems_heap_free() for `address`, or MEMS_ERROR_INVALID_ARGUMENT if
 * `name` is NULL or not UTF-8.
 */
int mems_heap_set_root(uint64_t heap, const char *name, uint64_t address);

/*
 * Forgets `name`; the block stays. Does nothing if it stands for none. O(256).
 *
 * Returns MEMS_OK, MEMS_ERROR_FILE, MEMS_ERROR_READ_ONLY, or MEMS_ERROR_INVALID_ARGUMENT if `name` is NULL or not UTF-8.
 */
int mems_heap_delete_root(uint64_t heap, const char *name);

/*
 * Allocates a block as mems_heap_aligned() does in a heap that is in a file, and stores its address in the word at `into`, eight bytes of a
 * live block at a multiple of 8, by the same operation: whenever the process dies, both have happened or neither. `alignment` can be 1.
 *
 * Returns as mems_heap_aligned(); also fails with MEMS_ERROR_FILE if there is no word at `into`, or the heap is in no file.
 */
uint64_t mems_heap_malloc_into(uint64_t heap, uint64_t size, uint64_t alignment, uint64_t into);

/*
 * Frees the block whose address is in the word at `word`, and stores 0 there, by the same operation. The word must not be in the block.
 *
 * Returns as mems_heap_free(), and MEMS_ERROR_NOT_ALLOCATED or MEMS_ERROR_OUT_OF_RANGE if the word is 0; also MEMS_ERROR_FILE as
 * mems_heap_malloc_into(), and MEMS_ERROR_READ_ONLY.
 */
int mems_heap_free_from(uint64_t heap, uint64_t word);

/*
 * Stores `address`, at which a live block starts, or 0, in the word at `word`, and frees the block whose address was there, if one was, by
 * the same operation.
 *
 * Returns as mems_heap_free_from(), but MEMS_OK if the word is 0.
 */
int mems_heap_replace(uint64_t heap, uint64_t word, uint64_t address);

/*
 * Opens the map of `name`, UTF-8, of 1 to 46 bytes, in a heap, and makes it if there is none: what heap.map() of JavaScript is, with the same
 * entries. In a heap file all processes have it, and it outlives them. NULL for `options` stands for the defaults. Each call returns another
 * mems_map, which only one thread uses at a time; other threads open the map as well. It is to be closed by mems_map_close(), and keeps the
 * memory of the heap until then, also if the heap ends. O(256).
 *
 * Returns the map; NULL on failure: MEMS_ERROR_MAP, MEMS_ERROR_FILE, MEMS_ERROR_READ_ONLY if the heap is for reading only and has no such
 * map, MEMS_ERROR_INVALID_ARGUMENT if `name` is NULL or not UTF-8, or a field of `options` is out of its range, or for the reasons of
 * mems_heap_malloc(). The functions below can also fail with MEMS_ERROR_CLOSED and, in a heap file, with MEMS_ERROR_LOCK_TIMEOUT and
 * MEMS_ERROR_FILE; those that change something with MEMS_ERROR_READ_ONLY.
 */
mems_map *mems_map_open(uint64_t heap, const char *name, const mems_map_options *options);

/*
 * Copies the value of the key of `key_bytes` bytes at `key`, 65535 at most, to `into` if there is `room` for all of its bytes, and writes their
 * number to `length`, which may be above `room`: nothing is copied then. MEMS_MISSING if the key has no value, or one that has expired.
 * `into` can be NULL if `room` is 0. A counter of JavaScript's increment() is a number of 64 bits with a sign, little-endian. Takes no
 * lock, and waits for nobody. O(1), plus O(length).
 *
 * Returns MEMS_OK, or MEMS_ERROR_INVALID_ARGUMENT if a pointer is NULL that must not be.
 */
int mems_map_get(mems_map *map, const void *key, uint64_t key_bytes, void *into, uint64_t room, uint64_t *length);

/*
 * Sets the value of a key to the `value_bytes` bytes at `value`, below 2^32, for `ttl` milliseconds; 0: for ever. Whenever the process dies,
 * the key has the new value or the one of before. Amortized O(1), plus O(value_bytes), with the heap's lock.
 *
 * Returns MEMS_OK, MEMS_ERROR_MAP, MEMS_ERROR_OUT_OF_MEMORY, MEMS_ERROR_OUT_OF_SPACE, or MEMS_ERROR_INVALID_ARGUMENT as mems_map_get().
 */
int mems_map_set(mems_map *map, const void *key, uint64_t key_bytes, const void *value, uint64_t value_bytes, uint64_t ttl);

/*
 * Removes a key, and writes to `removed`, unless that is NULL, 1 if it had a value, else 0. O(1), with the heap's lock.
 *
 * Returns MEMS_OK, or MEMS_ERROR_INVALID_ARGUMENT as mems_map_get().
 */
int mems_map_delete(mems_map *map, const void *key, uint64_t key_bytes, int *removed);

/*
 * Ends the use of `map`, whose entries stay; does nothing if that is NULL.
 *
 * Returns MEMS_OK.
 */
int mems_map_close(mems_map *map);

/*
 * Ends a heap for the whole process, as mems_finish() ends the default one, however many blocks it has.
 *
 * Returns MEMS_OK, MEMS_ERROR_CLOSED, MEMS_ERROR_UNKNOWN_HEAP, or MEMS_ERROR_INVALID_ARGUMENT for the default heap.
 */
int mems_heap_close(uint64_t heap);

/*
 * Allocates `size` bytes, from 1 to MEMS_MAX_SIZE, by the heap's policy: by default a slot of the size class that holds them, or
 * whole pages above 32 KiB. In the default heap the block is the front of the lowest hole that is large enough, else of a new main
 * block. Memory that was allocated before still holds its old contents. Amortized O(log n), O(1) for slots.
 *
 * Returns the block's virtual address; 0 on failure: MEMS_ERROR_INVALID_SIZE, MEMS_ERROR_OUT_OF_MEMORY,
 * MEMS_ERROR_NOT_INITIALIZED (the default heap), MEMS_ERROR_CLOSED, MEMS_ERROR_UNKNOWN_HEAP (any other),
 * MEMS_ERROR_INTERNAL. Every function below can fail with the last four, too.
 */
uint64_t mems_heap_malloc(uint64_t heap, uint64_t size);

/*
 * Allocates a block as mems_heap_malloc() does, whose pointer is a multiple of `alignment`, a power of two from
 * 1 to 2097152 (2 MiB). Note the order: C's aligned_alloc() has the alignment first. The block stays aligned when
 * mems_heap_realloc() moves it. Amortized O(log n).
 *
 * Returns as mems_heap_malloc(); also fails with MEMS_ERROR_INVALID_ALIGNMENT.
 */
uint64_t mems_heap_aligned(uint64_t heap, uint64_t size, uint64_t alignment);

/*
 * Allocates `count` times `size` bytes, both from 1, which are all zero. Amortized O(log n), plus O(bytes) if the memory was
 * allocated before; memory that was never allocated is known to be zero.
 *
 * Returns as mems_heap_malloc(). A product above MEMS_MAX_SIZE is MEMS_ERROR_INVALID_SIZE, not an overflow.
 */
uint64_t mems_heap_calloc(uint64_t heap, uint64_t count, uint64_t size);

/*
 * Changes the size of the block that starts at `address`, from 1 to MEMS_MAX_SIZE, and keeps its bytes up to the lesser of
 * both sizes. The block stays where it is if it becomes smaller, or if the hole behind it has enough room. Otherwise it moves,
 * and its old address becomes invalid. It keeps the alignment that it was allocated with. If `address` is 0, this is
 * mems_heap_malloc(). Amortized O(log n), plus O(size) if it moves.
 *
 * Returns the block's address; 0 on failure, for the reasons of mems_heap_malloc() and mems_heap_free(). The block is
 * unchanged then.
 */
uint64_t mems_heap_realloc(uint64_t heap, uint64_t address, uint64_t size);

/*
 * Frees the block that starts at `address`; does nothing if that is 0. Amortized O(log n).
 *
 * Returns MEMS_OK, MEMS_ERROR_OUT_OF_RANGE, MEMS_ERROR_NOT_ALLOCATED (also for a block that was freed before, unless
 * another starts there by now) or MEMS_ERROR_NOT_BLOCK_START; in a hardened heap MEMS_ERROR_OVERFLOW or
 * MEMS_ERROR_WRITE_AFTER_FREE, and the block is still live.
 */
int mems_heap_free(uint64_t heap, uint64_t address);

/*
 * Translates an address, which can be any inside a live block, into a pointer. O(log n).
 *
 * Returns the pointer to the byte at `address`; NULL on failure: MEMS_ERROR_OUT_OF_RANGE, MEMS_ERROR_NOT_ALLOCATED.
 */
void *mems_heap_get(uint64_t heap, uint64_t address);

/*
 * Writes to `block` the live block that `address` is in. O(1).
 *
 * Returns MEMS_OK, MEMS_ERROR_OUT_OF_RANGE, MEMS_ERROR_NOT_ALLOCATED or MEMS_ERROR_INVALID_ARGUMENT if `block` is NULL.
 */
int mems_heap_block(uint64_t heap, uint64_t address, mems_block *block);

/*
 * Writes the heap's statistics to `stats`. O(log n).
 *
 * Returns MEMS_OK or MEMS_ERROR_INVALID_ARGUMENT if `stats` is NULL.
 */
int mems_heap_stats(uint64_t heap, mems_stats *stats);

/*
 * Gives the whole pages inside holes back to the system, and writes their bytes to `bytes` unless that is NULL. No address
 * and no pointer changes. O(k log n) and a system call for each of k holes of a page or more; on Windows O(bytes) as well.
 * It is done in steps, between which other threads use the heap.
 *
 * Returns MEMS_OK.
 */
int mems_heap_trim(uint64_t heap, uint64_t *bytes);

/*
 * Begins to record what the calls of the heap do, from C and from JavaScript, into the file at `path`, UTF-8. A file that is there is
 * replaced. O(n) for a heap with n blocks; a call of a heap that records takes some 10 to 20 ns more, and a thread that writes takes
 * 20 to 60 ns of processor time for each.
 *
 * Returns MEMS_OK, MEMS_ERROR_RECORDING if the heap is being recorded already, is in a file, or the recording cannot be written,
 * MEMS_ERROR_OUT_OF_MEMORY, or MEMS_ERROR_INVALID_ARGUMENT if `path` is NULL or not UTF-8.
 */
int mems_heap_record(uint64_t heap, const char *path);

/*
 * Ends the recording of the heap, and waits until the file is written. mems_heap_close(), mems_finish() and the exit of the process do
 * so as well.
 *
 * Returns MEMS_OK, or MEMS_ERROR_RECORDING if the heap is not being recorded or the disk has failed meanwhile: the recording was cut
 * off then, and no other call has failed.
 */
int mems_heap_stop_recording(uint64_t heap);

/*
 * Puts `mark`, UTF-8, of which at most 4096 bytes are kept, between the operations that are recorded.
 *
 * Returns MEMS_OK, MEMS_ERROR_RECORDING if the heap is not being recorded, or MEMS_ERROR_INVALID_ARGUMENT if `mark` is NULL or not
 * UTF-8.
 */
int mems_heap_mark(uint64_t heap, const char *mark);

/*
 * Writes the main blocks and live blocks of the heap to the file at `path`, UTF-8, as a recording of no operations, and the length of
 * the file to `bytes` unless that is NULL. A file that is there is replaced. O(n), of which other threads wait for the reading, and
 * not for the writing.
 *
 * Returns MEMS_OK, MEMS_ERROR_RECORDING if the file cannot be written, MEMS_ERROR_OUT_OF_MEMORY, or MEMS_ERROR_INVALID_ARGUMENT if
 * `path` is NULL or not UTF-8.
 */
int mems_heap_snapshot(uint64_t heap, const char *path, uint64_t *bytes);

/*
 * Walks the whole heap and checks every invariant of it. O(n), and other threads that use the heap wait for it.
 *
 * Returns MEMS_OK or MEMS_ERROR_CORRUPT, which is a bug in MeMS; in a hardened heap MEMS_ERROR_OVERFLOW or
 * MEMS_ERROR_WRITE_AFTER_FREE, which are not.
 */
int mems_heap_verify(uint64_t heap);

/*
 * Returns the mems_error of the last call of this thread that failed; MEMS_OK if none has. Calls that succeed do not change
 * it.
 */
int mems_last_error(void);

/*
 * Returns the message of that error in English, with the addresses and sizes. It is for people; programs should not compare it.
 * Empty if no call has failed; at most 511 bytes of UTF-8, and never NULL. Valid until another call of this thread fails, or the
 * thread ends. It must not be freed.
 */
const char *mems_last_error_message(void);

/* Returns the version of the package, for example "2.0.0". It must not be freed. */
const char *mems_version(void);

#ifdef __cplusplus
}
#endif

#endif /* MEMS_H */
