"""The core of every environment: n episodes of one problem, stepped together.

`env` is n = 1, `vector` is any n, so nothing about stepping is written twice. All designs that a step
completes are evaluated in one call of the problem. `info` comes in Gymnasium's vector form: a dict of arrays
with a mask `_key` beside each.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.arguments import check_arguments, parameters_of
from cosearch.environments.formulation import Formulation, Rows
from cosearch.environments.formulations import FORMULATIONS, formulation_class
from cosearch.environments.reward import Reward
from cosearch.environments.rewards import REWARDS, VectorReward, make_reward, reward_class
from cosearch.errors import ArgumentError, ProblemError, unknown_name
from cosearch.evaluator import Evaluator
from cosearch.objectives import feasible
from cosearch.outcomes import OK, Outcomes
from cosearch.problem import Problem
from cosearch.registry import make_problem, problem_class
from cosearch.space import Designs, DesignsLike, Parameter

UNEVALUATED = "unevaluated"  # the status of an episode that has no complete design yet
VECTOR = "vector"


class Episodes:
    """n episodes of a problem in one formulation with one reward.

    Args:
        problem: a registered name, or a `Problem`.
        n: the number of episodes.
        objectives: as for `make_problem`; only with a name.
        constraints: as for `make_problem`; only with a name.
        formulation: `oneshot`, `sequential` or `refine`.
        reward: one of `cosearch.environments.rewards.REWARDS`, or "vector".
        units: what one of each objective counts as 1; default the default design's value.
        fidelity: of every evaluation; default the problem's.
        seed: of every evaluation, for simulators that draw random numbers.
        timeout_s: time limit a design. With a limit, and for `isolated` problems, a worker process evaluates.
        memory_mb: memory limit a design.
        arguments: those of the formulation, of the reward and of the problem, by name.

    Raises:
        UnknownNameError: a name that does not exist, with the nearest.
        ArgumentError: an argument out of its bounds.
    """

    def __init__(
        self,
        problem: str | Problem,
        n: int,
        *,
        objectives: Any,
        constraints: Any,
        formulation: str,
        reward: str,
        units: Mapping[str, float] | None,
        fidelity: str | None,
        seed: int | None,
        timeout_s: float | None,
        memory_mb: int | None,
        arguments: Mapping[str, Any],
    ) -> None:
        kind = formulation_class(formulation)
        scoring = VectorReward if reward == VECTOR else reward_class(reward)
        cls = problem_class(problem) if isinstance(problem, str) else type(problem)
        for_formulation, for_reward, for_problem = _shared_out(arguments, kind, scoring, cls)
        if isinstance(problem, str):
            problem = make_problem(problem, objectives=objectives, constraints=constraints, **for_problem)
        elif objectives is not None or constraints is not None or for_problem:
            given = next(iter(for_problem), "constraints" if objectives is None else "objectives")
            raise ArgumentError(
                f"{given} is given with a problem that is already built: build the problem with it"
            )
        if fidelity is not None and fidelity not in problem.fidelities:
            raise unknown_name(f"fidelity of problem {problem.name}", fidelity, problem.fidelities)
        self.problem, self.n, self.fidelity, self.seed = problem, n, fidelity, seed
        self._evaluator = None
        if problem.isolated or timeout_s is not None or memory_mb is not None:
            # A simulator that may crash or hang must not take the environment with it.
            self._evaluator = Evaluator(
                problem, fidelity=fidelity, seed=seed or 0, timeout_s=timeout_s, memory_mb=memory_mb
            )
        checked = check_arguments(kind, for_formulation, f"formulation {kind.name}")
        self.formulation: Formulation = kind(problem.space, n, **checked)
        self.reward: Reward = make_reward(scoring, problem.objectives, problem.constraints, for_reward)
        self._given_units = _checked_units(problem, units)
        self._units: NDArray[np.float64] | None = None
        width = self.formulation.width + len(problem.objectives) + 1
        self.observation_space = gymnasium.spaces.Box(-1.0, 1.0, (width,), np.float32)
        self.action_space = self.formulation.action_space
        self.memories = [self.reward.new_memory() for _ in range(n)]
        self.metrics = {name: np.full(n, np.nan) for name in problem.metric_names}
        self.status = np.full(n, UNEVALUATED, dtype=object)
        self.reason = np.full(n, "", dtype=object)
        self.score = np.zeros((n, *self.reward.shape))

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
        self.status[rows], self.reason[rows], self.score[rows] = UNEVALUATED, "", 0.0
        if self.formulation.begin(rows, rngs, designs):
            self._evaluate_rows(rows)

    def step(
        self, rows: Rows, actions: Any
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Take one action in each of these rows: rewards, terminated and truncated, (k,) each."""
        fresh = self.formulation.act(rows, actions)
        before = self.score[rows].copy()
        if fresh.any():
            self._evaluate_rows(rows[fresh])
        rewards = np.zeros((len(rows), *self.reward.shape))
        rewards[fresh] = self.score[rows[fresh]]
        if self.formulation.differences and not self.reward.improvement:
            rewards[fresh] -= before[fresh]
        return rewards, *self.formulation.ended(rows)

    def observations(self, rows: Rows) -> NDArray[np.float32]:
        """What an agent sees, (k, width), within [-1, 1].

        The formulation's features; each objective v against its unit u as (v - u) / (|v| + u), which is 0 for
        the default design's value; and 1 for a feasible, -1 for another, 0 for no evaluated design.
        """
        outcomes = self._outcomes(rows)
        values = np.stack([outcomes[o.metric] for o in self.problem.objectives], axis=1)
        with np.errstate(invalid="ignore"):
            relative = np.nan_to_num((values - self.units) / (np.abs(values) + self.units))
        good = np.where(feasible(self.problem.constraints, outcomes), 1.0, -1.0)
        good[self.status[rows] == UNEVALUATED] = 0.0
        return np.hstack([self.formulation.features(rows), relative, good[:, None]]).astype(np.float32)

    def info(self, rows: Rows) -> dict[str, Any]:
        """The designs and outcomes of these rows in Gymnasium's vector form, for all n rows.

        `design` (parameters that are chosen and active), `metrics` (where the status is `ok`), `objectives`
        (n, m) in the order of the problem's, infinitely bad where the status is not `ok`, `status`, `reason`.
        """
        here = np.zeros(self.n, dtype=bool)
        here[rows] = True
        designs = self.designs(np.arange(self.n))
        parameters = {
            p.name: (_column(designs, p), here & designs.active(p.name)) for p in self.problem.space
        }
        ok = here & (self.status == OK)
        metrics = {name: (column.copy(), ok.copy()) for name, column in self.metrics.items()}
        worst = np.array([np.inf if o.direction == "min" else -np.inf for o in self.problem.objectives])
        values = np.stack([self.metrics[o.metric] for o in self.problem.objectives], axis=1)
        return {
            "design": _masked(parameters),
            "_design": here.copy(),
            "metrics": _masked(metrics),
            "_metrics": here.copy(),
            **_masked(
                {
                    "objectives": (np.where((self.status == OK)[:, None], values, worst), here.copy()),
                    "status": (self.status.copy(), here.copy()),
                    "reason": (self.reason.copy(), here.copy()),
                }
            ),
        }

    def info_of(self, row: int) -> dict[str, Any]:
        """The design and outcome of one row in the form of a single environment; a missing metric is None."""
        info = self.info(np.array([row]))
        return {
            "design": self.designs(np.array([row]))[0],
            "metrics": {
                name: float(column[row]) if self.status[row] == OK else None
                for name, column in self.metrics.items()
            },
            "objectives": info["objectives"][row],
            "status": str(self.status[row]),
            "reason": str(self.reason[row]),
        }

    def designs(self, rows: Rows) -> Designs:
        """The designs of these rows; what is not chosen yet is inactive."""
        return Designs(self.problem.space, np.asfortranarray(self.formulation.index[rows]))

    def _outcomes(self, rows: Rows) -> Outcomes:
        return Outcomes(
            {name: column[rows] for name, column in self.metrics.items()},
            self.status[rows].astype(np.str_),
            self.reason[rows],
        )

    def close(self) -> None:
        """End the worker process, if there is one."""
        if self._evaluator is not None:
            self._evaluator.close()

    def _evaluate_rows(self, rows: Rows) -> None:
        units = self.units  # first, so that the default design comes before the agent's
        outcomes = self._evaluate(self.designs(rows))
        for name, column in self.metrics.items():
            column[rows] = outcomes[name]
        self.status[rows], self.reason[rows] = outcomes.status, outcomes.reason
        self.score[rows] = self.reward(outcomes, units, [self.memories[row] for row in rows])

    def _evaluate(self, designs: Designs) -> Outcomes:
        if self._evaluator is not None:
            return self._evaluator.evaluate(designs)
        outcomes = self.problem.evaluate(designs, fidelity=self.fidelity, seed=self.seed)
        if len(outcomes) != len(designs):
            raise ProblemError(
                f"problem {self.problem.name}: {len(outcomes)} outcomes for {len(designs)} designs"
            )
        return outcomes


def _column(designs: Designs, parameter: Parameter) -> NDArray[Any]:
    column = designs.column(parameter.name)
    if column.ndim == 1:
        return column
    orders = np.empty(len(designs), dtype=object)  # one tuple a row, as in a single environment
    orders[:] = [tuple(order) for order in column.tolist()]
    return orders


def _masked(columns: Mapping[str, tuple[NDArray[Any], NDArray[np.bool_]]]) -> dict[str, NDArray[Any]]:
    return {
        key: array
        for name, pair in columns.items()
        for key, array in zip((name, f"_{name}"), pair, strict=True)
    }


def _shared_out(
    arguments: Mapping[str, Any], formulation: type[Formulation], reward: type[Reward], problem: type[Problem]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The arguments of the formulation, the reward and the problem; the first that takes a name gets it."""
    owners = [_own_arguments(formulation), _own_arguments(reward), set(parameters_of(problem))]
    shares: list[dict[str, Any]] = [{}, {}, {}]
    for name, value in arguments.items():
        share = next((share for share, names in zip(shares, owners, strict=True) if name in names), None)
        if share is None:
            others: list[Any] = [*FORMULATIONS.values(), *REWARDS.values()]
            for other in others:
                if name in _own_arguments(other):
                    chosen = formulation if issubclass(other, Formulation) else reward
                    raise ArgumentError(f"{name} is an argument of {other.name}, not of {chosen.name}")
            raise unknown_name(f"argument of {problem.env_id()}", name, [*ENVIRONMENT, *set.union(*owners)])
        share[name] = value
    return shares[0], shares[1], shares[2]


ENVIRONMENT = (
    "objectives",
    "constraints",
    "formulation",
    "reward",
    "units",
    "fidelity",
    "seed",
    "timeout_s",
    "memory_mb",
    "render_mode",
)


def _own_arguments(cls: type[Any]) -> set[str]:
    return {
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind == parameter.KEYWORD_ONLY
    }


def _checked_units(problem: Problem, units: Mapping[str, float] | None) -> list[float | None]:
    names = [objective.metric for objective in problem.objectives]
    for name, unit in (units or {}).items():
        if name not in names:
            raise unknown_name(f"objective of problem {problem.name} in units", name, names)
        if not (math.isfinite(unit) and unit > 0):
            raise ArgumentError(f"units: the unit of {name} must be finite and above 0, not {unit}")
    return [(units or {}).get(name) for name in names]
