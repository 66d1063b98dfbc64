"""Metrics, objectives and constraints: what a simulator returns and what a search wants of it.

Text forms, as the command line takes them: `latency_ns:min`, `top1:max`, `latency_ns:min:target=50`,
`energy_pj:min:reference=2e6` for objectives; `area_mm2<=2`, `bandwidth_gb_per_s>=10` for constraints.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, unknown_name

if TYPE_CHECKING:
    from cosearch.outcomes import Outcomes

Direction = Literal["min", "max"]


@dataclass(frozen=True)
class Metric:
    """A named number with a unit that a simulator returns for a design.

    Attributes:
        name: an identifier.
        unit: "1" for a plain number.
        description: what it is.
        direction: whether less or more is better, if that is so for everybody; an objective on this metric
            need not say it then.
    """

    name: str
    unit: str
    description: str = ""
    direction: Direction | None = None

    def __post_init__(self) -> None:
        if self.direction not in ("min", "max", None):
            raise ArgumentError(f"metric {self.name!r}: direction must be min or max, not {self.direction!r}")


@dataclass(frozen=True)
class Objective:
    """A metric with a direction.

    `target` is the value that an architect would be content with (target-ratio rewards use it);
    `reference` is the worst value that still counts (the hypervolume reference point uses it).
    """

    metric: str
    direction: Direction = "min"
    target: float | None = None
    reference: float | None = None

    def __post_init__(self) -> None:
        if self.direction not in ("min", "max"):
            raise ArgumentError(
                f"objective {self.metric!r}: direction must be min or max, not {self.direction!r}"
            )
        for field in ("target", "reference"):
            value = getattr(self, field)
            if value is not None and not math.isfinite(value):
                raise ArgumentError(
                    f"objective {self.metric!r}: {field} must be a finite number, not {value}"
                )

    @classmethod
    def parse(cls, text: str, directions: Mapping[str, Direction] | None = None) -> Objective:
        """Read `metric:min|max[:target=X][:reference=X]`.

        Args:
            text: the objective.
            directions: of metrics that need not be given with one, by name.

        Raises:
            ArgumentError: for anything else, or a metric without a direction.
        """
        metric, *rest = text.strip().split(":")
        direction = rest.pop(0) if rest and "=" not in rest[0] else (directions or {}).get(metric, "")
        if not direction:
            raise ArgumentError(
                f"objective {text!r}: is less or more of it better? Say {metric}:min or {metric}:max"
            )
        bounds: dict[str, float] = {}
        for part in rest:
            key, _, value = part.partition("=")
            if key not in ("target", "reference"):
                raise ArgumentError(f"objective {text!r}: expected target=X or reference=X, found {part!r}")
            bounds[key] = _number(value, f"objective {text!r}: {key}")
        return cls(metric, direction, **bounds)  # type: ignore[arg-type]

    def __str__(self) -> str:
        bounds = "".join(
            f":{key}={_exact(value)}"
            for key, value in (("target", self.target), ("reference", self.reference))
            if value is not None
        )
        return f"{self.metric}:{self.direction}{bounds}"


@dataclass(frozen=True)
class Constraint:
    """A metric with a bound; a design outside it is infeasible."""

    metric: str
    operator: Literal["<=", ">="]
    bound: float

    def __post_init__(self) -> None:
        if self.operator not in ("<=", ">="):
            raise ArgumentError(
                f"constraint on {self.metric!r}: operator must be <= or >=, not {self.operator!r}"
            )
        if not math.isfinite(self.bound):
            raise ArgumentError(
                f"constraint on {self.metric!r}: bound must be a finite number, not {self.bound}"
            )

    @classmethod
    def parse(cls, text: str) -> Constraint:
        """Read `metric<=number` or `metric>=number`."""
        match = re.fullmatch(r"\s*([^\s<>=]+)\s*(<=|>=)\s*(\S+)\s*", text)
        if match is None:
            raise ArgumentError(f"constraint {text!r}: expected METRIC<=NUMBER or METRIC>=NUMBER")
        metric, operator, bound = match.groups()
        return cls(metric, operator, _number(bound, f"constraint {text!r}: the bound"))  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.metric}{self.operator}{_exact(self.bound)}"


def _exact(value: float) -> str:
    """A number as short text that reads back as the same number: a resumed study has the bounds it had."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"{what} must be a number, not {text!r}") from None


def check_metrics(uses: Iterable[Objective | Constraint], metrics: Sequence[Metric]) -> None:
    """Raise `UnknownNameError` if an objective or a constraint uses a metric that is not among `metrics`."""
    names = [metric.name for metric in metrics]
    for use in uses:
        if use.metric not in names:
            raise unknown_name("metric", use.metric, names)


def check_constraints(constraints: Sequence[Constraint]) -> None:
    """Raise `ArgumentError` if two constraints exclude each other."""
    for upper in constraints:
        for lower in constraints:
            if (upper.metric, upper.operator, lower.operator) == (
                lower.metric,
                "<=",
                ">=",
            ) and lower.bound > upper.bound:
                raise ArgumentError(f"no design can meet both {upper} and {lower}")


def minimised(objectives: Sequence[Objective], outcomes: Outcomes) -> NDArray[np.float64]:
    """The objectives as an (n, m) array in which smaller is better; NaN where the status is not `ok`."""
    values = np.empty((len(outcomes), len(objectives)))
    for i, objective in enumerate(objectives):
        column = outcomes[objective.metric]
        values[:, i] = column if objective.direction == "min" else -column
    return values


def violations(constraints: Sequence[Constraint], outcomes: Outcomes) -> NDArray[np.float64]:
    """By how much each constraint is missed, (n, k), as a share of its bound (absolute for a bound of 0).

    0 where it is met, infinity where the status is not `ok`.
    """
    result = np.zeros((len(outcomes), len(constraints)))
    for k, constraint in enumerate(constraints):
        with np.errstate(over="ignore"):  # of the largest numbers the excess is infinite
            excess = outcomes[constraint.metric] - constraint.bound
            if constraint.operator == ">=":
                excess = -excess
            result[:, k] = np.maximum(excess, 0.0) / (abs(constraint.bound) or 1.0)
    result[~outcomes.ok] = np.inf
    return result


def feasible(constraints: Sequence[Constraint], outcomes: Outcomes) -> NDArray[np.bool_]:
    """Which designs have status `ok` and meet every constraint, (n,)."""
    meets = outcomes.ok
    for constraint in constraints:
        compare = np.less_equal if constraint.operator == "<=" else np.greater_equal
        meets &= compare(outcomes[constraint.metric], constraint.bound)
    return meets
