"""The bound itself, compiled: `bound_all`, one call for all designs and all layers.

A layer is a matrix product for each of its groups: M output pixels, K output channels, depth D = C R S. Think
of what a memory holds at once as a tile of m x k x d of it. Above the tile run the other iterations; the
tensor that the innermost of them do not index stays, and the two others come anew for each tile:

    outputs stay    weights  W M / m    inputs  I K / k    with  m k     <= words of the memory
    weights stay    inputs   I K / k    sums  O (2 D / d)  with  k d     <= words
    inputs stay     weights  W M / m    sums  O (2 D / d)  with  m d / v <= words

The least of their sums is a minimum of a / x + b / y over x y <= c, which is 2 sqrt(a b / c) where no side
ends before: 2 MACs / sqrt(words), the bound of J.-W. Hong, H. T. Kung: "I/O complexity: the red-blue pebble
game", STOC 1981, 326-333, with the constant of D. Irony, S. Toledo, A. Tiskin, JPDC 64 (2004), 1017-1026. The
windows of neighbouring pixels overlap, so an input word is good for `v` of them: X. Chen, Y. Han, Y. Wang:
"Communication lower bound in convolution accelerators", HPCA 2020, 529-541.

It is used twice: for the memory with all words of the chip, and for the buffer with the registers of a unit,
where units that need the same word share one read. There every tensor may also go past the registers. What
the buffer need not see, as the memory may feed the registers itself, is not counted.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

GROUPS, ROWS, CHANNELS, DEPTH, WEIGHTS, INPUTS, OUTPUTS, OVERLAP, TAPS, COUNT, LAYER_COLUMNS = range(11)
"""Columns of a layer: groups; M, K and D of one; words of each tensor; how many pixels share an input word
(v), how many taps of a filter use it; how many layers like this the network has."""

COLUMNS_X, ROWS_Y, REGISTERS, BUFFER, BUFFER_RATE, MEMORY_RATE, SUM = range(7)
REGISTER_PJ, BUFFER_PJ, MEMORY_PJ, MAC_PJ = 7, 9, 11, 13
"""Columns of a design: those of `Machines`, in its order."""


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _least(a, b, room, most_x, most_y):
    """The least of a / x + b / y for x <= most_x, y <= most_y and x y <= room."""
    if most_x * most_y <= room:
        return a / most_x + b / most_y
    if b <= 0.0:
        return a / most_x
    x = min(max(np.sqrt(a * room / b), room / most_y), most_x)
    return a / x + b * x / room


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _least_larger(a, b, room, most_x, most_y):
    """The least of the larger of a / x and b / y under the same."""
    least = max(a / most_x, b / most_y)
    return least if most_x * most_y <= room else max(least, np.sqrt(a * b / room))


@njit(nogil=True, cache=True, error_model="numpy")
def _memory_words(layer, words, sum_words):
    """Words that must pass the memory's port where the chip holds so many."""
    m, k, d, v = layer[ROWS], layer[CHANNELS], layer[DEPTH], layer[OVERLAP]
    w, i, o = layer[WEIGHTS], layer[INPUTS], layer[OUTPUTS]
    sums = words / sum_words
    outputs_stay = o + _least(w * m, i * k, sums, m, k)
    weights_stay = w - o + _least(i * k, 2.0 * o * d, words, k, d)
    inputs_stay = i - o + _least(w * m, 2.0 * o * d, words * v, m, d)
    return max(w + i + o, min(outputs_stay, weights_stay, inputs_stay))


@njit(nogil=True, cache=True, error_model="numpy")
def _array_cycles(layer, design, macs, shares, pair):
    """Cycles in which buffer and memory together can give the array its words."""
    words = design[REGISTERS]
    sums = max(words / design[SUM], 1.0)
    m, d = layer[ROWS], layer[DEPTH]
    k = macs / layer[INPUTS]
    share_w, share_i, share_o = shares
    taps, v = layer[TAPS], layer[OVERLAP]
    reading = design[BUFFER_RATE] + design[MEMORY_RATE]
    summing = design[BUFFER_RATE] / design[SUM] + design[MEMORY_RATE]
    outputs_stay = (
        _least(macs, macs, sums * taps * pair[0], min(m, share_w * sums), min(k, share_i * taps * sums))
        / reading
    )
    weights_stay = _least_larger(
        macs / reading,
        macs / summing,
        words * taps * pair[1],
        min(k, share_i * taps * words),
        min(d, share_o * words),
    )
    inputs_stay = _least_larger(
        macs / reading,
        macs / summing,
        words * v * pair[2],
        min(m, share_w * words * v),
        min(d, share_o * words * v),
    )
    return min(outputs_stay, weights_stay, inputs_stay)


@njit(nogil=True, cache=True, error_model="numpy")
def _array_pj(layer, design, macs, shares, pair, beyond):
    """Energy of registers and buffer; `beyond` is the memory's words beyond those that must pass anyway."""
    m, k, d = layer[ROWS], macs / layer[INPUTS], layer[DEPTH]
    w, i, o = layer[WEIGHTS], layer[INPUTS], layer[OUTPUTS]
    taps, v, wide = layer[TAPS], layer[OVERLAP], design[SUM]
    share_w, share_i, share_o = shares
    words = design[REGISTERS]
    get, put = design[REGISTER_PJ], design[REGISTER_PJ + 1]
    far_get, far_put = design[MEMORY_PJ], design[MEMORY_PJ + 1]
    own_get, own_put = design[BUFFER_PJ], design[BUFFER_PJ + 1]
    near_get = min(own_get, far_get)
    own_sum, far_sum = (own_get + own_put) * wide, far_get + far_put
    near_sum = min(own_sum, far_sum)

    # Past the registers: what each multiply-accumulate needs comes from the buffer, or straight from afar.
    x = max(macs / share_w, w)
    past_w = min(x * own_get + w * own_put, max(0.0, x - w - beyond) * far_get)
    x = max(macs / share_i, i)
    past_i = min(x * own_get + i * own_put, max(0.0, x - i - beyond) * far_get)
    x = max(macs / share_o, o)
    past_o = min(x * own_sum - o * own_get * wide, max(0.0, 2.0 * (x - o) - beyond) * min(far_get, far_put))
    best = past_w + past_i + past_o

    # In the registers: reads for each multiply-accumulate, and the words that must get there.
    held_w = macs * get
    held_i = macs * get
    held_o = max(0.0, macs * (get + put) - o * share_o * get) * wide
    # What has to come once may come from the memory, past the buffer.
    once_w, once_i, once_o = -w * near_get, -i * near_get, -o * near_sum
    for keeps in range(1, 8):
        keep_w, keep_i, keep_o = keeps & 1 > 0, keeps & 2 > 0, keeps & 4 > 0
        fixed = (
            (held_w if keep_w else past_w) + (held_i if keep_i else past_i) + (held_o if keep_o else past_o)
        )
        least = np.inf
        if keep_o:
            room = max(words / wide, 1.0)
            a = macs * near_get if keep_w else 0.0
            b = macs * near_get if keep_i else 0.0
            moved = _least(a, b, room * taps * pair[0], min(m, share_w * room), min(k, share_i * taps * room))
            a = macs * put if keep_w else 0.0
            b = macs * put if keep_i else 0.0
            moved += _least(a, b, room * taps, min(m, room), min(k, taps * room))
            least = min(least, moved + (once_w if keep_w else 0.0) + (once_i if keep_i else 0.0))
        if keep_w:
            a = macs * near_get if keep_i else 0.0
            b = macs * near_sum if keep_o else 0.0
            moved = _least(
                a, b, words * taps * pair[1], min(k, share_i * taps * words), min(d, share_o * words)
            )
            a = macs * put if keep_i else 0.0
            b = macs * put * wide if keep_o else 0.0
            moved += max(
                0.0,
                _least(a, b, words * taps, min(k, taps * words), min(d, words))
                - (o * share_o * put * wide if keep_o else 0.0),
            )
            least = min(least, moved + w * put + (once_i if keep_i else 0.0) + (once_o if keep_o else 0.0))
        if keep_i:
            a = macs * near_get if keep_w else 0.0
            b = macs * near_sum if keep_o else 0.0
            moved = _least(
                a, b, words * v * pair[2], min(m, share_w * words * v), min(d, share_o * words * v)
            )
            a = macs * put if keep_w else 0.0
            b = macs * put * wide if keep_o else 0.0
            moved += max(
                0.0,
                _least(a, b, words * v, min(m, words * v), min(d, words * v))
                - (o * share_o * put * wide if keep_o else 0.0),
            )
            least = min(least, moved + i * put + (once_w if keep_w else 0.0) + (once_o if keep_o else 0.0))
        best = min(best, fixed + max(0.0, least))
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def bound_all(layers, designs, spreads, spread_of):
    """The bound of every design, all layers one after the other.

    Args:
        layers: float64 (layers, LAYER_COLUMNS).
        designs: float64 (designs, columns of `Machines`).
        spreads: float64 (arrays, layers, `spread.SPREAD_COLUMNS`).
        spread_of: int64 (designs,), which of them is a design's.

    Returns:
        float64 (designs, 2): cycles and pJ.
    """
    out = np.zeros((designs.shape[0], 2))
    for n in range(designs.shape[0]):
        design, fits = designs[n], spreads[spread_of[n]]
        units = design[COLUMNS_X] * design[ROWS_Y]
        chip = design[BUFFER] + units * design[REGISTERS]
        for number in range(layers.shape[0]):
            layer = layers[number]
            macs = layer[GROUPS] * layer[ROWS] * layer[CHANNELS] * layer[DEPTH]
            shares = (fits[number, 1], fits[number, 2], fits[number, 3])
            # No loop lies outside of two tensors, but that windows overlap.
            pair = (
                min(shares[0] * shares[1], units),
                min(shares[1] * shares[2], units),
                min(shares[0] * shares[2], units),
            )
            once = layer[WEIGHTS] + layer[INPUTS] + layer[OUTPUTS]
            passing = _memory_words(layer, chip, design[SUM])
            cycles = max(fits[number, 0], passing / design[MEMORY_RATE])
            cycles = max(cycles, _array_cycles(layer, design, macs, shares, pair))
            far = min(design[MEMORY_PJ], design[MEMORY_PJ + 1])
            energy = macs * design[MAC_PJ] + (passing - once) * far
            energy += (layer[WEIGHTS] + layer[INPUTS]) * design[MEMORY_PJ]
            energy += layer[OUTPUTS] * design[MEMORY_PJ + 1]
            energy += _array_pj(layer, design, macs, shares, pair, passing - once)
            out[n, 0] += layer[COUNT] * np.ceil(cycles * (1.0 - 1e-12))
            out[n, 1] += layer[COUNT] * energy
    return out
