"""What is known before a study begins: another study's evaluations, or a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosearch.errors import ArgumentError, hint, shown
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.run.findings import Findings
from cosearch.run.trial import Results
from cosearch.space import Designs
from cosearch.store import Store, StudyData

Source = Findings | StudyData | str | Path | Mapping[str, Iterable[Any]]


def known_results(problem: Problem, fidelity: str, source: Source) -> Results:
    """The evaluations of a source as results of a problem.

    Raises:
        ArgumentError: for a study of another space, or columns that are missing.
        DesignError: for what is no design of the space.
    """
    if isinstance(source, Findings):
        source = source.data
    if isinstance(source, str | Path):
        with Store.open(source) as store:
            source = store.read(store.study())
    if isinstance(source, StudyData):
        return _of_study(problem, source)
    if not (hasattr(source, "__getitem__") and hasattr(source, "keys")):
        raise ArgumentError(f"{shown(source)} is no study and no table of columns")
    return _of_table(problem, fidelity, {str(name): list(source[name]) for name in source})


def _of_study(problem: Problem, data: StudyData) -> Results:
    if data.record.space_hash != problem.space.hash():
        raise ArgumentError(
            f"study {data.record.name!r} searched another design space than problem {problem.name} has"
        )
    missing = [name for name in problem.metric_names if name not in data.outcomes.metrics]
    if missing:
        raise ArgumentError(f"study {data.record.name!r} has no metric {missing[0]!r}")
    units = {metric["name"]: metric["unit"] for metric in data.record.metrics}
    for metric in problem.metrics:
        if units[metric.name] != metric.unit:
            raise ArgumentError(
                f"study {data.record.name!r} has {metric.name} in {units[metric.name]}, "
                f"problem {problem.name} in {metric.unit}"
            )
    if data.record.problem != problem.name or data.record.problem_version != problem.version:
        raise ArgumentError(
            f"study {data.record.name!r} is of problem {data.record.problem} v{data.record.problem_version}, "
            f"not of {problem.name} v{problem.version}"
        )
    known = np.isin(data.fidelity, problem.fidelity_names)
    designs = problem.space.from_index(data.designs.index[known])
    outcomes = data.outcomes.take(known).with_metrics(problem.metric_names)
    return Results.of(designs, outcomes, fidelity=data.fidelity[known], seed=data.seed[known])


def _of_table(problem: Problem, fidelity: str, columns: Mapping[str, list[Any]]) -> Results:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ArgumentError(f"a table's columns must have one length; theirs are {lengths}")
    for name in (*problem.space.names, *problem.metric_names):
        if name not in columns and not (name in problem.space.names and problem.space[name].when):
            raise ArgumentError(f"the table has no column {name!r}{hint(name, columns)}")
    metrics = {name: columns[name] for name in problem.metric_names}
    designs = _designs(problem, {n: columns[n] for n in problem.space.names if n in columns})
    return Results.of(designs, Outcomes.of(metrics), fidelity=fidelity)


def _designs(problem: Problem, columns: Mapping[str, list[Any]]) -> Designs:
    """The designs of a table, in which an inactive parameter has no value: None or NaN."""
    rows = [
        {
            name: value
            for name, value in zip(columns, row, strict=True)
            if value is not None and value == value
        }
        for row in zip(*columns.values(), strict=True)
    ]
    return problem.space.designs(rows)
