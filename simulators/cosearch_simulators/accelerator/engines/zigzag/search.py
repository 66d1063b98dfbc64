"""The search for the best uneven mapping of one layer, compiled: through everything, or by local steps."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, assignment"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.engines.zigzag.candidate import allocate, make_work, score

STARTS = 8
"""How many of the best orders of large factors are refined."""


@njit(error_model="numpy")
def next_permutation(keys):
    """Step to the next order of a multiset in lexicographic order; False after the last."""
    i = keys.size - 2
    while i >= 0 and keys[i] >= keys[i + 1]:
        i -= 1
    if i < 0:
        return False
    j = keys.size - 1
    while keys[j] <= keys[i]:
        j -= 1
    keys[i], keys[j] = keys[j], keys[i]
    keys[i + 1 :] = keys[i + 1 :][::-1].copy()
    return True


@njit(error_model="numpy")
def move(values, source, target):
    """Take one entry out and put it back elsewhere."""
    value = values[source]
    step = 1 if target > source else -1
    for k in range(source, target, step):
        values[k] = values[k + step]
    values[target] = value


@njit(error_model="numpy")
def search_everything(tables, loop_of, size_of, keys, objective, limit):
    """Every order of the factors with every choice of boundaries, until the limit of evaluations.

    Args:
        tables: of the layer.
        loop_of: loop of every distinct factor.
        size_of: its iterations.
        keys: the factors as numbers of distinct ones, ascending; left at the last order.
        objective: as above.
        limit: evaluations.

    Returns:
        The best order as keys, what its levels give up, its two scores, evaluations, whether all were seen.
    """
    work, holders = make_work(tables, keys.size), tables.holders.shape[0]
    given_up = np.zeros(holders, np.int64)
    best_keys, best_given = keys.copy(), given_up.copy()
    best, tie, evaluations = np.inf, np.inf, 0
    more = True
    while more:
        loops, sizes = loop_of[keys], size_of[keys]
        given_up[:] = 0
        h = 0
        while h >= 0:
            if evaluations >= limit:
                return best_keys, best_given, best, tie, evaluations, False
            cost, second = score(tables, loops, sizes, given_up, objective, best, work)
            evaluations += 1
            if cost < best or (cost == best and second < tie):
                best, tie = cost, second
                best_keys[:], best_given[:] = keys, given_up
            h = holders - 1
            while h >= 0 and given_up[h] >= work.taken[h]:
                given_up[h] = 0
                h -= 1
            if h >= 0:
                given_up[h] += 1
        more = next_permutation(keys)
    return best_keys, best_given, best, tie, evaluations, True


@njit(error_model="numpy")
def best_orders(tables, loop_of, size_of, keys, objective, limit):
    """The best orders of the factors with greedy boundaries: keys, boundaries, scores, evaluations."""
    work, holders = make_work(tables, keys.size), tables.holders.shape[0]
    given_up = np.zeros(holders, np.int64)
    found = np.zeros((STARTS, keys.size), np.int64)
    held = np.zeros((STARTS, *tables.memory.shape), np.int64)
    scores = np.full((STARTS, 2), np.inf)
    evaluations = 0
    more = True
    while more and evaluations < limit:
        worst = scores[STARTS - 1, 0]
        cost, second = score(tables, loop_of[keys], size_of[keys], given_up, objective, worst, work)
        evaluations += 1
        at = STARTS
        while at > 0 and (
            cost < scores[at - 1, 0] or (cost == scores[at - 1, 0] and second < scores[at - 1, 1])
        ):
            if at < STARTS:
                found[at], scores[at], held[at] = found[at - 1], scores[at - 1], held[at - 1]
            at -= 1
        if at < STARTS:
            found[at], held[at] = keys, work.boundaries
            scores[at, 0], scores[at, 1] = cost, second
        more = next_permutation(keys)
    return found, held, scores, evaluations


@njit(error_model="numpy")
def keep(tables, loops, sizes, held, given_up, work):
    """What every level must give up to hold no more than these boundaries, from the innermost on."""
    given_up[:] = 0
    for h in range(tables.holders.shape[0]):
        allocate(tables, loops, sizes, given_up, work)
        a, level = tables.holders[h, 0], tables.holders[h, 1]
        for k in range(held[a, level], work.boundaries[a, level]):
            given_up[h] += np.int64(tables.relevant[a, loops[k]])


@njit(error_model="numpy")
def climb(tables, loops, sizes, given_up, objective, limit, work):
    """Improve a candidate in place until no step does: one loop elsewhere, or one level gives up otherwise.

    Returns:
        Its two scores and the evaluations.
    """
    n, holders = loops.size, tables.holders.shape[0]
    best, tie = score(tables, loops, sizes, given_up, objective, np.inf, work)
    given_up[:] = np.minimum(given_up, work.taken)
    evaluations, idle, step = 1, 0, 0
    steps = n * n + 2 * holders
    while idle < steps and evaluations < limit:
        step, idle = (step + 1) % steps, idle + 1
        if step < n * n:
            source, target = step // n, step % n
            if source == target or source == target + 1:
                continue
            beside = source + 1 if target > source else source - 1
            if loops[source] == loops[beside] and sizes[source] == sizes[beside]:
                continue  # the neighbour's move does the same
            move(loops, source, target)
            move(sizes, source, target)
        else:
            h, change = (step - n * n) // 2, 1 - 2 * ((step - n * n) % 2)
            if given_up[h] + change < 0 or given_up[h] + change > n:
                continue
            given_up[h] += change
        cost, second = score(tables, loops, sizes, given_up, objective, best, work)
        evaluations += 1
        if cost < best or (cost == best and second < tie):
            best, tie, idle = cost, second, 0
        elif step < n * n:
            move(loops, target, source)
            move(sizes, target, source)
        else:
            given_up[h] -= change
    return best, tie, evaluations


@njit(error_model="numpy")
def _random(state, below):
    """A number below a bound, from a linear congruential generator (Knuth's MMIX constants)."""
    state[0] = state[0] * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
    return np.int64((state[0] >> np.uint64(33)) % np.uint64(below))


@njit(error_model="numpy")
def refine(tables, starts, sizes_of, given_ups, held, objective, limit, seed):
    """Iterated local search: climb from every start, then from random steps away from the best.

    Args:
        tables: of the layer.
        starts: (s, n) loops of the orders to begin with.
        sizes_of: (s, n) their iterations.
        given_ups: (s, h) what their levels give up.
        held: (s, a, l) boundaries that fit, for a start that does not.
        objective: as above.
        limit: evaluations.
        seed: of the random steps.

    Returns:
        Loops, iterations, boundaries, the two scores and the evaluations.
    """
    n, holders = starts.shape[1], tables.holders.shape[0]
    work = make_work(tables, n)
    best, tie, evaluations = np.inf, np.inf, 0
    best_loops, best_sizes, best_given = starts[0].copy(), sizes_of[0].copy(), given_ups[0].copy()
    state = np.full(1, seed, np.uint64)
    begun = 0
    while begun < starts.shape[0] or (evaluations < limit and n > 1):
        if begun < starts.shape[0]:
            loops, sizes, given = starts[begun].copy(), sizes_of[begun].copy(), given_ups[begun].copy()
            share = limit // 2 // starts.shape[0]
            if np.isinf(score(tables, loops, sizes, given, objective, np.inf, work)[0]):
                keep(tables, loops, sizes, held[begun], given, work)
        else:
            loops, sizes, given, share = best_loops.copy(), best_sizes.copy(), best_given.copy(), limit
            for _ in range(2 + _random(state, 3)):
                source, target = _random(state, n), _random(state, n)
                move(loops, source, target)
                move(sizes, source, target)
            if holders and _random(state, 2):
                given[_random(state, holders)] = _random(state, 3)
        begun += 1
        cost, second, spent = climb(
            tables, loops, sizes, given, objective, min(share, limit - evaluations), work
        )
        evaluations += spent
        if cost < best or (cost == best and second < tie):
            best, tie = cost, second
            best_loops, best_sizes, best_given = loops, sizes, given
    score(tables, best_loops, best_sizes, best_given, objective, np.inf, work)
    return best_loops, best_sizes, work.scratch.boundaries.copy(), best, tie, evaluations
