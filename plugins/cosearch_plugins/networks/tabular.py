"""What problems over a table of measured networks share: outcomes, and the exact front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.objectives import minimised
from cosearch.outcomes import Outcomes
from cosearch.pareto import pareto_mask
from cosearch.problem import Problem
from cosearch.space import Designs

if TYPE_CHECKING:
    from cosearch_simulators.networks.quality import QualityResult, Table


class TabularProblem(Problem):
    """A problem all of whose designs are in a table."""

    def exact_front(self) -> tuple[Designs, Outcomes]:
        """The designs that none of all designs beats in the objectives, with their outcomes."""
        designs = self.space.enumerate()
        outcomes = self.evaluate(designs)
        values = np.array(minimised(self.objectives, outcomes))
        values[~outcomes.ok] = np.inf
        best = pareto_mask(values) & outcomes.ok
        return designs[best], outcomes.take(best)


def read_table(path: str | None, name: str, family: str, *, setting: str = "table") -> Table:
    """The user's table, or the embedded one.

    Raises:
        ArgumentError: it is broken, or its networks are of another family.
    """
    from cosearch_simulators.errors import SimulatorError
    from cosearch_simulators.networks.quality import Table, embedded_table

    if path is None:
        return embedded_table(name)
    try:
        table = Table.read(path)
    except SimulatorError as error:
        raise ArgumentError(f"{setting}: {error}") from None
    if table.family.name != family:
        raise ArgumentError(
            f"{setting}: {path} has networks of {table.family.name}, this problem needs those of {family}"
        )
    return table


def looked_up(table: Table, metrics: Mapping[str, tuple[str, Any]], *, setting: str = "table") -> Any:
    """The source of quality that looks up these metrics' columns.

    Raises:
        ArgumentError: the table lacks one, or it is not of its unit.
    """
    from cosearch_simulators.errors import SimulatorError
    from cosearch_simulators.networks.quality import TableQuality

    try:
        return TableQuality(table, metrics)
    except SimulatorError as error:
        raise ArgumentError(f"{setting}: {error}") from None


def as_outcomes(found: QualityResult, more: Mapping[str, NDArray[np.float64]]) -> Outcomes:
    """A quality's result and further metrics of the same designs as outcomes."""
    metrics = {**found.metrics, **{name: np.where(found.status == 0, v, np.nan) for name, v in more.items()}}
    return Outcomes(metrics, found.status, found.reason, standard_error=dict(found.standard_error))
