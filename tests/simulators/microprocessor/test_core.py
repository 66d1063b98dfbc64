"""The first-order core: the paper's own limits, hand-computed cycles, and what every engine owes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cosearch_simulators.core.check import check_simulator
from cosearch_simulators.microprocessor import programs
from cosearch_simulators.microprocessor.core import FRONT_END_CYCLES, UNITS, Cores, cycles, evaluate
from cosearch_simulators.microprocessor.programs import PROGRAMS, Program

BASE: dict[str, Any] = {
    "width": 4,
    "rob_entries": 128,
    "queue_entries": 48,
    "load_store_entries": 64,
    "predictor": "combining",
    "instruction_kib": 32,
    "instruction_ways": 2,
    "data_kib": 32,
    "data_ways": 2,
    "l2_kib": 512,
}


def cores(**changes: Any) -> Cores:
    columns = {name: np.atleast_1d(value) for name, value in (BASE | changes).items()}
    n = max(len(column) for column in columns.values())
    return Cores(**{name: np.broadcast_to(column, n) for name, column in columns.items()})


def test_a_design_depends_on_nothing_but_itself() -> None:
    some = cores(width=[1, 2, 4, 99, 8], queue_entries=[8, 16, 48, 48, 96])
    check_simulator(lambda batch, threads: evaluate(batch, PROGRAMS["vpr"]), some, UNITS, broken=[3])


def test_the_cache_misses_are_the_published_ones() -> None:
    for kib, instruction, data in ((8, 8.16, 44.2), (32, 1.36, 38.4), (256, 0.02, 32.6)):
        size, ways = np.array([float(kib)]), np.array([2])
        assert programs.misses(programs.INSTRUCTION_MISSES, size, ways)[0] == pytest.approx(instruction)
        assert programs.misses(programs.DATA_MISSES, size, ways)[0] == pytest.approx(data)
    direct = programs.misses(programs.DATA_MISSES, np.array([32.0]), np.array([1]))[0]
    assert direct == pytest.approx(40.9)  # as a two-way cache of 16 KiB


def test_the_steady_rate_is_the_width_or_the_power_law() -> None:
    # Karkhanis and Smith, equation 2: I = alpha W^beta / L, up to the width.
    program = Program("made up", 1.0, 0.5, 2.0)
    many = cores(
        width=8, queue_entries=[16, 64], rob_entries=256, load_store_entries=512, data_kib=256, l2_kib=128
    )
    base = cycles(many, program)["base_cpi"]
    assert base == pytest.approx([2.0 / 16**0.5, 2.0 / 64**0.5])
    narrow = cycles(cores(width=1), program)["base_cpi"][0]
    assert narrow == pytest.approx(1.0)


def test_a_mispredicted_branch_costs_the_front_end_and_the_window_s_drain_and_ramp() -> None:
    # A program of no parallelism at all issues one instruction after another: nothing to drain or to fill.
    serial = Program("serial", 1.0, 1e-9, 1.0)
    lost = cycles(cores(width=4), serial)["branch_cpi"][0]
    rate = programs.BRANCH_SHARE * (1 - programs.PREDICTOR_ACCURACY["combining"])
    assert lost / rate == pytest.approx(FRONT_END_CYCLES, abs=1.1)
    wide = cycles(cores(width=8, queue_entries=128), PROGRAMS["vpr"])["branch_cpi"][0]
    assert wide > lost


def test_more_of_a_resource_is_never_slower_and_never_smaller() -> None:
    for name, values in (
        ("width", [1, 2, 4, 8]),
        ("rob_entries", [48, 96, 192, 384]),
        ("queue_entries", [8, 16, 32, 64]),
        ("load_store_entries", [8, 16, 32, 64]),
        ("instruction_kib", [8, 16, 32, 64]),
        ("data_kib", [8, 16, 32, 64]),
        ("l2_kib", [128, 256, 512, 1024]),
    ):
        for program in PROGRAMS.values():
            found = evaluate(cores(**{name: values}), program)
            without_branches = found["time_ns"] - found["branch_cpi"]  # a larger window takes longer to drain
            assert (np.diff(without_branches) <= 1e-12).all(), name
            assert (np.diff(found["area_mm2"]) >= 0).all(), name


def test_a_long_miss_costs_the_memory_s_time_and_overlaps_with_those_behind_it() -> None:
    program = PROGRAMS["gzip"]
    sizes = cycles(cores(l2_kib=[128, 512, 4096]), program)["memory_cpi"]
    assert (np.diff(sizes) < 0).all()
    # 36.2 misses of a thousand at 128 KiB; 128 instructions in flight hold 4.6 more of them.
    assert sizes[0] == pytest.approx(0.0362 * 200 / (1 + 128 * 0.0362))
    for name, values in (("width", [1, 2, 4, 8]), ("rob_entries", [64, 128, 256, 384])):
        assert (np.diff(cycles(cores(**{name: values}), program)["memory_cpi"]) <= 0).all()


def test_a_window_beyond_its_reorder_buffer_is_infeasible() -> None:
    found = evaluate(cores(queue_entries=[48, 200]), PROGRAMS["gzip"])
    assert found.status.tolist() == ["ok", "infeasible"]
    assert "larger than the reorder buffer" in found.reason[1]
