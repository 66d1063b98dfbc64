"""Systolic arrays against SCALE-Sim's recorded runs, and against a walk over the folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch_simulators.accelerator.engines.scalesim.systolic import (
    DATAFLOWS,
    Products,
    SystolicArray,
    simulate_systolic,
)
from cosearch_simulators.accelerator.validation import validate
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads import network
from cosearch_simulators.workloads.loop_nest import LoopNest

SAMPLE = Path(__file__).parents[2] / "reference" / "accelerator" / "scalesim"

sizes = st.integers(1, 40)


def test_the_sample_of_scalesim_is_met() -> None:
    table = validate(SAMPLE)
    assert table.passed, table.failures
    groups = {row.group for row in table.rows if not row.group.startswith("npu")}
    assert groups == {*DATAFLOWS, "limited bandwidth"}


def test_all_of_scalesim_is_met(reference: Path) -> None:
    table = validate(reference / "accelerator" / "scalesim")
    assert table.passed, table.failures
    (stalls,) = [row for row in table.rows if row.metric == "stall_cycles"]
    assert stalls.spearman > 0.9  # type: ignore[attr-defined]


@given(sizes, sizes, sizes, st.integers(1, 9), st.integers(1, 9), st.sampled_from(DATAFLOWS))
def test_counts_are_those_of_a_walk_over_the_folds(
    m: int, n: int, k: int, rows: int, columns: int, dataflow: str
) -> None:
    result = simulate_systolic(Products(m, n, k), SystolicArray(rows, columns, dataflow))
    s_rows, s_columns, time = {"os": (m, n, k), "ws": (k, n, m), "is": (k, m, n)}[dataflow]
    cycles = used = entering = folds = 0
    for row in range(0, s_rows, rows):
        for column in range(0, s_columns, columns):
            tall, wide = min(rows, s_rows - row), min(columns, s_columns - column)
            # A word enters at (0, 0) each cycle for `time` cycles; the last one is at the far corner later.
            cycles += time + (rows - 1) + (columns - 1) + (0 if dataflow == "os" else rows)
            used += tall * wide
            entering += tall * time
            folds += 1
    assert result.compute_cycles == cycles - 1
    assert result.mapping_efficiency == pytest.approx(used / (folds * rows * columns))
    streamed = result.sram_weights_reads if dataflow == "is" else result.sram_inputs_reads
    assert streamed == entering
    assert result.stall_cycles == 0
    assert result.utilisation == pytest.approx(m * n * k / (max(cycles - 1, 1) * rows * columns))


@given(sizes, sizes, sizes, st.sampled_from(DATAFLOWS), st.integers(2, 64), st.integers(1, 8))
def test_stalls_keep_to_the_bandwidths_and_never_grow_with_them(
    m: int, n: int, k: int, dataflow: str, words: int, bandwidth: int
) -> None:
    rates = np.array([bandwidth, 2 * bandwidth])
    array = SystolicArray(4, 4, dataflow, words, words, words, rates, rates, rates)
    result = simulate_systolic(Products(m, n, k), array)
    assert result.stall_cycles[0] >= result.stall_cycles[1] >= 0
    for traffic, held in (
        (result.dram_inputs_reads, words // 2),
        (result.dram_weights_reads, words // 2),
        (result.dram_outputs_writes, words),
    ):
        assert np.all((result.total_cycles + 1) * rates + held >= traffic)


def test_what_fits_into_half_a_buffer_is_read_once() -> None:
    array = SystolicArray(8, 8, "ws", inputs_words=[2 * 16 * 32, 2 * 16 * 32 - 2], inputs_bandwidth=1)
    result = simulate_systolic(Products(m=32, n=24, k=16), array)
    assert result.dram_inputs_reads.tolist() == [16 * 32, 3 * 16 * 32]


def test_groups_of_a_depthwise_convolution_run_one_after_another() -> None:
    nest = LoopNest.of({"G": 96, "P": 56, "Q": 56, "R": 3, "S": 3})
    one = LoopNest.of({"P": 56, "Q": 56, "R": 3, "S": 3})
    result = simulate_systolic(Products.of([nest, one]), SystolicArray(16, 16))
    assert result.compute_cycles[0] == 96 * result.compute_cycles[1]
    assert result.utilisation[0] == pytest.approx(result.utilisation[1])


def test_designs_and_layers_broadcast() -> None:
    layers = Products.of([LoopNest.of({"K": 8, "C": 8, "P": 7, "Q": 7}), LoopNest.of({"K": 5, "P": 3})])
    rows = np.array([[4], [8], [16]])
    assert simulate_systolic(layers, SystolicArray(rows, 8, "is")).total_cycles.shape == (3, 2)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (SystolicArray(8, 8, "rs"), "unknown dataflow 'rs'; valid: os, ws, is"),
        (SystolicArray(0, 8), "rows must be from 1 to 2147483647, got 0"),
        (SystolicArray([8.0, 4.5], 8), "rows must be whole numbers, got 4.5"),
        (SystolicArray(8, 8.5), "columns must be whole numbers, got 8.5"),
        (SystolicArray(8, 8, 3), r"a dataflow's number must be from 0 to 2, got 3"),
        (SystolicArray([8, 8], [8, 8, 8]), r"these shapes do not broadcast: rows \(2,\), columns \(3,\)"),
    ],
)
def test_bad_arrays_are_named(array: SystolicArray, message: str) -> None:
    with pytest.raises(SimulatorError, match=message):
        simulate_systolic(Products(4, 4, 4), array)


def test_products_whose_counts_would_overflow_are_refused() -> None:
    with pytest.raises(SimulatorError, match=r"multiplications, more than 2\*\*50"):
        simulate_systolic(Products(1 << 20, 1 << 20, 1 << 20), SystolicArray(8, 8))


def test_the_products_of_a_network_are_those_of_its_loop_nests() -> None:
    resnet = network("resnet18")
    products = Products.of(resnet)
    nests = [operator.loop_nest() for operator in resnet.matrix_operators]
    assert np.array_equal(products.k, Products.of(nests).k)  # type: ignore[arg-type]
    assert int(np.sum(products.m * products.n * products.k * products.groups)) == resnet.macs  # type: ignore[operator]
    with pytest.raises(SimulatorError, match=r"^expected loop nests, got a Convolution$"):
        Products.of(resnet.matrix_operators[:1])  # type: ignore[arg-type]
    with pytest.raises(SimulatorError, match=r"^a loop has more iterations than 64 bits can count$"):
        Products.of([LoopNest.of({"K": 2**70})])
