/*
 * A program in C that loads the addon without any JavaScript, and uses all of mems.h: heap.c <path of the addon>.
 * Ends with 0, or with 1 and a line that says which expectation was not met. c.test.js compiles and runs it.
 */

#include "mems.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All functions of mems.h, without their prefix. */
#define EACH(X) \
  X(init) X(finish) X(malloc) X(free) X(get) X(heap_open) X(heap_close) X(heap_malloc) X(heap_aligned) X(heap_calloc) \
  X(heap_realloc) X(heap_free) X(heap_get) X(heap_block) X(heap_stats) X(heap_trim) X(heap_record) X(heap_mark) \
  X(heap_snapshot) X(heap_stop_recording) X(heap_verify) X(last_error) X(last_error_message) X(version)

#define PROGRAM "heap.c"
#include "load.h"

static void layouts(void) {
  EXPECT(sizeof(mems_options) == 64 && offsetof(mems_options, policy) == 48);
  EXPECT(sizeof(mems_block) == 24 && offsetof(mems_block, usable) == 16);
  EXPECT(sizeof(mems_stats) == 192 && offsetof(mems_stats, quarantined_blocks) == 136);
}

/* The default heap places blocks as the original does. */
static void default_heap(void) {
  unsigned char *bytes;
  EXPECT(mems.last_error() == MEMS_OK && mems.last_error_message()[0] == '\0');
  EXPECT(mems.malloc(8) == 0);
  EXPECT(mems.last_error() == MEMS_ERROR_NOT_INITIALIZED);
  EXPECT(mems.init() == MEMS_OK && mems.init() == MEMS_OK);
  EXPECT(mems.malloc(1000) == 1000 && mems.malloc(3) == 2000 && mems.malloc(5000) == 5096);
  bytes = mems.get(1000);
  EXPECT(bytes != NULL && bytes == mems.heap_get(MEMS_DEFAULT_HEAP, 1000));
  EXPECT((unsigned char *)mems.get(1999) == bytes + 999);
  memset(bytes, 0xab, 1000);
  EXPECT(mems.heap_realloc(MEMS_DEFAULT_HEAP, 1000, 2000) == 2003);
  bytes = mems.get(2003);
  EXPECT(bytes[0] == 0xab && bytes[999] == 0xab);
  EXPECT(mems.free(2004) == MEMS_ERROR_NOT_BLOCK_START && mems.free(2003) == MEMS_OK);
  EXPECT(mems.free(2003) == MEMS_ERROR_NOT_ALLOCATED && mems.get(2003) == NULL);
  EXPECT(strstr(mems.last_error_message(), "2003 is not allocated") != NULL);
  EXPECT(mems.free(0) == MEMS_OK && mems.last_error() == MEMS_ERROR_NOT_ALLOCATED);
  EXPECT(mems.heap_close(MEMS_DEFAULT_HEAP) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.heap_verify(MEMS_DEFAULT_HEAP) == MEMS_OK);
  EXPECT(mems.finish() == MEMS_OK && mems.finish() == MEMS_ERROR_NOT_INITIALIZED);
}

/* A heap with a limit, filled and emptied, with all that it holds compared. */
static void own_heap(enum mems_policy policy) {
  enum { COUNT = 1000 };
  static uint64_t blocks[COUNT];
  mems_options options = {0};
  mems_stats stats;
  mems_block block;
  uint64_t heap, bytes = 0;
  int i;
  options.max_size = 1 << 24;
  options.policy = policy;
  heap = mems.heap_open(&options);
  EXPECT(heap != 0 && heap < ((uint64_t)1 << 53));
  for (i = 0; i < COUNT; i++) {
    blocks[i] = mems.heap_malloc(heap, (uint64_t)i * 7 % 500 + 1);
    EXPECT(blocks[i] != 0 && (uintptr_t)mems.heap_get(heap, blocks[i]) % 16 == 0);
    EXPECT(mems.heap_block(heap, blocks[i], &block) == MEMS_OK && block.start == blocks[i]);
    EXPECT(block.size == (uint64_t)i * 7 % 500 + 1);
    if (policy == MEMS_POLICY_FIRST_FIT) EXPECT(block.usable == (block.size + 15) / 16 * 16);
    EXPECT(block.usable >= block.size && block.usable % 16 == 0 && block.usable <= block.size + block.size / 8 + 15);
    memset(mems.heap_get(heap, blocks[i]), i & 0xff, block.usable);
  }
  for (i = 0; i < COUNT; i += 2) {
    blocks[i] = mems.heap_realloc(heap, blocks[i], 600);
    EXPECT(blocks[i] != 0);
  }
  for (i = 0; i < COUNT; i++) {
    const unsigned char *content = mems.heap_get(heap, blocks[i]);
    EXPECT(content[0] == (i & 0xff) && content[(uint64_t)i * 7 % 500] == (i & 0xff));
  }
  EXPECT(mems.heap_stats(heap, &stats) == MEMS_OK);
  EXPECT(stats.live_blocks == COUNT && stats.live + stats.hole_bytes == stats.mapped);
  EXPECT(mems.heap_malloc(heap, 1 << 24) == 0 && mems.last_error() == MEMS_ERROR_OUT_OF_MEMORY);
  EXPECT(mems.heap_malloc(heap, MEMS_MAX_SIZE + 1) == 0 && mems.last_error() == MEMS_ERROR_INVALID_SIZE);
  for (i = 0; i < COUNT; i++) EXPECT(mems.heap_free(heap, blocks[i]) == MEMS_OK);
  EXPECT(mems.heap_trim(heap, &bytes) == MEMS_OK && mems.heap_trim(heap, NULL) == MEMS_OK);
  EXPECT(mems.heap_stats(heap, &stats) == MEMS_OK && bytes <= stats.hole_bytes && stats.live == 0);
  blocks[0] = mems.heap_calloc(heap, 100, 100);
  for (i = 0; i < 10000; i++) EXPECT(((const char *)mems.heap_get(heap, blocks[0]))[i] == 0);
  blocks[1] = mems.heap_aligned(heap, 1, 4096);
  EXPECT((uintptr_t)mems.heap_get(heap, blocks[1]) % 4096 == 0);
  EXPECT(mems.heap_aligned(heap, 1, 24) == 0 && mems.last_error() == MEMS_ERROR_INVALID_ALIGNMENT);
  EXPECT(mems.heap_stats(heap, NULL) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.heap_verify(heap) == MEMS_OK);
  EXPECT(mems.heap_close(heap) == MEMS_OK && mems.heap_close(heap) == MEMS_ERROR_CLOSED);
  options.reserved[0] = 1;
  EXPECT(mems.heap_open(&options) == 0 && mems.last_error() == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT((heap = mems.heap_open(NULL)) != 0 && mems.heap_close(heap) == MEMS_OK);
}

/* A recording of two operations, and then what is live in its place. */
static void recordings(const char *path) {
  uint64_t bytes = 0, heap = mems.heap_open(NULL);
  EXPECT(mems.heap_stop_recording(heap) == MEMS_ERROR_RECORDING && mems.heap_mark(heap, "no") == MEMS_ERROR_RECORDING);
  EXPECT(mems.heap_record(heap, "/no such folder/a.mems") == MEMS_ERROR_RECORDING);
  EXPECT(mems.heap_record(heap, NULL) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.heap_record(heap, path) == MEMS_OK && mems.heap_record(heap, path) == MEMS_ERROR_RECORDING);
  EXPECT(mems.heap_malloc(heap, 100) != 0 && mems.heap_mark(heap, "a mark") == MEMS_OK);
  EXPECT(mems.heap_mark(heap, NULL) == MEMS_ERROR_INVALID_ARGUMENT && mems.heap_stop_recording(heap) == MEMS_OK);
  EXPECT(mems.heap_snapshot(heap, path, &bytes) == MEMS_OK && bytes > 0 && mems.heap_close(heap) == MEMS_OK);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  load(arguments[1]);
  layouts();
  default_heap();
  /* 0 stands for the default, which is segregated fit. */
  own_heap(0);
  own_heap(MEMS_POLICY_SEGREGATED);
  own_heap(MEMS_POLICY_FIRST_FIT);
  recordings(arguments[2]);
  printf("MeMS %s from C\n", mems.version());
  return 0;
}
