"""Validation against measurements of Ramulator 2.1: our sample always, the whole set where it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cosearch_simulators.dram.engines.ramulator.validation import METRICS
from cosearch_simulators.dram.validation import validate
from cosearch_simulators.errors import SimulatorError

SAMPLE = Path(__file__).parents[2] / "reference" / "dram" / "ramulator2"


def _assert_exact(folder: Path) -> None:
    table = validate(folder)
    assert table.failures == []
    assert table.passed
    for row in table.rows:
        # DDR5's two-cycle commands are modelled, so that it is exact too.
        assert (row.maximum, row.share_within_bound) == (0.0, 1.0), row


def test_the_sample_is_reproduced_exactly() -> None:
    _assert_exact(SAMPLE)


def test_all_measurements_are_reproduced_exactly(reference: Path) -> None:
    _assert_exact(reference / "dram" / "ramulator2")


def _folder(tmp_path: Path, change: Any) -> Path:
    """A folder with the sample's first DDR4 and DDR5 case, changed."""
    cases = json.loads((SAMPLE / "cases.json").read_text())
    chosen = [
        next(c for c in cases if c["standard"] == s and c["trace"] == "stream_mix") for s in ("DDR4", "DDR5")
    ]
    change(chosen)
    (tmp_path / "traces").mkdir()
    shutil.copy(SAMPLE / "traces" / "stream_mix.npz", tmp_path / "traces")
    (tmp_path / "cases.json").write_text(json.dumps(chosen))
    return tmp_path


def test_a_case_out_of_bounds_fails_and_is_named(tmp_path: Path) -> None:
    def change(cases: list[dict]) -> None:
        cases[0]["result"]["cycles"] += 1
        cases[1]["result"]["cycles"] = round(cases[1]["result"]["cycles"] * 1.004)

    table = validate(_folder(tmp_path, change))
    failed = [(row.standard, row.metric) for row in table.rows if not row.passed]
    assert failed == [("DDR4", "cycles")]
    assert not table.passed
    assert len(table.failures) == 1
    assert ": cycles " in table.failures[0]
    row = next(row for row in table.rows if (row.standard, row.metric) == ("DDR5", "cycles"))
    assert 0.003 < row.maximum < 0.005
    assert table.as_dict()["rows"][0]["standard"] == "DDR4"


def test_a_rule_changes_the_outcome(tmp_path: Path) -> None:
    def change(cases: list[dict]) -> None:
        for rule in cases[0]["rules"]:
            rule["cycles"] += 3

    assert not validate(_folder(tmp_path, change)).passed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda cases: cases[0].pop("rules"), "field 'rules' is missing"),
        (lambda cases: cases[0].update(standard="DDR9"), "field 'DDR9' is missing or has an unknown value"),
        (
            lambda cases: cases[0]["controller"].update(row_policy="Shut"),
            "field 'Shut' is missing or has an unknown",
        ),
        (lambda cases: cases[0]["organization"].update(rank=3), "Rank count must be a power of two, got 3"),
        (lambda cases: cases[0].update(prefetch=4), "prefetch is 4, DDR4 has 8"),
        (
            lambda cases: cases[0]["result"].update(cycles="abc"),
            "case .*: field 'cycles' must be a number of 0 or more, got 'abc'",
        ),
        (lambda cases: cases[0].update(host_seconds=0), "'host_seconds' must be a number above 0, got 0"),
        (lambda cases: cases[0].update(trace="no"), r"case .*no\.npz: there is no such trace file"),
        (lambda cases: cases.clear(), "expected a list of at least one case"),
    ],
)
def test_a_bad_case_is_named_in_one_line(tmp_path: Path, change: Any, message: str) -> None:
    with pytest.raises(SimulatorError, match=message) as caught:
        validate(_folder(tmp_path, change))
    assert "\n" not in str(caught.value)
    assert "cases.json" in str(caught.value)


def test_a_folder_without_cases_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"cannot read .*cases\.json: No such file"):
        validate(tmp_path)
    (tmp_path / "cases.json").write_text("{")
    with pytest.raises(SimulatorError, match="is not JSON"):
        validate(tmp_path)


def test_the_table_names_every_metric_and_trace(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    folder = _folder(tmp_path, lambda cases: None)
    cases = json.loads((folder / "cases.json").read_text())
    table = validate(folder, lambda *counts: done.append(counts))
    assert {(row.standard, row.metric) for row in table.rows} == {
        (case["standard"], metric) for case in cases for metric in METRICS
    }
    assert set(table.speed) == {"all", *(case["trace"] for case in cases)}
    assert done == [(i + 1, len(done)) for i in range(len(done))]
    assert len(done) > 0
