"""Columns, results, names and numbers that all engines share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import ArrayLike

from cosearch_simulators.core.check import SimulatorCheckError, check_simulator
from cosearch_simulators.core.columns import Columns
from cosearch_simulators.core.names import hint, nearest, unknown
from cosearch_simulators.core.numbers import number, whole
from cosearch_simulators.core.result import Result
from cosearch_simulators.errors import ConfigurationError, SimulatorError


@dataclass(frozen=True, eq=False)
class Queues(Columns):
    """Rows with a name, a count and a number."""

    policy: ArrayLike = "open"
    size: ArrayLike = 8
    share: ArrayLike = 0.5

    WHAT = "queue"
    NAMES = {"policy": ("open", "closed")}  # noqa: RUF012
    COUNTS = {"size": (1, 64)}  # noqa: RUF012
    NUMBERS = {"share": (0.0, 1.0)}  # noqa: RUF012


def test_a_column_of_one_stands_for_all() -> None:
    queues = Queues(policy=["open", "closed", "open"], size=[1, 2, 3])
    assert len(queues) == 3
    assert np.asarray(queues.share).tolist() == [0.5] * 3
    assert queues.codes("policy").tolist() == [0, 1, 0]
    taken = queues.take([2, 0])
    assert np.asarray(taken.size).tolist() == [3, 1]


def test_a_bad_value_is_a_problem_of_its_row_alone() -> None:
    queues = Queues(policy=["open", "opne", "closed", "open"], size=[1, 2, 2.5, 65], share=[0, 1, 1, 1])
    assert queues.problems() == [
        "",
        "unknown policy 'opne'; did you mean 'open'?",
        "size must be a whole number from 1 to 64, got 2.5",
        "size must be a whole number from 1 to 64, got 65.0",
    ]
    assert Queues(share=[2.0]).problems() == ["share must be from 0 to 1, got 2.0"]
    assert Queues(share=[np.nan]).problems() == ["share must be from 0 to 1, got nan"]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"size": [1, 2], "share": [0.1, 0.2, 0.3]}, "queue column size has 2 rows, expected 1 or 3"),
        ({"size": []}, "queue column size must be one-dimensional and not empty"),
        ({"size": "two"}, "queue column size must hold numbers, got .'two'"),
        ({"share": None}, "queue column share must hold numbers"),
    ],
)
def test_a_column_of_the_wrong_kind_is_refused(columns: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigurationError, match=line):
        Queues(**columns)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("latncy", "latency_ns"), ("Energy", "energy_pj"), ("zzz", None), ("rea", None), ("", None)],
)
def test_a_name_is_meant_only_where_it_is_like_one(name: str, meant: str | None) -> None:
    assert nearest(name, ["latency_ns", "energy_pj", "area_mm2"]) == meant


def test_few_names_are_listed_and_many_are_not() -> None:
    assert hint("zzz", ["a", "b"]) == "; valid: a, b"
    assert hint("zzz", [f"name{i}" for i in range(13)]) == ""
    assert hint("zzz", []) == "; there is none"
    assert unknown("policy", "opn", ["open"]) == "unknown policy 'opn'; did you mean 'open'?"


def test_numbers_are_read_or_refused_in_a_line() -> None:
    assert whole("n", np.int64(3), 1) == 3
    assert number("x", 2, above=True) == 2.0
    for value in (True, 1.0, "1", 0):
        with pytest.raises(ConfigurationError, match="n must be a whole number of 1 or more"):
            whole("n", value, 1)
    for value in (True, "1", 0.0, float("nan"), float("inf"), 10**400):
        with pytest.raises(SimulatorError, match="x must be a number above 0"):
            number("x", value, above=True)


def test_a_result_marks_what_could_not_run() -> None:
    found = Result.of({"a": [1, 2, np.inf], "b": [4, 5, 6]}, ["", "no room", ""])
    assert found.status.tolist() == ["ok", "infeasible", "failed"]
    assert found.reason.tolist() == ["", "no room", "a is inf"]
    assert np.isnan(found["b"][1:]).all()
    with pytest.raises(SimulatorError, match="design 1: no room"):
        found.raise_first()


def _evaluate(queues: Queues, threads: int) -> Result:
    return Result.of({"wait_ns": np.asarray(queues.size) * 2.0}, queues.problems())


def test_the_check_accepts_an_engine_that_keeps_its_promises() -> None:
    queues = Queues(size=[1, 2, 99, 4])
    found = check_simulator(_evaluate, queues, {"wait_ns": "ns"}, broken=[2])
    assert found["wait_ns"][[0, 1, 3]].tolist() == [2.0, 4.0, 8.0]


_calls = iter(range(1_000))


@pytest.mark.parametrize(
    ("evaluate", "units", "line"),
    [
        (_evaluate, {}, "metrics and units differ in .'wait_ns'"),
        (_evaluate, {"wait_ns": ""}, "no unit"),
        (lambda q, t: Result.of({"wait_ns": np.arange(len(q))}, [""] * len(q)), {}, "another order"),
        (
            lambda q, t: Result.of({"wait_ns": np.full(len(q), t)}, [""] * len(q)),
            {},
            "2 threads changes wait",
        ),
        (
            lambda q, t: Result.of({"wait_ns": np.full(len(q), next(_calls))}, [""] * len(q)),
            {},
            "a second run changes wait_ns",
        ),
        (
            lambda q, t: Result.of({"wait_ns": np.asarray(q.size) - np.mean(q.size)}, [""] * len(q)),
            {},
            "design 0 alone changes wait_ns",
        ),
        (lambda q, t: Result.of({"wait_ns": [1.0]}, [""]), {}, "3 designs gave 1 rows"),
        (lambda q, t: Result.of({"wait_ns": [1.0] * 3}, ["", "x", ""]), {}, r"designs \[1\] could not run"),
        (
            lambda q, t: Result(
                {"wait_ns": np.ones(3)}, np.array([0, 1, 0], np.int8), np.array(["", "x", ""], object)
            ),
            {},
            "wait_ns is a number where a design could not run",
        ),
    ],
)
def test_the_check_says_what_an_engine_breaks(evaluate, units, line) -> None:
    units = units if evaluate is _evaluate else {"wait_ns": "ns"}
    with pytest.raises(SimulatorCheckError, match=line):
        check_simulator(evaluate, Queues(size=[1, 2, 3]), units)
