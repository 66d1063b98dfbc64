"""A second judge for a reported front: another fidelity, or the same problem with another engine.

Agents find the holes of a simulator. Where a front is real, another simulator puts its designs in about the
same order and leaves most of them on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.fidelity import check_fidelity
from cosearch.objectives import check_metrics, feasible, minimised
from cosearch.outcomes import INFEASIBLE, Outcomes
from cosearch.pareto import pareto_mask
from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions
from cosearch.run.evaluator import Evaluator
from cosearch.space import Designs
from cosearch.store.records import StudyData, StudyRecord
from cosearch.store.rescores import Rescore

OTHERS = 10
"""Designs off the front that are judged with it: a hole shows when they pass the front's."""


@dataclass(frozen=True)
class Judge:
    """Who judges.

    Attributes:
        name: in words, e.g. "external" or "engine=zigzag".
        problem: that judges.
        fidelity: at which.
    """

    name: str
    problem: Problem
    fidelity: str


def judge_of(
    record: StudyRecord, problem: Problem, judging: Problem, changed: Mapping[str, Any], fidelity: str | None
) -> Judge:
    """The judge for a study.

    Args:
        record: the study.
        problem: its problem.
        judging: the same problem with other settings, or the same.
        changed: those settings.
        fidelity: that is asked for; None: the study's, or with other settings the judging problem's default.

    Raises:
        ArgumentError: it is the study's own judge, or lacks an objective's metric.
        UnavailableError: this machine does not have its simulator.
    """
    if fidelity is None:
        fidelity = judging.default_fidelity if changed else record.fidelity
    check_fidelity(fidelity, judging.fidelity_list, f"problem {judging.name}")
    judging.require(fidelity)
    if judging.arguments == problem.arguments and fidelity == record.fidelity:
        raise ArgumentError(
            f"study {record.name!r} was judged by that itself: name another --fidelity, --engine or --set"
        )
    check_metrics((*problem.objectives, *problem.constraints), judging.metrics)
    words = [f"{name}={value}" for name, value in changed.items()]
    if fidelity != (judging.default_fidelity if changed else record.fidelity):
        words.append(fidelity)
    return Judge(" ".join(words) or fidelity, judging, fidelity)


def chosen_rows(data: StudyData, others: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The rows of a study's front and of some other designs, and which are on the front.

    Half of the others come right behind the front, half evenly from all the rest: those behind a front that
    lies in a hole of the simulator often lie in it too.
    """
    able = np.flatnonzero(data.at_study_fidelity & feasible(data.constraints, data.outcomes))
    values = minimised(data.objectives, data.outcomes)
    front = able[pareto_mask(values[able])] if len(able) else able
    left, behind = np.setdiff1d(able, front), np.zeros(0, np.int64)
    while len(left) and len(behind) < others // 2:
        layer = left[pareto_mask(values[left])]
        behind = np.concatenate([behind, layer])
        left = np.setdiff1d(left, layer)
    behind = behind[: others // 2]
    left = np.setdiff1d(able, np.concatenate([front, behind]))
    spread = np.linspace(0, max(len(left) - 1, 0), min(others - len(behind), len(left))).round().astype(int)
    rows = np.concatenate([front, behind, left[np.unique(spread)]])
    return rows, np.arange(len(rows)) < len(front)


def rescore(data: StudyData, judge: Judge, *, others: int = OTHERS, limits: BackendOptions) -> Rescore:
    """Let the judge evaluate a study's front and some designs off it.

    Args:
        data: the study.
        judge: of `judge_of`.
        others: designs off the front.
        limits: workers, isolation, time and memory.

    Raises:
        ArgumentError: the study has no feasible design.
    """
    rows, front = chosen_rows(data, others)
    if not len(rows):
        raise ArgumentError(f"study {data.record.name!r} has no feasible design, so no front")
    designs, known, refused, changed = _translated(data.designs[rows], judge.problem)
    names = judge.problem.metric_names
    outcomes = Outcomes.without_metrics(names, refused, INFEASIBLE)
    if designs is not None:
        with Evaluator(judge.problem, fidelity=judge.fidelity, options=limits) as evaluator:
            ran = evaluator.evaluate(designs)
        order = np.argsort(np.concatenate([np.flatnonzero(known), np.flatnonzero(~known)]), kind="stable")
        outcomes = Outcomes.concat([ran, outcomes.take(np.flatnonzero(~known))]).take(order)
    return Rescore(
        judge=judge.name,
        problem_arguments=judge.problem.arguments,
        fidelity=judge.fidelity,
        created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        index=np.asarray(data.designs[rows].index, np.float64).tolist(),
        own=_columns(data.outcomes.take(rows), [metric["name"] for metric in data.record.metrics]),
        front=front.tolist(),
        metrics=_columns(outcomes, names),
        status=[str(status) for status in outcomes.status],
        reason=[str(reason) for reason in outcomes.reason],
        changed=changed,
    )


def _columns(outcomes: Outcomes, names: Iterable[str]) -> dict[str, list[float | None]]:
    """Numbers by metric; None where a design has none."""
    return {
        name: [value if ok else None for value, ok in zip(outcomes[name].tolist(), outcomes.ok, strict=True)]
        for name in names
    }


def _translated(
    designs: Designs, problem: Problem
) -> tuple[Designs | None, NDArray[np.bool_], list[str], dict[str, Any]]:
    """The designs in the judge's space: what it holds has its value; of the others why they are none."""
    values: dict[str, Sequence[Any]] = {p.name: getattr(p, "values", ()) for p in problem.space}
    held = {name: known[0] for name, known in values.items() if len(known) == 1}
    changed: dict[str, Any] = {}
    rows, reasons = [], []
    for design in designs.to_dicts():
        mine = {}
        for name, value in design.items():
            if name in problem.space:
                mine[name] = held.get(name, value)
                if mine[name] != value:
                    changed[name] = held[name]
        strange = [name for name, value in mine.items() if values[name] and value not in values[name]]
        reason = "".join(f"the judge does not know {name}={mine[name]}" for name in strange[:1])
        reasons.append(reason)
        if not reason:
            rows.append(mine)
    known = np.array([not reason for reason in reasons], bool)
    return (problem.space.designs(rows) if rows else None), known, reasons, changed
