"""The guided search for one mapping, compiled: threshold accepting over prime factors.

A state says in which slot each prime factor of each loop is (the temporal loops of a level, or its array's X
or Y), which of its orders each level has, and which tensors stay at each level. A step moves a factor,
exchanges two, changes an order or lets a tensor stay or go; it is kept while it is not worse than the current
state by more than a threshold that falls to zero (G. Dueck, T. Scheuer: "Threshold accepting", J. Comput.
Phys. 90 (1990), 161-175). Every search ends in a descent over all single moves.

Slots: level's temporal loops `level`, its array's X `L + level`, its Y `2 L + level`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.common.copying import copy_row, copy_rows
from cosearch_simulators.accelerator.common.nest_tables import CAPACITY, FANOUT_X, WIDTH
from cosearch_simulators.accelerator.common.tile import tile_words
from cosearch_simulators.accelerator.mapper.search_cost import WORK_COLUMNS, cost_of_state

LATENCY, ENERGY, EDP = range(3)
"""Objectives."""

MOST_PRIMES = 64
"""More prime factors than any nest has whose steps can be counted exactly (2^53)."""

FREE = -1
"""In `staying`: the search decides whether the tensor stays at the level; else 0 or 1."""


FIRST_THRESHOLD, AGAIN_THRESHOLD, LAST_THRESHOLD = 1.0, 0.1, 0.0005
"""How much worse than the current state a step may be: at the start of a search, at that of one which goes on
from the best state, and at the end."""

WORTH_A_DESCENT = 1.1
"""A search that ends further from the best than this is left as it is."""

LARGEST = 1e300


def new_search_scratch(levels: int) -> tuple[np.ndarray, ...]:
    """Arrays for `search`, of use to nobody else; one set a thread."""
    return (
        np.zeros((2, levels, 8)),  # temporal and spatial factors
        np.zeros((levels, 8)),  # extents
        np.zeros((2, levels)),  # used of X and Y
        np.zeros((levels, 8), np.int8),  # orders
        np.zeros((levels, 3), np.uint8),  # keeps
        np.zeros((levels, WORK_COLUMNS)),
        np.zeros(2),  # cycles and energy
        np.zeros((5, MOST_PRIMES), np.int64),  # loop, value, slot, slot of the best, place of the slot
        np.zeros((2, levels), np.int64),  # which order, that of the search's best
        np.zeros((levels, 3), np.uint8),  # keeps of the search's best
        np.zeros(3 * levels, np.int64),  # the slots that are there
        np.zeros(1, np.uint64),  # random state
        np.zeros(2),  # cycles and energy of the search's best
        np.zeros((levels, 10), np.int64),  # of `exhaustive_kernel`
    )


@njit(nogil=True, error_model="numpy", inline="always")
def _random(state, below):
    """A number from 0 to `below` - 1, by xorshift64* (S. Vigna, ACM TOMS 42 (2016), 30)."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.int64(((x * np.uint64(2685821657736338717)) >> np.uint64(33)) % np.uint64(below))


@njit(nogil=True, error_model="numpy")
def available_slots(table, there):
    """List the slots that can hold factors; how many they are."""
    levels, slots = table.shape[0], 0
    for slot in range(3 * levels):
        if slot < levels or table[slot % levels, FANOUT_X + slot // levels - 1] > 1.0:
            there[slots] = slot
            slots += 1
    return slots


@njit(nogil=True, error_model="numpy")
def shift(levels, loop, value, source, target, factors, extent, across):
    """Take a factor from one slot to another."""
    here, there = source % levels, target % levels
    if source < levels:
        factors[0, here, loop] /= value
    else:
        factors[1, here, loop] /= value
        across[source // levels - 1, here] /= value
    if target < levels:
        factors[0, there, loop] *= value
    else:
        factors[1, there, loop] *= value
        across[target // levels - 1, there] *= value
    for level in range(here, there):
        extent[level, loop] /= value
    for level in range(there, here):
        extent[level, loop] *= value


@njit(nogil=True, error_model="numpy")
def has_room(table, levels, loop, slot, factors, across):
    """Whether a slot's array is wide enough, and no other array spreads the same loop of a window."""
    if slot < levels:
        return True
    level = slot % levels
    axis = slot // levels - 1
    if across[axis, level] > table[level, FANOUT_X + axis]:
        return False
    if loop >= 4:
        for other in range(levels):
            if other != level and factors[1, other, loop] > 1.0:
                return False
    return True


@njit(nogil=True, error_model="numpy")
def merit_of(problem, rules, scratch):
    """What the search makes small; infinite for a state that overflows a level."""
    table, constants, nest, home, objective, options = problem
    factors, extent, _, order, keeps, work, result = scratch[:7]
    if (
        cost_of_state(
            table, constants, nest, home, factors[0], factors[1], extent, order, keeps, options, work, result
        )
        >= 0
    ):
        return np.inf
    if objective == LATENCY:  # of mappings that are as fast, the one with the least energy
        return result[0] * (1.0 + 1e-6 * result[1] / rules[5][0])
    if objective == ENERGY:
        return result[1] * (1.0 + 1e-6 * result[0] / rules[5][1])
    return result[0] * result[1]


@njit(nogil=True, error_model="numpy")
def spread_out(levels, nest, rules, scratch):
    """Factorise the nest and put every factor into its first slot.

    Returns:
        How many factors the search may move, those that are fixed come after; and how many there are.
    """
    slot_allowed, fixed = rules[0], rules[1]
    factors, extent, across = scratch[:3]
    primes = scratch[7]
    factors[:] = 1.0
    extent[:] = 1.0
    across[:] = 1.0
    free, number = 0, 0
    for fixing in (False, True):
        for loop in range(8):
            left = nest[loop]
            outermost = -1
            for slot in range(3 * levels):
                if fixed[slot, loop] > 0:
                    left //= fixed[slot, loop]
                elif slot_allowed[slot, loop] and slot < levels:
                    outermost = slot
            for place in range(-1, 3 * levels):
                if (place >= 0 and fixed[place, loop] < 1) or (place < 0) == fixing:
                    continue
                slot = outermost if place < 0 else place
                value, divisor = (left if place < 0 else fixed[place, loop]), 2
                while value > 1:
                    if divisor * divisor > value:
                        divisor = value
                    if value % divisor == 0:
                        value //= divisor
                        primes[0, number], primes[1, number], primes[2, number] = loop, divisor, slot
                        number += 1
                        if slot < levels:
                            factors[0, slot, loop] *= divisor
                        else:
                            factors[1, slot % levels, loop] *= divisor
                            across[slot // levels - 1, slot % levels] *= divisor
                        for level in range(slot % levels, levels):
                            extent[level, loop] *= divisor
                    else:
                        divisor += 1
        if not fixing:
            free = number
    return free, number


@njit(nogil=True, error_model="numpy")
def choose_keeps(table, nest, home, rules, scratch):
    """Let every tensor stay where it must, and where it may and there is room for its first tile."""
    staying = rules[2]
    extent, keeps = scratch[1], scratch[4]
    levels = table.shape[0]
    for level in range(levels):
        held = 0.0
        for wish in (1, FREE):
            for tensor in range(3):
                if wish == 1:
                    keeps[level, tensor] = 0
                if staying[level, tensor] == wish:
                    words = tile_words(extent[level], nest, tensor) * table[level, WIDTH + tensor]
                    if wish == 1 or held + words <= table[level, CAPACITY]:
                        held += words
                        keeps[level, tensor] = 1
    for tensor in range(3):
        for level in range(home[tensor], levels - 1):
            keeps[level, tensor] = 0
        keeps[levels - 1, tensor] = 1


@njit(nogil=True, error_model="numpy")
def _descend(problem, rules, scratch, free, slots, merit):
    """Take single moves that are better until there is none."""
    table, nest_home = problem[0], problem[3]
    levels = table.shape[0]
    slot_allowed, fixed, staying, orders, order_counts, _ = rules
    factors, extent, across, order, keeps = scratch[:5]
    primes, choice, there = scratch[7], scratch[8], scratch[10]
    improved = True
    while improved:
        improved = False
        for which in range(free):
            loop, value = primes[0, which], primes[1, which]
            twin = which > 0 and primes[0, which - 1] == loop and primes[1, which - 1] == value
            if twin and primes[2, which - 1] == primes[2, which]:
                continue
            for number in range(slots):
                source, target = primes[2, which], there[number]
                if target == source or not slot_allowed[target, loop] or fixed[target, loop] > 0:
                    continue
                shift(levels, loop, value, source, target, factors, extent, across)
                trial = np.inf
                if has_room(table, levels, loop, target, factors, across):
                    trial = merit_of(problem, rules, scratch)
                if trial < merit:
                    merit = trial
                    primes[2, which] = target
                    improved = True
                else:
                    shift(levels, loop, value, target, source, factors, extent, across)
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
                    improved = True
                else:
                    choice[0, level] = before
                    copy_row(order[level], orders[level, before])
        for level in range(levels - 1):
            for tensor in range(3):
                if staying[level, tensor] != FREE or level >= nest_home[tensor]:
                    continue
                keeps[level, tensor] ^= 1
                trial = merit_of(problem, rules, scratch)
                if trial < merit:
                    merit = trial
                    improved = True
                else:
                    keeps[level, tensor] ^= 1
    return merit


@njit(nogil=True, error_model="numpy")
def search(problem, rules, fresh, restarts, steps, scratch):
    """Look for the best mapping; it is left in the scratch, see `read_out`.

    Args:
        problem: table, constants, nest and home as in `cost_of_state`, objective, options.
        rules: slot_allowed (3 L, 8) uint8, fixed (3 L, 8) int64 with 0 for free, staying (L, 3) int8, orders
            (L, M, 8) int8, order_counts (L,), and two floats that the search sets.
        fresh: searches from the start; the others go on from the best.
        restarts: searches in all.
        steps: of one search.
        scratch: of `new_search_scratch`.

    Returns:
        The best merit, infinite if no mapping was found, and how many factors there are.
    """
    table, _, nest, home, _, _ = problem
    slot_allowed, fixed, staying, orders, order_counts, reference = rules
    factors, extent, across, order, keeps, _, result, primes = scratch[:8]
    choice, best_keeps, there, state, best_result = scratch[8:13]
    levels = table.shape[0]
    slots = available_slots(table, there)
    best = np.inf
    total = 0
    for restart in range(restarts):
        state[0] = np.uint64(0x9E3779B97F4A7C15) * np.uint64(2 * restart + 1)
        free, total = spread_out(levels, nest, rules, scratch)
        choose_keeps(table, nest, home, rules, scratch)
        for level in range(levels):
            choice[0, level] = 0
            copy_row(order[level], orders[level, 0])
        again = restart >= fresh and best < np.inf
        if again:  # from the best so far, and not as far away
            for which in range(free):
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
            copy_row(primes[2], primes[3])
            copy_row(choice[0], choice[1])
            copy_rows(keeps, best_keeps)
            for level in range(levels):
                copy_row(order[level], orders[level, choice[0, level]])
        reference[:] = 1.0
        merit = merit_of(problem, rules, scratch)
        if merit < np.inf:
            reference[0], reference[1] = result[1], result[0]
            merit = merit_of(problem, rules, scratch)
        threshold = AGAIN_THRESHOLD if again else FIRST_THRESHOLD
        fall = (LAST_THRESHOLD / threshold) ** (1.0 / steps)
        for _step in range(steps):
            threshold *= fall
            kind = _random(state, 16)
            if kind < 10:
                if free == 0:
                    continue
                which = _random(state, free)
                loop, value, source = primes[0, which], primes[1, which], primes[2, which]
                other = -1
                if kind < 7:
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
                    if merit == np.inf:  # nothing fits yet: walk on
                        trial = min(trial, LARGEST)
                if trial <= merit * (1.0 + threshold) and trial < np.inf:
                    merit = trial if trial < LARGEST else np.inf
                    primes[2, which] = target
                    if other >= 0:
                        primes[2, other] = source
                else:
                    shift(levels, loop, value, target, source, factors, extent, across)
                    if other >= 0:
                        shift(
                            levels,
                            primes[0, other],
                            primes[1, other],
                            source,
                            target,
                            factors,
                            extent,
                            across,
                        )
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
                if level >= home[tensor] or staying[level, tensor] != FREE:
                    continue
                keeps[level, tensor] ^= 1
                trial = merit_of(problem, rules, scratch)
                if trial <= merit * (1.0 + threshold):
                    merit = trial
                else:
                    keeps[level, tensor] ^= 1
        if merit < WORTH_A_DESCENT * best:
            merit = _descend(problem, rules, scratch, free, slots, merit)
        if merit < best or restart == 0:  # where none is found, the last state shows why
            best = merit
            merit_of(problem, rules, scratch)
            copy_row(best_result, result)
            copy_row(primes[3], primes[2])
            copy_row(choice[1], choice[0])
            copy_rows(best_keeps, keeps)
    return best, total


@njit(nogil=True, error_model="numpy")
def read_out(levels, total, rules, scratch, temporal, order, spatial_x, spatial_y, keeps):
    """Write the best mapping that `search` found into arrays of `evaluation.Mappings`."""
    orders, primes, choice = rules[3], scratch[7], scratch[8]
    temporal[:] = 1
    spatial_x[:] = 1
    spatial_y[:] = 1
    for which in range(total):
        loop, value, slot = primes[0, which], primes[1, which], primes[3, which]
        if slot < levels:
            temporal[slot, loop] *= value
        elif slot < 2 * levels:
            spatial_x[slot - levels, loop] *= value
        else:
            spatial_y[slot - 2 * levels, loop] *= value
    for level in range(levels):
        copy_row(order[level], orders[level, choice[1, level]])
    copy_rows(keeps, scratch[9])
