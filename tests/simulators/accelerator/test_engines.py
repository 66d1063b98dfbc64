"""Every engine keeps what a simulator owes, and means the same by its metrics as the others."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from cosearch_simulators.accelerator.engines.bound.entry import evaluate as bound
from cosearch_simulators.accelerator.engines.scalesim.systolic import (
    Products,
    SystolicArray,
    simulate_systolic,
)
from cosearch_simulators.accelerator.silicon.leakage import library_mw_per_mm2
from cosearch_simulators.accelerator.system.designs import UNITS, ArrayDesigns, Chip
from cosearch_simulators.core.check import check_simulator
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads import network

ENGINES = ("timeloop", "zigzag", "maestro", "scalesim", "npu")
ALEXNET = network("alexnet").fold_batch_norms()


def entry(name: str) -> Any:
    return import_module(f"cosearch_simulators.accelerator.engines.{name}.entry")


def designs_of(name: str) -> ArrayDesigns:
    flows = entry(name).DATAFLOWS
    return ArrayDesigns(
        array_rows=[8, 16, 0, 16, 32],
        array_columns=[8, 16, 16, 8, 16],
        register_words=1024,
        buffer_kib=[256, 512, 512, 1024, 512],
        memory_gb_per_s=[12.8, 25.6, 12.8, 3.2, 12.8],
        dataflow=[flows[0], flows[1], flows[0], flows[-1], "rs"],
        bits=[8, 16, 8, 8, 8],
    )


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_keeps_what_a_simulator_owes(name: str) -> None:
    evaluate = entry(name).evaluate

    def run(designs: ArrayDesigns, threads: int) -> Result:
        found: Result = evaluate(designs, ALEXNET, threads=threads)
        return found

    found = check_simulator(run, designs_of(name), UNITS, broken=[2, 4], threads=(1, 3))
    assert found.reason[2] == "array_rows must be a whole number from 1 to 4096, got 0"
    assert found.reason[4].startswith("unknown dataflow 'rs'; valid: ")
    assert (found["utilisation"][found.ok] <= 1).all()


def test_the_bound_keeps_what_a_simulator_owes() -> None:
    rows = np.array([0, 1, 3])
    check_simulator(lambda designs, _: bound(designs, ALEXNET), designs_of("timeloop").take(rows), UNITS)


@pytest.mark.parametrize("name", ENGINES)
def test_no_engine_is_faster_than_the_array_or_the_memory(name: str) -> None:
    designs = designs_of(name).take([0, 1, 3])
    found = entry(name).evaluate(designs, ALEXNET)
    units = np.asarray(designs.array_rows) * np.asarray(designs.array_columns)
    compute_ns = ALEXNET.macs / units / np.asarray(designs.clock_ghz)
    weights_ns = ALEXNET.parameters * np.asarray(designs.bits) / 8 / np.asarray(designs.memory_gb_per_s)
    assert (found["latency_ns"] >= np.maximum(compute_ns, 0.99 * weights_ns)).all()


@pytest.mark.parametrize("name", ENGINES)
def test_static_power_is_counted_over_the_latency_and_the_area(name: str) -> None:
    designs = designs_of(name).take([0, 1])
    without = entry(name).evaluate(designs, ALEXNET)
    leaky = entry(name).evaluate(designs, ALEXNET, Chip(static_mw_per_mm2=17.5))
    expected = 17.5 * without["area_mm2"] * without["latency_ns"]  # mW times ns is pJ
    assert (without["static_energy_pj"] == 0).all()
    assert leaky["static_energy_pj"] == pytest.approx(expected)
    assert leaky["energy_pj"] == pytest.approx(without["energy_pj"] + expected)
    assert leaky["latency_ns"].tolist() == without["latency_ns"].tolist()


def test_a_library_s_leakage_is_that_of_its_node_alone() -> None:
    """By hand from the libraries' files: nW of a flip-flop over its um2."""
    assert library_mw_per_mm2(45.0) == pytest.approx(17.5, rel=1e-3)
    assert library_mw_per_mm2(7) == pytest.approx(0.761, rel=1e-3)
    assert library_mw_per_mm2(130) == pytest.approx(0.0004215, rel=1e-3)
    with pytest.raises(ConfigurationError, match="of 32 nm is not known, only that of 7, 45, 130 nm: give"):
        library_mw_per_mm2(32.0)


def test_the_timeline_s_array_is_scalesim_s() -> None:
    """One tile on one core with everything ahead of it: the array's time is the fold's, and no other's."""
    from cosearch_simulators.accelerator.engines.npu import tiling

    for code, (flow, (m, n, k)) in enumerate(
        zip(("os", "ws", "is"), ((70, 30, 40), (33, 65, 129), (8, 8, 8)), strict=True)
    ):
        operator = np.zeros(tiling.OPERATOR_COLUMNS)
        operator[[tiling.GROUPS, tiling.ROWS, tiling.COLUMNS, tiling.DEPTH]] = 1, m, n, k
        design = np.zeros(tiling.DESIGN_COLUMNS)
        design[[tiling.ARRAY_ROWS, tiling.ARRAY_COLUMNS, tiling.DATAFLOW]] = 16, 8, code
        cycles, _ = tiling._array(float(m), float(n), operator, design)
        found = simulate_systolic(Products(m, n, k), SystolicArray(16, 8, flow))
        assert cycles == found.compute_cycles + 1  # SCALE-Sim counts from 0


def test_fusion_moves_less_and_never_costs_more() -> None:
    designs = ArrayDesigns(buffer_kib=2048, dataflow="flexible")
    mobile = network("mobilenet_v2").fold_batch_norms()
    evaluate = entry("timeloop").evaluate
    fused, apart = evaluate(designs, mobile, fusion=True), evaluate(designs, mobile)
    assert fused["edp_pj_s"][0] < 0.9 * apart["edp_pj_s"][0]


def test_a_user_s_energies_reach_every_engine() -> None:
    from cosearch_simulators.accelerator.silicon.components import EnergyTable

    table = EnergyTable({"DRAM": {"read": 0.0, "write": 0.0}}, {})
    for name in ENGINES:
        designs = designs_of(name).take([0])
        free = entry(name).evaluate(designs, ALEXNET, replace(Chip(), energies=table))
        assert free["energy_pj"][0] < 0.7 * entry(name).evaluate(designs, ALEXNET)["energy_pj"][0], name
