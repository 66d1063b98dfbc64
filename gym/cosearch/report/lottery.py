"""The hyperparameter lottery: what an agent's settings matter, beside what its seed does.

After ArchGym (Krishnan et al., ISCA 2023), whose central experiment it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.comparison.scores import checkpoints
from cosearch.report.agents import LEAST_SETTINGS, measured, with_fronts
from cosearch.report.words import parameter_value
from cosearch.store import StudyData


@dataclass(frozen=True)
class Lottery:
    """One agent on one problem with several hyperparameters and seeds.

    Attributes:
        problem: the problem's title.
        agent: the agent.
        settings: of each configuration, the defaults first where they are there.
        scores: for each configuration its seeds' scores at the checkpoints, (seeds, k).
        at: the checkpoints.
    """

    problem: str
    agent: str
    settings: Sequence[Mapping[str, Any]]
    scores: Sequence[NDArray[np.float64]]
    at: NDArray[np.int64]

    def means(self, budget: int) -> NDArray[np.float64]:
        """The mean score of each configuration."""
        k = int(self.at.searchsorted(budget))
        return np.array([one[:, k].mean() for one in self.scores])

    def spread_over_settings(self, budget: int) -> float:
        """The standard deviation between configurations, without what seeds alone would cause."""
        seeds = float(np.mean([len(one) for one in self.scores]))
        between = float(np.var(self.means(budget), ddof=1)) if len(self.scores) > 1 else np.nan
        within = np.nan_to_num(self.spread_over_seeds(budget)) ** 2
        return math.sqrt(max(between - within / seeds, 0.0))

    def spread_over_seeds(self, budget: int) -> float:
        """The standard deviation between seeds of one configuration, pooled over all; NaN of one seed."""
        k = int(self.at.searchsorted(budget))
        several = [one[:, k] for one in self.scores if len(one) > 1]
        if not several:
            return math.nan
        squares = sum(float(x.var()) * len(x) for x in several)
        return math.sqrt(squares / sum(len(x) - 1 for x in several))

    def label(self, row: int) -> str:
        """The hyperparameters of a configuration."""
        shown = ", ".join(f"{name}={parameter_value(v)}" for name, v in self.settings[row].items())
        return shown or "defaults"


def lotteries(studies: Sequence[StudyData]) -> list[Lottery]:
    """Each agent on each problem with a known front, where it was run with several hyperparameters."""
    found = []
    finished = [study for study in studies if study.record.status == "finished"]
    for title, front, group in with_fronts(finished, []):
        for agent in dict.fromkeys(s.record.agent for s in group):
            own = [s for s in group if s.record.agent == agent]
            settings = {repr(sorted(s.record.agent_settings.items())): s.record.agent_settings for s in own}
            if len(settings) < LEAST_SETTINGS:
                continue
            at = checkpoints(min(s.record.budget for s in own))
            scored = measured(title, front, own, at)
            order = sorted(settings.values(), key=lambda one: bool(one))
            found.append(Lottery(title, agent, order, [scored.of(agent, one) for one in order], at))
    return found
