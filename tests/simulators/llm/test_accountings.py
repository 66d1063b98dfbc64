"""GenZ's and LLM-Viewer's accounting, against cases that the tools themselves answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm.validation import genz, llm_viewer
from cosearch_simulators.llm.validation.every_set import validate

SAMPLE = Path(__file__).parents[2] / "reference" / "llm"


@pytest.mark.parametrize("tool", [genz, llm_viewer])
def test_a_tool_is_met_to_a_millionth(tool):
    rows = tool.validate(SAMPLE / tool.__name__.rpartition(".")[2])
    assert min(row.cases for row in rows) >= 3
    assert max(row.maximum for row in rows) < 1e-6


def test_all_shown_cases_are_met(reference: Path):
    for tool in (genz, llm_viewer):
        rows = tool.validate(reference / "llm" / tool.__name__.rpartition(".")[2])
        assert sum(row.cases for row in rows) > 700
        assert max(row.maximum for row in rows) < 1e-6


def test_a_folder_without_a_set_is_one_line(tmp_path: Path):
    with pytest.raises(SimulatorError, match="no reference set of llm: genz"):
        validate(tmp_path)


def test_a_broken_case_is_named(tmp_path: Path):
    folder = tmp_path / "genz"
    folder.mkdir()
    (folder / "cases.jsonl").write_text('{"id": "x1", "model": {}}\n')
    with pytest.raises(SimulatorError, match="case x1 of GenZ has no 'hardware'"):
        validate(tmp_path)
