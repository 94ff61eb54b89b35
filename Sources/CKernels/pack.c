#include <math.h>
#include <string.h>

#include "CKernels.h"

static size_t padded(int32_t outputs) { return ((size_t)outputs + DOCQ_GROUP - 1) / DOCQ_GROUP * DOCQ_GROUP; }

// Neighbouring inputs that stand side by side.
static size_t together(int32_t format) { return format == DOCQ_BF16 ? 2 : format == DOCQ_BYTES ? 4 : 1; }

// Inputs as they are packed.
static size_t depth(int32_t inputs, int32_t format) {
  const size_t side = together(format);
  return ((size_t)inputs + side - 1) / side * side;
}

size_t docq_packed_bytes(int32_t inputs, int32_t outputs, int32_t format) {
  const size_t bytes = format == DOCQ_F32 ? 4 : format == DOCQ_BF16 ? 2 : 1;
  return padded(outputs) * depth(inputs, format) * bytes;
}

// To the nearest, ties to even.
static uint16_t bfloat16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 64);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

void docq_pack(const float *const *rows, int32_t inputs, int32_t outputs, int32_t format, void *data, float *scales) {
  const size_t all = padded(outputs);
  for (size_t first = 0; first < all; first += DOCQ_PANEL) {
    const int32_t left = outputs - (int32_t)first;
    const int32_t width = left > DOCQ_PANEL ? DOCQ_PANEL : left > 0 ? left : 0;
    const size_t start = first * depth(inputs, format);
    float factors[DOCQ_PANEL] = {0};
    if (format == DOCQ_INT8 || format == DOCQ_BYTES) {
      for (int32_t o = 0; o < DOCQ_PANEL; o++) {
        float most = 0;
        for (int32_t i = 0; o < width && i < inputs; i++) most = fmaxf(most, fabsf(rows[first + o][i]));
        scales[first + o] = most / 127;
        factors[o] = most > 0 ? 127 / most : 0;
      }
    }
    float sums[DOCQ_PANEL] = {0};
    const size_t side = together(format);
    for (int32_t i = 0; i < (int32_t)depth(inputs, format); i++) {
      for (int32_t o = 0; o < DOCQ_PANEL; o++) {
        const float value = o < width && i < inputs ? rows[first + o][i] : 0;
        const size_t at = start + i / side * side * DOCQ_PANEL + side * o + i % side;
        if (format == DOCQ_F32) {
          ((float *)data)[at] = value;
        } else if (format == DOCQ_BF16) {
          ((uint16_t *)data)[at] = bfloat16(value);
        } else {
          const int8_t integer = (int8_t)lrintf(value * factors[o]);
          ((int8_t *)data)[at] = integer;
          sums[o] += integer;
        }
      }
    }
    if (format == DOCQ_BYTES) memcpy(scales + all + first, sums, sizeof sums);
  }
}
