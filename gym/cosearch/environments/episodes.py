"""The core of every environment: n episodes of one problem, stepped together.

`env` is n = 1, `vector` is any n, so nothing about stepping is written twice. All designs that a step
completes are evaluated in one call of the problem. What an agent sees of a row is kept from step to step and
changes only where something happened.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.arguments import check_arguments
from cosearch.environments.algorithms import ACTIONS, BOX, algorithm_name, check_fit
from cosearch.environments.evaluation import Evaluation
from cosearch.environments.formulation import Formulation, Rows
from cosearch.environments.frames import Watched
from cosearch.environments.infos import info_of_many, info_of_one
from cosearch.environments.oneshot import Oneshot
from cosearch.environments.options import EpisodeOptions
from cosearch.environments.rendering import render_text
from cosearch.environments.reward import Reward, usable
from cosearch.environments.rewards import VectorReward, make_reward
from cosearch.environments.tables import ValueTable
from cosearch.errors import ArgumentError
from cosearch.outcomes import STATUSES, Outcomes
from cosearch.problem import Problem
from cosearch.space import Designs, DesignsLike

UNEVALUATED = "unevaluated"  # the status of an episode that has no complete design yet
NAMES = np.array([*STATUSES, UNEVALUATED], dtype=object)
UNEVALUATED_CODE = len(STATUSES)


class Episodes:
    """n episodes of a problem in one formulation with one reward.

    Attributes:
        metrics: the column of each metric, (n,), NaN where the status is not `ok`.
        codes: the position in `NAMES` of the status of each row's design, (n,).
        reason: why it is not `ok`, else "", (n,).
        score: the reward of each row's design, (n,) or (n, m).

    Args:
        problem: a registered name, or a `Problem`.
        n: the number of episodes.
        options: formulation, reward, limits and so on.

    Raises:
        UnknownNameError: a name that does not exist, with the nearest.
        ArgumentError: an argument out of its bounds.
    """

    def __init__(self, problem: str | Problem, n: int, options: EpisodeOptions) -> None:
        kind, scoring = options.formulation_class, options.reward_class
        for_formulation, for_reward, _ = options.shares(problem)
        problem = options.problem(problem)
        self.problem, self.n = problem, n
        name = None if options.algorithm is None else algorithm_name(options.algorithm)
        if name is not None and ACTIONS[name] == (BOX,) and kind is Oneshot:
            for_formulation = {"action": "box", **for_formulation}
        checked = check_arguments(kind, for_formulation, f"formulation {kind.name}")
        self.formulation: Formulation = kind(problem.space, n, **checked)
        if name is not None:
            check_fit(name, self.formulation)
        self._given_units = options.given_units(problem)
        if scoring is VectorReward and None not in self._given_units:
            for_reward = {"failure_reward": VectorReward.raw_failure_reward, **for_reward}
        self.reward: Reward = make_reward(scoring, problem.objectives, problem.constraints, for_reward)
        self._units: NDArray[np.float64] | None = None
        self._evaluate = Evaluation(problem, options)
        width = self.formulation.width + len(problem.objectives) + 1
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (width,), np.float32)
        self.action_space = self.formulation.action_space
        self.memories = [self.reward.new_memory() for _ in range(n)]
        self.metrics = {name: np.full(n, np.nan) for name in problem.metric_names}
        self.codes = np.full(n, UNEVALUATED_CODE, dtype=np.int8)
        self.reason = np.full(n, "", dtype=object)
        self.score = np.zeros((n, *self.reward.shape))
        self._design_at = ValueTable(problem.space)
        self._observed = np.zeros((n, width), dtype=np.float32)
        self._watched: Watched | None = None

    @property
    def units(self) -> NDArray[np.float64]:
        """The unit of each objective, (m,): given, or from the default design, evaluated when first needed.

        Where the default design is not `ok` or has a 0: the objective's target, its reference, else 1.
        """
        if self._units is None:
            units = list(self._given_units)
            if None in units:
                default = self._evaluate(self.problem.space.designs([self.problem.space.default()]))
                for i, objective in enumerate(self.problem.objectives):
                    candidates = (default[objective.metric][0], objective.target, objective.reference, 1.0)
                    usable = (abs(c) for c in candidates if c is not None and math.isfinite(c) and c != 0)
                    units[i] = next(usable) if units[i] is None else units[i]
            self._units = np.array(units, dtype=np.float64)
        return self._units

    def forget(self, row: int) -> None:
        """Empty what the reward remembers of this row's earlier episodes."""
        self.memories[row] = self.reward.new_memory()

    def begin(
        self, rows: Rows, rngs: Sequence[np.random.Generator], start: DesignsLike | None = None
    ) -> None:
        """Begin new episodes in these rows, (k,), from k designs if `start` has them."""
        designs = None
        if start is not None:
            if not self.formulation.differences:
                raise ArgumentError(
                    f"formulation {self.formulation.name} does not start from a design; refine does"
                )
            designs = self.problem.space.designs(start)
            if len(designs) == 1:
                designs = designs[np.zeros(len(rows), dtype=np.int64)]
            if len(designs) != len(rows):
                raise ArgumentError(f"{len(designs)} designs to start {len(rows)} episodes from")
        for column in self.metrics.values():
            column[rows] = np.nan
        self.codes[rows], self.reason[rows], self.score[rows] = UNEVALUATED_CODE, "", 0.0
        to_evaluate = self.formulation.begin(rows, rngs, designs)
        self._observed[rows] = 0.0
        self._observed[:, : self.formulation.width][rows] = self.formulation.features(rows)
        if to_evaluate:
            self._evaluate_rows(rows)

    def step(
        self, rows: Rows, actions: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Take one action in each of these rows: rewards, terminated and truncated, (k,) each."""
        fresh = self.formulation.act(rows, actions)
        self._observed[:, : self.formulation.width][rows] = self.formulation.features(rows)
        return self._rewards(rows, fresh), *self.formulation.ended(rows)

    def _rewards(self, rows: Rows, fresh: NDArray[np.bool_]) -> NDArray[np.float64]:
        """What the designs that are `fresh` in these rows earn, once they are evaluated; 0 for the others."""
        count = np.count_nonzero(fresh)
        if count == 0:
            return np.zeros((len(rows), *self.reward.shape))
        if count < len(rows):
            rewards = np.zeros((len(rows), *self.reward.shape))
            rewards[fresh] = self._rewards(rows[fresh], fresh[fresh])
            return rewards
        before = self.score[rows]
        self._evaluate_rows(rows)
        if self.formulation.differences and not self.reward.improvement:
            return self.score[rows] - before
        return self.score[rows]

    def observations(self, rows: Rows) -> NDArray[np.float32]:
        """What an agent sees, (k, width), within [-1, 1].

        The formulation's features; each objective v against its unit u as (v - u) / (|v| + u), which is 0 for
        the default design's value; and 1 for a feasible, -1 for another, 0 for no evaluated design.
        """
        return self._observed[rows]

    def info(self, rows: Rows) -> dict[str, Any]:
        """The designs and outcomes of these rows, as `info_of_many` says."""
        here = np.zeros(self.n, dtype=bool)
        here[rows] = True
        designs, objectives = self.designs(np.arange(self.n)), self.problem.objectives
        return info_of_many(designs, self.metrics, NAMES[self.codes], self.reason, objectives, here)

    def info_of(self, row: int) -> dict[str, Any]:
        """The design and outcome of one row, as `info_of_one` says."""
        design = self._design_at(self.formulation.index[row])
        metrics = {name: column.item(row) for name, column in self.metrics.items()}
        status, reason = NAMES[self.codes[row]], self.reason[row]
        return info_of_one(design, metrics, status, reason, self.problem.objectives)

    def designs(self, rows: Rows) -> Designs:
        """The designs of these rows; what is not chosen yet is inactive."""
        return Designs(self.problem.space, np.asfortranarray(self.formulation.index[rows]))

    def text(self, row: int) -> str:
        """The design of one row and its metrics as a table of text."""
        table = render_text(self.problem, self.info_of(row))
        return f"{table}\n{self.formulation.note}" if self.formulation.note else table

    def watch(self) -> None:
        """Remember outcomes from now on, for `frame`."""
        self._watched = Watched(self.problem)

    def frame(self, row: int) -> NDArray[np.uint8]:
        """The search so far and the design of one row as a picture, (height, width, 3)."""
        assert self._watched is not None, "call watch first"
        text = self.text(row)
        values = [
            self.metrics[o.metric][row] * (1 if o.direction == "min" else -1) for o in self.problem.objectives
        ]
        return self._watched.frame(text, np.array(values))

    def close(self) -> None:
        """End the worker process, if there is one."""
        self._evaluate.close()

    def _evaluate_rows(self, rows: Rows) -> None:
        units = self.units  # first, so that the default design comes before the agent's
        outcomes = self._evaluate(self.designs(rows))
        if self._watched is not None:
            self._watched.add(outcomes)
        for name, column in self.metrics.items():
            column[rows] = outcomes[name]
        self.codes[rows], self.reason[rows] = outcomes.codes, outcomes.reason
        self.score[rows] = self.reward(outcomes, units, [self.memories[row] for row in rows.tolist()])
        self._observed[:, self.formulation.width :][rows] = self._seen_of(outcomes, units)

    def _seen_of(self, outcomes: Outcomes, units: NDArray[np.float64]) -> NDArray[np.float64]:
        """What an agent sees of outcomes, (k, m + 1)."""
        values = np.array([outcomes[objective.metric] for objective in self.problem.objectives]).T
        results = np.empty((len(values), len(units) + 1))
        results[:, -1] = 1.0
        with np.errstate(invalid="ignore", over="ignore"):
            np.divide(values - units, np.abs(values) + units, out=results[:, :-1])
        if self.problem.constraints or np.count_nonzero(outcomes.codes):
            results[~usable(self.problem.constraints, outcomes), -1] = -1.0
            results[np.isnan(results)] = 0.0
        return results
