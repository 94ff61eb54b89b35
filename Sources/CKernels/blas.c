#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "CKernels.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char problem[256];
static void (*sgemm)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);
static char *(*core_name)(void);

// A product of odd sizes against plain loops: kernels for other processors than this one may compute nonsense.
static int products_are_right(void) {
  enum { M = 37, N = 53, K = 71 };
  static float a[M * K], b[N * K], c[M * N];
  for (int i = 0; i < M * K; i++) a[i] = (float)((i * 7919) % 23) - 11;
  for (int i = 0; i < N * K; i++) b[i] = (float)((i * 104729) % 19) - 9;
  sgemm(101, 111, 112, M, N, K, 1, a, K, b, K, 0, c, N);
  for (int i = 0; i < M; i++)
    for (int j = 0; j < N; j++) {
      float sum = 0;  // small integers: exact in any order
      for (int k = 0; k < K; k++) sum += a[i * K + k] * b[j * K + k];
      if (sum != c[i * N + j]) return 0;
    }
  return 1;
}

static void open_blas(void) {
  // DOCQ_BLAS_KERNELS is the user's own choice, for this program alone.
  const char *wish = getenv("DOCQ_BLAS_KERNELS");
  if (wish && *wish) {
    setenv("OPENBLAS_CORETYPE", wish, 1);
  } else {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
      setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
#endif
  }
  // Threads stand above the products, not inside them.
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(problem, sizeof problem, "OpenBLAS is missing (%s); install libopenblas0", dlerror());
    return;
  }
  core_name = (char *(*)(void))dlsym(library, "openblas_get_corename");
  sgemm = (void (*)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *,
                    int))dlsym(library, "cblas_sgemm");
  if (!sgemm) {
    snprintf(problem, sizeof problem, "libopenblas.so.0 has no cblas_sgemm");
  } else if (!products_are_right()) {
    snprintf(problem, sizeof problem, "OpenBLAS computes wrong products with its %s kernels; try DOCQ_BLAS_KERNELS=Haswell",
             docq_blas_core());
    sgemm = NULL;
  }
}

int docq_blas_open(void) {
  pthread_once(&once, open_blas);
  return sgemm ? 0 : -1;
}

const char *docq_blas_problem(void) { return problem; }

const char *docq_blas_core(void) { return core_name ? core_name() : "unknown"; }

void docq_sgemm(int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                const float *b, int ldb, float beta, float *c, int ldc) {
  // CblasRowMajor 101, CblasNoTrans 111, CblasTrans 112
  sgemm(101, transpose_a ? 112 : 111, transpose_b ? 112 : 111, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
