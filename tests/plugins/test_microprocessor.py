"""The problem `microprocessor`: the model out of the box, and the contest's table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import cosearch
from cosearch.testing import check_problem
from cosearch_plugins.microprocessor.microprocessor import Microprocessor


def test_it_keeps_the_contract_of_a_problem() -> None:
    check_problem(Microprocessor(program="vortex"), designs=12)


def test_no_corner_of_the_space_wins_everything() -> None:
    problem = Microprocessor()
    found = problem.evaluate(problem.space.sample(2000, 0))
    best = [int(np.nanargmin(found[name])) for name in ("time_ns", "energy_pj", "area_mm2")]
    assert len(set(best)) > 1
    assert found["ipc"].min() > 0.02
    assert found["ipc"].max() < 8


@pytest.fixture(scope="module")
def boom(reference: Path) -> Microprocessor:
    return Microprocessor(table=str(reference / "microarch" / "iccad2022_dummy.parquet"))


def test_every_design_of_the_table_s_space_is_one_of_its_rows(boom: Microprocessor) -> None:
    assert boom.space.cardinality() == 15_633
    found = boom.evaluate(boom.space.enumerate(100_000))
    assert found.ok.all()
    assert "dummy" in boom.about


def test_the_table_s_numbers_are_those_of_its_rows(boom: Microprocessor, reference: Path) -> None:
    import pyarrow.parquet

    rows = pyarrow.parquet.read_table(reference / "microarch" / "iccad2022_dummy.parquet").to_pylist()
    for row in rows[::3000]:
        width = row["decode_width"]
        design = {"decode_width": width}
        parts = {
            "fetch": ("fetch_width", "fetch_buffer", "ftq", "branch_tags"),
            "rob": ("rob",),
            "registers": ("int_regs", "fp_regs"),
            "load_store": ("ldq", "stq"),
            "instruction_cache": ("ic_sets", "ic_ways", "ic_itlb_sets", "ic_itlb_ways"),
            "data_cache": ("dc_sets", "dc_ways", "dc_repl", "dc_mshr", "dc_dtlb_sets", "dc_dtlb_ways"),
            "issue": (
                *("mem_dispatch", "mem_issue", "mem_entries", "int_dispatch", "int_issue", "int_entries"),
                *("fp_dispatch", "fp_issue", "fp_entries"),
            ),
        }
        for name, columns in parts.items():
            if f"{name}_of_{width}" in boom.space:
                design[f"{name}_of_{width}"] = "-".join(str(row[column]) for column in columns)
        found = boom.evaluate([design])
        assert found["ipc"][0] == row["ipc"]
        assert found["area_um2"][0] == row["area_um2"]


def test_three_agents_share_a_core() -> None:
    env = cosearch.parallel_env("microprocessor")
    env.reset(seed=0)
    assert set(env.possible_agents) == {"front_end", "window", "caches"}
    env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    env.close()
