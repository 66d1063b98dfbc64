"""The search that tries everything, where that is few: all factors in all slots, all bypasses, all orders.

It shares state and scratch with `search_kernel`, and what it finds is proven: no mapping of its space is
better, which is that of the guided search.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.common.copying import copy_row, copy_rows
from cosearch_simulators.accelerator.common.nest_tables import MAC_PJ, MACS_A_CYCLE
from cosearch_simulators.accelerator.mapper.search_kernel import (
    ENERGY,
    FREE,
    LATENCY,
    available_slots,
    choose_keeps,
    has_room,
    merit_of,
    shift,
    spread_out,
)

_COUNT, _AT = 8, 9  # columns of `useful` behind the numbers of the orders


@njit(nogil=True, error_model="numpy")
def try_all(problem, rules, limit, scratch):
    """Try every mapping, unless there are more than `limit`; the best is left as `search` leaves it.

    Returns:
        Whether all were tried, the best merit (infinite where nothing fits) and how many factors there are.
    """
    table, constants, nest, home, objective, _ = problem
    _, _, staying, orders, order_counts, reference = rules
    factors, extent, across, order, keeps, _, result, primes, choice, best_keeps, there, _, best_result = (
        scratch[:13]
    )
    useful = scratch[13]
    levels = table.shape[0]
    slots = available_slots(table, there)
    free, total = spread_out(levels, nest, rules, scratch)
    choose_keeps(table, nest, home, rules, scratch)
    space = _factorisations(primes, free, slots)
    bits = 0
    for level in range(levels):
        _different_orders(nest, orders[level], order_counts[level], useful[level])
        if level == 0:  # moves nothing
            useful[0, _COUNT] = 1
        space *= useful[level, _COUNT]
        for tensor in range(3):
            if staying[level, tensor] == FREE and level < home[tensor]:
                bits += 1
    if bits > 30 or space * 2.0**bits > limit:
        return False, np.inf, total
    reference[:] = 1.0
    best = np.inf
    copy_row(primes[3], primes[2])
    choice[1] = 0
    copy_rows(best_keeps, keeps)
    for which in range(free):
        _put(levels, which, 0, primes, there, factors, extent, across)
    while True:
        steps = 1.0
        for level in range(levels):
            for loop in range(8):
                steps *= factors[0, level, loop]
        least = steps / constants[MACS_A_CYCLE]  # no mapping with these factors is better
        if objective != LATENCY:
            macs = 1.0
            for loop in range(8):
                macs *= nest[loop]
            least = macs * constants[MAC_PJ] * (1.0 if objective == ENERGY else least)
        if least < best and _legal(table, rules, primes, free, factors, across):
            for mask in range(1 << bits):
                bit = 0
                for level in range(levels):
                    for tensor in range(3):
                        if staying[level, tensor] == FREE and level < home[tensor]:
                            keeps[level, tensor] = (mask >> bit) & 1
                            bit += 1
                for level in range(levels):
                    useful[level, _AT] = 0
                    copy_row(order[level], orders[level, useful[level, 0]])
                turning = 0
                while turning < levels:
                    merit = merit_of(problem, rules, scratch)
                    if merit == np.inf:  # in any order
                        break
                    if merit < best:
                        best = merit
                        copy_row(best_result, result)
                        copy_row(primes[3], primes[2])
                        copy_rows(best_keeps, keeps)
                        for level in range(levels):
                            choice[1, level] = useful[level, useful[level, _AT]]
                    turning = 0
                    while turning < levels:
                        useful[turning, _AT] = (useful[turning, _AT] + 1) % useful[turning, _COUNT]
                        copy_row(order[turning], orders[turning, useful[turning, useful[turning, _AT]]])
                        if useful[turning, _AT]:
                            break
                        turning += 1
        which = free - 1
        while which >= 0 and primes[4, which] == slots - 1:
            which -= 1
        if which < 0:
            return True, best, total
        place = primes[4, which] + 1
        _put(levels, which, place, primes, there, factors, extent, across)
        for after in range(which + 1, free):  # equal factors are not told apart
            if primes[0, after] != primes[0, after - 1] or primes[1, after] != primes[1, after - 1]:
                place = 0
            _put(levels, after, place, primes, there, factors, extent, across)


@njit(nogil=True, error_model="numpy")
def _put(levels, which, place, primes, there, factors, extent, across):
    """Take a factor to the slot at a place of the list."""
    if primes[2, which] != there[place]:
        shift(
            levels,
            primes[0, which],
            primes[1, which],
            primes[2, which],
            there[place],
            factors,
            extent,
            across,
        )
    primes[2, which] = there[place]
    primes[4, which] = place


@njit(nogil=True, error_model="numpy")
def _legal(table, rules, primes, free, factors, across):
    slot_allowed, fixed = rules[0], rules[1]
    for which in range(free):
        loop, slot = primes[0, which], primes[2, which]
        if not slot_allowed[slot, loop] or fixed[slot, loop] > 0:
            return False
        if not has_room(table, table.shape[0], loop, slot, factors, across):
            return False
    return True


@njit(nogil=True, error_model="numpy")
def _factorisations(primes, free, slots):
    """In how many ways the factors can be put into the slots: multisets of slots for equal factors."""
    ways, equal = 1.0, 0
    for which in range(free):
        same = (
            which > 0
            and primes[0, which] == primes[0, which - 1]
            and primes[1, which] == primes[1, which - 1]
        )
        equal = equal + 1 if same else 1
        ways *= (slots - 1.0 + equal) / equal
    return ways


@njit(nogil=True, error_model="numpy")
def _different_orders(nest, orders, count, useful):
    """Note the orders that differ in loops with more than one iteration."""
    found = 0
    for number in range(count):
        new = True
        for other in range(found):
            same = True
            left, right = 0, 0
            while same and left < 8 and right < 8:
                if nest[orders[number, left]] == 1:
                    left += 1
                elif nest[orders[useful[other], right]] == 1:
                    right += 1
                elif orders[number, left] != orders[useful[other], right]:
                    same = False
                else:
                    left += 1
                    right += 1
            if same:
                new = False
        if new:
            useful[found] = number
            found += 1
    useful[_COUNT] = found
