"""A mapping of a layer within a tenth of a millisecond: a good start, a short search, a descent.

Shares state, moves and costs with `accelerator.mapper.search_kernel`. That one starts with everything in the
memory and walks far; this one starts where an engineer would. The array is filled as full as divisors allow,
then the buffer, then the registers, in three orders of the loops; the best start is improved by threshold
accepting from a low threshold and by a descent over single moves. A step of threshold accepting stands in
both, since as a function of its own, inlined or not, it made this search 1.3 and that one 2.1 times slower.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.common import copying, movement, nest_tables, tile
from cosearch_simulators.accelerator.common.copying import copy_row, copy_rows
from cosearch_simulators.accelerator.common.nest_tables import CAPACITY, FANOUT_X, MACS_A_CYCLE, WIDTH
from cosearch_simulators.accelerator.common.tile import tile_words
from cosearch_simulators.accelerator.mapper import search_cost, search_kernel
from cosearch_simulators.accelerator.mapper.search_kernel import (
    _descend,
    _random,
    available_slots,
    choose_keeps,
    has_room,
    merit_of,
    read_out,
    shift,
    spread_out,
)
from cosearch_simulators.compilation import announce_compilation, sources_digest

FILLS = np.array([[6, 7, 3, 2, 5, 4, 1, 0], [6, 7, 5, 4, 2, 3, 1, 0], [2, 5, 4, 6, 7, 3, 1, 0]], np.int64)
"""In which order of the loops a level is filled, by start: for depths of sums, for windows, for outputs."""

FIRST_THRESHOLD, LAST_THRESHOLD = 0.1, 0.001
LARGEST_AXIS = 4096


@njit(nogil=True, error_model="numpy")
def _fill_axis(levels, level, axis, most, rules, scratch, free, reach):
    """Spread those prime factors along an axis whose product is the largest that fits."""
    slot_allowed, fixed = rules[0], rules[1]
    factors, extent, across = scratch[:3]
    primes = scratch[7]
    slot = (axis + 1) * levels + level
    for product in range(most + 1):
        reach[product] = -1
    reach[1] = -2
    for which in range(free):
        loop, value = primes[0, which], primes[1, which]
        if primes[2, which] >= levels or not slot_allowed[slot, loop] or fixed[slot, loop] > 0:
            continue
        for product in range(most // value, 0, -1):
            if reach[product] != -1 and reach[product * value] == -1:
                reach[product * value] = which
    best = most
    while reach[best] == -1:
        best -= 1
    while best > 1:
        which = reach[best]
        loop, value = primes[0, which], primes[1, which]
        shift(levels, loop, value, primes[2, which], slot, factors, extent, across)
        primes[2, which] = slot
        best //= value


@njit(nogil=True, error_model="numpy")
def _fits(table, nest, staying, extent, level):
    """Whether what must or may stay at a level fits there."""
    held = 0.0
    for tensor in range(3):
        if staying[level, tensor] != 0:
            held += tile_words(extent[level], nest, tensor) * table[level, WIDTH + tensor]
    return held <= table[level, CAPACITY]


@njit(nogil=True, error_model="numpy")
def _fill_level(table, nest, rules, scratch, free, level, fill):
    """Move factors from the levels above into a level while its tiles fit."""
    slot_allowed, fixed, staying = rules[:3]
    factors, extent, across = scratch[:3]
    primes = scratch[7]
    levels = table.shape[0]
    for place in range(8):
        loop = fill[place]
        if not slot_allowed[level, loop] or fixed[level, loop] > 0:
            continue
        for which in range(free):
            source = primes[2, which]
            if primes[0, which] != loop or source <= level or source >= levels:
                continue
            shift(levels, loop, primes[1, which], source, level, factors, extent, across)
            fine = True
            for other in range(level, levels - 1):
                fine = fine and _fits(table, nest, staying, extent, other)
            if fine:
                primes[2, which] = level
            else:
                shift(levels, loop, primes[1, which], level, source, factors, extent, across)


@njit(nogil=True, error_model="numpy")
def _restore(levels, free, rules, scratch):
    """Back to the best state so far."""
    factors, extent, across, order, keeps = scratch[:5]
    primes, choice, best_keeps = scratch[7], scratch[8], scratch[9]
    orders = rules[3]
    for which in range(free):
        if primes[2, which] != primes[3, which]:
            shift(
                levels,
                primes[0, which],
                primes[1, which],
                primes[2, which],
                primes[3, which],
                factors,
                extent,
                across,
            )
            primes[2, which] = primes[3, which]
    copy_row(choice[0], choice[1])
    copy_rows(keeps, best_keeps)
    for level in range(levels):
        copy_row(order[level], orders[level, choice[0, level]])


@njit(nogil=True, error_model="numpy")
def _note(scratch):
    """Keep the state as the best one."""
    primes, choice = scratch[7], scratch[8]
    copy_row(primes[3], primes[2])
    copy_row(choice[1], choice[0])
    copy_rows(scratch[9], scratch[4])
    copy_row(scratch[12], scratch[6])


@njit(nogil=True, error_model="numpy")
def _start(problem, rules, scratch, variant, reach):
    """One of the starts: with axes first X or first Y, and levels filled in an order of the loops."""
    table, _, nest, home, _, _ = problem
    orders, order_counts, reference = rules[3], rules[4], rules[5]
    order, result, choice = scratch[3], scratch[6], scratch[8]
    levels = table.shape[0]
    free, _ = spread_out(levels, nest, rules, scratch)
    for level in range(levels - 1, -1, -1):
        for turn in range(2):
            axis = turn if variant < 3 else 1 - turn
            most = int(table[level, FANOUT_X + axis])
            if most > 1:
                _fill_axis(levels, level, axis, min(most, LARGEST_AXIS), rules, scratch, free, reach)
    for level in range(levels - 2, -1, -1):
        _fill_level(table, nest, rules, scratch, free, level, FILLS[variant % 3])
    choose_keeps(table, nest, home, rules, scratch)
    for level in range(levels):
        choice[0, level] = 0
        copy_row(order[level], orders[level, 0])
    merit = merit_of(problem, rules, scratch)
    if merit < np.inf and reference[0] == 1.0 and reference[1] == 1.0:
        reference[0], reference[1] = result[1], result[0]
        merit = merit_of(problem, rules, scratch)
    for level in range(1, levels):
        for number in range(order_counts[level]):
            before = choice[0, level]
            if number == before:
                continue
            choice[0, level] = number
            copy_row(order[level], orders[level, number])
            trial = merit_of(problem, rules, scratch)
            if trial < merit:
                merit = trial
            else:
                choice[0, level] = before
                copy_row(order[level], orders[level, before])
    merit_of(problem, rules, scratch)
    return merit


@njit(nogil=True, error_model="numpy")
def quick_search(problem, rules, starts, steps, scratch, reach):
    """The best mapping of a short search; it is left in the scratch as `search_kernel.search` leaves it.

    Args:
        problem: as of `search`.
        rules: as of `search`.
        starts: how many of the six starts are tried.
        steps: of threshold accepting from the best start.
        scratch: as of `search`.
        reach: int64 (LARGEST_AXIS + 1,), of no use to others.

    Returns:
        The best merit, infinite if no mapping was found, and how many factors there are.
    """
    table, _, nest, home, _, _ = problem
    slot_allowed, fixed, staying, orders, order_counts, reference = rules
    factors, extent, across, order, keeps = scratch[:5]
    primes = scratch[7]
    choice, there, state = scratch[8], scratch[10], scratch[11]
    levels = table.shape[0]
    slots = available_slots(table, there)
    free, total = spread_out(levels, nest, rules, scratch)
    reference[:] = 1.0
    best = np.inf
    for variant in range(starts):
        merit = _start(problem, rules, scratch, variant, reach)
        if merit < best or variant == 0:
            best = merit
            _note(scratch)
    spread_out(levels, nest, rules, scratch)
    _restore(levels, free, rules, scratch)
    merit = merit_of(problem, rules, scratch)
    if merit < np.inf:
        merit = _descend(problem, rules, scratch, free, slots, merit)
    merit_of(problem, rules, scratch)
    best = merit
    _note(scratch)
    if steps == 0 or free == 0:
        return best, total
    state[0] = np.uint64(0x9E3779B97F4A7C15)
    threshold = FIRST_THRESHOLD
    fall = (LAST_THRESHOLD / threshold) ** (1.0 / steps)
    for _step in range(steps):
        threshold *= fall
        kind = _random(state, 16)
        if kind < 10:
            which = _random(state, free)
            loop, value, source = primes[0, which], primes[1, which], primes[2, which]
            other = -1
            if kind < 6:
                target = there[_random(state, slots)]
            else:
                other = _random(state, free)
                target = primes[2, other]
                if not slot_allowed[source, primes[0, other]] or fixed[source, primes[0, other]] > 0:
                    continue
                if primes[0, other] == loop and primes[1, other] == value:
                    continue
            if target == source or not slot_allowed[target, loop] or fixed[target, loop] > 0:
                continue
            shift(levels, loop, value, source, target, factors, extent, across)
            if other >= 0:
                shift(levels, primes[0, other], primes[1, other], target, source, factors, extent, across)
            trial = np.inf
            if has_room(table, levels, loop, target, factors, across) and (
                other < 0 or has_room(table, levels, primes[0, other], source, factors, across)
            ):
                trial = merit_of(problem, rules, scratch)
            if trial <= merit * (1.0 + threshold) and trial < np.inf:
                merit = trial
                primes[2, which] = target
                if other >= 0:
                    primes[2, other] = source
            else:
                shift(levels, loop, value, target, source, factors, extent, across)
                if other >= 0:
                    shift(levels, primes[0, other], primes[1, other], source, target, factors, extent, across)
        elif kind < 13:
            level = _random(state, levels)
            number = _random(state, order_counts[level])
            if level == 0 or number == choice[0, level]:
                continue
            copy_row(order[level], orders[level, number])
            trial = merit_of(problem, rules, scratch)
            if trial <= merit * (1.0 + threshold):
                merit = trial
                choice[0, level] = number
            else:
                copy_row(order[level], orders[level, choice[0, level]])
        else:
            level, tensor = _random(state, levels), _random(state, 3)
            if level >= home[tensor] or staying[level, tensor] != search_kernel.FREE:
                continue
            keeps[level, tensor] ^= 1
            trial = merit_of(problem, rules, scratch)
            if trial <= merit * (1.0 + threshold):
                merit = trial
            else:
                keeps[level, tensor] ^= 1
        if merit < best:
            best = merit
            merit_of(problem, rules, scratch)
            _note(scratch)
    _restore(levels, free, rules, scratch)
    merit = merit_of(problem, rules, scratch)
    if merit < np.inf:
        merit = _descend(problem, rules, scratch, free, slots, merit)
        merit_of(problem, rules, scratch)
    _note(scratch)
    return merit, total


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True, error_model="numpy")
    def quick_range(
        start,
        stop,
        hardware,
        nests,
        least,
        padded,
        jobs,
        rules,
        objective,
        starts,
        steps,
        scratch,
        found,
        larger,
    ):
        """Searches `start` to `stop`; mappings are written as `search_kernel.read_out` does.

        Args:
            start: first pair.
            stop: behind the last.
            hardware: tables, constants, and by machine the number of its dataflow.
            nests: (k, NEST_COLUMNS).
            least: (pairs,) cycles that no mapping goes below.
            padded: larger nests, and where those of each nest start among them (k + 1,).
            jobs: machine and nest of each pair.
            rules: as of `search`, by dataflow where they differ.
            objective: see `search_kernel`.
            starts: of `quick_search`.
            steps: of `quick_search`.
            scratch: of one thread.
            found: mappings, and whether there is one.
            larger: mappings of a larger nest, and whether there is one.
        """
        assert digest >= 0
        tables, constants, rule_of = hardware
        architecture_of, nest_of = jobs
        slot_allowed, fixed, staying, orders, order_counts = rules
        larger_nests, first_of = padded
        search_scratch, reference, reach = scratch
        levels = tables.shape[1]
        home = np.full(3, levels - 1)
        for i in range(start, stop):
            which, number = architecture_of[i], nest_of[i]
            flow = rule_of[which]
            rule = (slot_allowed[flow], fixed, staying, orders[flow], order_counts[flow], reference)
            problem = (tables[which], constants[which], nests[number], home, objective, 0)
            best, total = quick_search(problem, rule, starts, steps, search_scratch, reach)
            found[5][i] = best < np.inf
            read_out(
                levels,
                total,
                rule,
                search_scratch,
                found[0][i],
                found[1][i],
                found[2][i],
                found[3][i],
                found[4][i],
            )
            if best == np.inf or objective == search_kernel.ENERGY:
                continue
            computing = 1.0 / constants[which, MACS_A_CYCLE]
            for level in range(levels):
                for loop in range(8):
                    computing *= found[0][i, level, loop]
            cycles = search_scratch[12][0]
            if cycles <= 2.0 * least[i] or 2.0 * computing <= cycles:
                continue
            chosen, promise = -1, best
            for candidate in range(first_of[number], first_of[number + 1]):
                problem = (tables[which], constants[which], larger_nests[candidate], home, objective, 0)
                reference[:] = 1.0
                merit = _start(problem, rule, search_scratch, 0, reach)
                if merit < promise:
                    chosen, promise = candidate, merit
            if chosen >= 0:
                problem = (tables[which], constants[which], larger_nests[chosen], home, objective, 0)
                _, total = quick_search(problem, rule, starts, steps, search_scratch, reach)
                larger[5][i] = 1
                read_out(
                    *(levels, total, rule, search_scratch),
                    *(larger[0][i], larger[1][i], larger[2][i], larger[3][i], larger[4][i]),
                )

    return quick_range


quick_range = _entry_point(sources_digest(copying, movement, nest_tables, tile, search_cost, search_kernel))
announce_compilation(quick_range, "the quick mapper of networks")


def new_scratch(levels: int) -> tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]:
    """Scratch of one thread."""
    return search_kernel.new_search_scratch(levels), np.ones(2), np.zeros(LARGEST_AXIS + 1, np.int64)
