// A disk that fails now and then: loaded with LD_PRELOAD it answers some writes and flushes of files below a folder with EIO.
//
//   DOCQ_FAULT_FOLDER   files below this path can fail; the log cannot
//   DOCQ_FAULT_SWITCH   faults happen only while a file of this name exists
//   DOCQ_FAULT_PERCENT  how many of the calls fail

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fails(int descriptor) {
  static __thread unsigned long state = 0;
  const char *folder = getenv("DOCQ_FAULT_FOLDER");
  const char *on = getenv("DOCQ_FAULT_SWITCH");
  const char *percent = getenv("DOCQ_FAULT_PERCENT");
  if (!folder || !on || !percent || access(on, F_OK) != 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  size_t start = strlen(folder);
  if (strncmp(path, folder, start) != 0 || strcmp(path + start, "/log") == 0) return 0;
  if (state == 0) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    state = ((unsigned long)now.tv_nsec ^ (unsigned long)(size_t)&state ^ ((unsigned long)getpid() << 32)) | 1;
  }
  // xorshift64 (Marsaglia, 2003)
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % 100 < strtoul(percent, NULL, 10);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FAILING(type, name, parameters, arguments) \
  type name parameters {                           \
    static __typeof__(&name) real = NULL;          \
    if (!real) real = REAL(name);                  \
    if (fails(descriptor)) {                       \
      errno = EIO;                                 \
      return -1;                                   \
    }                                              \
    return real arguments;                         \
  }

FAILING(ssize_t, write, (int descriptor, const void *bytes, size_t count), (descriptor, bytes, count))
FAILING(ssize_t, pwrite, (int descriptor, const void *bytes, size_t count, off_t place), (descriptor, bytes, count, place))
FAILING(
    ssize_t, pwrite64, (int descriptor, const void *bytes, size_t count, off64_t place), (descriptor, bytes, count, place))
FAILING(int, fsync, (int descriptor), (descriptor))
FAILING(int, fdatasync, (int descriptor), (descriptor))
FAILING(int, ftruncate, (int descriptor, off_t length), (descriptor, length))
FAILING(int, ftruncate64, (int descriptor, off64_t length), (descriptor, length))
