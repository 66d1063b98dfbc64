"""The score of a study: its normalised hypervolume against what it has evaluated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosearch.comparison.fronts import KnownFront
from cosearch.objectives import feasible, minimised
from cosearch.store import StudyData

ROUND_BUDGETS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
MOST_CHECKPOINTS = 24
ROUNDING = 1e-9  # of costs that are added up


def checkpoints(budget: int) -> NDArray[np.int64]:
    """Numbers of evaluations, ascending up to the budget, round ones among them, denser at the beginning."""
    even = np.geomspace(1, budget, MOST_CHECKPOINTS).round().astype(np.int64)
    return np.unique([*even, *(b for b in ROUND_BUDGETS if b <= budget), budget])


def round_budgets(budget: int) -> list[int]:
    """The round numbers of evaluations up to the budget, and the budget."""
    return [*(b for b in (20, 50, 100, 500, 2000, 20_000) if b < budget), budget]


def scores(data: StudyData, front: KnownFront, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """The normalised hypervolume of a study after so many evaluations, for each number in `at`.

    An evaluation at another fidelity counts by its cost, and never for the hypervolume; one that the space
    forbids counts nothing. A study that ended early keeps its last score.
    """
    costs = {f["name"]: float(f["cost"]) for f in data.record.fidelities}
    own = costs.get(data.record.fidelity, 1.0) or 1.0
    each = np.array([costs.get(name, own) / own for name in np.unique(data.fidelity)])
    cost = each[np.unique(data.fidelity, return_inverse=True)[1]] if len(data.designs) else np.zeros(0)
    cost = np.where(data.space.allowed(data.designs), cost, 0.0)
    values = minimised(data.objectives, data.outcomes)
    values[~(feasible(data.constraints, data.outcomes) & data.at_study_fidelity)] = np.nan
    ends = np.searchsorted(np.cumsum(cost), at + ROUNDING, side="right")
    return front.curve(values, ends)
