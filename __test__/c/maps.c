/*
 * Maps from C: maps.c <path of the addon> <path of a heap file>. JavaScript has the file open meanwhile, and has set some keys of its map
 * `pages`. Ends with 0, or with 1 and a line that says which expectation was not met. c.test.js compiles and runs it, and looks at what is
 * in the file then.
 */

#include "mems.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The functions that are used here, without their prefix. */
#define EACH(X) \
  X(heap_open) X(heap_open_file) X(heap_close) X(heap_verify) X(heap_stats) X(map_open) X(map_get) X(map_set) X(map_delete) X(map_close) \
  X(last_error) X(last_error_message)

#define PROGRAM "maps.c"
#include "load.h"

/* The length of the value of a key that is text, which is copied to `into`. */
static uint64_t get(mems_map *map, const char *key, char *into, uint64_t room) {
  uint64_t length = 7;
  EXPECT(mems.map_get(map, key, strlen(key), into, room, &length) == MEMS_OK);
  return length;
}

static int set(mems_map *map, const char *key, const char *value) {
  return mems.map_set(map, key, strlen(key), value, strlen(value), 0);
}

static int has(mems_map *map, const char *key, const char *value) {
  char found[256];
  uint64_t length = get(map, key, found, sizeof found);
  return length == strlen(value) && memcmp(found, value, length) == 0;
}

/* What is wrong with the arguments. */
static void refusals(uint64_t heap) {
  mems_map_options options;
  char long_name[48], byte = 'x';
  static char long_key[65537];
  uint64_t length = 7;
  mems_map *map;
  memset(&options, 0, sizeof options);
  EXPECT(sizeof options == 64 && offsetof(mems_map_options, reserved) == 32);
  EXPECT(mems.map_open(heap, NULL, NULL) == NULL && mems.last_error() == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_open(heap, "\xff", NULL) == NULL && mems.last_error() == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_open(heap, "", NULL) == NULL && mems.last_error() == MEMS_ERROR_MAP);
  memset(long_name, 'n', 47);
  long_name[47] = 0;
  EXPECT(mems.map_open(heap, long_name, NULL) == NULL && mems.last_error() == MEMS_ERROR_MAP);
  EXPECT(mems.map_open(77, "pages", NULL) == NULL && mems.last_error() == MEMS_ERROR_UNKNOWN_HEAP);
  options.reserved[7] = 1;
  EXPECT(mems.map_open(heap, "pages", &options) == NULL && mems.last_error() == MEMS_ERROR_INVALID_ARGUMENT);
  options.reserved[7] = 0;
  options.shards = 3;
  EXPECT(mems.map_open(heap, "pages", &options) == NULL && mems.last_error() == MEMS_ERROR_INVALID_ARGUMENT);
  options.shards = 8192;
  EXPECT(mems.map_open(heap, "pages", &options) == NULL && mems.last_error() == MEMS_ERROR_INVALID_ARGUMENT);
  options.shards = 0;
  options.encoding = 256;
  EXPECT(mems.map_open(heap, "pages", &options) == NULL && mems.last_error() == MEMS_ERROR_INVALID_ARGUMENT);
  map = mems.map_open(heap, "pages", NULL);
  EXPECT(map != NULL);
  EXPECT(mems.map_get(NULL, "a", 1, &byte, 1, &length) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_get(map, NULL, 1, &byte, 1, &length) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_get(map, "a", 1, NULL, 1, &length) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_get(map, "a", 1, &byte, 1, NULL) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_get(map, "a", UINT64_MAX, &byte, 1, &length) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_set(NULL, "a", 1, "b", 1, 0) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_set(map, "a", 1, NULL, 1, 0) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_set(map, long_key, 65536, "b", 1, 0) == MEMS_ERROR_MAP);
  EXPECT(mems.map_delete(NULL, "a", 1, NULL) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.map_close(NULL) == MEMS_OK);
  EXPECT(byte == 'x' && length == 7);
  EXPECT(mems.map_close(map) == MEMS_OK);
}

/* What JavaScript has set is read, and what it is to find is set. */
static mems_map *share(uint64_t heap) {
  mems_map_options options;
  mems_map *text, *json, *bytes;
  char found[64];
  uint64_t length = 7;
  int64_t count;
  int removed = 7;
  memset(&options, 0, sizeof options);
  options.encoding = 1;
  text = mems.map_open(heap, "pages", &options);
  EXPECT(text != NULL);
  EXPECT(has(text, "/js", "<h1>JavaScript</h1>") && has(text, "\xc3\xa9", "e with an accent"));
  EXPECT(get(text, "/none", found, sizeof found) == MEMS_MISSING);
  EXPECT(get(text, "count", (char *)&count, sizeof count) == sizeof count && count == -5);
  /* What there is no room for is not copied. */
  memset(found, 'x', sizeof found);
  EXPECT(get(text, "/js", found, 4) == 19 && found[0] == 'x');
  EXPECT(get(text, "/js", NULL, 0) == 19);
  EXPECT(mems.map_delete(text, "/gone", 5, &removed) == MEMS_OK && removed == 1);
  EXPECT(mems.map_delete(text, "/gone", 5, &removed) == MEMS_OK && removed == 0);
  EXPECT(mems.map_delete(text, "/gone", 5, NULL) == MEMS_OK);
  EXPECT(set(text, "/c", "<h1>C</h1>") == MEMS_OK && has(text, "/c", "<h1>C</h1>"));
  EXPECT(set(text, "/c", "<h1>ISO C</h1>") == MEMS_OK && has(text, "/c", "<h1>ISO C</h1>"));
  EXPECT(mems.map_set(text, "/short", 6, "a", 1, 1) == MEMS_OK);
  /* For as long as a millisecond takes. */
  while (get(text, "/short", found, sizeof found) != MEMS_MISSING) continue;
  EXPECT(mems.map_set(text, NULL, 0, NULL, 0, 3600000) == MEMS_OK);
  EXPECT(mems.map_get(text, NULL, 0, NULL, 0, &length) == MEMS_OK && length == 0);
  options.encoding = 2;
  json = mems.map_open(heap, "pages", &options);
  EXPECT(json != NULL && set(json, "json", "{\"a\":[1,null]}") == MEMS_OK && mems.map_close(json) == MEMS_OK);
  options.encoding = 0;
  options.binary_keys = 1;
  bytes = mems.map_open(heap, "pages", &options);
  EXPECT(bytes != NULL && set(bytes, "bytes", "\xff\x01") == MEMS_OK && mems.map_close(bytes) == MEMS_OK);
  return text;
}

/* A map with limits, which evicts. */
static void limited(uint64_t heap) {
  mems_map_options options;
  mems_map *map;
  static char large[60000];
  char value[1000];
  uint64_t key, length;
  int there = 0;
  memset(&options, 0, sizeof options);
  memset(value, 'v', sizeof value);
  options.max_entries = 10;
  options.max_bytes = 50000;
  options.shards = 1;
  options.checksums = 1;
  map = mems.map_open(heap, "limited", &options);
  EXPECT(map != NULL);
  for (key = 0; key < 100; key++) EXPECT(mems.map_set(map, &key, sizeof key, value, sizeof value, 0) == MEMS_OK);
  for (key = 0; key < 100; key++) {
    EXPECT(mems.map_get(map, &key, sizeof key, value, sizeof value, &length) == MEMS_OK);
    if (length != MEMS_MISSING) there++;
  }
  EXPECT(there == 10);
  EXPECT(mems.map_set(map, "large", 5, large, sizeof large, 0) == MEMS_ERROR_MAP);
  EXPECT(mems.map_close(map) == MEMS_OK);
  options.max_entries = MEMS_UNLIMITED;
  map = mems.map_open(heap, "limited", &options);
  for (key = 0; key < 20; key++) EXPECT(mems.map_set(map, &key, sizeof key, value, 100, 0) == MEMS_OK);
  for (key = there = 0; key < 20; key++) {
    EXPECT(mems.map_get(map, &key, sizeof key, value, sizeof value, &length) == MEMS_OK);
    if (length != MEMS_MISSING) there++;
  }
  EXPECT(there == 20 && mems.map_close(map) == MEMS_OK);
}

static uint64_t shared_heap;

/* A thread with a map of its own. */
static void *work(void *number) {
  mems_map *map = mems.map_open(shared_heap, "threads", NULL);
  char key[32], value[32];
  int i;
  EXPECT(map != NULL);
  for (i = 0; i < 1000; i++) {
    snprintf(key, sizeof key, "%d %d", *(int *)number, i);
    EXPECT(set(map, key, key) == MEMS_OK);
    snprintf(value, sizeof value, "%d %d", *(int *)number, i / 2);
    EXPECT(has(map, value, value));
  }
  EXPECT(mems.map_close(map) == MEMS_OK);
  return NULL;
}

/* A heap that ends, and one that is for reading only. */
static void ends(const char *path) {
  mems_file_options options;
  uint64_t heap = mems.heap_open(NULL), length = 7;
  mems_map *map = mems.map_open(heap, "pages", NULL);
  EXPECT(map != NULL && set(map, "a", "in memory") == MEMS_OK && has(map, "a", "in memory"));
  EXPECT(mems.heap_verify(heap) == MEMS_OK);
  EXPECT(mems.heap_close(heap) == MEMS_OK);
  EXPECT(mems.map_get(map, "a", 1, NULL, 0, &length) == MEMS_ERROR_CLOSED && length == 7);
  EXPECT(set(map, "a", "b") == MEMS_ERROR_CLOSED && mems.map_close(map) == MEMS_OK);
  memset(&options, 0, sizeof options);
  options.read_only = 1;
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_OK);
  map = mems.map_open(heap, "pages", NULL);
  EXPECT(map != NULL && has(map, "/js", "<h1>JavaScript</h1>"));
  EXPECT(set(map, "a", "b") == MEMS_ERROR_READ_ONLY);
  EXPECT(mems.map_delete(map, "/js", 3, NULL) == MEMS_ERROR_READ_ONLY);
  EXPECT(mems.map_open(heap, "none", NULL) == NULL && mems.last_error() == MEMS_ERROR_READ_ONLY);
  EXPECT(mems.map_close(map) == MEMS_OK && mems.heap_close(heap) == MEMS_OK);
}

/* A child of fork, in which the heap has ended, and which opens it anew. */
static void child(mems_map *map, const char *path) {
  uint64_t heap, length = 7;
  who = "a child";
  alarm(30);
  EXPECT(mems.map_get(map, "/js", 3, NULL, 0, &length) == MEMS_ERROR_CLOSED && length == 7);
  EXPECT(set(map, "/child", "a") == MEMS_ERROR_CLOSED);
  EXPECT(mems.heap_open_file(path, NULL, &heap) == MEMS_OK);
  EXPECT(mems.map_close(map) == MEMS_OK);
  map = mems.map_open(heap, "pages", NULL);
  EXPECT(map != NULL && has(map, "/js", "<h1>JavaScript</h1>") && set(map, "/child", "a child") == MEMS_OK);
  EXPECT(mems.map_close(map) == MEMS_OK && mems.heap_close(heap) == MEMS_OK);
  _exit(0);
}

int main(int argc, char **argv) {
  uint64_t heap;
  mems_map *map;
  pthread_t threads[2];
  int numbers[2] = {0, 1}, i, status;
  pid_t pid;
  if (argc < 3) return 2;
  load(argv[1]);
  ends(argv[2]);
  EXPECT(mems.heap_open_file(argv[2], NULL, &heap) == MEMS_OK);
  refusals(heap);
  map = share(heap);
  limited(heap);
  shared_heap = heap;
  for (i = 0; i < 2; i++) EXPECT(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
  for (i = 0; i < 2; i++) EXPECT(pthread_join(threads[i], NULL) == 0);
  pid = fork();
  if (pid == 0) child(map, argv[2]);
  EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
  EXPECT(has(map, "/child", "a child"));
  EXPECT(mems.map_close(map) == MEMS_OK);
  EXPECT(mems.heap_verify(heap) == MEMS_OK && mems.heap_close(heap) == MEMS_OK);
  puts("all maps are well");
  return 0;
}
