#include "kernels.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"), min_vector_width(256))), apply_to = function)
#define LANES 8
#define TILE_ROWS 6
#define LEVEL_NAME "AVX2"
#define SUFFIX(name) docq_##name##_avx2
#include "kernels.inc"
#pragma clang attribute pop

const struct docq_kernels *docq_kernels_avx2(void) { return &docq_table_avx2; }
#else
const struct docq_kernels *docq_kernels_avx2(void) { return 0; }
#endif
