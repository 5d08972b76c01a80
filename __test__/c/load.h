/*
 * What the test programs in C share: the functions of mems.h that one uses, loaded from the addon. A program defines EACH(X) before, which
 * calls X with the name of each function without its prefix, and PROGRAM, its file's name.
 */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pointer to each function, of the type that the header declares. */
#define POINTER(name) __typeof__(mems_##name) *name;
static struct { EACH(POINTER) } mems;

/* Which of several processes this is, for messages. */
static const char *who = "the program";

#define EXPECT(condition) \
  do { \
    if (!(condition)) fail(__LINE__, #condition); \
  } while (0)

/* Without what runs at exit, which is not for a child of fork. */
static void fail(int line, const char *condition) {
  const char *said = mems.last_error_message ? mems.last_error_message() : "";
  fprintf(stderr, "%s:%d: %s: %s (last error: %s)\n", PROGRAM, line, who, condition, said);
  _exit(1);
}

static void load(const char *path) {
  /* Lazily, which demands least; the addon needs no symbol of Node.js in any case. */
  void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  void *symbol;
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  /* ISO C converts no object pointer to a function pointer, so the bytes are copied, as POSIX wants it to work. */
#define LOAD(name) \
  symbol = dlsym(library, "mems_" #name); \
  EXPECT(symbol != NULL); \
  memcpy(&mems.name, &symbol, sizeof symbol);
  EACH(LOAD)
}
