"""`accelerator.engines.bound`'s closed form where weights, inputs, outputs and sums have bits of their own.

The argument is that module's (which cites its sources), counted in bits: what a memory holds is a number of
bits, so many elements of the tensor that stays, and what moves are elements times their bits. With 8 bits for
all and words of a byte it is that bound, which a test checks.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.engines.bound import kernel
from cosearch_simulators.accelerator.engines.bound.kernel import _least, _least_larger
from cosearch_simulators.compilation import sources_digest

M, K, D, WEIGHTS, INPUTS, OUTPUTS, OVERLAP, TAPS, MACS, LAYER_COLUMNS = range(10)
"""Columns of a layer: output pixels, channels and depth of sums of one group; elements of each tensor; how
many pixels share an input (v), how many taps of a filter use it; multiply-accumulates of all groups."""

UNITS, REGISTERS, BUFFER, BUFFER_RATE, MEMORY_RATE, RATE, W_BITS, I_BITS, O_BITS, SUM_BITS = range(10)
REGISTER_GET, REGISTER_PUT, BUFFER_GET, BUFFER_PUT, MEMORY_GET, MEMORY_PUT, MAC_PJ, MACHINE_COLUMNS = range(
    10, 18
)
"""Columns of a machine: units; bits of a unit's registers and of the buffer; bits a cycle of the buffer and
of the memory; multiply-accumulates of a unit in a cycle; bits of an element; pJ of a bit; pJ of a
multiply-accumulate."""


@njit(nogil=True, error_model="numpy")
def _array_pj(layer, machine, fits, beyond):
    """Energy of registers and buffer; `beyond` is the memory's bits beyond those that must pass anyway."""
    m, d, macs = layer[M], layer[D], layer[MACS]
    w, i, o = layer[WEIGHTS], layer[INPUTS], layer[OUTPUTS]
    v, taps = layer[OVERLAP], layer[TAPS]
    wb, ib, ob, sb = machine[W_BITS], machine[I_BITS], machine[O_BITS], machine[SUM_BITS]
    share_w, share_i, share_o = fits[1], fits[2], fits[3]
    units = machine[UNITS]
    pair_o = min(share_w * share_i, units)
    pair_w = min(share_i * share_o, units)
    pair_i = min(share_w * share_o, units)
    k = macs / i
    own = machine[REGISTERS]
    get_w, get_i, get_s = machine[REGISTER_GET] * wb, machine[REGISTER_GET] * ib, machine[REGISTER_GET] * sb
    put_w, put_i, put_s = machine[REGISTER_PUT] * wb, machine[REGISTER_PUT] * ib, machine[REGISTER_PUT] * sb
    own_get, own_put = machine[BUFFER_GET], machine[BUFFER_PUT]
    far_get, far_put = machine[MEMORY_GET], machine[MEMORY_PUT]
    near_get = min(own_get, far_get)
    near_w, near_i = near_get * wb, near_get * ib
    own_sum, far_sum = (own_get + own_put) * sb, (far_get + far_put) * ob
    near_sum = min(own_sum, far_sum)

    # Past the registers: what each multiply-accumulate needs comes from the buffer, or straight from afar.
    x = max(macs / share_w, w)
    past_w = min((x * own_get + w * own_put) * wb, max(0.0, (x - w) * wb - beyond) * far_get)
    x = max(macs / share_i, i)
    past_i = min((x * own_get + i * own_put) * ib, max(0.0, (x - i) * ib - beyond) * far_get)
    x = max(macs / share_o, o)
    past_o = min(
        x * own_sum - o * own_get * sb, max(0.0, 2.0 * (x - o) * ob - beyond) * min(far_get, far_put)
    )
    best = past_w + past_i + past_o

    # In the registers: reads for each multiply-accumulate, and what must get there.
    reads_w, reads_i = macs * get_w, macs * get_i
    reads_o = max(0.0, macs * (get_s + put_s) - o * share_o * get_s)
    once_w, once_i, once_o = -w * near_w, -i * near_i, -o * near_sum
    for keeps in range(1, 8):
        keep_w, keep_i, keep_o = keeps & 1 > 0, keeps & 2 > 0, keeps & 4 > 0
        fixed = (
            (reads_w if keep_w else past_w)
            + (reads_i if keep_i else past_i)
            + (reads_o if keep_o else past_o)
        )
        least = np.inf
        if keep_o:
            room = max(own / sb, 1.0)
            a = macs * near_w if keep_w else 0.0
            b = macs * near_i if keep_i else 0.0
            moved = _least(a, b, room * taps * pair_o, min(m, share_w * room), min(k, share_i * taps * room))
            a = macs * put_w if keep_w else 0.0
            b = macs * put_i if keep_i else 0.0
            moved += _least(a, b, room * taps, min(m, room), min(k, taps * room))
            least = min(least, moved + (once_w if keep_w else 0.0) + (once_i if keep_i else 0.0))
        arriving = o * share_o * put_s if keep_o else 0.0
        if keep_w:
            room = own / wb
            a = macs * near_i if keep_i else 0.0
            b = macs * near_sum if keep_o else 0.0
            moved = _least(a, b, room * taps * pair_w, min(k, share_i * taps * room), min(d, share_o * room))
            a = macs * put_i if keep_i else 0.0
            b = macs * put_s if keep_o else 0.0
            moved += max(0.0, _least(a, b, room * taps, min(k, taps * room), min(d, room)) - arriving)
            least = min(least, moved + w * put_w + (once_i if keep_i else 0.0) + (once_o if keep_o else 0.0))
        if keep_i:
            room = own / ib
            a = macs * near_w if keep_w else 0.0
            b = macs * near_sum if keep_o else 0.0
            moved = _least(a, b, room * v * pair_i, min(m, share_w * room * v), min(d, share_o * room * v))
            a = macs * put_w if keep_w else 0.0
            b = macs * put_s if keep_o else 0.0
            moved += max(0.0, _least(a, b, room * v, min(m, room * v), min(d, room * v)) - arriving)
            least = min(least, moved + i * put_i + (once_w if keep_w else 0.0) + (once_o if keep_o else 0.0))
        best = min(best, fixed + max(0.0, least))
    return best


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True, error_model="numpy")
    def bound_pairs(layers, machines, spreads, layer_of, machine_of, spread_of, start, stop, out):
        """Cycles and pJ of pairs `start` to `stop`, into `out` (pairs, 2).

        Args:
            layers: float64 (k, LAYER_COLUMNS).
            machines: float64 (m, MACHINE_COLUMNS).
            spreads: float64 (s, `spread.SPREAD_COLUMNS`).
            layer_of: int64 (pairs,).
            machine_of: int64 (pairs,).
            spread_of: int64 (pairs,).
            start: first pair.
            stop: behind the last one.
            out: takes the numbers.
        """
        assert digest >= 0
        for i in range(start, stop):
            layer, machine, fits = layers[layer_of[i]], machines[machine_of[i]], spreads[spread_of[i]]
            m, d, macs = layer[M], layer[D], layer[MACS]
            w, x, o = layer[WEIGHTS], layer[INPUTS], layer[OUTPUTS]
            v, taps = layer[OVERLAP], layer[TAPS]
            wb, ib, ob, sb = machine[W_BITS], machine[I_BITS], machine[O_BITS], machine[SUM_BITS]
            share_w, share_i, share_o = fits[1], fits[2], fits[3]
            units = machine[UNITS]
            pair_o = min(share_w * share_i, units)
            pair_w = min(share_i * share_o, units)
            pair_i = min(share_w * share_o, units)

            # What must pass the memory's port for all that the chip holds, in bits.
            chip = machine[BUFFER] + units * machine[REGISTERS]
            k_all = layer[K]
            once = w * wb + x * ib + o * ob
            outputs_stay = o * ob + _least(w * m * wb, x * k_all * ib, chip / sb, m, k_all)
            weights_stay = w * wb - o * ob + _least(x * k_all * ib, 2.0 * o * d * ob, chip / wb, k_all, d)
            inputs_stay = x * ib - o * ob + _least(w * m * wb, 2.0 * o * d * ob, chip / ib * v, m, d)
            passing = max(once, min(outputs_stay, weights_stay, inputs_stay))

            # Cycles in which buffer and memory can give the array what it needs.
            k = macs / x
            own = machine[REGISTERS]
            sums, held_w, held_i = max(own / sb, 1.0), own / wb, own / ib
            reading = machine[BUFFER_RATE] + machine[MEMORY_RATE]
            summing = machine[BUFFER_RATE] / sb + machine[MEMORY_RATE] / ob
            first = (
                _least(
                    macs * wb,
                    macs * ib,
                    sums * taps * pair_o,
                    min(m, share_w * sums),
                    min(k, share_i * taps * sums),
                )
                / reading
            )
            second = _least_larger(
                macs * ib / reading,
                macs / summing,
                held_w * taps * pair_w,
                min(k, share_i * taps * held_w),
                min(d, share_o * held_w),
            )
            third = _least_larger(
                macs * wb / reading,
                macs / summing,
                held_i * v * pair_i,
                min(m, share_w * held_i * v),
                min(d, share_o * held_i * v),
            )
            cycles = max(fits[0] / machine[RATE], passing / machine[MEMORY_RATE], min(first, second, third))

            far = min(machine[MEMORY_GET], machine[MEMORY_PUT])
            energy = macs * machine[MAC_PJ] + (passing - once) * far
            energy += (w * wb + x * ib) * machine[MEMORY_GET] + o * ob * machine[MEMORY_PUT]
            energy += _array_pj(layer, machine, fits, passing - once)
            out[i, 0] = np.ceil(cycles * (1.0 - 1e-12))
            out[i, 1] = energy

    return bound_pairs


bound_pairs = _entry_point(sources_digest(kernel))
