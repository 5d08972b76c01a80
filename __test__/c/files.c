/*
 * Processes in C that share a heap file: files.c <path of the addon> <path of the file>. The first makes a list in the file, a second one,
 * which has loaded the addon anew, changes it, and children of fork do what they may. Ends with 0, or with 1 and a line that says which
 * expectation was not met. c.test.js compiles and runs it.
 */

/* For madvise. */
#define _DEFAULT_SOURCE

#include "mems.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The functions that are used here, without their prefix. */
#define EACH(X) \
  X(heap_open_file) X(heap_close) X(heap_malloc) X(heap_malloc_into) X(heap_free) X(heap_free_from) X(heap_replace) \
  X(heap_root) X(heap_set_root) X(heap_delete_root) X(heap_get) X(heap_stats) X(heap_trim) X(heap_record) X(heap_mark) \
  X(heap_snapshot) X(heap_stop_recording) X(heap_verify) X(heap_open) X(last_error) X(last_error_message)

#define PROGRAM "files.c"
#include "load.h"

enum { WORDS = 4 };

/* The word of the list's block with this number. */
static uint64_t word(uint64_t list, int number) {
  return list + 8 * (uint64_t)number;
}

static uint64_t value(uint64_t heap, uint64_t address) {
  uint64_t found;
  void *from = mems.heap_get(heap, address);
  EXPECT(from != NULL);
  memcpy(&found, from, sizeof found);
  return found;
}

static uint64_t open_file(const char *path) {
  uint64_t heap = 0;
  EXPECT(mems.heap_open_file(path, NULL, &heap) == MEMS_OK && heap != 0);
  return heap;
}

static uint64_t live_blocks(uint64_t heap) {
  mems_stats stats;
  EXPECT(mems.heap_stats(heap, &stats) == MEMS_OK);
  return stats.live_blocks;
}

static uint64_t list_of(uint64_t heap) {
  uint64_t list;
  EXPECT(mems.heap_root(heap, "list", &list) == MEMS_OK && list != 0);
  return list;
}

/* What is wrong with the arguments. */
static void refusals(const char *path) {
  mems_file_options options;
  uint64_t heap = 7, plain, address = 7;
  memset(&options, 0, sizeof options);
  EXPECT(sizeof options == 64 && offsetof(mems_file_options, reserved) == 44);
  EXPECT(mems.heap_open_file(NULL, NULL, &heap) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.heap_open_file(path, NULL, NULL) == MEMS_ERROR_INVALID_ARGUMENT);
  options.create = -1;
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_ERROR_FILE);
  options.reserved[4] = 1;
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_ERROR_INVALID_ARGUMENT);
  options.reserved[4] = 0;
  options.mode = 0400;
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_ERROR_INVALID_ARGUMENT);
  options.mode = 0;
  options.max_size = MEMS_MAX_SIZE + 1;
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_ERROR_INVALID_SIZE);
  EXPECT(heap == 7);
  plain = mems.heap_open(NULL);
  EXPECT(mems.heap_root(plain, "list", &address) == MEMS_ERROR_FILE && address == 7);
  EXPECT(mems.heap_set_root(plain, "list", 1000) == MEMS_ERROR_FILE);
  EXPECT(mems.heap_malloc_into(plain, 8, 1, 1000) == 0 && mems.last_error() == MEMS_ERROR_FILE);
  EXPECT(mems.heap_close(plain) == MEMS_OK);
}

/* The first process: a block of words, whose blocks are allocated into them. */
static uint64_t begin(const char *path) {
  uint64_t heap = open_file(path), again = open_file(path), list, address;
  int number;
  EXPECT(again == heap);
  list = mems.heap_malloc(heap, 8 * WORDS);
  memset(mems.heap_get(heap, list), 0, 8 * WORDS);
  EXPECT(mems.heap_root(heap, "list", &address) == MEMS_OK && address == 0);
  EXPECT(mems.heap_root(heap, NULL, &address) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.heap_root(heap, "list", NULL) == MEMS_ERROR_INVALID_ARGUMENT);
  EXPECT(mems.heap_set_root(heap, "", list) == MEMS_ERROR_FILE);
  EXPECT(mems.heap_set_root(heap, "list", list + 16) == MEMS_ERROR_NOT_BLOCK_START);
  EXPECT(mems.heap_set_root(heap, "list", list) == MEMS_OK);
  EXPECT(mems.heap_set_root(heap, "other", list) == MEMS_OK && mems.heap_delete_root(heap, "other") == MEMS_OK);
  EXPECT(mems.heap_delete_root(heap, "other") == MEMS_OK);
  EXPECT(mems.heap_malloc_into(heap, 8, 1, list + 1) == 0 && mems.last_error() == MEMS_ERROR_FILE);
  EXPECT(mems.heap_malloc_into(heap, 8, 3, list) == 0 && mems.last_error() == MEMS_ERROR_INVALID_ALIGNMENT);
  for (number = 0; number < WORDS; number++) {
    address = mems.heap_malloc_into(heap, 100, number == 0 ? 1 : 4096, word(list, number));
    EXPECT(address != 0 && value(heap, word(list, number)) == address);
    EXPECT(number == 0 || (uintptr_t)mems.heap_get(heap, address) % 4096 == 0);
    memset(mems.heap_get(heap, address), 'a' + number, 100);
  }
  EXPECT(mems.heap_free_from(heap, list + 1) == MEMS_ERROR_FILE);
  EXPECT(live_blocks(heap) == 1 + WORDS);
  /* Opened twice, so still open. */
  EXPECT(mems.heap_close(again) == MEMS_OK && live_blocks(heap) == 1 + WORDS);
  return heap;
}

/* A heap that other processes change is not recorded, and never shrinks. */
static void other_calls(uint64_t heap, const char *path) {
  char beside[4096];
  uint64_t bytes = 7;
  snprintf(beside, sizeof beside, "%s.mems", path);
  EXPECT(mems.heap_record(heap, beside) == MEMS_ERROR_RECORDING);
  EXPECT(mems.heap_stop_recording(heap) == MEMS_ERROR_RECORDING);
  EXPECT(mems.heap_mark(heap, "here") == MEMS_ERROR_RECORDING);
  EXPECT(mems.heap_trim(heap, &bytes) == MEMS_OK && bytes == 0);
  EXPECT(mems.heap_snapshot(heap, beside, &bytes) == MEMS_OK && bytes > 0);
  EXPECT(mems.heap_verify(heap) == MEMS_OK);
}

/* The second process: it finds the list, and changes it. */
static int second(const char *path) {
  uint64_t heap, list, made;
  mems_file_options options;
  who = "the second process";
  heap = open_file(path);
  list = list_of(heap);
  EXPECT(*(char *)mems.heap_get(heap, value(heap, word(list, 2))) == 'c');
  EXPECT(mems.heap_free_from(heap, word(list, 0)) == MEMS_OK && value(heap, word(list, 0)) == 0);
  EXPECT(mems.heap_free_from(heap, word(list, 0)) != MEMS_OK);
  made = mems.heap_malloc(heap, 3000000);
  memset(mems.heap_get(heap, made), 'n', 3000000);
  EXPECT(mems.heap_replace(heap, word(list, 1), made) == MEMS_OK && value(heap, word(list, 1)) == made);
  EXPECT(mems.heap_replace(heap, word(list, 2), 0) == MEMS_OK && value(heap, word(list, 2)) == 0);
  EXPECT(mems.heap_replace(heap, word(list, 2), 0) == MEMS_OK);
  EXPECT(mems.heap_replace(heap, word(list, 2), made + 16) == MEMS_ERROR_NOT_BLOCK_START);
  EXPECT(live_blocks(heap) == 3 && mems.heap_verify(heap) == MEMS_OK);
  EXPECT(mems.heap_close(heap) == MEMS_OK);
  memset(&options, 0, sizeof options);
  options.exclusive = 1;
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_ERROR_FILE);
  options.exclusive = 0;
  options.read_only = 1;
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_OK);
  EXPECT(mems.heap_malloc(heap, 8) == 0 && mems.last_error() == MEMS_ERROR_READ_ONLY);
  EXPECT(mems.heap_set_root(heap, "list", made) == MEMS_ERROR_READ_ONLY && list_of(heap) == list);
  /* Ends without closing it. */
  return 0;
}

static int wait_for(pid_t pid) {
  int status = 0;
  EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
  return status;
}

/* A child of fork: the heap has ended in it, and the file can be opened anew. */
static void child(uint64_t heap, const char *path) {
  uint64_t anew;
  who = "a child";
  alarm(30);
  EXPECT(mems.heap_malloc(heap, 8) == 0 && mems.last_error() == MEMS_ERROR_CLOSED);
  EXPECT(mems.heap_get(heap, 1000) == NULL && mems.last_error() == MEMS_ERROR_CLOSED);
  EXPECT(mems.heap_close(heap) != MEMS_OK);
  anew = open_file(path);
  EXPECT(anew != heap);
  EXPECT(*(char *)mems.heap_get(anew, value(anew, word(list_of(anew), 1))) == 'n');
  EXPECT(mems.heap_free(anew, mems.heap_malloc(anew, 500)) == MEMS_OK);
  EXPECT(mems.heap_close(anew) == MEMS_OK);
  _exit(0);
}

static const char *shared_path;

/* Opens and closes the file, and uses it, without pause. */
static void *work(void *unused) {
  (void)unused;
  for (;;) {
    uint64_t heap = open_file(shared_path), blocks[16];
    int i;
    for (i = 0; i < 16; i++) blocks[i] = mems.heap_malloc(heap, 16 + 8 * (uint64_t)i);
    for (i = 0; i < 16; i++) EXPECT(mems.heap_free(heap, blocks[i]) == MEMS_OK);
    EXPECT(mems.heap_close(heap) == MEMS_OK);
  }
  return NULL;
}

/* A process that is killed lets go of its slot, though a child of it lives on. */
static void slots(const char *path) {
  int to_child[2], from_child[2];
  char byte = 'x';
  mems_file_options options;
  uint64_t heap;
  pid_t parent;
  EXPECT(pipe(to_child) == 0 && pipe(from_child) == 0);
  parent = fork();
  if (parent == 0) {
    uint64_t theirs;
    pid_t pid;
    who = "a parent";
    theirs = open_file(path);
    EXPECT(mems.heap_malloc(theirs, 48) != 0);
    pid = fork();
    EXPECT(pid >= 0);
    if (pid == 0) {
      /* The child of the process that is killed has let go of the file by now, and waits until it is told to end. */
      close(to_child[1]);
      EXPECT(write(from_child[1], &byte, 1) == 1);
      if (read(to_child[0], &byte, 1) < 0) _exit(1);
      _exit(0);
    }
    for (;;) pause();
  }
  EXPECT(parent > 0);
  close(to_child[0]);
  EXPECT(read(from_child[0], &byte, 1) == 1);
  memset(&options, 0, sizeof options);
  options.exclusive = 1;
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_ERROR_FILE);
  EXPECT(kill(parent, SIGKILL) == 0 && wait_for(parent) == SIGKILL);
  EXPECT(mems.heap_open_file(path, &options, &heap) == MEMS_OK);
  EXPECT(mems.heap_verify(heap) == MEMS_OK && mems.heap_close(heap) == MEMS_OK);
  close(to_child[1]);
}

/* Whether children of fork have maps that are not for them. QEMU gives these to them, and a map of a file keeps the locks on it. */
static int have_children_all_maps(void) {
#ifdef MADV_DONTFORK
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *place = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pid_t pid;
  EXPECT(place != MAP_FAILED && madvise(place, page, MADV_DONTFORK) == 0);
  pid = fork();
  if (pid == 0) _exit(msync(place, page, MS_ASYNC) == 0);
  return wait_for(pid) != 0;
#else
  return 0;
#endif
}

int main(int argc, char **argv) {
  uint64_t heap, list;
  pthread_t threads[2];
  pid_t pid;
  int i, status;
  if (argc < 3) return 2;
  who = "the first process";
  load(argv[1]);
  if (argc > 3) return second(argv[2]);
  refusals(argv[2]);
  heap = begin(argv[2]);
  other_calls(heap, argv[2]);
  list = list_of(heap);
  pid = fork();
  if (pid == 0) {
    execl(argv[0], argv[0], argv[1], argv[2], "second", (char *)NULL);
    _exit(2);
  }
  status = wait_for(pid);
  EXPECT(status == 0);
  /* The block that the other process has added room for. */
  EXPECT(((char *)mems.heap_get(heap, value(heap, word(list, 1))))[2999999] == 'n');
  EXPECT(value(heap, word(list, 0)) == 0 && live_blocks(heap) == 3);
  shared_path = argv[2];
  for (i = 0; i < 2; i++) EXPECT(pthread_create(&threads[i], NULL, work, NULL) == 0);
  for (i = 0; i < 50; i++) {
    pid = fork();
    if (pid == 0) child(heap, argv[2]);
    status = wait_for(pid);
    EXPECT(status == 0);
  }
  EXPECT(*(char *)mems.heap_get(heap, value(heap, word(list, 3))) == 'd');
  if (have_children_all_maps()) {
    puts("all processes are well; not tried: what a child of a dead process leaves of its locks, since children have all maps here");
    fflush(stdout);
    _exit(0);
  }
  /* Without the threads, which cannot be stopped. */
  pid = fork();
  if (pid == 0) {
    char other[4096];
    who = "a process for slots";
    alarm(30);
    snprintf(other, sizeof other, "%s.slots", argv[2]);
    slots(other);
    _exit(0);
  }
  status = wait_for(pid);
  EXPECT(status == 0);
  puts("all processes are well");
  fflush(stdout);
  _exit(0);
}
