// The inner loops of the transformer, each in four versions: AVX-512 with and without products of BF16 numbers, AVX2 with
// FMA, and whatever the compiler's default is. One source (kernels.inc) is compiled for each; the best that this processor runs is chosen at start.
#ifndef DOCQ_KERNELS_H
#define DOCQ_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// Outputs that stand side by side in a packed matrix; outputs that are worked on together; rows that are.
#define DOCQ_PANEL 16
#define DOCQ_GROUP 32
#define DOCQ_BLOCK_ROWS 96

enum docq_format { DOCQ_F32 = 0, DOCQ_BF16 = 1, DOCQ_INT8 = 2, DOCQ_BYTES = 3 };

// A weight matrix [outputs, inputs] in panels of 16 outputs: data[panel][input][16], with zeros behind the last output
// up to a whole group of 32.
// BF16 has the weights of two neighbouring inputs side by side: data[panel][input / 2][16][2], with a zero behind an odd
// number of inputs. Where the processor multiplies BF16 numbers, x is rounded to BF16, too; sums are F32 in any case.
// INT8 has one scale per output: weight = scale x integer.
// BYTES has the same integers, those of four neighbouring inputs side by side: data[panel][input / 4][16][4], with zeros
// behind the last input; behind the scales stand the sums of each output's integers. Each row of x becomes 8-bit numbers
// between its least and its greatest value, so that the sums are exact integers.
// The bias, one for each output and zeros up to a whole group, is added to every product; NULL for none.
struct docq_packed {
  const void *data;
  const float *scales;
  const float *bias;
  int32_t inputs;
  int32_t outputs;
  int32_t format;
};

// Keys and values that a group of queries sees: `count` rows of heads x head size, `stride` floats apart.
struct docq_span {
  const float *keys;
  const float *values;
  ptrdiff_t stride;
  const int32_t *times;
  const int32_t *variates;  // may be NULL without a bias
  int32_t count;
};

struct docq_attention {
  int32_t heads;
  int32_t head_size;
  int32_t causal;            // a key is seen where its time is not after the query's
  int32_t rounds;            // products may be of BF16 numbers, where that is faster
  float scale;
  const float *bias;         // [2, heads]: other variate, same variate; or NULL
  const struct docq_span *spans;
  int32_t span_count;
};

// Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (ICLR 2019).
struct docq_adamw {
  float rate, beta1, beta2, epsilon, decay;
  float correction1, correction2;  // 1 - beta^step
  float gradient_scale;
};

struct docq_kernels {
  const char *name;
  // Whether products of BYTES are the fastest: elsewhere they are right, but slow.
  int32_t multiplies_bytes;
  // y[r, o] = (or +=, with accumulate) sum_i x[row r, i] w[o, i] + bias[o] for the groups first..<last of 32 outputs.
  // `rows` picks and orders the rows of x; NULL takes them as they stand.
  void (*matmul)(const float *x, ptrdiff_t x_stride, const int32_t *rows, int32_t row_count,
                 const struct docq_packed *weights, int32_t first_group, int32_t last_group, float *y,
                 ptrdiff_t y_stride, int32_t accumulate);
  // y[r] = x[r] / sqrt(mean(x[r]^2) + epsilon) * weight; in place when y == x.
  void (*rms_norm)(const float *x, float *y, int32_t rows, int32_t size, const float *weight, float epsilon);
  // y[r] = (x[r] - mean) / sqrt(variance + epsilon) * weight + bias.
  void (*layer_norm)(const float *x, float *y, int32_t rows, int32_t size, const float *weight, const float *bias,
                     float epsilon);
  void (*softmax)(float *x, int32_t rows, int32_t size);
  // gate[i] = silu(gate[i]) * up[i]
  void (*silu_multiply)(float *gate, const float *up, size_t count);
  void (*silu)(float *x, size_t count);
  // Gaussian error unit in its tanh form.
  void (*gelu)(float *x, size_t count);
  // y += a x
  void (*add_scaled)(float *y, const float *x, float a, size_t count);
  // Rotates the pairs (2 i, 2 i + 1) of each head's dimensions `first`..<`first` + 2 x pairs by the angles of the row;
  // cosine and sine are [rows, pairs].
  void (*rotate)(float *x, int32_t rows, ptrdiff_t stride, int32_t heads, int32_t head_size, int32_t first,
                 int32_t pairs, const float *cosine, const float *sine);
  // out[q] = softmax(scale q . k + bias) . v for `count` queries.
  void (*attention)(const struct docq_attention *about, const float *queries, ptrdiff_t query_stride,
                    const int32_t *times, const int32_t *variates, int32_t count, float *out, ptrdiff_t out_stride);
  // Squared Euclidean distances [rows, count] between rows of x and centres.
  void (*squared_distances)(const float *x, ptrdiff_t stride, int32_t rows, const float *centres, int32_t count,
                            int32_t size, float *out);

  // Backward passes. What ends in `_backward` adds to its d... outputs unless it works in place.
  void (*rms_norm_backward)(const float *x, const float *weight, const float *dy, float *dx, float *dweight,
                            int32_t rows, int32_t size, float epsilon);
  void (*layer_norm_backward)(const float *x, const float *weight, const float *dy, float *dx, float *dweight,
                              float *dbias, int32_t rows, int32_t size, float epsilon);
  // dp becomes p (dp - sum p dp), row by row.
  void (*softmax_backward)(const float *p, float *dp, int32_t rows, int32_t size);
  // For h = silu(gate) up: dh becomes d gate, and dup is set.
  void (*silu_multiply_backward)(const float *gate, const float *up, float *dh, float *dup, size_t count);
  // dy becomes dx.
  void (*silu_backward)(const float *x, float *dy, size_t count);
  void (*gelu_backward)(const float *x, float *dy, size_t count);

  // Optimisation
  double (*sum_of_squares)(const float *x, size_t count);
  // y = keep y + (1 - keep) x
  void (*blend)(float *y, const float *x, float keep, size_t count);
  void (*adamw)(const struct docq_adamw *about, float *weight, const float *gradient, float *first, float *second,
                size_t count);
};

enum docq_instructions { DOCQ_BASELINE = 0, DOCQ_AVX2 = 1, DOCQ_AVX512 = 2, DOCQ_AVX512_BF16 = 3 };

// NULL where this processor lacks the instructions.
const struct docq_kernels *docq_kernels_for(enum docq_instructions level);
// The best for this processor.
const struct docq_kernels *docq_kernels_best(void);

// Memory of the calling thread, at least `count` floats, until its next call with the same slot (0 or 1).
float *docq_scratch(int slot, size_t count);

// Lets the allocator keep the memory of freed tensors for the next pass: giving it back to the system and taking it again
// costs a page fault for every 4 KiB, a fifth of the time of a small pass.
void docq_keep_freed_memory(void);

size_t docq_packed_bytes(int32_t inputs, int32_t outputs, int32_t format);
// Packs a weight given by its rows, each `inputs` values in F32. scales: `outputs` rounded up to a group, written for
// INT8 only, and twice as many for BYTES.
void docq_pack(const float *const *rows, int32_t inputs, int32_t outputs, int32_t format, void *data, float *scales);

// OpenBLAS, opened while the program runs so that it can be told first which processor this is: 0.3.21 takes newer
// ones with AVX-512 for older ones without. Returns 0, or -1 where the library is missing (docq_blas_problem says why).
int docq_blas_open(void);
const char *docq_blas_problem(void);
const char *docq_blas_core(void);
// Row-major C = alpha op(A) op(B) + beta C, on the calling thread.
void docq_sgemm(int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a, int lda,
                const float *b, int ldb, float beta, float *c, int ldc);

#endif
