"""Broken, unfinished and single cases of a set: one line with the case, or a fair judgement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cosearch_simulators.accelerator.validation import validate
from cosearch_simulators.core.validation.cases import read_cases
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationTable
from cosearch_simulators.errors import SimulatorError

SAMPLES = Path(__file__).parents[2] / "reference" / "accelerator"
TOOLS = ("timeloop", "zigzag", "scalesim", "maestro")


def _table(folder: Path, *cases: dict[str, Any]) -> ValidationTable:
    (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    return validate(folder)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_single_case_is_a_set(tool: str, tmp_path: Path) -> None:
    table = _table(tmp_path, read_cases(SAMPLES / tool / "cases.jsonl")[0])
    assert table.passed, table.failures
    assert json.loads(json.dumps(table.as_dict(), allow_nan=False))["passed"]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("wall_s", None, "expected a number"),
        ("wall_s", 0, "expected a number"),
        ("out", [], "out|indices|none of"),
        ("id", "mine", ""),
    ],
)
def test_a_broken_field_is_one_line_with_the_case(
    tool: str, field: str, value: Any, said: str, tmp_path: Path
) -> None:
    whole, case = read_cases(SAMPLES / tool / "cases.jsonl")[:2]
    if field == "id":  # a field that every tool's numbers need is not there
        case = case | {"id": value, "out": {"levels": []} if tool == "timeloop" else {}}
        said = "has no '"
    else:
        case = case | {field: value}
    with pytest.raises(SimulatorError, match=said) as refused:
        _table(tmp_path, whole, case)
    assert str(case["id"]) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("tool", ["timeloop", "zigzag", "scalesim"])
def test_a_first_case_that_the_tool_did_not_finish_is_left_out(tool: str, tmp_path: Path) -> None:
    case = read_cases(SAMPLES / tool / "cases.jsonl")[0]
    unfinished = {"id": "none", "status": "failed", "out": None}
    assert _table(tmp_path, unfinished, case).passed


def test_a_case_that_our_model_refuses_is_missed_and_named_and_the_others_are_judged(tmp_path: Path) -> None:
    whole, case = read_cases(SAMPLES / "zigzag" / "cases.jsonl")[:2]
    case["hardware"]["memories"]["dram"]["size"] = 10**25
    table = _table(tmp_path, case, whole)
    assert not table.passed
    assert [(row.cases, row.share_within_bound) for row in table.rows[:2]] == [(2, 0.5)] * 2
    assert any(case["id"] in line and "memories.dram.size" in line for line in table.failures)

    whole, case = read_cases(SAMPLES / "maestro" / "cases.jsonl")[:2]
    case["dataflow"] = case["dataflow"].replace("Map", "Fold", 1)
    table = _table(tmp_path, case, whole)
    assert not table.passed
    assert {(row.cases, row.share_within_bound) for row in table.rows} == {(2, 0.5)}
    assert any(case["id"] in line and "Fold" in line for line in table.failures)


def test_the_order_of_equal_numbers_is_not_judged() -> None:
    assert RankedRow.ranked("all", "x", [1.0], [1.0 + 1e-9], bound=0.1, required_spearman=0.9).passed
    assert not RankedRow.ranked("all", "x", [1.0, 2.0], [2.0, 1.0], bound=2, required_spearman=0.9).passed


def test_blank_lines_are_no_cases(tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text('\n{"id": 1}\n\n')
    assert read_cases(tmp_path / "cases.jsonl") == [{"id": 1}]
    (tmp_path / "cases.jsonl").write_text("\n\n")
    with pytest.raises(SimulatorError, match="has no case"):
        read_cases(tmp_path / "cases.jsonl")


def test_a_mapping_of_no_operand_is_named(tmp_path: Path) -> None:
    case = read_cases(SAMPLES / "zigzag" / "cases.jsonl")[0] | {"temporal_mapping": {}}
    with pytest.raises(SimulatorError, match=f"case {case['id']} of ZigZag cannot be read"):
        _table(tmp_path, case)
