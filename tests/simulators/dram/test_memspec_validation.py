"""Validation against measurements of DRAMSys 4: our sample always, the whole set where it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from cosearch_simulators.dram.engines.dramsys.validation import MemspecTable, spearman
from cosearch_simulators.dram.validation import validate
from cosearch_simulators.errors import SimulatorError

SAMPLE = Path(__file__).parents[2] / "reference" / "dram" / "dramsys"


def _assert_reproduced(folder: Path) -> None:
    table = validate(folder)
    assert isinstance(table, MemspecTable)
    assert table.failures == []
    assert table.passed
    for row in table.rows:
        # To the cycle; HBM2 is a picosecond off where DRAMSys starts its command bus at 0.999 ns.
        assert row.maximum < (1e-6 if row.metric == "time_ns" else 2e-3), row
        assert row.p95 < 5e-4, row
        assert row.spearman > 0.99, row


def test_the_sample_is_reproduced() -> None:
    _assert_reproduced(SAMPLE)


def test_all_measurements_are_reproduced(reference: Path) -> None:
    _assert_reproduced(reference / "dram" / "dramsys")


def _folder(tmp_path: Path, change: Any) -> Path:
    cases = [
        case for case in json.loads((SAMPLE / "cases.json").read_text()) if case["system"] == "DDR3-1600"
    ]
    change(cases)
    for name in ("traces", "memspecs", "mappings"):
        shutil.copytree(SAMPLE / name, tmp_path / name)
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    return tmp_path


def test_a_case_out_of_bounds_fails_and_is_named(tmp_path: Path) -> None:
    def change(cases: list[dict]) -> None:
        for case in cases:
            case["result"]["energy_pj"] *= 1.04
        cases[0]["result"]["energy_pj"] *= 1.06

    table = validate(_folder(tmp_path, change))
    assert [(row.metric, row.passed) for row in table.rows] == [("energy_pj", False), ("time_ns", True)]
    assert not table.passed
    assert len(table.failures) == 1
    assert ": energy_pj " in table.failures[0]


def test_another_timing_changes_the_outcome(tmp_path: Path) -> None:
    folder = _folder(tmp_path, lambda cases: None)
    for path in (folder / "memspecs").glob("MICRON*"):
        memspec = json.loads(path.read_text())
        memspec["memspec"]["memtimingspec"].update(RC=60, RAS=50, RP=20, RCD=20)
        path.write_text(json.dumps(memspec))
    assert not validate(folder).passed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cases: cases[0]["controller"].pop("Arbiter"), "field 'Arbiter' is missing"),
        (lambda cases: cases[0]["controller"].update(Arbiter="Shut"), "case .*: unknown arbiter 'Shut'"),
        (
            lambda cases: cases[0]["controller"].update(Scheduler="x"),
            "case .*: unknown scheduler 'x'; valid: ",
        ),
        (
            lambda cases: cases[0]["result"].update(total_time_ns="abc"),
            "case .*: field 'total_time_ns' must be a number above 0, got 'abc'",
        ),
        (
            lambda cases: cases[0].update(trace_clock_mhz=0),
            "'trace_clock_mhz' must be a number above 0, got 0",
        ),
        (lambda cases: cases[0].pop("trace_clock_mhz"), "field 'trace_clock_mhz' is missing"),
        (lambda cases: cases[0].update(memspec="no.json"), "case .*: cannot read .*no.json"),
    ],
)
def test_a_bad_case_is_named_in_one_line(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(SimulatorError, match=message) as caught:
        validate(_folder(tmp_path, change))
    assert "\n" not in str(caught.value)
    assert "cases.json: case " in str(caught.value)


def test_rank_correlation_is_scipys() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 6, 12), rng.integers(0, 6, 12)
        assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert spearman([1, 1], [2, 2]) == 1.0
    assert spearman([1, 1], [2, 3]) == 0.0
