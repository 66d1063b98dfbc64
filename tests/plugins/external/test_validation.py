"""`cosearch validate external`: our fidelities against the tools."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cosearch.cli import run
from cosearch_plugins.external.jobs import close_all
from cosearch_plugins.external.tools import SCALESIM

TOPOLOGY = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Filters, Strides,
fc, 1, 1, 1, 1, 64, 32, 1,
"""


def _cases(folder: Path) -> Path:
    (folder / "small.csv").write_text(TOPOLOGY)
    case = {
        "id": "scalesim",
        "problem": "accelerator",
        "settings": {"engine": "scalesim", "workload": "small.csv"},
        "designs": 4,
        "metrics": ["latency_ns", "area_mm2"],
        "bound": 0.5,
    }
    (folder / "cases.json").write_text(json.dumps([case]))
    return folder


@pytest.mark.skipif(bool(SCALESIM.missing()), reason=SCALESIM.missing())
def test_ours_and_theirs_are_compared(tmp_path, capsys):
    assert run(["validate", "external", "--cases", str(_cases(tmp_path)), "--json"]) == 0
    close_all()
    found = json.loads(capsys.readouterr().out)
    rows = {row["metric"]: row for row in found["rows"]}
    assert rows["area_mm2"]["maximum"] == 0
    assert rows["latency_ns"]["cases"] == 4
    assert found["speed"]["scalesim"]["theirs, s a design"] > 0


def test_a_tool_that_is_missing_is_said_and_does_not_pass(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COSEARCH_SCALESIM_PYTHON", "/nowhere/python")
    assert run(["validate", "external", "--cases", str(_cases(tmp_path)), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["passed"]
    assert "COSEARCH_SCALESIM_PYTHON is '/nowhere/python', which is no program" in found["failures"][0]


def test_a_case_that_lacks_something_is_one_line(tmp_path, capsys):
    (tmp_path / "cases.json").write_text('[{"id": "x", "problem": "accelerator"}]')
    assert run(["validate", "external", "--cases", str(tmp_path)]) == 2
    assert "case x: expected id, problem, settings, designs, metrics" in capsys.readouterr().err
