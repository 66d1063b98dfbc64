"""The engines that follow no tool of their own, judged by the cases of another's."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cosearch_simulators.accelerator import engines
from cosearch_simulators.accelerator.engines.bound import validation as bound
from cosearch_simulators.accelerator.engines.continuous import validation as continuous
from cosearch_simulators.accelerator.engines.npu import validation as npu
from cosearch_simulators.accelerator.validation import judged_by, tools
from cosearch_simulators.core.validation.cases import read_cases

SAMPLES = Path(__file__).parents[2] / "reference" / "accelerator"


def sample(tool: str) -> list[dict[str, Any]]:
    return read_cases(SAMPLES / tool / "cases.jsonl")


def test_every_engine_has_a_judge_that_the_command_reaches() -> None:
    folders = [path for path in Path(str(engines.__file__)).parent.iterdir() if path.is_dir()]
    names = sorted(path.name for path in folders if (path / "__init__.py").exists())
    reached = [*tools(), *(other for tool in tools() for other in judged_by(tool))]
    assert len(names) >= 7
    assert sorted(judge.__name__.split(".")[-2] for judge in reached) == names
    for name in names:
        judge = importlib.import_module(f"{engines.__name__}.{name}.validation")
        assert judge in reached
        assert callable(judge.validate)


@pytest.mark.parametrize(
    ("judge", "tool"), [(continuous, "timeloop"), (bound, "timeloop"), (npu, "scalesim")]
)
def test_the_sample_is_met(judge: Any, tool: str) -> None:
    table = judge.validate(sample(tool))
    assert table.passed, table.failures
    assert not table.failures
    assert all(row.cases > 0 for row in table.rows)


def fewer_cycles(case: dict[str, Any]) -> None:
    case["out"]["cycles"] = 1


def less_energy(case: dict[str, Any]) -> None:
    case["out"]["energy_pJ_sum_of_levels"] *= 0.01


def another_cycle(case: dict[str, Any]) -> None:
    case["out"]["total_cycles"] += 1


def another_word(case: dict[str, Any]) -> None:
    case["out"]["sram_ifmap_reads"] += 1


@pytest.mark.parametrize(
    ("judge", "tool", "change"),
    [
        (bound, "timeloop", fewer_cycles),
        (bound, "timeloop", less_energy),
        (npu, "scalesim", another_cycle),
        (npu, "scalesim", another_word),
    ],
)
def test_a_case_that_is_missed_is_named(
    judge: Any, tool: str, change: Callable[[dict[str, Any]], None]
) -> None:
    cases = sample(tool)
    smallest = min(cases[:6], key=lambda case: case["out"].get("total_cycles", 0))
    assert judge.validate([smallest]).passed
    change(smallest)
    table = judge.validate([smallest])
    assert not table.passed
    assert [smallest["id"] in line for line in table.failures] == [True]


def test_the_bound_passes_over_architectures_that_it_does_not_know() -> None:
    four = [case for case in sample("timeloop") if len(case["spec"]["arch"]["storage"]) != 3]
    assert four
    assert bound.validate(four).rows == []
