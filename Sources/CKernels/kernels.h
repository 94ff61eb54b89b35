#include "CKernels.h"

const struct docq_kernels *docq_kernels_avx512bf16(void);
const struct docq_kernels *docq_kernels_avx512(void);
const struct docq_kernels *docq_kernels_avx2(void);
const struct docq_kernels *docq_kernels_baseline(void);
