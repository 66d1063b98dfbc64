"""The pictures that a problem draws of a few designs: the best of each objective, and the front's knee."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cosearch.drawing import Drawn, drawn_pictures, draws_pictures
from cosearch.errors import CosearchError
from cosearch.report.comparison import Comparison
from cosearch.report.document import Drawings
from cosearch.report.markup import copy_button, heading, name_text, text
from cosearch.report.words import count, parameter_value, quantity

MAX_DESIGNS = 4
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
        spans = np.ptp(values, axis=0)
        shares = (values - values.min(axis=0)) / np.where(spans > 0, spans, 1.0)
        found.setdefault(int(np.argmin(shares.sum(axis=1))), []).append("knee of the front")
    return [(int(front[place]), ", ".join(reasons)) for place, reasons in found.items()]


def close_up_section(
    comparison: Comparison, number: int, level: int, drawings: Drawings, progress: Progress
) -> str:
    """A tab for each chosen design; empty without pictures, one line if the problem cannot be built."""
    from cosearch.run.study import problem_of

    record = comparison.first.record
    chosen = chosen_designs(comparison)
    if not chosen:
        return ""
    try:
        problem = problem_of(record)
    except Exception as error:  # whatever the problem's own code raises
        reason = str(error) if isinstance(error, CosearchError) else f"{type(error).__name__}: {error}"
        return f'{heading(TITLE, level)}<p class="caption">No pictures: {text(reason)}</p>'
    if not draws_pictures(problem):
        return ""
    drawn = []
    for k, (row, _) in enumerate(chosen):
        progress(f"drawing the pictures of design {k + 1} of {len(chosen)} of {record.problem}")
        drawn.append(drawn_pictures(problem, comparison.designs[row], timeout_s=record.timeout_s))
    tabs, panels = [], []
    for k, ((row, why), pictures) in enumerate(zip(chosen, drawn, strict=True)):
        key, selected = f"close-up-{number}-{k}", "true" if k == 0 else "false"
        name = text(why[0].upper() + why[1:])
        tabs.append(
            f'<button type="button" role="tab" id="{key}-tab" aria-controls="{key}" '
            f'aria-selected="{selected}" tabindex="{0 if k == 0 else -1}">{name}</button>'
        )
        panels.append(
            f'<div class="panel" role="tabpanel" id="{key}" aria-labelledby="{key}-tab"'
            f"{'' if k == 0 else ' hidden'}>{_design(comparison, row)}"
            f"{pictures_html(pictures, level + 1, drawings)}</div>"
        )
    return (
        f"{heading(TITLE, level)}"
        f'<p class="caption">{count(len(chosen), "design")} of the front, as {text(record.problem)} draws '
        "them: the best of each objective, and the knee, from where a small gain in one costs much in "
        "another.</p>"
        f'<div class="tabs" role="tablist" aria-label="{TITLE}">{"".join(tabs)}</div>{"".join(panels)}'
    )


def pictures_html(drawn: Drawn, level: int, drawings: Drawings) -> str:
    """The pictures, and a line for each that is missing."""
    missing = "".join(f'<p class="caution">A picture is missing: {text(why)}</p>' for why in drawn.missing)
    return drawings.show_all(drawn.pictures, level) + missing


def design_html(metrics: Mapping[str, str], design: Mapping[str, Any]) -> str:
    """What was measured of a design, as texts, and its parameters."""
    measured = "".join(f"<div><dt>{name_text(k)}</dt><dd>{text(v)}</dd></div>" for k, v in metrics.items())
    chosen = "".join(
        f"<div><dt>{name_text(name)}</dt><dd>{text(parameter_value(value))}</dd></div>"
        for name, value in design.items()
    )
    return f'<dl class="design measured">{measured}</dl><dl class="design">{chosen}</dl>'


def _design(comparison: Comparison, row: int) -> str:
    metrics = {
        name: quantity(float(comparison.outcomes[name][row]), comparison.unit(name))
        for name in [*comparison.goal_metrics, *comparison.other_metrics]
    }
    copied = copy_button("Copy command", comparison.evaluate_command(row))
    return f'{design_html(metrics, comparison.designs[row])}<p class="controls">{copied}</p>'
