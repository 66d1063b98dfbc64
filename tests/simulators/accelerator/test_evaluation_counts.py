"""Access counts against a walk through every step of the nest."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture, Mappings
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.workloads.loop_nest import LoopNest
from loop_nest_walk import walk


def architecture(levels: int, multicast, reduction) -> CompiledArchitecture:
    table = np.full((levels, nest_tables.LEVEL_COLUMNS), np.inf)
    table[:, nest_tables.MULTICAST] = multicast
    table[:, nest_tables.REDUCTION] = reduction
    table[:, nest_tables.READ_PJ :] = 1.0
    return CompiledArchitecture(
        tuple(f"level{n}" for n in range(levels)), table, np.ones((levels, 3), np.uint8), np.array([1.0, 1.0])
    )


@st.composite
def small_cases(draw, ragged: bool):
    """A nest of at most a few hundred iterations and a mapping that covers it."""
    levels = draw(st.integers(2, 4))
    temporal = np.ones((levels, 8), np.int32)
    spatial = np.ones((2, levels, 8), np.int32)
    room = 160
    for _ in range(draw(st.integers(1, 6))):
        factor = draw(st.integers(2, 4))
        if room < factor:
            break
        room //= factor
        level, loop = draw(st.integers(0, levels - 1)), draw(st.sampled_from([0, 1, 2, 3, 4, 4, 5, 6, 6, 7]))
        where = draw(st.sampled_from(["time", "time", "x", "y"]))
        (temporal if where == "time" else spatial["xy".index(where)])[level, loop] *= factor
    cover = temporal.prod(0) * spatial.prod((0, 1))
    sizes = [int(n) for n in cover]
    if ragged:
        sizes = [draw(st.integers((n + 1) // 2, n)) for n in sizes]
    order = np.array([draw(st.permutations(range(8))) for _ in range(levels)], np.int8)
    keeps = np.array(
        draw(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=levels, max_size=levels))
    )
    keeps[-1] = 1
    flags = st.lists(st.booleans(), min_size=levels, max_size=levels)
    steps = st.tuples(st.integers(1, 3), st.integers(1, 3))
    return sizes, draw(steps), draw(steps), temporal, order, spatial, keeps, draw(flags), draw(flags)


def check(case) -> None:
    sizes, stride, dilation, temporal, order, spatial, keeps, multicast, reduction = case
    mappings = Mappings(temporal[None], order[None], spatial[:1], spatial[1:], keeps[None].astype(np.uint8))
    costs = evaluate(
        [architecture(len(temporal), multicast, reduction)],
        [LoopNest(tuple(sizes), stride, dilation)],
        mappings,
        counts=True,
    )
    assert costs.valid[0], costs.reason(0)
    truth = walk(sizes, stride, dilation, temporal, order, spatial.prod(0), keeps, multicast, reduction)
    assert costs.counts is not None
    np.testing.assert_array_equal(costs.counts[0, :, :, :3], truth.counts)
    assert costs.compute_cycles[0] == truth.steps


@settings(max_examples=250)
@given(small_cases(ragged=False))
def test_counts_equal_a_walk_through_the_nest(case) -> None:
    check(case)


@settings(max_examples=250)
@given(small_cases(ragged=True))
def test_counts_of_imperfect_factors_equal_a_walk_through_the_nest(case) -> None:
    check(case)


@settings(max_examples=250)
@given(small_cases(ragged=True))
def test_no_level_is_filled_with_fewer_words_than_are_used(case) -> None:
    sizes, stride, dilation, temporal, order, spatial, keeps, multicast, reduction = case
    costs = evaluate(
        [architecture(len(temporal), multicast, reduction)],
        [LoopNest(tuple(sizes), stride, dilation)],
        Mappings(temporal[None], order[None], spatial[:1], spatial[1:], keeps[None].astype(np.uint8)),
        counts=True,
    )
    assert costs.counts is not None
    g, n, k, c, *window = sizes
    used = g * n * c
    for axis in range(2):
        outs, taps = range(window[axis]), range(window[2 + axis])
        used *= len({out * stride[axis] + tap * dilation[axis] for out in outs for tap in taps})
    weights = g * k * c * window[2] * window[3]
    outputs = g * n * k * window[0] * window[1]
    counts, holding = costs.counts[0], keeps.astype(bool)
    for tensor, words in ((0, weights), (1, used)):
        inside = [level for level in range(len(keeps) - 1) if holding[level, tensor]]
        assert (counts[inside, tensor, nest_tables.FILLS] >= words).all()
        assert (counts[holding[:, tensor], tensor, nest_tables.READS] >= words).all()
    assert (counts[holding[:, 2], 2, nest_tables.UPDATES] >= outputs).all()


def test_a_window_after_one_that_the_end_has_cut_brings_what_was_missing() -> None:
    """Five outputs in tiles of three: columns 2 to 4, then 3 and 4, and 4 to 5 and 5 to 6 one by one."""
    temporal = np.ones((1, 2, 8), np.int32)
    temporal[0, 0, 5] = 3
    temporal[0, 1, [5, 7]] = 2, 3
    order = np.tile(np.array([7, 5, 0, 1, 2, 3, 4, 6], np.int8), (1, 2, 1))
    ones = np.ones((1, 2, 8), np.int32)
    costs = evaluate(
        [architecture(2, 1, 1)],
        [LoopNest((1, 1, 1, 1, 1, 5, 1, 3))],
        Mappings(temporal, order, ones, ones, np.ones((1, 2, 3), np.uint8)),
        counts=True,
    )
    assert costs.counts is not None
    assert costs.counts[0, 0, 1, nest_tables.FILLS] == 5 + 0 + 2
    assert costs.counts[0, 1, 1, nest_tables.READS] == 7


def test_windows_that_share_words_are_counted_in_whole_words() -> None:
    spatial = np.ones((2, 3, 8), np.int32)
    spatial[0, 0, [2, 4]] = 3, 2
    spatial[0, 2, 6] = 4
    order = np.tile(np.arange(8, dtype=np.int8), (3, 1))
    keeps = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 1]], np.uint8)
    nest = LoopNest((1, 1, 3, 1, 2, 1, 4, 1))
    mappings = Mappings(np.ones((1, 3, 8), np.int32), order[None], spatial[:1], spatial[1:], keeps[None])
    costs = evaluate([architecture(3, 1, 1)], [nest], mappings, counts=True, threads=1)
    assert costs.counts is not None
    assert costs.counts[0, 2, 1, nest_tables.READS] == 5  # rows 0 to 4 of the input
