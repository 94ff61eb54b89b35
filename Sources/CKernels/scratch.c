#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "CKernels.h"

struct scratch {
  float *data[2];
  size_t count[2];
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void release(void *value) {
  struct scratch *scratch = value;
  free(scratch->data[0]);
  free(scratch->data[1]);
  free(scratch);
}

static void make_key(void) { pthread_key_create(&key, release); }

float *docq_scratch(int slot, size_t count) {
  static _Thread_local struct scratch *mine;
  if (!mine) {
    pthread_once(&once, make_key);
    mine = calloc(1, sizeof *mine);
    if (!mine) abort();
    pthread_setspecific(key, mine);
  }
  if (mine->count[slot] < count) {
    free(mine->data[slot]);
    mine->count[slot] = count + count / 2 + 1024;
    if (posix_memalign((void **)&mine->data[slot], 64, mine->count[slot] * sizeof(float))) abort();
  }
  return mine->data[slot];
}

void docq_keep_freed_memory(void) {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
}
