"""What a user may say of an environment beside its problem's own arguments, checked once."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cosearch.arguments import parameters_of
from cosearch.environments.formulation import Formulation
from cosearch.environments.formulations import FORMULATIONS, formulation_class
from cosearch.environments.reward import Reward
from cosearch.environments.rewards import REWARDS, VectorReward, reward_class
from cosearch.errors import ArgumentError, unknown_name
from cosearch.problem import Problem
from cosearch.registry import make_problem, problem_class

VECTOR = "vector"


@dataclass(frozen=True)
class EpisodeOptions:
    """The keyword arguments of an environment.

    Attributes:
        objectives: `Objective`s or their text, default the problem's; only with a problem's name.
        constraints: `Constraint`s or their text, default the problem's; only with a problem's name.
        formulation: "oneshot", "sequential" or "refine".
        reward: one of `cosearch.environments.rewards.REWARDS`, or "vector".
        units: {metric: what counts as 1} of objectives, default the default design's values.
        fidelity: of every evaluation, default the problem's.
        seed: of every evaluation, for simulators that draw random numbers.
        timeout_s: time limit for each design; with a limit a worker process evaluates.
        memory_mb: memory limit for each design.
        algorithm: what will be trained, by name or as Stable-Baselines3's class: the environment then says
            what to change if that cannot choose its actions, and gives it numbers where it wants them.
        others: the arguments of the formulation, of the reward and of the problem, by name.
    """

    objectives: Any = None
    constraints: Any = None
    formulation: str = "oneshot"
    reward: str = "weighted_sum"
    units: Mapping[str, float] | None = None
    fidelity: str | None = None
    seed: int | None = None
    timeout_s: float | None = None
    memory_mb: int | None = None
    algorithm: str | type[Any] | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> EpisodeOptions:
        """The options among keyword arguments; all else is `others`."""
        own = {name: value for name, value in arguments.items() if name in OPTIONS}
        return cls(**own, others={name: value for name, value in arguments.items() if name not in OPTIONS})

    @property
    def formulation_class(self) -> type[Formulation]:
        """The formulation; `UnknownNameError` names the nearest."""
        return formulation_class(self.formulation)

    @property
    def reward_class(self) -> type[Reward]:
        """The reward; `UnknownNameError` names the nearest."""
        return VectorReward if self.reward == VECTOR else reward_class(self.reward)

    def problem(self, problem: str | Problem) -> Problem:
        """The problem itself, or the one with this name, built with its share of the arguments.

        Raises:
            UnknownNameError: a name that does not exist, with the nearest.
            ArgumentError: an argument out of its bounds, or given with a problem that is built already.
        """
        arguments = self.shares(problem)[2]
        if isinstance(problem, str):
            problem = make_problem(
                problem, objectives=self.objectives, constraints=self.constraints, **arguments
            )
        elif self.objectives is not None or self.constraints is not None or arguments:
            given = next(iter(arguments), "constraints" if self.objectives is None else "objectives")
            raise ArgumentError(
                f"{given} is given with a problem that is already built: build the problem with it"
            )
        if self.fidelity is not None and self.fidelity not in problem.fidelity_names:
            raise unknown_name(f"fidelity of problem {problem.name}", self.fidelity, problem.fidelity_names)
        return problem

    def shares(self, problem: str | Problem) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """The arguments of the formulation, the reward and the problem; the first that takes a name gets it.

        Raises:
            UnknownNameError: nobody takes an argument; with the nearest name.
            ArgumentError: another formulation or reward than the chosen one takes it.
        """
        formulation, reward = self.formulation_class, self.reward_class
        cls = problem_class(problem) if isinstance(problem, str) else type(problem)
        owners = [_own_arguments(formulation), _own_arguments(reward), _settings_of(cls)]
        shares: tuple[dict[str, Any], ...] = ({}, {}, {})
        for name, value in self.others.items():
            share = next((share for share, names in zip(shares, owners, strict=True) if name in names), None)
            if share is None:
                others: list[Any] = [*FORMULATIONS.values(), *REWARDS.values()]
                for other in others:
                    if name in _own_arguments(other):
                        chosen = formulation if issubclass(other, Formulation) else reward
                        raise ArgumentError(f"{name} is an argument of {other.name}, not of {chosen.name}")
                known = [*OPTIONS, "render_mode", *set.union(*owners)]
                raise unknown_name(f"argument of {cls.env_id()}", name, known)
            share[name] = value
        return shares[0], shares[1], shares[2]

    def given_units(self, problem: Problem) -> list[float | None]:
        """The unit of each objective, where one is given.

        Raises:
            UnknownNameError: a unit of what is no objective.
            ArgumentError: a unit that is not finite and above 0.
        """
        names = [objective.metric for objective in problem.objectives]
        given = self.units or {}
        for name, unit in given.items():
            if name not in names:
                raise unknown_name(f"objective of problem {problem.name} in units", name, names)
            if not (math.isfinite(unit) and unit > 0):
                raise ArgumentError(f"units: the unit of {name} must be finite and above 0, not {unit}")
        return [given.get(name) for name in names]


OPTIONS = tuple(option.name for option in fields(EpisodeOptions) if option.name != "others")


def _settings_of(problem: type[Problem]) -> set[str]:
    if problem.Settings is not None:
        return {*problem.Settings.model_fields, "surrogate"}
    return set(parameters_of(problem)) if problem.__init__ is not Problem.__init__ else {"surrogate"}


def _own_arguments(cls: type[Any]) -> set[str]:
    return {
        name
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind == parameter.KEYWORD_ONLY
    }
