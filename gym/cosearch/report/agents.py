"""What a store says of agents: their scores on problems whose front is known, with statistics over seeds.

The front and its bounds are the problem's (`cosearch.comparison.fronts`), or those of a study that evaluated
the whole space; never those of what the compared studies found.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.comparison.finding import reference_of, share_of_box
from cosearch.comparison.fronts import KnownFront, known_front
from cosearch.comparison.scores import checkpoints, round_budgets, scores
from cosearch.comparison.statistics import (
    Estimate,
    interquartile_mean,
    mean,
    performance_profile,
    probability_of_improvement,
)
from cosearch.errors import SpaceError
from cosearch.objectives import feasible, minimised
from cosearch.pareto import pareto_mask
from cosearch.report.comparison import group_key
from cosearch.report.words import parameter_value
from cosearch.store import StudyData, StudyRecord

LEAST_SETTINGS = 3  # of one agent, from which on it is a lottery over its hyperparameters
THRESHOLDS = np.linspace(0.0, 1.0, 51)


@dataclass(frozen=True)
class Measured:
    """One problem with a known front, and the scores of the studies of it.

    Attributes:
        title: the problem and its arguments.
        front: what is known of it.
        runs: the studies, in the order of the store.
        scores: of each at the checkpoints, shape (runs, k).
    """

    title: str
    front: KnownFront
    runs: Sequence[StudyRecord]
    scores: NDArray[np.float64]

    def of(self, agent: str, settings: Mapping[str, Any] | None = None) -> NDArray[np.float64]:
        """The scores of an agent's studies, those with these hyperparameters alone if some are given."""
        rows = [
            i
            for i, run in enumerate(self.runs)
            if run.agent == agent and (settings is None or run.agent_settings == settings)
        ]
        return self.scores[rows]


@dataclass(frozen=True)
class AgentsCompared:
    """Agents on the same problems.

    Attributes:
        problems: those with a known front and a study of every agent.
        agents: in the order of the store.
        at: the checkpoints, ascending, the last one the budget that all studies had.
        settings: the hyperparameters whose studies are compared, by agent; None for all.
        left_out: what could not be compared and why, a line each.
    """

    problems: Sequence[Measured]
    agents: Sequence[str]
    at: NDArray[np.int64]
    settings: Mapping[str, Mapping[str, Any] | None]
    left_out: Sequence[str]

    @property
    def budget(self) -> int:
        """Evaluations of every study."""
        return int(self.at[-1])

    @property
    def budgets(self) -> list[int]:
        """Those at which tables show scores."""
        return round_budgets(self.budget)

    def scores(self, agent: str, budget: int | None = None) -> list[NDArray[np.float64]]:
        """For each problem the scores of an agent's seeds: (seeds,) at a budget, (seeds, k) at all."""
        found = [problem.of(agent, self.settings[agent]) for problem in self.problems]
        return found if budget is None else [one[:, self.at.searchsorted(budget)] for one in found]

    @functools.cached_property
    def curves(self) -> dict[str, Estimate]:
        """The interquartile mean of each agent at every checkpoint."""
        return {agent: interquartile_mean(self.scores(agent)) for agent in self.agents}

    @functools.cached_property
    def means(self) -> dict[str, Estimate]:
        """The mean of each agent at every checkpoint."""
        return {agent: mean(self.scores(agent)) for agent in self.agents}

    @functools.cached_property
    def profiles(self) -> dict[str, Estimate]:
        """The share of each agent's runs that reach each of `THRESHOLDS`, at the budget."""
        return {a: performance_profile(self.scores(a, self.budget), THRESHOLDS) for a in self.agents}

    @functools.cached_property
    def improvements(self) -> dict[tuple[str, str], Estimate]:
        """How likely each agent beats each other one, at the budget."""
        last = {agent: self.scores(agent, self.budget) for agent in self.agents}
        return {
            (a, b): probability_of_improvement(last[a], last[b])
            for a in self.agents
            for b in self.agents
            if a != b
        }

    @functools.cached_property
    def by_problem(self) -> list[tuple[Measured, dict[str, Estimate]]]:
        """Each problem with the mean score of each agent at the budget."""
        last = {agent: self.scores(agent, self.budget) for agent in self.agents}
        return [
            (problem, {agent: mean([last[agent][k]]) for agent in self.agents})
            for k, problem in enumerate(self.problems)
        ]

    @functools.cached_property
    def seconds(self) -> dict[str, tuple[float, float]]:
        """Processor time for each suggestion of an agent: the mean, and that of its slowest problem."""
        found = {}
        for agent in self.agents:
            each = []
            for problem in self.problems:
                runs = [r for r in problem.runs if r.agent == agent and r.agent_proposals]
                if runs:
                    each.append(sum(r.agent_seconds for r in runs) / sum(r.agent_proposals for r in runs))
            found[agent] = (float(np.mean(each)), max(each)) if each else (np.nan, np.nan)
        return found

    def at_budget(self, estimate: Estimate, budget: int) -> Estimate:
        """An estimate at one of the checkpoints."""
        k = int(self.at.searchsorted(budget))
        return Estimate(*(float(np.asarray(part)[k]) for part in estimate))


def agents_compared(studies: Sequence[StudyData]) -> AgentsCompared | None:
    """What the studies say of agents; None where fewer than two agents share a problem with a known front."""
    finished = [study for study in studies if study.record.status == "finished"]
    left_out = [f"study {s.record.name} is not finished" for s in studies if s.record.status != "finished"]
    groups = with_fronts(finished, left_out)
    agents = list(dict.fromkeys(s.record.agent for _, _, group in groups for s in group))
    groups = [g for g in groups if len({s.record.agent for s in g[2]}) > 1]
    everywhere = [a for a in agents if all(a in {s.record.agent for s in group} for _, _, group in groups)]
    if not groups or len(everywhere) < 2:
        return None
    left_out += [
        f"agent {a} has no study of {next(t for t, _, g in groups if a not in {s.record.agent for s in g})}"
        for a in agents
        if a not in everywhere
    ]
    chosen = {a: _compared_settings([[s.record for s in g] for _, _, g in groups], a) for a in everywhere}
    kept = [
        (title, front, [s for s in group if s.record.agent in everywhere]) for title, front, group in groups
    ]
    budgets = {s.record.budget for _, _, group in kept for s in group}
    if len(budgets) > 1:
        left_out.append(f"evaluations after the first {min(budgets)}, the smallest budget")
    at = checkpoints(min(budgets))
    return AgentsCompared([measured(*one, at) for one in kept], everywhere, at, chosen, left_out)


def study_front(studies: Sequence[StudyData]) -> tuple[KnownFront | None, StudyData | None]:
    """The front that studies of one group are measured by, and the one that found it, if one did.

    It is their problem's, else that of a study of the whole space.
    """
    found = known_front(studies[0].record)
    if found is not None:
        return found, None
    whole = next((study.own() for study in studies if _is_whole(study)), None)
    return (None, None) if whole is None else (_front_of_space(whole), whole)


def with_fronts(
    studies: Sequence[StudyData], left_out: list[str]
) -> list[tuple[str, KnownFront, list[StudyData]]]:
    """The studies of each problem with a known front, with its title; of others `left_out` gets a line."""
    groups: dict[str, list[StudyData]] = {}
    for study in studies:
        groups.setdefault(group_key(study.record), []).append(study)
    found = []
    for group in groups.values():
        title, (front, listing) = _title(group[0].record), study_front(group)
        if front is None:
            left_out.append(f"{title}: no front of it is known (`cosearch front` finds one)")
        else:
            name = None if listing is None else listing.record.name
            found.append((title, front, [s for s in group if s.record.name != name]))
    return found


def measured(title: str, front: KnownFront, group: Sequence[StudyData], at: NDArray[np.int64]) -> Measured:
    """A problem and the scores of its studies at the checkpoints."""
    return Measured(title, front, [s.record for s in group], np.array([scores(s, front, at) for s in group]))


def _compared_settings(groups: Sequence[Sequence[StudyRecord]], agent: str) -> Mapping[str, Any] | None:
    """Of a lottery the defaults alone are compared with other agents."""
    own = [[run.agent_settings for run in group if run.agent == agent] for group in groups]
    distinct = {repr(sorted(settings.items())) for group in own for settings in group}
    return {} if len(distinct) >= LEAST_SETTINGS and all({} in group for group in own) else None


def _title(record: StudyRecord) -> str:
    settings = [f"{name}={parameter_value(value)}" for name, value in record.problem_arguments.items()]
    return " ".join([record.problem, *settings])


def _is_whole(study: StudyData) -> bool:
    """Whether a study evaluated every allowed design of its space."""
    try:
        size = study.space.cardinality()
    except SpaceError:
        return False
    own = study.own()
    return len(own.designs) >= size and int(study.space.allowed(own.designs).sum()) >= size


def _front_of_space(study: StudyData) -> KnownFront | None:
    good = feasible(study.constraints, study.outcomes)
    values = minimised(study.objectives, study.outcomes)[good]
    if not len(values):
        return None
    front = values[pareto_mask(values)]
    reference = reference_of(study.objectives, front, values)
    volume, how = share_of_box(front, reference), f"every design of the space, in study {study.record.name}"
    return KnownFront(front.min(axis=0), reference, volume, True, how)
