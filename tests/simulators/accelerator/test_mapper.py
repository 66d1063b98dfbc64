"""The mapper: its cost against the evaluation's, its optimum against brute force, bounds and networks."""

from __future__ import annotations

from itertools import pairwise, permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.common.arrays import Mappings
from cosearch_simulators.accelerator.engines.timeloop.evaluation import evaluate, pack_nests
from cosearch_simulators.accelerator.mapper import (
    MappingConstraints,
    map_nests,
    map_network,
    of_template,
)
from cosearch_simulators.accelerator.mapper.bounds import least_cycles, lower_bounds, touched
from cosearch_simulators.accelerator.mapper.search_cost import WORK_COLUMNS, cost_of_state
from cosearch_simulators.accelerator.mapping.mapping import unpack
from cosearch_simulators.accelerator.mapping.templates import Template, template
from cosearch_simulators.accelerator.system.architecture import Architecture, preset
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads import Network, Precision, network
from cosearch_simulators.workloads.loop_nest import LOOPS, LoopNest
from cosearch_simulators.workloads.operators import MatrixMultiply

SMALL = Architecture.model_validate(
    {
        "name": "small",
        "levels": [
            {"name": "Register", "kind": "register_file", "capacity_words": 6, "read_bandwidth_words": 2},
            {"name": "Buffer", "capacity_words": 40, "array": (3, 2), "read_bandwidth_words": 4},
            {"name": "DRAM", "kind": "dram", "read_bandwidth_words": 2, "write_bandwidth_words": 2},
        ],
    }
)


def splits(size: int, parts: int) -> list[tuple[int, ...]]:
    """All ways to write a size as an ordered product."""
    if parts == 1:
        return [(size,)]
    return [
        (one, *rest)
        for one in range(1, size + 1)
        if size % one == 0
        for rest in splits(size // one, parts - 1)
    ]


def every_mapping(nest: LoopNest, levels: int, level_with_array: int) -> Mappings:
    """All factors over the levels and both axes of one array, all orders that matter, all bypasses."""
    slots = levels + 2
    running = [loop for loop in range(8) if nest.sizes[loop] > 1]
    rest = [loop for loop in range(8) if loop not in running]
    factors = np.array(list(product(*(splits(nest.sizes[loop], slots) for loop in running))))
    orders = [[*order, *rest] for order in permutations(running)]
    # The order of the innermost level moves nothing.
    order_choices = np.array([[[*range(8)], *two] for two in product(orders, repeat=levels - 1)], np.int8)
    keep_choices = np.array(list(product((0, 1), repeat=3 * (levels - 1))), np.uint8).reshape(
        -1, levels - 1, 3
    )
    keep_choices = np.concatenate([keep_choices, np.ones((len(keep_choices), 1, 3), np.uint8)], axis=1)
    f, o, k = (
        index.ravel()
        for index in np.meshgrid(
            np.arange(len(factors)),
            np.arange(len(order_choices)),
            np.arange(len(keep_choices)),
            indexing="ij",
        )
    )
    temporal = np.ones((len(f), levels, 8), np.int32)
    spatial = np.ones((2, len(f), levels, 8), np.int32)
    for place, loop in enumerate(running):
        temporal[:, :, loop] = factors[f, place, :levels]
        for axis in range(2):
            spatial[axis, :, level_with_array, loop] = factors[f, place, levels + axis]
    return Mappings(temporal, order_choices[o], spatial[0], spatial[1], keep_choices[k])


@pytest.mark.parametrize("objective", ["latency", "energy", "edp"])
@pytest.mark.parametrize(
    "nest",
    [
        LoopNest.of({"K": 4, "C": 4}),
        LoopNest.of({"K": 2, "C": 2, "P": 4}),
        LoopNest.of({"P": 6, "R": 3}),
        LoopNest.of({"C": 2, "Q": 4, "S": 2}, stride=(2, 2)),
        LoopNest.of({"G": 2, "P": 3, "S": 2}, dilation=(2, 2)),
    ],
    ids=str,
)
def test_small_layers_are_mapped_as_well_as_by_trying_everything(nest: LoopNest, objective: str) -> None:
    compiled = SMALL.compile()
    costs = evaluate([compiled], [nest], every_mapping(nest, 3, 1), threads=1)
    assert costs.valid.any()
    guided, thorough = (
        map_nests([compiled], [nest], objective, effort=effort, imperfect=False, threads=1)  # type: ignore[arg-type]
        for effort in ("fast", "thorough")
    )
    assert thorough.proven[0]
    ours, exhausted, every = (
        {"latency": one.cycles, "energy": one.energy_pj, "edp": one.cycles * one.energy_pj}[objective]
        for one in (guided.costs, thorough.costs, costs)
    )
    assert exhausted[0] == pytest.approx(np.nanmin(every), rel=1e-9)
    assert ours[0] == pytest.approx(np.nanmin(every), rel=1e-9)


@settings(max_examples=300)
@given(st.data())
def test_the_cost_of_the_search_is_that_of_the_evaluation(data: st.DataObject) -> None:
    levels = data.draw(st.integers(2, 4))
    factor = st.sampled_from([1, 1, 1, 2, 3])
    temporal = np.array(data.draw(st.lists(factor, min_size=8 * levels, max_size=8 * levels))).reshape(
        levels, 8
    )
    spread = np.ones((levels, 8), np.int64)
    array = data.draw(st.integers(0, levels - 1))
    spread[array] = data.draw(st.lists(factor, min_size=8, max_size=8))
    other = data.draw(st.integers(0, levels - 1))
    if other != array:  # loops of a window are spread at one level only
        spread[other, :4] = data.draw(st.lists(factor, min_size=4, max_size=4))
    order = np.array([data.draw(st.permutations(range(8))) for _ in range(levels)], np.int8)
    keeps = np.array(
        data.draw(st.lists(st.integers(0, 1), min_size=3 * levels, max_size=3 * levels)), np.uint8
    )
    keeps = keeps.reshape(levels, 3)
    keeps[-1] = 1
    number = st.sampled_from([0.5, 1.0, 3.0, 64.0])
    rows = [
        {
            "name": str(level),
            "capacity_words": 10**9 if level < levels - 1 else None,
            "read_bandwidth_words": data.draw(number),
            "write_bandwidth_words": data.draw(number),
            "shared_bandwidth": data.draw(st.booleans()),
            "read_energy_pj": data.draw(number),
            "write_energy_pj": data.draw(number),
            "array": (int(spread[level].prod()),),
            "multicast": data.draw(st.booleans()),
            "reduction": data.draw(st.booleans()),
        }
        for level in range(levels)
    ]
    precision = data.draw(st.sampled_from([None, Precision(4, 8, 8, 32)]))
    compiled = Architecture.model_validate({"levels": rows}).compile(precision)
    sizes = tuple(int(size) for size in (temporal * spread).prod(axis=0))
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    nest = LoopNest(sizes, data.draw(pairs), data.draw(pairs))  # type: ignore[arg-type]
    options = data.draw(st.sampled_from([0, nest_tables.TIMELOOP]))
    mappings = Mappings(
        temporal[None].astype(np.int32),
        order[None],
        spread[None].astype(np.int32),
        np.ones((1, levels, 8), np.int32),
        keeps[None],
    )
    costs = evaluate([compiled], [nest], mappings, options=options, threads=1)
    assert costs.valid[0], costs.reason(0)
    result = np.zeros(2)
    code = cost_of_state(
        compiled.table,
        compiled.constants,
        pack_nests([nest])[0],
        np.full(3, levels - 1),
        temporal.astype(float),
        spread.astype(float),
        np.cumprod(temporal * spread, axis=0).astype(float),
        order,
        keeps,
        options,
        np.zeros((levels, WORK_COLUMNS)),
        result,
    )
    assert code == -1
    assert result[1] == pytest.approx(costs.energy_pj[0], rel=1e-9)
    assert abs(np.ceil(result[0] - 1e-12 * result[0]) - costs.cycles[0]) <= (1 if options else 0)


NESTS = list(
    dict.fromkeys(
        nest
        for one in network("resnet18").operators
        if (nest := one.loop_nest()) is not None and nest.macs < 10**8
    )
)


def test_no_mapping_is_below_the_bounds() -> None:
    for name, precision in (
        ("eyeriss", None),
        ("nvdla", None),
        ("tpu", None),
        ("shidiannao", None),
        ("eyeriss", Precision(4, 16, 8, 32)),
    ):
        compiled = preset(name).compile(precision)
        for objective in ("latency", "energy"):
            costs = map_nests([compiled], NESTS, objective, imperfect=False).costs  # type: ignore[arg-type]
            assert costs.valid.all()
            for nest, cycles, energy in zip(NESTS, costs.cycles, costs.energy_pj, strict=True):
                assert cycles >= lower_bounds(compiled, nest).cycles
                assert energy >= lower_bounds(compiled, nest).energy_pj
    costs = evaluate([SMALL.compile()], [LoopNest.of({"K": 4, "P": 2, "C": 2})],
                     every_mapping(LoopNest.of({"K": 4, "P": 2, "C": 2}), 3, 1))  # fmt: skip
    bounds = lower_bounds(SMALL.compile(), LoopNest.of({"K": 4, "P": 2, "C": 2}))
    assert np.nanmin(costs.cycles) >= bounds.cycles
    assert np.nanmin(costs.energy_pj) >= bounds.energy_pj


def test_each_objective_is_best_at_its_own_and_more_effort_is_never_worse() -> None:
    compiled = [preset("nvdla").compile()]
    found = {name: map_nests(compiled, NESTS[:3], name).costs for name in ("latency", "energy", "edp")}  # type: ignore[arg-type]
    assert (found["latency"].cycles <= found["energy"].cycles).all()
    assert (found["energy"].energy_pj <= found["latency"].energy_pj).all()
    thorough = map_nests(compiled, NESTS[:2], "edp", effort="thorough").costs
    fast = found["edp"].cycles * found["edp"].energy_pj
    assert (thorough.cycles * thorough.energy_pj <= fast[:2]).all()


def test_a_pair_is_mapped_the_same_in_any_batch_and_on_any_threads() -> None:
    eyeriss = preset("eyeriss")
    architectures = [
        eyeriss.model_copy(
            update={
                "levels": tuple(
                    level.model_copy(update={"capacity_words": words})
                    if level.name == "GlobalBuffer"
                    else level
                    for level in eyeriss.levels
                )
            }
        ).compile()
        for words in (20_000, 55_000, 200_000)
    ]
    together = map_nests(architectures, NESTS[:4], threads=2)
    for one, architecture in enumerate(architectures):
        alone = map_nests([architecture], NESTS[2:3], threads=1)
        row = together.row(one, 2)
        assert together.costs.energy_pj[row] == alone.costs.energy_pj[0]
        assert np.array_equal(together.mappings.temporal[row], alone.mappings.temporal[0])


def test_an_array_that_divisors_leave_empty_is_filled_by_imperfect_factors() -> None:
    array = Architecture.model_validate(
        {
            "levels": [
                {"name": "Register", "kind": "register_file", "capacity_words": 64},
                {"name": "Buffer", "capacity_words": 65536, "array": (16, 16)},
                {"name": "DRAM", "kind": "dram"},
            ]
        }
    ).compile()
    primes, even = LoopNest.of({"K": 97, "C": 101}), LoopNest.of({"K": 96, "C": 96, "P": 4})
    for objective in ("latency", "edp"):
        usual, divisors, always = (
            map_nests([array], [primes, even], objective, imperfect=imperfect)  # type: ignore[arg-type]
            for imperfect in (None, False, True)
        )
        assert divisors.costs.cycles[0] == 97 * 101  # one unit of 256
        assert usual.costs.cycles[0] == always.costs.cycles[0] <= 7 * 7  # tiles of 16 by 16, the last cut
        assert usual.costs.cycles[0] >= least_cycles([array], [primes])[0, 0]
        assert not usual.proven[0]
        assert usual.costs.cycles[1] == divisors.costs.cycles[1]
        np.testing.assert_array_equal(usual.mappings.temporal[1], divisors.mappings.temporal[1])


@given(
    st.tuples(st.integers(1, 12), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4)),
)
def test_words_that_windows_touch_are_counted_as_a_set_has_them(case) -> None:
    outs, taps, stride, dilation = case
    rows = {out * stride + tap * dilation for out in range(outs) for tap in range(taps)}
    nest = LoopNest((1, 1, 1, 1, outs, 1, taps, 1), (stride, 1), (dilation, 1))
    assert touched(nest)["Inputs"] == len(rows)


def test_imperfect_factors_fill_an_array_that_no_divisor_fills() -> None:
    compiled = [SMALL.compile()]
    nests = [LoopNest.of({"K": 7, "C": 5, "P": 11}), LoopNest.of({"K": 12, "P": 4})]
    perfect, imperfect = (map_nests(compiled, nests, "latency", imperfect=one).costs for one in (False, True))
    assert imperfect.valid.all()
    assert imperfect.cycles[0] < perfect.cycles[0]  # primes leave the array of 3 x 2 empty
    assert (imperfect.cycles <= perfect.cycles).all()


def test_constraints_are_kept() -> None:
    nvdla = preset("nvdla")
    compiled = nvdla.compile()
    dataflow = template("nvdla-like")
    found = map_nests([compiled], NESTS, constraints=of_template(dataflow, nvdla))
    assert found.costs.valid.all()
    for row in range(len(NESTS)):
        assert dataflow.fault(unpack(found.mappings, row, nvdla), nvdla) == ""
    names = compiled.names
    constraints = MappingConstraints(
        stays={names[0]: {"Weights": False}},
        temporal={names[1]: {"K": 2}},
        order={names[-1]: ("C", "K")},
        spread={},
    )
    free = map_nests([compiled], NESTS[:2], constraints=constraints)
    assert free.mappings.keeps is not None
    assert free.costs.valid.all()
    assert (free.mappings.keeps[:, 0, 0] == 0).all()
    assert (free.mappings.temporal[:, 1, LOOPS.index("K")] == 2).all()
    assert (free.mappings.order[:, -1, :2] == [LOOPS.index("C"), LOOPS.index("K")]).all()
    whole = map_nests([compiled], NESTS[:2], bypass=False)
    assert (whole.mappings.keeps == compiled.allowed).all()


def test_an_operator_that_the_dataflow_does_not_admit_has_no_mapping() -> None:
    tpu, eyeriss = preset("tpu"), preset("eyeriss")
    depthwise = LoopNest.of({"G": 32, "P": 28, "Q": 28, "R": 3, "S": 3})
    nests = [depthwise, LoopNest.of({"K": 16, "C": 16, "P": 14, "Q": 14})]
    rules = of_template(template("tpu-like"), tpu)
    for imperfect in (False, True):
        costs = map_nests([tpu.compile()] * 2, nests, constraints=rules, imperfect=imperfect).costs
        assert costs.valid.tolist() == [False, True, False, True]
        assert np.isnan(costs.energy_pj[[0, 2]]).all()
        assert costs.reason(2) == "tpu-like runs one iteration of G only, the operator has 32"
        assert costs.reason(1) == ""
    dilated = LoopNest.of({"K": 4, "C": 4, "P": 7, "Q": 7, "R": 3, "S": 3}, dilation=(2, 2))
    rows = of_template(template("row-stationary"), eyeriss)
    costs = map_nests([eyeriss.compile()], [dilated], constraints=rows).costs
    assert costs.reason(0) == "row-stationary runs a dilation of at most 1, the operator has 2"
    mine = Template(name="mine", spatial=(("K",), ("C",)), needs=("R",), largest_stride=1)
    strided = LoopNest.of({"K": 4, "P": 7, "Q": 7, "R": 3}, stride=(2, 2))
    costs = map_nests([tpu.compile()], [nests[1], strided], constraints=of_template(mine, tpu)).costs
    assert costs.reason(0) == "mine needs an operator with more than one iteration of R"
    assert costs.reason(1) == "mine runs a stride of at most 1, the operator has 2"


@pytest.mark.parametrize("fuse_at", [None, "UnifiedBuffer"])
def test_a_network_with_an_operator_that_the_dataflow_does_not_admit_says_which(fuse_at: str | None) -> None:
    tpu, mobilenet = preset("tpu"), network("mobilenet_v2")
    rules = of_template(template("tpu-like"), tpu)
    mapped = map_network([tpu.compile()], mobilenet, constraints=rules, fuse_at=fuse_at)
    first = next(one for one in mobilenet.matrix_operators if getattr(one, "groups", 1) > 1)
    assert not mapped.valid[0]
    assert mapped.reasons == (f"{first.name}: tpu-like runs one iteration of G only, the operator has 32",)
    assert np.isnan(mapped.edp[0])


def test_what_cannot_be_mapped_says_why() -> None:
    tiny = SMALL.model_copy(
        update={"levels": (SMALL.levels[0].model_copy(update={"capacity_words": 2}), *SMALL.levels[1:])}
    ).compile()
    nest = LoopNest.of({"K": 4, "C": 4})
    found = map_nests([tiny], [nest], bypass=False)
    assert not found.costs.valid[0]
    assert found.costs.reason(0) == "Register overflows by 1 words: 3 of 2"
    assert map_nests([tiny], [nest]).costs.valid[0]  # past the register
    odd = map_nests([tiny], [nest], constraints=MappingConstraints(temporal={"Buffer": {"K": 3}}))
    assert odd.costs.reason(0) == "the factors of K multiply to 3 and do not cover its 4 iterations"
    huge = map_nests([tiny], [LoopNest.of({"K": 2**30, "C": 2**30})])
    assert "too many to be counted" in huge.costs.reason(0)
    for arguments, words in (
        ({"objective": "area"}, "unknown objective 'area'"),
        ({"effort": "much"}, "unknown effort 'much'"),
        ({"constraints": MappingConstraints(temporal={"Bufer": {"K": 2}})}, "no level 'Bufer'"),
        (
            {"constraints": MappingConstraints(temporal={"Buffer": {"K": 0}})},
            "factor of K must be at least 1",
        ),
    ):
        with pytest.raises(ConfigurationError, match=words):
            map_nests([tiny], [nest], **arguments)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="as many levels"):
        map_nests([tiny, preset("eyeriss").compile()], [nest])


def test_equal_layers_share_a_result_and_layers_add_up() -> None:
    resnet = network("resnet18").fold_batch_norms()
    mapped = map_network([preset("nvdla").compile()], resnet)
    assert mapped.valid[0]
    assert len(mapped.layers) == 21
    assert len(np.unique(mapped.rows)) == 12
    assert mapped.cycles[0] == mapped.layer_cycles[0].sum()
    assert mapped.energy_pj[0] == pytest.approx(mapped.layer_energy_pj[0].sum())
    assert mapped.edp[0] == mapped.cycles[0] * mapped.energy_pj[0]
    assert ((mapped.layer_utilisation > 0) & (mapped.layer_utilisation <= 1)).all()


def chain(sizes: list[int], rows: int) -> Network:
    """Matrix products one after the other."""
    operators = tuple(
        MatrixMultiply(name=f"fc{place}", m=rows, k=inner, n=columns)
        for place, (inner, columns) in enumerate(pairwise(sizes))
    )
    names = ("input", *(operator.name for operator in operators))
    return Network("chain", operators, tuple(pairwise(names)))


def test_fusion_takes_the_best_of_all_groupings() -> None:
    layers = chain([64, 32, 128, 16, 64], rows=16)
    architecture = SMALL.model_copy(
        update={"levels": (SMALL.levels[0], SMALL.levels[1].model_copy(update={"capacity_words": 2500}),
                           SMALL.levels[2])}
    ).compile()  # fmt: skip
    for objective in ("latency", "energy", "edp"):
        alone = map_network([architecture], layers, objective)  # type: ignore[arg-type]
        fused = map_network([architecture], layers, objective, fuse_at="Buffer")  # type: ignore[arg-type]
        measure = {"latency": "cycles", "energy": "energy_pj", "edp": "edp"}[objective]
        assert getattr(fused, measure)[0] <= getattr(alone, measure)[0]
    # 16 x 32 words stay, and their way to the backing store and back is saved.
    fused = map_network([architecture], layers, "energy", fuse_at="Buffer")
    assert fused.groups[0] == (("fc0", "fc1"), ("fc2", "fc3")) or len(fused.groups[0][0]) > 2
    assert fused.energy_pj[0] < alone.energy_pj[0]
    none = map_network([SMALL.compile()], layers, fuse_at="Buffer")  # 40 words hold none of the tensors
    assert none.groups == ((),)
    assert none.edp[0] == map_network([SMALL.compile()], layers).edp[0]
    with pytest.raises(ConfigurationError, match="no level 'Bufer' on the chip"):
        map_network([architecture], layers, fuse_at="Bufer")


def test_a_mapper_without_work_says_so() -> None:
    with pytest.raises(ConfigurationError, match="at least one operator"):
        map_nests([SMALL.compile()], [], "edp")
