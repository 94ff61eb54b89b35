#include "kernels.h"

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni,avx2,fma"), min_vector_width(512))), apply_to = function)
#define LANES 16
#define TILE_ROWS 12
#define LEVEL_NAME "AVX-512 BF16"
#define BF16_PRODUCTS
#define BYTE_PRODUCTS
#define SUFFIX(name) docq_##name##_avx512bf16
#include "kernels.inc"
#pragma clang attribute pop

const struct docq_kernels *docq_kernels_avx512bf16(void) { return &docq_table_avx512bf16; }
#else
const struct docq_kernels *docq_kernels_avx512bf16(void) { return 0; }
#endif
