"""The pictures that a problem draws of a few designs: the best of each objective, and the front's knee."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cosearch.drawing import Drawn, drawn_pictures, draws_pictures
from cosearch.errors import CosearchError
from cosearch.quantities import count
from cosearch.report.comparison import Comparison
from cosearch.report.document import Drawings
from cosearch.report.words import parameter_value, shown_name

MAX_DESIGNS = 4
DIGITS = 5  # significant ones, of what was measured
TITLE = "Designs up close"

Progress = Callable[[str], None]


def chosen_designs(comparison: Comparison) -> list[tuple[int, str]]:
    """Rows of the pool and what each design is best at; at most four, each once.

    The knee is the design of the front that is furthest from the plane through its extremes, all objectives
    weighed alike. I. Das, "On characterizing the 'knee' of the Pareto curve based on Normal-Boundary
    Intersection", Structural Optimization 18 (1999).
    """
    front = comparison.front_rows
    if not len(front):
        return []
    values = comparison.minimised[front]
    several = len(comparison.first.objectives) > 1
    found: dict[int, list[str]] = {}
    for k, objective in enumerate(comparison.first.objectives[: MAX_DESIGNS - several]):
        extreme = "lowest" if objective.direction == "min" else "highest"
        found.setdefault(int(np.argmin(values[:, k])), []).append(f"{extreme} {objective.metric}")
    if several:
        # halves, because the differences of the largest numbers are none
        spans = values.max(axis=0) / 2 - values.min(axis=0) / 2
        shares = (values / 2 - values.min(axis=0) / 2) / np.where(spans > 0, spans, 1.0)
        found.setdefault(int(np.argmin(shares.sum(axis=1))), []).append("knee of the front")
    return [(int(front[place]), ", ".join(reasons)) for place, reasons in found.items()]


def close_up(comparison: Comparison, number: int, drawings: Drawings, progress: Progress) -> dict[str, Any]:
    """A tab for each chosen design; empty without pictures, one line if the problem cannot be built."""
    from cosearch.run.recorded import problem_of

    record = comparison.first.record
    chosen = chosen_designs(comparison)
    if not chosen:
        return {}
    try:
        problem = problem_of(record)
    except Exception as error:  # whatever the problem's own code raises
        reason = str(error) if isinstance(error, CosearchError) else f"{type(error).__name__}: {error}"
        return {"title": TITLE, "trouble": reason}
    if not draws_pictures(problem):
        return {}
    designs = []
    for k, (row, why) in enumerate(chosen):
        progress(f"drawing the pictures of design {k + 1} of {len(chosen)} of {record.problem}")
        design = comparison.designs[row]
        drawn = drawn_pictures(problem, design, timeout_s=record.timeout_s)
        designs.append(
            {
                "id": f"close-up-{number}-{k}",
                "name": why[0].upper() + why[1:],
                "measured": _measured(comparison, row),
                "chosen": chosen_values(design),
                "command": comparison.evaluate_command(row),
                "drawn": shown_pictures(drawn, drawings),
            }
        )
    return {
        "title": TITLE,
        "trouble": "",
        "caption": f"{count(len(chosen), 'design')} of the front, as {record.problem} draws them: the best "
        "of each objective, and the knee, from where a small gain in one costs much in another.",
        "designs": designs,
    }


def shown_pictures(drawn: Drawn, drawings: Drawings) -> dict[str, Any]:
    """The places of the pictures, and why others are missing."""
    return {"rows": drawings.rows(drawn.pictures), "missing": drawn.missing}


def chosen_values(design: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a design as texts."""
    return {name: parameter_value(value) for name, value in design.items()}


def _measured(comparison: Comparison, row: int) -> dict[str, str]:
    metrics = [*comparison.goal_metrics, *comparison.other_metrics]
    return {
        shown_name(comparison, name): comparison.scale(name).quantity(comparison.outcomes[name][row], DIGITS)
        for name in metrics
    }
