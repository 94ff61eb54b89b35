#include "kernels.h"

const struct docq_kernels *docq_kernels_for(enum docq_instructions level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (level == DOCQ_AVX512 || level == DOCQ_AVX512_BF16) {
    const int has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (!has) return 0;
    if (level == DOCQ_AVX512) return docq_kernels_avx512();
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") ? docq_kernels_avx512bf16() : 0;
  }
  if (level == DOCQ_AVX2) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? docq_kernels_avx2() : 0;
  }
#endif
  return level == DOCQ_BASELINE ? docq_kernels_baseline() : 0;
}

const struct docq_kernels *docq_kernels_best(void) {
  const struct docq_kernels *best = docq_kernels_for(DOCQ_AVX512_BF16);
  if (!best) best = docq_kernels_for(DOCQ_AVX512);
  if (!best) best = docq_kernels_for(DOCQ_AVX2);
  return best ? best : docq_kernels_for(DOCQ_BASELINE);
}
