"""The continuous cost: the compiled one at whole factors, with gradients as finite differences have them."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture, Mappings
from cosearch_simulators.accelerator.engines.continuous.cost import continuous_cost
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate
from cosearch_simulators.accelerator.mapping.rounding import round_mapping
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads import LoopNest

LEVELS = 3


def architecture(
    *,
    capacity=(1e9, 1e9),
    fanout=64,
    multicast=1,
    reduction=1,
    bandwidth=(4.0, 16.0, 2.0),
    widths=1.0,
    shared=0,
):
    table = np.zeros((LEVELS, nest_tables.LEVEL_COLUMNS))
    table[:, nest_tables.CAPACITY] = [*capacity, np.inf]
    table[:, nest_tables.READ_BANDWIDTH] = table[:, nest_tables.WRITE_BANDWIDTH] = bandwidth
    table[:, nest_tables.SHARED_BANDWIDTH] = shared
    table[:, nest_tables.FANOUT_X] = table[:, nest_tables.FANOUT_Y] = [1, fanout, 1]
    table[:, nest_tables.MULTICAST], table[:, nest_tables.REDUCTION] = multicast, reduction
    table[:, nest_tables.READ_PJ : nest_tables.READ_PJ + 3] = [[0.3] * 3, [2.0, 2.5, 3.0], [100.0] * 3]
    table[:, nest_tables.WRITE_PJ : nest_tables.WRITE_PJ + 3] = [[0.4] * 3, [2.2, 2.7, 3.3], [120.0] * 3]
    table[:, nest_tables.WIDTH : nest_tables.WIDTH + 3] = widths
    return CompiledArchitecture(
        ("Registers", "Buffer", "DRAM"), table, np.ones((LEVELS, 3), np.uint8), np.array([0.5, 1.0])
    )


@st.composite
def cases(draw):
    """A nest with a mapping whose factors multiply to its sizes, and a loop order for each level."""
    factors = np.array(
        draw(
            st.lists(st.lists(st.sampled_from([1, 1, 2, 3]), min_size=8, max_size=8), min_size=4, max_size=4)
        )
    )
    nest = LoopNest(
        tuple(int(prod(factors[:, loop])) for loop in range(8)),
        (draw(st.integers(1, 2)), draw(st.integers(1, 3))),
        (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
    )
    order = [draw(st.permutations(range(8))) for _ in range(LEVELS)]
    on_x = np.array(draw(st.lists(st.booleans(), min_size=8, max_size=8)))
    temporal = factors[:3].copy()
    x, y = np.ones((LEVELS, 8), np.int32), np.ones((LEVELS, 8), np.int32)
    x[1, on_x], y[1, ~on_x] = factors[3, on_x], factors[3, ~on_x]
    keeps = np.ones((LEVELS, 3), bool)
    keeps[:2] = np.array(draw(st.lists(st.booleans(), min_size=6, max_size=6))).reshape(2, 3)
    return nest, temporal, x, y, order, keeps


@settings(deadline=None, max_examples=300)
@given(case=cases(), multicast=st.integers(0, 1), reduction=st.integers(0, 1), shared=st.integers(0, 1))
def test_at_whole_factors_it_is_the_compiled_cost(case, multicast, reduction, shared):
    nest, temporal, x, y, order, keeps = case
    widths = [[0.5, 1.0, 2.0], [0.25, 1.0, 4.0], [0.5, 0.5, 1.0]]
    arch = architecture(fanout=10_000, multicast=multicast, reduction=reduction, widths=widths, shared=shared)
    mapping = Mappings(
        temporal[None].astype(np.int32),
        np.array([order], np.int8),
        x[None],
        y[None],
        keeps[None].astype(np.uint8),
    )
    exact = evaluate([arch], [nest], mapping, counts=True, threads=1)
    ours = continuous_cost(arch, nest, temporal[None] * 1.0, x[None] * 1.0, y[None] * 1.0, order, keeps=keeps)
    assert exact.valid[0]
    assert ours.energy_pj[0] == pytest.approx(exact.energy_pj[0], rel=1e-12)
    assert np.ceil(ours.cycles[0] * (1 - 1e-12)) == pytest.approx(exact.cycles[0], abs=1)
    tiles = exact.counts[0, :, :, nest_tables.TILE] * widths
    assert ours.tile_words[0].tolist() == tiles.sum(axis=1).tolist()
    assert ours.overflow[0] == 0


@settings(deadline=None, max_examples=25)
@given(case=cases(), seed=st.integers(0, 1000))
def test_gradients_are_finite_differences(case, seed):
    nest, _, _, _, order, keeps = case
    arch = architecture(capacity=(50, 400), fanout=3)
    rng = np.random.default_rng(seed)
    # Away from 1, where loops appear, and from the corners of every maximum.
    point = [rng.uniform(1.1, 2.6, (1, LEVELS, 8)) for _ in range(3)]
    point[1][:, [0, 2]] = point[2][:, [0, 2]] = 1.0

    def cost(values):
        found = continuous_cost(arch, nest, *values, order, keeps=keeps)
        return found.energy_pj[0] + found.cycles[0] + found.overflow[0]

    tensors = [torch.tensor(part, requires_grad=True) for part in point]
    cost(tensors).backward()
    for part, tensor in zip(point, tensors, strict=True):
        for place in rng.choice(part.size, 6, replace=False):
            index = np.unravel_index(place, part.shape)
            if part[index] == 1.0 or (part is point[0] and index[1] == LEVELS - 1):
                continue
            step = 1e-6
            high, low = part.copy(), part.copy()
            high[index] += step
            low[index] -= step
            others = [high if other is part else other for other in point]
            below = [low if other is part else other for other in point]
            slope = (cost(others) - cost(below)) / (2 * step)
            assert float(tensor.grad[index]) == pytest.approx(
                float(slope), rel=1e-4, abs=1e-7 * abs(cost(point))
            )


def test_gradients_reach_the_numbers_of_the_architecture():
    arch, nest = architecture(), LoopNest.of({"K": 8, "C": 4, "P": 6})
    table = torch.tensor(arch.table, requires_grad=True)
    ones = torch.ones((1, LEVELS, 8), dtype=torch.float64)
    order = [list(range(8))] * LEVELS
    continuous_cost(arch, nest, ones, ones, ones, order, table=table).energy_pj.sum().backward()
    assert (
        table.grad[0, nest_tables.READ_PJ].item() == nest.macs
    )  # a weight is read from the registers each MAC


@settings(deadline=None, max_examples=100)
@given(case=cases(), seed=st.integers(0, 1000), imperfect=st.booleans())
def test_rounding_gives_a_valid_mapping_whatever_the_point(case, seed, imperfect):
    nest, _, _, _, order, keeps = case
    keeps[2] = True
    arch = architecture(capacity=(6, 60), fanout=4)
    rng = np.random.default_rng(seed)
    point = [np.exp(rng.uniform(0, 3, (2, LEVELS, 8))) for _ in range(3)]
    mappings = round_mapping(arch, nest, *point, order, keeps=keeps, imperfect=imperfect)
    costs = evaluate([arch], [nest], mappings, threads=1)
    assert costs.valid.all()
    covered = (mappings.temporal * mappings.spatial_x * mappings.spatial_y).prod(axis=1)
    assert np.all(covered >= nest.sizes)
    assert imperfect or np.all(covered == nest.sizes)


def test_whole_factors_that_fit_are_left_as_they_are():
    nest = LoopNest.of({"K": 16, "C": 8, "P": 4})
    t, x, y = (np.ones((1, LEVELS, 8)) for _ in range(3))
    t[0, 0, 3], t[0, 1, 4], x[0, 1, 2], t[0, 2, 2], t[0, 2, 3] = 4, 4, 8, 2, 2
    mapping = round_mapping(architecture(), nest, t, x, y, [list(range(8))] * LEVELS)
    assert np.array_equal(mapping.temporal, t)
    assert np.array_equal(mapping.spatial_x, x)


def test_a_level_that_holds_not_even_single_elements_is_named():
    ones = np.ones((1, LEVELS, 8))
    with pytest.raises(SimulatorError, match="Registers overflows by 2 words"):
        round_mapping(
            architecture(capacity=(1, 10)), LoopNest.of({"K": 4}), ones, ones, ones, [list(range(8))] * 3
        )


def test_descending_the_gradient_and_rounding_beats_random_mappings():
    nest = LoopNest.of({"K": 64, "C": 64, "P": 14, "Q": 14, "R": 3, "S": 3})
    arch, order = architecture(capacity=(64, 16384), fanout=16), [[6, 7, 4, 5, 3, 2, 1, 0]] * LEVELS
    rng = np.random.default_rng(0)

    def rounded_edp(point):
        mapping = round_mapping(arch, nest, *point, order, imperfect=True)
        costs = evaluate([arch], [nest], mapping, threads=1)
        return costs.energy_pj * costs.cycles

    start = [rng.uniform(0.05, 1.0, (8, LEVELS, 8)) for _ in range(3)]
    start[1][:, [0, 2]] = start[2][:, [0, 2]] = 0.0
    before = rounded_edp([np.exp(part) for part in start])
    free = [torch.tensor(part, requires_grad=True) for part in start]
    array = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)[:, None]  # only the second level has one
    optimizer = torch.optim.Adam(free, lr=0.05)
    for _ in range(70):
        optimizer.zero_grad()
        factors = [torch.exp(free[0]), torch.exp(free[1] * array), torch.exp(free[2] * array)]
        cost = continuous_cost(arch, nest, *factors, order)
        (torch.log(cost.edp) + 3 * cost.overflow).sum().backward()
        optimizer.step()
        with torch.no_grad():
            for factor in free:
                factor.clamp_(min=0.0)
    after = rounded_edp([factor.detach().numpy() for factor in factors])
    assert np.median(after) < 0.6 * np.median(before)
    assert after.min() < before.min()


def test_a_memory_that_is_too_small_overflows_as_it_does_in_the_compiled_cost():
    machine, nest = architecture(), LoopNest.of({"K": 8, "C": 4})  # 32 weights, 4 inputs, 8 outputs
    ones = np.ones((1, LEVELS, 8))
    order = [list(range(8))] * LEVELS
    for capacity, excess in ((44.0, 0.0), (22.0, np.log(2.0))):
        machine.table[-1, nest_tables.CAPACITY] = capacity
        found = continuous_cost(machine, nest, ones, ones, ones, order)
        assert found.overflow[0] == pytest.approx(excess)
    with pytest.raises(SimulatorError, match="DRAM overflows by 22 words"):
        round_mapping(machine, nest, ones, ones, ones, order)


@pytest.mark.parametrize("wanted", [0.0, -3.0, 1e300, np.inf, np.nan])
def test_rounding_what_a_gradient_ran_off_to_is_valid(wanted):
    machine, nest = architecture(capacity=(50.0, 500.0)), LoopNest.of({"K": 8, "C": 12, "P": 7, "R": 3})
    factors = np.full((1, LEVELS, 8), wanted)
    order = [list(range(8))] * LEVELS
    for imperfect in (False, True):
        rounded = round_mapping(machine, nest, factors, factors, factors, order, imperfect=imperfect)
        assert evaluate([machine], [nest], rounded).valid.all()


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"temporal": np.zeros((1, LEVELS, 8))}, "temporal must hold factors above 0"),
        ({"spatial_y": np.full((1, LEVELS, 8), np.nan)}, "spatial_y must hold factors above 0"),
        ({"spatial_x": np.ones((1, 2, 8))}, r"spatial_x must have the shape \(1, 3, 8\), got \(1, 2, 8\)"),
        ({"order": [[0]] * LEVELS}, "order must name each of the 8 loops once"),
        ({"order": [list(range(8))]}, "at each of 3 levels"),
    ],
)
def test_what_is_no_mapping_is_named(changed, line):
    whole = {name: np.ones((1, LEVELS, 8)) for name in ("temporal", "spatial_x", "spatial_y")}
    arguments = {**whole, "order": [list(range(8))] * LEVELS, **changed}
    with pytest.raises(SimulatorError, match=line):
        continuous_cost(architecture(), LoopNest.of({"K": 8, "C": 4}), **arguments)
