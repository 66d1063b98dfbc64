"""What a study stops at: a metric's value, or a hypervolume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError, unknown_name
from cosearch.objectives import Constraint, Objective, violations
from cosearch.outcomes import Outcomes

HYPERVOLUME = "hypervolume"


@dataclass(frozen=True)
class Target:
    """A bound that ends the search once it is met: `latency_ns<=50`, `top1>=0.75`, `hypervolume>=3.2`."""

    bound: Constraint

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read `METRIC<=NUMBER` or `METRIC>=NUMBER`.

        Raises:
            ArgumentError: for anything else.
        """
        try:
            bound = Constraint.parse(text)
        except ArgumentError as error:
            raise ArgumentError(str(error).replace("constraint", "target", 1)) from None
        if bound.metric == HYPERVOLUME and bound.operator != ">=":
            raise ArgumentError(f"target {text!r}: expected hypervolume>=NUMBER")
        return cls(bound)

    def __str__(self) -> str:
        return str(self.bound)


class Targets:
    """The targets of a study, and whether they are met.

    Args:
        texts: as `Target.parse` reads them.
        metrics: the names of the problem's metrics.
        objectives: of the study: a hypervolume means something only against reference points that are given.

    Raises:
        UnknownNameError: for an unknown metric.
        ArgumentError: for a hypervolume without reference points.
    """

    def __init__(self, texts: Sequence[str], metrics: Sequence[str], objectives: Sequence[Objective]) -> None:
        bounds = [Target.parse(text).bound for text in texts]
        self.values = [bound for bound in bounds if bound.metric != HYPERVOLUME]
        volumes = [bound.bound for bound in bounds if bound.metric == HYPERVOLUME]
        self.hypervolume = max(volumes, default=None)
        for bound in self.values:
            if bound.metric not in metrics:
                raise unknown_name("metric of a target", bound.metric, [*metrics, HYPERVOLUME])
        open_ones = [objective.metric for objective in objectives if objective.reference is None]
        if self.hypervolume is not None and open_ones:
            raise ArgumentError(
                f"target hypervolume needs a reference point: give reference=NUMBER with "
                f"{', '.join(open_ones)}, e.g. --objective {open_ones[0]}:min:reference=100"
            )

    def __bool__(self) -> bool:
        return bool(self.values) or self.hypervolume is not None

    def met_by(self, outcomes: Outcomes, feasible: NDArray[np.bool_]) -> bool:
        """Whether one of these designs is feasible and meets the bounds on metrics."""
        if not self.values or not feasible.any():
            return False
        return bool((feasible & (violations(self.values, outcomes) == 0.0).all(axis=1)).any())
