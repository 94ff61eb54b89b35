#include "kernels.h"

#define LANES 4
#define TILE_ROWS 4
#define LEVEL_NAME "baseline"
#define SUFFIX(name) docq_##name##_baseline
#include "kernels.inc"

const struct docq_kernels *docq_kernels_baseline(void) { return &docq_table_baseline; }
