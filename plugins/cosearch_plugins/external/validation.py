"""Our fidelities against the tools themselves: random designs of each case, evaluated by both.

A folder of cases has `cases.json`, a list of {id, problem, settings, designs, metrics} and, if wanted, `hold`
(parameters with one value), `fidelity` (ours; default the problem's), `bound` (the relative error that is
allowed) and `seed`. Files in settings are beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosearch.errors import CosearchError
from cosearch.registry import make_problem
from cosearch_simulators.core.validation.cases import read_cases
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.core.validation.table import ValidationTable

EXTERNAL = "external"


def validate(folder: Path, progress: Callable[[int, int], None]) -> ValidationTable:
    """The table; a case whose tool is not here is missed, with how to get it.

    Raises:
        ValueError: the folder has no cases, or one is broken.
    """
    cases = read_cases(folder / "cases.json")
    rows: list[RankedRow] = []
    speed: dict[str, dict[str, float]] = {}
    missed: list[str] = []
    for done, case in enumerate(cases):
        progress(done, len(cases))
        try:
            found, seconds = _judged(folder, case)
        except CosearchError as error:
            missed.append(f"case {case.get('id', done)}: {error}")
            continue
        rows += found
        speed[str(case["id"])] = seconds
    progress(len(cases), len(cases))
    return ValidationTable("external", rows, speed, missed)


def _judged(folder: Path, case: Mapping[str, Any]) -> tuple[list[RankedRow], dict[str, float]]:
    try:
        name, metrics, n = case["problem"], case["metrics"], int(case["designs"])
        settings = {
            key: str(folder / value) if isinstance(value, str) and (folder / value).is_file() else value
            for key, value in case["settings"].items()
        }
    except (KeyError, TypeError, ValueError) as error:
        lack = f"expected id, problem, settings, designs, metrics: {error}"
        raise ValueError(f"case {case.get('id', '?')}: {lack}") from error
    problem = make_problem(name, **settings).hold(case.get("hold", {}))
    problem.require(EXTERNAL)
    designs = problem.space.sample(n, np.random.default_rng(case.get("seed", 0)))
    told, took = [], []
    for fidelity in (case.get("fidelity", problem.default_fidelity), EXTERNAL):
        began = time.perf_counter()
        told.append(problem.evaluate(designs, fidelity=fidelity))
        took.append(time.perf_counter() - began)
    ours, theirs = told
    both = ours.ok & theirs.ok
    bound = float(case.get("bound", np.inf))
    rows = [
        RankedRow.ranked(str(case["id"]), metric, ours[metric][both], theirs[metric][both], bound=bound)
        for metric in metrics
    ]
    return rows, {"ours, s a design": took[0] / n, "theirs, s a design": took[1] / n}
