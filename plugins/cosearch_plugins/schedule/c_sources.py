"""A schedule as a C program: the tiled loops in their order, around a block of outputs held in registers.

The block is `rows` by `vectors` vectors of `vector` numbers; GCC's and Clang's vector types say so, and its
loops are unrolled whole. The first loop that is no sum is shared out over threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cosearch_plugins.schedule.kernels import Kernel

MAIN = """
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#else
#define omp_get_thread_num() 0
#endif
%(defines)s
#if W > 1
typedef float vec __attribute__((vector_size(W * 4), aligned(4), may_alias));
#else
typedef float vec;
#endif
#define RN (V * W)
#define PRAGMA(x) _Pragma(#x)
#define UNROLL(n) PRAGMA(GCC unroll n)
static inline vec load(const float *p) { return *(const vec *)p; }
static inline void store(float *p, vec x) { *(vec *)p = x; }
%(kernel)s
static float *numbers(size_t n) {
    float *p = aligned_alloc(64, (n * 4 + 127) / 64 * 64);
    if (!p) exit(3);
    memset(p, 0, n * 4);
    return p;
}
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}
int main(int argc, char **argv) {
    int warm = atoi(argv[1]), repeats = atoi(argv[2]);
    double least = atof(argv[3]);
    FILE *in = fopen("inputs", "rb"), *out = fopen("result", "wb"), *times = fopen("times", "wb");
    if (!in || !out || !times) return 4;
    float *given[3] = {0}, *scratch = numbers(SCRATCH), *found = numbers(OUTPUTS);
    size_t sizes[3] = {INPUT0, INPUT1, INPUT2};
    for (int i = 0; i < 3; i++) {
        given[i] = numbers(sizes[i] + 64);
        if (fread(given[i], 4, sizes[i], in) != sizes[i]) return 5;
    }
    for (int i = 0; i < warm; i++) run(given[0], given[1], given[2], found, scratch);
    for (int i = 0; i < repeats; i++) {
        int inner = 0;
        double began = now(), ended;
        do {
            run(given[0], given[1], given[2], found, scratch);
            inner++;
            ended = now();
        } while (ended - began < least);
        double each = (ended - began) / inner;
        if (fwrite(&each, 8, 1, times) != 1) return 6;
    }
    if (fwrite(found, 4, OUTPUTS, out) != OUTPUTS) return 6;
    return fclose(out) || fclose(times) ? 6 : 0;
}
"""

MATMUL = """
#define BAT(k, j) %(b_at)s
static inline void
block(const float *restrict a, const float *restrict b, float *restrict c, int j, int k0) {
    vec acc[X][V];
    UNROLL(16) for (int r = 0; r < X; r++)
        UNROLL(16) for (int v = 0; v < V; v++) acc[r][v] = load(c + r * N + j + v * W);
    UNROLL(U) for (int k = k0; k < k0 + TK; k++) {
        vec row[V];
        UNROLL(16) for (int v = 0; v < V; v++) row[v] = load(b + BAT(k, j) + v * W);
        UNROLL(16) for (int r = 0; r < X; r++) {
            float x = a[r * K + k];
            UNROLL(16) for (int v = 0; v < V; v++) acc[r][v] += x * row[v];
        }
    }
    UNROLL(16) for (int r = 0; r < X; r++)
        UNROLL(16) for (int v = 0; v < V; v++) store(c + r * N + j + v * W, acc[r][v]);
}
static void run(const float *a, const float *b, const float *unused, float *c, float *scratch) {
    memset(c, 0, sizeof(float) * M * N);
    const float *bb = b;
#if PACKED
    bb = scratch;
    #pragma omp parallel for num_threads(T) schedule(static)
    for (int j = 0; j < N; j += RN)
        for (int k = 0; k < K; k++) memcpy(scratch + (size_t)j * K + k * RN, b + k * N + j, 4 * RN);
#endif
%(loops)s
        for (int i = m; i < m + TM; i += X)
            for (int j = n; j < n + TN; j += RN)
                block(a + (size_t)i * K, bb, c + (size_t)i * N, j, k);
%(ends)s
}
"""

CONV = """
#define IH (P + R - 1)
#define IW (Q + S - 1)
#define WAT(x, c, r, s) %(w_at)s
static inline void
block(const float *restrict im, const float *restrict w, float *restrict o, int p, int q, int c0) {
    vec acc[X][V];
    UNROLL(16) for (int x = 0; x < X; x++)
        UNROLL(16) for (int v = 0; v < V; v++) acc[x][v] = load(o + ((size_t)x * P + p) * Q + q + v * W);
    UNROLL(U) for (int c = c0; c < c0 + TC; c++)
        for (int r = 0; r < R; r++)
            UNROLL(16) for (int s = 0; s < S; s++) {
                vec row[V];
                UNROLL(16) for (int v = 0; v < V; v++)
                    row[v] = load(im + ((size_t)c * IH + p + r) * IW + q + s + v * W);
                UNROLL(16) for (int x = 0; x < X; x++) {
                    float y = w[WAT(x, c, r, s)];
                    UNROLL(16) for (int v = 0; v < V; v++) acc[x][v] += y * row[v];
                }
            }
    UNROLL(16) for (int x = 0; x < X; x++)
        UNROLL(16) for (int v = 0; v < V; v++) store(o + ((size_t)x * P + p) * Q + q + v * W, acc[x][v]);
}
static void run(const float *im, const float *w, const float *unused, float *o, float *scratch) {
    memset(o, 0, sizeof(float) * F * P * Q);
    const float *ww = w;
#if PACKED
    ww = scratch;
    #pragma omp parallel for num_threads(T) schedule(static)
    for (int f = 0; f < F; f += X)
        for (int i = 0; i < C * R * S; i++)
            for (int x = 0; x < X; x++)
                scratch[(size_t)f * C * R * S + i * X + x] = w[(size_t)(f + x) * C * R * S + i];
#endif
%(loops)s
        for (int g = f; g < f + TF; g += X)
            for (int y = p; y < p + TP; y++)
                for (int q = 0; q < Q; q += RN)
                    block(im, ww + (size_t)g * C * R * S, o + (size_t)g * P * Q, y, q, c);
%(ends)s
}
"""

ATTENTION = """
static inline void scores(const float *restrict q, const float *restrict kt, float *restrict s, int j) {
    vec acc[X][V];
    UNROLL(16) for (int r = 0; r < X; r++)
        UNROLL(16) for (int v = 0; v < V; v++) acc[r][v] = (vec){0};
    UNROLL(U) for (int d = 0; d < D; d++) {
        vec row[V];
        UNROLL(16) for (int v = 0; v < V; v++) row[v] = load(kt + (size_t)d * KSTEP + j + v * W);
        UNROLL(16) for (int r = 0; r < X; r++) {
            float x = q[r * D + d];
            UNROLL(16) for (int v = 0; v < V; v++) acc[r][v] += x * row[v];
        }
    }
    UNROLL(16) for (int r = 0; r < X; r++)
        UNROLL(16) for (int v = 0; v < V; v++) store(s + r * TK + j + v * W, acc[r][v] * SCALE);
}
static inline void weighted(const float *restrict s, const float *restrict val, float *restrict o, int d) {
    vec acc[X][V];
    UNROLL(16) for (int r = 0; r < X; r++)
        UNROLL(16) for (int v = 0; v < V; v++) acc[r][v] = load(o + r * D + d + v * W);
    UNROLL(U) for (int k = 0; k < TK; k++) {
        vec row[V];
        UNROLL(16) for (int v = 0; v < V; v++) row[v] = load(val + (size_t)k * D + d + v * W);
        UNROLL(16) for (int r = 0; r < X; r++) {
            float x = s[r * TK + k];
            UNROLL(16) for (int v = 0; v < V; v++) acc[r][v] += x * row[v];
        }
    }
    UNROLL(16) for (int r = 0; r < X; r++)
        UNROLL(16) for (int v = 0; v < V; v++) store(o + r * D + d + v * W, acc[r][v]);
}
static inline void turned(const float *restrict key, float *restrict kt, int rows, int step) {
    for (int i = 0; i < rows; i++)
        for (int d = 0; d < D; d++) kt[(size_t)d * step + i] = key[(size_t)i * D + d];
}
/* Scratch: for each thread a tile of scores and one of turned keys; maxima and sums; all keys turned. */
static void run(const float *q0, const float *k0, const float *v0, float *o, float *scratch) {
    float *most = scratch + (size_t)T * (TQ + D) * TK, *total = most + H * L, *all = total + H * L;
    memset(o, 0, sizeof(float) * H * L * D);
    #pragma omp parallel for num_threads(T) schedule(static)
    for (int i = 0; i < H * L; i++) { most[i] = -1e30f; total[i] = 0; }
#if PACKED
    #pragma omp parallel for num_threads(T) schedule(static)
    for (int t = 0; t < H * (L / TK); t++)
        turned(k0 + (size_t)t * TK * D, all + (size_t)t * TK * D, TK, TK);
#endif
%(loops)s
        for (int g = h; g < h + TH; g++) {
        float *s = scratch + (size_t)omp_get_thread_num() * (TQ + D) * TK, *mine = s + TQ * TK;
        const float *kt = mine;
#if PACKED
        kt = all + ((size_t)g * L + k) * D;
#else
        turned(k0 + ((size_t)g * L + k) * D, mine, TK, TK);
#endif
        for (int i = 0; i < TQ; i += X)
            for (int j = 0; j < TK; j += RN) scores(q0 + ((size_t)g * L + q + i) * D, kt, s + i * TK, j);
        for (int i = 0; i < TQ; i++) {
            size_t at = (size_t)g * L + q + i;
            float *row = s + i * TK, *out = o + at * D, high = most[at], sum = 0;
            for (int j = 0; j < TK; j++) high = row[j] > high ? row[j] : high;
            float shrink = expf(most[at] - high);
            for (int j = 0; j < TK; j++) { row[j] = expf(row[j] - high); sum += row[j]; }
            for (int d = 0; d < D; d++) out[d] *= shrink;
            most[at] = high;
            total[at] = total[at] * shrink + sum;
        }
        for (int i = 0; i < TQ; i += X)
            for (int d = 0; d < D; d += RN)
                weighted(s + i * TK, v0 + ((size_t)g * L + k) * D, o + ((size_t)g * L + q + i) * D, d);
        }
%(ends)s
    #pragma omp parallel for num_threads(T) schedule(static)
    for (int i = 0; i < H * L; i++)
        for (int d = 0; d < D; d++) o[(size_t)i * D + d] /= total[i];
}
"""

NAIVE = {
    "matmul": """
static void run(const float *a, const float *b, const float *unused, float *c, float *scratch) {
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            float sum = 0;
            for (int k = 0; k < K; k++) sum += a[(size_t)i * K + k] * b[(size_t)k * N + j];
            c[(size_t)i * N + j] = sum;
        }
}
""",
    "conv": """
static void run(const float *im, const float *w, const float *unused, float *o, float *scratch) {
    for (int f = 0; f < F; f++)
        for (int p = 0; p < P; p++)
            for (int q = 0; q < Q; q++) {
                float sum = 0;
                for (int c = 0; c < C; c++)
                    for (int r = 0; r < R; r++)
                        for (int s = 0; s < S; s++)
                            sum += im[((size_t)c * (P + R - 1) + p + r) * (Q + S - 1) + q + s]
                                 * w[(((size_t)f * C + c) * R + r) * S + s];
                o[((size_t)f * P + p) * Q + q] = sum;
            }
}
""",
    "attention": """
static void run(const float *q, const float *k, const float *v, float *o, float *scratch) {
    for (int h = 0; h < H; h++)
        for (int i = 0; i < L; i++) {
            const float *row = q + ((size_t)h * L + i) * D;
            float high = -1e30f, total = 0, *out = o + ((size_t)h * L + i) * D;
            for (int j = 0; j < L; j++) {
                float sum = 0;
                for (int d = 0; d < D; d++) sum += row[d] * k[((size_t)h * L + j) * D + d];
                scratch[j] = sum * SCALE;
                high = scratch[j] > high ? scratch[j] : high;
            }
            for (int j = 0; j < L; j++) total += scratch[j] = expf(scratch[j] - high);
            for (int d = 0; d < D; d++) {
                float sum = 0;
                for (int j = 0; j < L; j++) sum += scratch[j] * v[((size_t)h * L + j) * D + d];
                out[d] = sum / total;
            }
        }
}
""",
}

SUMMED = {"matmul": "k", "conv": "c", "attention": "k"}
"""The loop along the sum, which threads do not share."""


def program(kernel: Kernel, schedule: Mapping[str, Any]) -> str:
    """A schedule's program.

    Args:
        kernel: what it computes.
        schedule: tile_<loop>, order, vector, vectors, rows, unroll, packed and threads.
    """
    tiles = {loop: int(schedule[f"tile_{loop}"]) for loop in kernel.tiled}
    packed = bool(schedule["packed"])
    defines = {
        **{f"T{loop.upper()}": size for loop, size in tiles.items()},
        "X": int(schedule["rows"]),
        "V": int(schedule["vectors"]),
        "W": int(schedule["vector"]),
        "U": int(schedule["unroll"]),
        "T": int(schedule["threads"]),
        "PACKED": int(packed),
        "KSTEP": tiles.get("k", 0),
    }
    parts = {
        "loops": _loops(kernel, list(schedule["order"])),
        "ends": "    " + "}" * len(kernel.tiled),
        "b_at": "((size_t)((j) / RN * RN) * K + (k) * RN)" if packed else "((size_t)(k) * N + (j))",
        "w_at": "((((c) * R + (r)) * S + (s)) * X + (x))"
        if packed
        else "((((x) * C + (c)) * R + (r)) * S + (s))",
    }
    text = {"matmul": MATMUL, "conv": CONV, "attention": ATTENTION}[kernel.name] % parts
    return MAIN % {"defines": _defines(kernel, defines), "kernel": text}


def naive_program(kernel: Kernel) -> str:
    """The plain loops, one thread."""
    return MAIN % {
        "defines": _defines(kernel, {"X": 1, "V": 1, "W": 1, "U": 1, "T": 1, "TQ": 1, "TK": 1}),
        "kernel": NAIVE[kernel.name],
    }


def _loops(kernel: Kernel, order: list[str]) -> str:
    """The loops over tiles, the outermost first; the first that is no sum runs in parallel."""
    shared = next(loop for loop in order if loop != SUMMED[kernel.name])
    lines = []
    for loop in order:
        if loop == shared:
            lines.append("    #pragma omp parallel for num_threads(T) schedule(static)")
        bound = {"q": "L", "k": "L"}.get(loop, loop.upper()) if kernel.name == "attention" else loop.upper()
        lines.append(f"    for (int {loop} = 0; {loop} < {bound}; {loop} += T{loop.upper()}) {{")
    return "\n".join(lines)


def _defines(kernel: Kernel, own: Mapping[str, int]) -> str:
    z = kernel.sizes
    inputs = [1, 1, 1]
    for at, shape in enumerate(kernel.shapes):
        inputs[at] = 1
        for size in shape:
            inputs[at] *= size
    if len(kernel.shapes) < 3:
        inputs[2] = 0
    outputs = {
        "matmul": lambda: z["M"] * z["N"],
        "conv": lambda: z["F"] * z["P"] * z["Q"],
        "attention": lambda: z["H"] * z["L"] * z["D"],
    }[kernel.name]()
    scratch = 64 + inputs[1]
    if kernel.name == "attention":
        scratch += own["T"] * (own["TQ"] + z["D"]) * own["TK"] + 2 * z["H"] * z["L"] + z["L"]
    values: dict[str, object] = {
        **z,
        **own,
        "INPUT0": inputs[0],
        "INPUT1": inputs[1],
        "INPUT2": inputs[2],
        "OUTPUTS": outputs,
        "SCRATCH": scratch,
    }
    if kernel.name == "attention":
        values["SCALE"] = f"{z['D'] ** -0.5!r}f"
    return "\n".join(f"#define {name} {value}" for name, value in values.items())
