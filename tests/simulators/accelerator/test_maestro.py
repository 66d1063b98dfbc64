"""MAESTRO's model against its recorded runs, by hand on a small case, and by what any must keep to."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch_simulators.accelerator.engines.maestro import (
    Cluster,
    Dataflows,
    Hardware,
    Layer,
    Map,
    evaluate_dataflow,
    gamma_area_um2,
    maestro_area,
    parse_directives,
)
from cosearch_simulators.accelerator.engines.maestro.directives import Directive
from cosearch_simulators.accelerator.engines.maestro.validation import hardware_of, layer_of
from cosearch_simulators.accelerator.validation import validate
from cosearch_simulators.core.validation.cases import read_cases
from cosearch_simulators.core.validation.ranking import spearman
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads.loop_nest import TENSORS, LoopNest

SAMPLE = Path(__file__).parents[2] / "reference" / "accelerator" / "maestro"
GEMM = Layer.of("GEMM", {"M": 8, "N": 6, "K": 4})


def test_the_sample_of_maestro_is_met() -> None:
    table = validate(SAMPLE)
    assert table.passed, table.failures
    assert not table.failures


def test_all_of_maestro_is_met(reference: Path) -> None:
    table = validate(reference / "accelerator" / "maestro")
    assert table.passed, table.failures
    assert not table.failures


def test_a_small_product_by_hand() -> None:
    """2 PEs take a row each, then all columns one by one: 4 steps of rows, 6 of columns in each."""
    text = "SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(Sz(K),Sz(K)) K;"
    result = evaluate_dataflow(GEMM, Dataflows.parse(GEMM, text), Hardware(2, 4, 1024))
    assert result.macs == 8 * 6 * 4
    # Rows of M x K are fetched by both PEs when M moves, a column of K x N (shared) when N or M moves.
    assert result.l2_reads[0].tolist() == [4 * (6 - 1) * 4 + 4, 8 * 4, 8 * 6]
    # First step: 8 + 4 elements at 4 a cycle, then 4 products; the other 23 wait for 4 products each.
    assert result.runtime_cycles == (3 + 4) + 23 * 4
    assert result.l1_bytes[0].tolist() == [2 * 4, 2 * 4, 2]
    assert result.active_pes == 2


@st.composite
def dataflows(draw: st.DrawFn) -> tuple[Layer, list[Directive], int]:
    """A layer, a dataflow of one to three levels that covers it, and PEs enough for its clusters."""
    kind = draw(st.sampled_from(["CONV", "DSCONV", "GEMM"]))
    small, window = st.integers(1, 6), st.integers(1, 3)
    if kind == "GEMM":
        tile = {name: draw(st.integers(1, 12)) for name in "MNK"}
        layer = Layer.of(kind, tile)
    else:
        names = ("C", "K", "Y'", "X'")
        tile = {name: draw(small) for name in names if kind == "CONV" or name != "K"}
        tile |= {"R": draw(window), "S": draw(window)}
        sizes = {name: size for name, size in tile.items() if not name.endswith("'")}
        sizes |= {"Y": tile["Y'"] + tile["R"] - 1, "X": tile["X'"] + tile["S"] - 1}
        layer = Layer.of(kind, sizes)
    directives: list[Directive] = []
    clusters = 1
    for level in range(draw(st.integers(1, 3))):
        if level:
            size = draw(st.integers(1, 4))
            directives.append(Cluster(size))
            clusters *= size
        order = draw(st.permutations(sorted(tile)))
        spread = draw(st.sampled_from([name for name in order if name not in "RS"]))
        for name in order:
            if name not in "RS" or kind == "GEMM":
                tile[name] = draw(st.integers(1, tile[name]))
            directives.append(Map(name, tile[name], tile[name], name == spread))
    return layer, directives, draw(st.integers(clusters, 6 * clusters))


@given(dataflows(), st.integers(1, 8), st.integers(1, 4))
def test_every_dataflow_multiplies_all_once(
    drawn: tuple[Layer, list[Directive], int], bandwidth: int, lanes: int
) -> None:
    layer, directives, pes = drawn
    result = evaluate_dataflow(
        layer, Dataflows.of(layer, [directives]), Hardware(pes, bandwidth, 8, 1, lanes)
    )
    assert result.reason == ""
    work = np.prod(
        [size for name, size in zip(layer.dimensions, layer.sizes, strict=True) if name not in "XY"]
    )
    if layer.kind != "GEMM":
        work *= (layer.size("Y") - layer.size("R") + 1) * (layer.size("X") - layer.size("S") + 1)
    assert result.macs == work
    assert result.runtime_cycles * pes * lanes >= work
    assert 0 < result.active_pes <= pes
    assert result.l2_writes[0, :2].tolist() == list(layer.tensor_sizes[:2])
    assert result.l1_reads[0].tolist() == [work] * 3


@given(dataflows())
def test_more_bandwidth_never_takes_longer(drawn: tuple[Layer, list[Directive], int]) -> None:
    layer, directives, pes = drawn
    hardware = Hardware(pes, np.array([1, 2, 8, 64]), np.array([1, 4, 16, 1024]))
    result = evaluate_dataflow(layer, Dataflows.of(layer, [directives]), hardware)
    assert all(slow >= fast for slow, fast in pairwise(result.runtime_cycles))
    assert len(set(result.l2_reads[:, TENSORS.index("Inputs")].tolist())) == 1


def test_a_batch_gives_what_each_case_gives() -> None:
    cases = [case for case in read_cases(SAMPLE / "cases.jsonl") if case["layer"]["type"] == "CONV"]
    layer = layer_of(cases[0])
    flows = [parse_directives(case["dataflow"], layer) for case in cases if "Cluster" in case["dataflow"]]
    hardware = hardware_of(cases[0])
    batch = evaluate_dataflow(layer, Dataflows.of(layer, flows), hardware)
    for index, flow in enumerate(flows):
        alone = evaluate_dataflow(layer, Dataflows.of(layer, [flow]), hardware)
        for field in fields(alone):
            assert np.array_equal(getattr(batch, field.name)[index], getattr(alone, field.name)[0]), (
                field.name
            )


def test_an_only_tile_larger_than_its_dimension_has_work() -> None:
    """The tool returns no positive runtime here."""
    cases = [case for case in read_cases(SAMPLE / "cases.jsonl") if case["status"] == "nonpositive"]
    assert cases
    for case in cases:
        layer = layer_of(case)
        result = evaluate_dataflow(layer, Dataflows.parse(layer, case["dataflow"]), hardware_of(case))
        assert result.macs == 512 * 512 * 9 * 7 * 7
        assert result.runtime_cycles > 0


def test_areas_of_the_recorded_buffers() -> None:
    for case in read_cases(SAMPLE / "cases.jsonl"):
        out, hw = case["out"], case["hw"]
        sizes = out["L1 SRAM Size Req (Bytes)"], out["L2 SRAM Size Req (Bytes)"]
        area = maestro_area(hw["num_pes"], *sizes, hw["noc_bw"])
        assert float(area.area_um2) == pytest.approx(out["Area"], rel=5.1e-6)
        assert float(area.power_mw) == pytest.approx(out["Power"], rel=5.1e-6)
        assert float(area.l1_power_mw) == pytest.approx(out["L1 power"], rel=5.1e-6)


def test_the_area_of_gamma_counts_whole_macros() -> None:
    assert gamma_area_um2(10, 65, 32769) == pytest.approx(10 * 4470 + 2 * 4161.536 + 10 * 2 * 4505.1889)


def test_output_rows_become_input_rows() -> None:
    layer = Layer.of("CONV", {"K": 4, "C": 3, "R": 3, "S": 3, "Y": 9, "X": 9}, stride=(2, 2))
    flows = Dataflows.of(layer, [[Map("Y'", 2, 2, True), Map("X'", 4, 4), Map("R", 3, 3), Map("S", 3, 3)]])
    rows, columns = flows.maps[0, 0, :2].tolist()
    assert rows == [layer.dimensions.index("Y"), 1, 5, 4]
    assert columns == [layer.dimensions.index("X"), 0, 9, 8]


def test_layers_of_loop_nests() -> None:
    conv = Layer.of_nest(LoopNest.of({"K": 8, "C": 4, "P": 14, "Q": 7, "R": 3, "S": 3}, stride=(2, 1)))
    assert (conv.kind, conv.size("Y"), conv.size("X"), conv.stride) == ("CONV", 29, 9, (1, 2))
    assert Layer.of_nest(LoopNest.of({"G": 32, "P": 5, "Q": 5, "R": 3, "S": 3})).size("C") == 32
    product = Layer.of_nest(LoopNest.of({"P": 128, "K": 768, "C": 64}))
    assert (product.kind, product.sizes) == ("GEMM", (64, 128, 768))


@pytest.mark.parametrize(
    ("nest", "message"),
    [
        (LoopNest.of({"N": 2, "P": 4, "Q": 4}), "one image, got a batch of 2"),
        (LoopNest.of({"Q": 4, "R": 3}, dilation=(2, 1)), "no dilation"),
        (LoopNest.of({"G": 2, "K": 4, "C": 4, "Q": 4}), "got 2 groups of 4 to 4 channels"),
    ],
)
def test_nests_without_a_layer_are_named(nest: LoopNest, message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        Layer.of_nest(nest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SpatialMap(1,1) Y;", "directive 1: unknown dimension 'Y', GEMM has K, M, N"),
        ("SpatialMap(1,1) M; TemporalMap(Sz(C),1) K;", r"directive 2: Sz\(C\) names no dimension of GEMM"),
        ("SpatialMop(1,1) M;", "did you mean 'SpatialMap'"),
        ("SpatialMap(1) M;", "must have two arguments, got 1"),
        ("SpatialMap(0,1) M;", r"expected a size from 1 to 999999999 or Sz\(dimension\), got '0'"),
        ("SpatialMap(1,1) M; Cluster(8);", "must have two arguments, got 1"),
        ("SpatialMap(1,1) M; Cluster(8,Q);", r"expected Cluster\(size, P\)"),
    ],
)
def test_text_that_is_no_dataflow_is_named(text: str, message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        parse_directives(text, GEMM)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("TemporalMap(1,1) M;", "level 0 must have one SpatialMap"),
        ("SpatialMap(1,1) M; TemporalMap(2,2) M;", "level 0 maps a dimension twice"),
        ("SpatialMap(1,2) M;", "level 0 has a map whose offset is larger than its size"),
        ("SpatialMap(1,1) M; Cluster(32,P); SpatialMap(1,1) K;", "clusters of 32 PEs do not fit into 16 PEs"),
    ],
)
def test_dataflows_that_cannot_run_have_a_reason_and_spoil_no_other(text: str, reason: str) -> None:
    result = evaluate_dataflow(GEMM, Dataflows.parse(GEMM, text), Hardware(16, 4, 4))
    assert reason in result.reason[0]
    assert not result.ok[0]
    assert result.runtime_cycles == 0
    assert result.l2_writes.sum() == 0


def test_one_bad_dataflow_spoils_no_other() -> None:
    good, bad = "SpatialMap(1,1) M; Cluster(4,P); SpatialMap(1,1) K;", "SpatialMap(1,1) M; Cluster(9,P);"
    flows = Dataflows.of(GEMM, [parse_directives(text, GEMM) for text in (bad, good)])
    result = evaluate_dataflow(GEMM, flows, Hardware(8, 4, 4))
    assert result.ok.tolist() == [False, True]
    assert result.macs.tolist() == [0, 8 * 6 * 4]


def test_a_tile_smaller_than_the_filter_has_a_reason() -> None:
    layer = Layer.of("CONV", {"K": 2, "C": 2, "R": 3, "S": 3, "Y": 8, "X": 8})
    text = "SpatialMap(1,1) K; TemporalMap(2,2) Y; TemporalMap(3,1) X;"
    result = evaluate_dataflow(layer, Dataflows.parse(layer, text), Hardware(4, 4, 4))
    assert "smaller than the filter" in result.reason[0]


def test_bad_hardware_and_layers_are_named() -> None:
    flow = Dataflows.parse(GEMM, "SpatialMap(1,1) M;")
    with pytest.raises(SimulatorError, match="noc_bandwidth must be from 1 to 2147483647, got 0"):
        evaluate_dataflow(GEMM, flow, Hardware(4, 0, 4))
    with pytest.raises(SimulatorError, match=r"pes must be whole numbers, got 4\.5"):
        evaluate_dataflow(GEMM, flow, Hardware(4.5, 4, 4))
    with pytest.raises(SimulatorError, match="as many or one, got"):
        evaluate_dataflow(GEMM, flow, Hardware([4, 8], [1, 2, 3], 4))
    with pytest.raises(SimulatorError, match="Y = 2 is smaller than the filter's R = 3"):
        Layer.of("CONV", {"R": 3, "Y": 2})
    with pytest.raises(SimulatorError, match="unknown kind of layer 'FC'; valid: CONV"):
        Layer.of("FC", {"M": 2})
    with pytest.raises(SimulatorError, match=r"multiply to more than 2\*\*50"):
        Layer.of("GEMM", {"M": 1 << 20, "N": 1 << 20, "K": 1 << 20})


def test_spearman_is_that_of_known_ranks() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 5]) == pytest.approx(-0.2)
    assert spearman([1, 1, 2], [3, 3, 9]) == pytest.approx(1)
    assert spearman([1, 2], [5, 5]) == 0
