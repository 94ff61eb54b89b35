#include "kernels.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"), min_vector_width(512))), apply_to = function)
#define LANES 16
#define TILE_ROWS 12
#define LEVEL_NAME "AVX-512"
#define SUFFIX(name) docq_##name##_avx512
#include "kernels.inc"
#pragma clang attribute pop

const struct docq_kernels *docq_kernels_avx512(void) { return &docq_table_avx512; }
#else
const struct docq_kernels *docq_kernels_avx512(void) { return 0; }
#endif
