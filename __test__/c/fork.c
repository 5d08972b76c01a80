/*
 * Threads allocate and free without pause while the process forks; each child uses the heaps. One heap is recorded, by the parent
 * alone. Run with the path of the addon, and that of the recording.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mems.h"

enum { THREADS = 2, FORKS = 100, BLOCKS = 64 };

static uint64_t (*heap_malloc)(uint64_t, uint64_t);
static int (*heap_free)(uint64_t, uint64_t);
static uint64_t (*heap_open)(const mems_options *);
static int (*heap_record)(uint64_t, const char *);
static int (*heap_stop_recording)(uint64_t);
static void *(*heap_get)(uint64_t, uint64_t);
static uint64_t other, recorded;

/* A function's address, by way of an object pointer: ISO C has no other. */
static void find(void *library, const char *name, void *function) {
  void *found = dlsym(library, name);
  if (!found) {
    fprintf(stderr, "%s is missing\n", name);
    exit(2);
  }
  *(void **)function = found;
}

static void *work(void *heap) {
  for (;;) {
    uint64_t blocks[BLOCKS];
    int i;
    for (i = 0; i < BLOCKS; i++) blocks[i] = heap_malloc(*(uint64_t *)heap, 16 + 8 * (uint64_t)i);
    for (i = 0; i < BLOCKS; i++) heap_free(*(uint64_t *)heap, blocks[i]);
  }
  return NULL;
}

/* What a child does; 0 if all is well. */
static int child(uint64_t kept) {
  uint64_t heaps[2], new_heap;
  int i;
  alarm(10);
  heaps[0] = MEMS_DEFAULT_HEAP;
  heaps[1] = other;
  for (i = 0; i < 2; i++) {
    uint64_t block = heap_malloc(heaps[i], 48);
    if (!block || heap_free(heaps[i], block) != MEMS_OK) return 1;
  }
  if (*(char *)heap_get(MEMS_DEFAULT_HEAP, kept) != 'k') return 2;
  if (!heap_malloc(recorded, 4096) || heap_stop_recording(recorded) != MEMS_ERROR_RECORDING) return 4;
  new_heap = heap_open(NULL);
  if (!new_heap || !heap_malloc(new_heap, 8)) return 3;
  return 0;
}

int main(int argc, char **argv) {
  void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
  int (*init)(void);
  pthread_t threads[THREADS];
  static uint64_t defaults = MEMS_DEFAULT_HEAP;
  uint64_t kept;
  int i, status;
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  find(library, "mems_init", &init);
  find(library, "mems_heap_malloc", &heap_malloc);
  find(library, "mems_heap_free", &heap_free);
  find(library, "mems_heap_open", &heap_open);
  find(library, "mems_heap_get", &heap_get);
  find(library, "mems_heap_record", &heap_record);
  find(library, "mems_heap_stop_recording", &heap_stop_recording);
  if (init() != MEMS_OK || !(other = heap_open(NULL))) return 2;
  kept = heap_malloc(MEMS_DEFAULT_HEAP, 1);
  *(char *)heap_get(MEMS_DEFAULT_HEAP, kept) = 'k';
  if (argc < 3 || !(recorded = heap_open(NULL)) || heap_record(recorded, argv[2]) != MEMS_OK) return 2;
  for (i = 0; i < THREADS; i++) {
    if (pthread_create(&threads[i], NULL, work, i % 2 ? &other : &defaults)) return 2;
  }
  for (i = 0; i < FORKS; i++) {
    pid_t pid;
    if (!heap_malloc(recorded, 16)) return 2;
    pid = fork();
    if (pid == 0) _exit(child(kept));
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return 2;
    if (status != 0) {
      fprintf(stderr, "child %d: status %d\n", i, status);
      return 1;
    }
  }
  if (heap_stop_recording(recorded) != MEMS_OK) return 3;
  puts("all children are well");
  fflush(stdout);
  _exit(0);
}
