"""The designs of a front as text: what they share once, what differs as columns, an even choice of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cosearch.comparison.finding import spread
from cosearch.quantities import Scale, count
from cosearch.report.words import parameter_value, short

LONGEST_VALUE = 40
ABSENT = "–"  # an inactive parameter


@dataclass(frozen=True)
class FrontText:
    """A front to be shown.

    Attributes:
        found: how many designs there are, and how many of them are shown.
        common: parameters with the value that all designs of the front have, as text.
        heads: of the columns.
        rows: as many cells as heads each.
        numeric: the heads of columns that hold numbers.
    """

    found: str
    common: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[str]


def front_text(
    minimised: ArrayLike,
    metrics: Mapping[str, Sequence[float]],
    scales: Mapping[str, Scale],
    designs: Sequence[Mapping[str, Any]],
    parameters: Sequence[str],
    most: int,
    further: Mapping[str, Sequence[str]] | None = None,
) -> FrontText:
    """A front of n designs, the best in the first objective first.

    Args:
        minimised: their objectives, shape (n, m).
        metrics: the values to show, n each.
        scales: how each metric is shown.
        designs: the designs; an inactive parameter is absent.
        parameters: all of the space, in order.
        most: designs that are shown; of more the best in every objective, and an even choice of the others.
        further: more columns of text, n each.
    """
    values = np.asarray(minimised, dtype=np.float64)
    equal: dict[tuple[float, ...], list[int]] = {}
    for row, point in enumerate(values.tolist()):
        equal.setdefault(tuple(point), []).append(row)
    groups = list(equal.values())
    firsts = [rows[0] for rows in groups]
    chosen = spread(values[firsts], most) if groups else np.zeros(0, dtype=np.int64)
    shown = [groups[k] for k in chosen.tolist()]
    texts = {name: [_text(design, name) for design in designs] for name in parameters}
    differing = [name for name in parameters if len({texts[name][row] for row in firsts}) > 1]
    alike = [name for name in parameters if name not in differing and firsts]
    common = [f"{name}={texts[name][firsts[0]]}" for name in alike if texts[name][firsts[0]] != ABSENT]
    heads = [scale.heading(metric) for metric, scale in scales.items()]
    more = [f"+{len(rows) - 1:,}" if len(rows) > 1 else "" for rows in shown]
    columns = [
        *([scale.text(metrics[metric][rows[0]]) for rows in shown] for metric, scale in scales.items()),
        *([texts[name][rows[0]] for rows in shown] for name in differing),
        *([column[rows[0]] for rows in shown] for column in (further or {}).values()),
        *([more] if any(more) else []),
    ]
    found = count(len(designs), "design")
    if len(groups) == 1 < len(designs):
        found += " with the same values"
    elif len(groups) < len(designs):
        found += f", {len(groups):,} with different values"
    if len(groups) > most:
        found += f", {most} of them shown: the best of each objective, and an even choice"
    return FrontText(
        found,
        ", ".join(common),
        [*heads, *differing, *(further or {}), *(["alike"] if any(more) else [])],
        list(zip(*columns, strict=True)),
        heads,
    )


def _text(design: Mapping[str, Any], name: str) -> str:
    return short(parameter_value(design[name]), LONGEST_VALUE) if name in design else ABSENT
