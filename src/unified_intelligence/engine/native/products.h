/* Products of few tokens with weights, limited by how fast those can be read.

   Sums are in float32. What is multiplied is in bfloat16, or brought to it exactly: integers of 8 and of 4 bits fit
   into it. Weights are read from one end of memory to the other, because a core reads one stream twice as fast as
   eight. */

#ifndef __AVX512BF16__
#error "this CPU has no AVX-512 with bfloat16"
#endif

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

enum { BF16, INT8, INT4 };
enum { PANEL = 64 }; /* outputs side by side: what a thread takes at once */
enum { GROUP = 32 }; /* inputs that share a scale and a zero in INT4 */

typedef struct {
    const uint8_t *values; /* BF16: (outputs / 64, inputs / 2, 64, 2), as oneDNN packs it here; INT8: (outputs, inputs);
                              INT4: (outputs, inputs / 64, 32), where the low halves are the first 32 inputs of 64 */
    const bf16 *scales;    /* INT8: one an output; INT4: scale and zero a group; BF16: none */
    const bf16 *bias;      /* may be missing */
    int64_t outputs, inputs;
    int64_t kind;
} Matrix;

static inline float wide(bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

static inline __m512 load(const bf16 *x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)x)), 16));
}

static inline void store(bf16 *to, __m512 x) { _mm256_storeu_si256((void *)to, (__m256i)_mm512_cvtneps_pbh(x)); }

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

/* The outputs of a panel for `R` rows of x: known to the compiler, so that all sums are in registers. */
INLINE void panel(const Matrix *w, const bf16 *x, float *y, int64_t first, const int R) {
    const int64_t outputs = w->outputs - first < PANEL ? w->outputs - first : PANEL;
    const bf16 *at = (const bf16 *)w->values + first * w->inputs;
    __m512 sums[6][4];
    UNROLL for (int o = 0; o < 4; o++)
        UNROLL for (int r = 0; r < R; r++) sums[r][o] = _mm512_setzero_ps();
    for (int64_t k = 0; k < w->inputs; k += 4, at += 4 * PANEL)
        UNROLL for (int two = 0; two < 2; two++)
            UNROLL for (int r = 0; r < R; r++) {
                int32_t pair;
                memcpy(&pair, x + r * w->inputs + k + two * 2, 4);
                const __m512bh token = (__m512bh)_mm512_set1_epi32(pair);
                UNROLL for (int o = 0; o < 4; o++) {
                    const __m512bh weight = (__m512bh)_mm512_loadu_si512(at + two * 2 * PANEL + o * 32);
                    sums[r][o] = _mm512_dpbf16_ps(sums[r][o], weight, token);
                }
            }
    UNROLL for (int o = 0; o < 4; o++) {
        const int64_t left = outputs - o * 16;
        const __mmask16 there = left >= 16 ? 0xffff : left > 0 ? (1u << left) - 1 : 0;
        __m512 bias = _mm512_setzero_ps();
        if (w->bias)
            bias = _mm512_add_ps(bias, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(
                                           _mm256_maskz_loadu_epi16(there, w->bias + first + o * 16)), 16)));
        UNROLL for (int r = 0; r < R; r++)
            _mm512_mask_storeu_ps(y + r * w->outputs + first + o * 16, there, _mm512_add_ps(sums[r][o], bias));
    }
}

INLINE __m512bh brought(const uint8_t *values) {
    const __m512i low = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)values));
    const __m512i high = _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(values + 16)));
    return _mm512_cvtne2ps_pbh(_mm512_cvtepi32_ps(high), _mm512_cvtepi32_ps(low));
}

INLINE float bias_of(const Matrix *w, int64_t output) { return w->bias ? wide(w->bias[output]) : 0; }

/* INT8: `O` outputs of one token. What comes next is fetched in the order of memory. */
INLINE void alone8(const Matrix *w, const bf16 *x, float *y, int64_t first, const int O) {
    __m512 sums[8];
    UNROLL for (int o = 0; o < O; o++) sums[o] = _mm512_setzero_ps();
    const uint8_t *next = w->values + (first + O) * w->inputs;
    for (int64_t k = 0; k < w->inputs; k += 32) {
        const __m512bh token = (__m512bh)_mm512_loadu_si512(x + k);
        UNROLL for (int o = 0; o < O; o++) {
            sums[o] = _mm512_dpbf16_ps(sums[o], brought(w->values + (first + o) * w->inputs + k), token);
            if (o % 2 == 0) _mm_prefetch(next, _MM_HINT_T0), next += 64;
        }
    }
    UNROLL for (int o = 0; o < O; o++)
        y[first + o] = _mm512_reduce_add_ps(sums[o]) * wide(w->scales[first + o]) + bias_of(w, first + o);
}

static const bf16 STEPS[16] = {0xc100, 0xc0e0, 0xc0c0, 0xc0a0, 0xc080, 0xc040, 0xc000, 0xbf80,
                               0,      0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0, 0x40e0}; /* -8 to 7 */

/* 64 inputs of INT4 without their scales: of two groups. */
INLINE void halves(const uint8_t *values, __m512bh *low, __m512bh *high) {
    const __m512i table = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)STEPS));
    const __m512i both = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const void *)values));
    *low = (__m512bh)_mm512_permutexvar_epi16(both, table); /* which looks at four bits, for the table is twice there */
    *high = (__m512bh)_mm512_permutexvar_epi16(_mm512_srli_epi16(both, 4), table);
}

INLINE __m512 scale_of(uint32_t pair) { return _mm512_castsi512_ps(_mm512_set1_epi32((int)(pair << 16))); }
INLINE __m512 zero_of(uint32_t pair) { return _mm512_castsi512_ps(_mm512_set1_epi32((int)(pair & 0xffff0000))); }

/* INT4: `O` outputs of one token. A group's sum is scaled before it is added; its zero meets the sum of its inputs. */
INLINE void alone4(const Matrix *w, const bf16 *x, const float *grouped, float *y, int64_t first, const int O) {
    const int64_t groups = w->inputs / GROUP;
    const uint32_t *pairs = (const uint32_t *)w->scales + first * groups;
    const uint8_t *values = w->values + first * w->inputs / 2, *next = values + O * w->inputs / 2;
    const __m512 none = _mm512_setzero_ps();
    __m512 sums[8];
    UNROLL for (int o = 0; o < O; o++) sums[o] = none;
    for (int64_t group = 0; group < groups; group += 2) {
        const __m512bh one = (__m512bh)_mm512_loadu_si512(x + group * GROUP);
        const __m512bh two = (__m512bh)_mm512_loadu_si512(x + (group + 1) * GROUP);
        UNROLL for (int o = 0; o < O; o++) {
            if (o % 2 == 0) _mm_prefetch(next, _MM_HINT_T0), next += 64;
            const uint32_t *own = pairs + o * groups + group;
            __m512bh low, high;
            halves(values + (o * w->inputs + group * GROUP) / 2, &low, &high);
            sums[o] = _mm512_fmadd_ps(_mm512_dpbf16_ps(none, low, one), scale_of(own[0]), sums[o]);
            sums[o] = _mm512_fmadd_ps(_mm512_dpbf16_ps(none, high, two), scale_of(own[1]), sums[o]);
        }
    }
    for (int64_t group = 0; group < groups; group += 16) {
        const __mmask16 left = groups - group < 16 ? (1u << (groups - group)) - 1 : 0xffff;
        const __m512 inputs = _mm512_maskz_loadu_ps(left, grouped + group);
        UNROLL for (int o = 0; o < O; o++) {
            const __m512i both = _mm512_maskz_loadu_epi32(left, pairs + o * groups + group);
            const __m512 zeros = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32((int)0xffff0000)));
            sums[o] = _mm512_fmadd_ps(zeros, inputs, sums[o]);
        }
    }
    UNROLL for (int o = 0; o < O; o++) y[first + o] = _mm512_reduce_add_ps(sums[o]) + bias_of(w, first + o);
}

/* One output's weights in bfloat16, to meet several tokens; those of INT8 without their scale. */
static void restore(const Matrix *w, int64_t output, bf16 *to) {
    if (w->kind == INT8) {
        for (int64_t k = 0; k < w->inputs; k += 32)
            _mm512_storeu_si512(to + k, (__m512i)brought(w->values + output * w->inputs + k));
        return;
    }
    const uint32_t *pairs = (const uint32_t *)w->scales + output * (w->inputs / GROUP);
    for (int64_t k = 0; k < w->inputs; k += 64, pairs += 2) {
        __m512bh two[2];
        halves(w->values + (output * w->inputs + k) / 2, two, two + 1);
        UNROLL for (int at = 0; at < 2; at++) {
            const __m512i both = (__m512i)two[at];
            UNROLL for (int half = 0; half < 2; half++) {
                const __m256i part = half ? _mm512_extracti64x4_epi64(both, 1) : _mm512_castsi512_si256(both);
                const __m512 step = _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(part), 16));
                const __m512 weight = _mm512_fmadd_ps(step, scale_of(pairs[at]), zero_of(pairs[at]));
                _mm256_storeu_si256((void *)(to + k + at * 32 + half * 16), (__m256i)_mm512_cvtneps_pbh(weight));
            }
        }
    }
}

/* `O` restored outputs of `R` tokens; meanwhile what is restored next is fetched. */
INLINE void block(const Matrix *w, const bf16 *weights, const bf16 *x, float *y, int64_t first, const int R, const int O) {
    const int64_t inputs = w->inputs;
    __m512 sums[8][3];
    __m512bh read[3];
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int o = 0; o < O; o++) sums[r][o] = _mm512_setzero_ps();
    const int64_t bytes = w->kind == INT8 ? 32 * O : 16 * O; /* of the next outputs, for each 32 inputs of these */
    const uint8_t *next = w->values + (first + O) * bytes * inputs / (32 * O);
    for (int64_t k = 0; k < inputs; k += 32, next += bytes) {
        _mm_prefetch(next, _MM_HINT_T0);
        _mm_prefetch(next + 64, _MM_HINT_T0);
        UNROLL for (int o = 0; o < O; o++) read[o] = (__m512bh)_mm512_loadu_si512(weights + o * inputs + k);
        UNROLL for (int r = 0; r < R; r++) {
            const __m512bh token = (__m512bh)_mm512_loadu_si512(x + r * inputs + k);
            UNROLL for (int o = 0; o < O; o++) sums[r][o] = _mm512_dpbf16_ps(sums[r][o], read[o], token);
        }
    }
    UNROLL for (int o = 0; o < O; o++) {
        const float scale = w->kind == INT8 ? wide(w->scales[first + o]) : 1, bias = bias_of(w, first + o);
        UNROLL for (int r = 0; r < R; r++) y[r * w->outputs + first + o] = _mm512_reduce_add_ps(sums[r][o]) * scale + bias;
    }
}

INLINE void blocks(const Matrix *w, const bf16 *weights, const bf16 *x, float *y, int64_t rows, int64_t first, const int O) {
    int64_t row = 0;
    for (; row + 8 <= rows; row += 8) block(w, weights, x + row * w->inputs, y + row * w->outputs, first, 8, O);
    for (; row + 4 <= rows; row += 4) block(w, weights, x + row * w->inputs, y + row * w->outputs, first, 4, O);
    for (; row < rows; row++) block(w, weights, x + row * w->inputs, y + row * w->outputs, first, 1, O);
}

/* A panel of outputs for all rows: the weights come from memory once, and from a cache for the rows after. */
static void strip(const Matrix *w, const bf16 *x, const float *grouped, float *y, int64_t rows, int64_t first) {
    const int64_t end = first + PANEL < w->outputs ? first + PANEL : w->outputs;
    int64_t at = first, row = 0;
    if (w->kind == BF16) {
        for (; row + 6 <= rows; row += 6) panel(w, x + row * w->inputs, y + row * w->outputs, first, 6);
        for (; row + 4 <= rows; row += 4) panel(w, x + row * w->inputs, y + row * w->outputs, first, 4);
        for (; row + 2 <= rows; row += 2) panel(w, x + row * w->inputs, y + row * w->outputs, first, 2);
        for (; row < rows; row++) panel(w, x + row * w->inputs, y + row * w->outputs, first, 1);
    } else if (rows == 1 && w->kind == INT8) {
        for (; at + 8 <= end; at += 8) alone8(w, x, y, at, 8);
        for (; at < end; at++) alone8(w, x, y, at, 1);
    } else if (rows == 1) {
        for (; at + 4 <= end; at += 4) alone4(w, x, grouped, y, at, 4);
        for (; at < end; at++) alone4(w, x, grouped, y, at, 1);
    } else {
        bf16 weights[3 * w->inputs];
        for (; at < end; at += 3) {
            const int64_t some = end - at < 3 ? end - at : 3;
            for (int64_t o = 0; o < some; o++) restore(w, at + o, weights + o * w->inputs);
            if (some == 3) blocks(w, weights, x, y, rows, at, 3);
            else
                for (int64_t o = 0; o < some; o++) blocks(w, weights + o * w->inputs, x, y, rows, at + o, 1);
        }
    }
}

/* y = x W^T + b, by all threads of a team: each takes strips of outputs that its cache holds. */
static void multiply(const Matrix *w, const bf16 *x, float *grouped, float *y, int64_t rows) {
    const int64_t groups = w->inputs / GROUP, panels = (w->outputs + PANEL - 1) / PANEL;
    if (w->kind == INT4 && rows == 1) {
#pragma omp for schedule(static)
        for (int64_t at = 0; at < groups; at++)
            grouped[at] = _mm512_reduce_add_ps(_mm512_add_ps(load(x + at * GROUP), load(x + at * GROUP + 16)));
    }
#pragma omp for schedule(static)
    for (int64_t at = 0; at < panels; at++) strip(w, x, grouped, y, rows, at * PANEL);
}

/* (rows, inputs) to (rows, outputs); `grouped` has room for an input's groups, with INT4 only. */
void product(const Matrix *w, const bf16 *x, float *grouped, float *y, int64_t rows, int64_t threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
    multiply(w, x, grouped, y, rows);
}
