/* A few tokens through a model of the Llama family: what stands between the products, and the whole of a pass. */

#include "products.h"

typedef struct {
    Matrix qkv, out, gate_up, down;
    const bf16 *before, *between; /* norms of the layer's input and of what follows the attention */
    const bf16 *head_norms;       /* of query and key heads; may be missing */
    bf16 *keys, *values;          /* (pages, key heads, page, size) */
} Layer;

typedef struct {
    int64_t hidden, queries, heads, size, middle, page, depth, threads; /* a page is a multiple of 16 places */
    float eps, scale;
    const bf16 *embedding, *norm;
    const bf16 *cos, *sin; /* (places, size); the sine has the sign of the half it goes to */
    Matrix head;
    Layer *layers;
} Model;

/* Beyond 110 float32 knows only 0 and infinity, and far beyond it the rest below overflows. What is no number stays so:
   min and max give their second operand then. */
static inline __m512 exponential(__m512 x) {
    x = _mm512_min_ps(_mm512_set1_ps(110), _mm512_max_ps(_mm512_set1_ps(-110), x));
    const __m512 turns = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 8);
    __m512 rest = _mm512_fnmadd_ps(turns, _mm512_set1_ps(0.693359375f), x);
    rest = _mm512_fnmadd_ps(turns, _mm512_set1_ps(-2.12194440e-4f), rest);
    __m512 y = _mm512_set1_ps(1.0f / 720);
    const float series[] = {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1, 1};
    for (int at = 0; at < 6; at++) y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(series[at]));
    return _mm512_scalef_ps(y, turns);
}

static void norm(const float *x, const bf16 *weight, bf16 *to, int64_t size, float eps) {
    __m512 squares = _mm512_setzero_ps();
    for (int64_t at = 0; at < size; at += 16) {
        const __m512 part = _mm512_loadu_ps(x + at);
        squares = _mm512_fmadd_ps(part, part, squares);
    }
    const __m512 by = _mm512_set1_ps(1 / __builtin_sqrtf(_mm512_reduce_add_ps(squares) / (float)size + eps));
    for (int64_t at = 0; at < size; at += 16)
        store(to + at, _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(x + at), by), load(weight + at)));
}

/* A head's norm, and its turn by the angles of its place. */
static void turn(const Model *m, const float *x, const bf16 *weight, int64_t place, float scale, bf16 *to) {
    const int64_t size = m->size, half = size / 2;
    const bf16 *cos = m->cos + place * size, *sin = m->sin + place * size;
    float by = 1, kept[512];
    if (weight) {
        __m512 squares = _mm512_setzero_ps();
        for (int64_t at = 0; at < size; at += 16) {
            const __m512 part = _mm512_loadu_ps(x + at);
            squares = _mm512_fmadd_ps(part, part, squares);
        }
        by = 1 / __builtin_sqrtf(_mm512_reduce_add_ps(squares) / (float)size + m->eps);
    }
    for (int64_t at = 0; at < size; at += 16) {
        __m512 part = _mm512_mul_ps(_mm512_loadu_ps(x + at), _mm512_set1_ps(by));
        if (weight) part = _mm512_mul_ps(part, load(weight + at));
        _mm512_storeu_ps(kept + at, part);
    }
    for (int64_t at = 0; at < size; at += 16) {
        const __m512 other = _mm512_loadu_ps(kept + (at < half ? at + half : at - half));
        const __m512 straight = _mm512_mul_ps(_mm512_loadu_ps(kept + at), load(cos + at));
        store(to + at, _mm512_mul_ps(_mm512_fmadd_ps(other, load(sin + at), straight), _mm512_set1_ps(scale)));
    }
}

/* The sums of 16 vectors, in their order: one by one they take three times as long. */
static inline __m512 folded(const __m512 *v) {
    __m512 pairs[8], fours[4];
    UNROLL for (int at = 0; at < 8; at++)
        pairs[at] = _mm512_add_ps(_mm512_unpacklo_ps(v[2 * at], v[2 * at + 1]), _mm512_unpackhi_ps(v[2 * at], v[2 * at + 1]));
    UNROLL for (int at = 0; at < 4; at++) {
        const __m512d one = _mm512_castps_pd(pairs[2 * at]), two = _mm512_castps_pd(pairs[2 * at + 1]);
        fours[at] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(one, two)), _mm512_castpd_ps(_mm512_unpackhi_pd(one, two)));
    }
#define ACROSS(X, Y) _mm512_add_ps(_mm512_shuffle_f32x4(X, Y, 0x88), _mm512_shuffle_f32x4(X, Y, 0xdd))
    return ACROSS(ACROSS(fours[0], fours[1]), ACROSS(fours[2], fours[3]));
#undef ACROSS
}

/* Of one head of a layer. */
static inline const bf16 *of_page(const Model *m, const bf16 *all, int64_t page, int64_t head) {
    return all + (page * m->heads + head) * m->page * m->size;
}

/* What a query finds at `length` places in the pages of a table, as chances. `scores` has room for them and 15 more. */
static void weigh(const Model *m, const bf16 *q, const bf16 *all, const int64_t *table, int64_t head, int64_t length, float *scores) {
    const int64_t size = m->size;
    __m512 most = _mm512_set1_ps(-INFINITY), total = _mm512_setzero_ps();
    for (int64_t place = 0; place < length; place += 16) {
        const bf16 *keys = of_page(m, all, table[place / m->page], head) + place % m->page * size;
        __m512 sums[16];
        for (int at = 0; at < 16; at++) {
            const bf16 *key = keys + (place + at < length ? at : length - 1 - place) * size;
            sums[at] = _mm512_setzero_ps();
            for (int64_t part = 0; part < size; part += 32)
                sums[at] = _mm512_dpbf16_ps(sums[at], (__m512bh)_mm512_loadu_si512(q + part),
                                            (__m512bh)_mm512_loadu_si512(key + part));
        }
        const __m512 found = folded(sums);
        most = _mm512_max_ps(most, found);
        _mm512_storeu_ps(scores + place, found);
    }
    most = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    for (int64_t place = 0; place < length; place += 16) {
        const __mmask16 left = length - place < 16 ? (1u << (length - place)) - 1 : 0xffff;
        const __m512 part = exponential(_mm512_sub_ps(_mm512_loadu_ps(scores + place), most));
        total = _mm512_mask_add_ps(total, left, total, part);
        _mm512_storeu_ps(scores + place, part);
    }
    const __m512 by = _mm512_set1_ps(1 / _mm512_reduce_add_ps(total));
    for (int64_t place = 0; place < length; place += 16)
        _mm512_storeu_ps(scores + place, _mm512_mul_ps(_mm512_loadu_ps(scores + place), by));
}

/* The values of all places by their chances, for `Q` queries whose scores are `apart` from each other. */
INLINE void mix(const Model *m, const bf16 *all, const int64_t *table, int64_t head, const float *scores, int64_t apart,
                int64_t length, bf16 *to, const int Q) {
    const int64_t size = m->size;
    for (int64_t part = 0; part < size; part += 64) {
        __m512 sums[2][4];
        UNROLL for (int q = 0; q < Q; q++)
            UNROLL for (int at = 0; at < 4; at++) sums[q][at] = _mm512_setzero_ps();
        for (int64_t begin = 0; begin < length; begin += m->page) {
            const bf16 *values = of_page(m, all, table[begin / m->page], head) + part;
            const int64_t end = begin + m->page < length ? begin + m->page : length;
            for (int64_t place = begin; place < end; place++, values += size)
                UNROLL for (int at = 0; at < 4; at++) {
                    const __m512 value = load(values + at * 16);
                    UNROLL for (int q = 0; q < Q; q++)
                        sums[q][at] = _mm512_fmadd_ps(_mm512_set1_ps(scores[q * apart + place]), value, sums[q][at]);
                }
        }
        UNROLL for (int q = 0; q < Q; q++)
            UNROLL for (int at = 0; at < 4; at++) store(to + q * size + part + at * 16, sums[q][at]);
    }
}

typedef struct {
    float *x, *wide, *scores, *grouped;
    bf16 *narrow;
    int64_t apart; /* from the scores of a query to those of the next */
} Scratch;

static int64_t widest(const Model *m) {
    const int64_t joined = (m->queries + 2 * m->heads) * m->size, both = 2 * m->middle;
    const int64_t most = joined > both ? joined : both;
    return most > m->hidden ? most : m->hidden;
}

static int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/* Bytes that a pass over so many rows, of which none sees more than `longest` places, needs besides the model. */
int64_t scratch_bytes(const Model *m, int64_t rows, int64_t longest) {
    return aligned(rows * m->hidden * 4) + aligned(rows * widest(m) * 4) + aligned(m->threads * (m->queries / m->heads) * (longest + 16) * 4) +
           aligned(rows * widest(m) / GROUP * 4) + aligned(rows * widest(m) * 2);
}

static Scratch laid_out(const Model *m, int64_t rows, int64_t longest, uint8_t *at) {
    Scratch s = {.apart = longest + 16};
    s.x = (float *)at, at += aligned(rows * m->hidden * 4);
    s.wide = (float *)at, at += aligned(rows * widest(m) * 4);
    s.scores = (float *)at, at += aligned(m->threads * (m->queries / m->heads) * s.apart * 4);
    s.grouped = (float *)at, at += aligned(rows * widest(m) / GROUP * 4);
    s.narrow = (bf16 *)at;
    return s;
}

static int thread_number(void) {
#ifdef _OPENMP
    extern int omp_get_thread_num(void);
    return omp_get_thread_num();
#else
    return 0;
#endif
}

/* Where the rows of a pass are: the pages of a row's slot are those of `pages` from its `table` on. */
typedef struct {
    const int64_t *pages, *tables, *places;
} Where;

static void attend(const Model *m, const Layer *l, const Scratch *s, int64_t rows, const Where *w) {
    const int64_t size = m->size, turned = m->queries + m->heads, joined = turned + m->heads, shared = m->queries / m->heads;
#pragma omp for schedule(static)
    for (int64_t at = 0; at < rows * m->heads; at++) {
        const int64_t row = at / m->heads, head = at % m->heads, place = w->places[row];
        const int64_t page = w->pages[w->tables[row] + place / m->page];
        const int64_t kept = ((page * m->heads + head) * m->page + place % m->page) * size;
        const bf16 *weight = l->head_norms ? l->head_norms + (m->queries + head) * size : 0;
        turn(m, s->wide + (row * joined + m->queries + head) * size, weight, place, 1, l->keys + kept);
        const float *value = s->wide + (row * joined + turned + head) * size;
        for (int64_t part = 0; part < size; part += 16) store(l->values + kept + part, _mm512_loadu_ps(value + part));
    }
#pragma omp for schedule(dynamic)
    for (int64_t at = 0; at < rows * m->heads; at++) {
        const int64_t row = at / m->heads, head = at % m->heads, place = w->places[row], length = place + 1;
        const int64_t *table = w->pages + w->tables[row];
        float *scores = s->scores + thread_number() * shared * s->apart;
        bf16 *to = s->narrow + (row * m->queries + head * shared) * size;
        for (int64_t query = head * shared; query < (head + 1) * shared; query++) {
            bf16 q[512];
            turn(m, s->wide + (row * joined + query) * size, l->head_norms ? l->head_norms + query * size : 0, place, m->scale, q);
            weigh(m, q, l->keys, table, head, length, scores + (query - head * shared) * s->apart);
        }
        int64_t query = 0;
        for (; query + 2 <= shared; query += 2)
            mix(m, l->values, table, head, scores + query * s->apart, s->apart, length, to + query * size, 2);
        if (query < shared) mix(m, l->values, table, head, scores + query * s->apart, s->apart, length, to + query * size, 1);
    }
}

static void add(float *x, const float *more, int64_t count) {
#pragma omp for schedule(static)
    for (int64_t at = 0; at < count; at += 16)
        _mm512_storeu_ps(x + at, _mm512_add_ps(_mm512_loadu_ps(x + at), _mm512_loadu_ps(more + at)));
}

static void norms(const Model *m, const Scratch *s, const bf16 *weight, int64_t rows) {
#pragma omp for schedule(static)
    for (int64_t row = 0; row < rows; row++)
        norm(s->x + row * m->hidden, weight, s->narrow + row * m->hidden, m->hidden, m->eps);
}

static void gate(const Model *m, const Scratch *s, int64_t rows) {
#pragma omp for schedule(static)
    for (int64_t row = 0; row < rows; row++)
        for (int64_t at = 0; at < m->middle; at += 16) {
            const __m512 gate = _mm512_loadu_ps(s->wide + row * 2 * m->middle + at);
            const __m512 up = _mm512_loadu_ps(s->wide + (row * 2 + 1) * m->middle + at);
            const __m512 one = _mm512_set1_ps(1), other = exponential(_mm512_sub_ps(_mm512_setzero_ps(), gate));
            store(s->narrow + row * m->middle + at, _mm512_mul_ps(_mm512_div_ps(gate, _mm512_add_ps(one, other)), up));
        }
}

static void layer(const Model *m, const Layer *l, const Scratch *s, int64_t rows, const Where *w) {
    norms(m, s, l->before, rows);
    multiply(&l->qkv, s->narrow, s->grouped, s->wide, rows);
    attend(m, l, s, rows, w);
    multiply(&l->out, s->narrow, s->grouped, s->wide, rows);
    add(s->x, s->wide, rows * m->hidden);
    norms(m, s, l->between, rows);
    multiply(&l->gate_up, s->narrow, s->grouped, s->wide, rows);
    gate(m, s, rows);
    multiply(&l->down, s->narrow, s->grouped, s->wide, rows);
    add(s->x, s->wide, rows * m->hidden);
}

/* Tokens are read at their places, all below `longest`; the rows `wanted` get logits, (wanted, vocabulary). A row sees
   its slot up to its own place, so several tokens of one slot may be read together. */
void read_tokens(const Model *m, int64_t rows, int64_t longest, const int64_t *tokens, const int64_t *pages, const int64_t *tables,
                 const int64_t *places, int64_t wanted, const int64_t *which, float *logits, uint8_t *scratch) {
    const Scratch s = laid_out(m, rows, longest, scratch);
    const Where w = {pages, tables, places};
    for (int64_t row = 0; row < rows; row++)
        for (int64_t at = 0; at < m->hidden; at += 16)
            _mm512_storeu_ps(s.x + row * m->hidden + at, load(m->embedding + tokens[row] * m->hidden + at));
#pragma omp parallel num_threads(m->threads) if (m->threads > 1)
    {
        for (int64_t at = 0; at < m->depth; at++) layer(m, m->layers + at, &s, rows, &w);
#pragma omp for schedule(static)
        for (int64_t row = 0; row < wanted; row++)
            norm(s.x + which[row] * m->hidden, m->norm, s.narrow + row * m->hidden, m->hidden, m->eps);
        if (wanted) multiply(&m->head, s.narrow, s.grouped, logits, wanted);
    }
}
