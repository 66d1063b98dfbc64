"""One problem shared out over several agents, as a PettingZoo ParallelEnv (PettingZoo is optional)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from cosearch.environments.env import DesignEnv
from cosearch.errors import ArgumentError, CosearchError
from cosearch.problem import Problem

if TYPE_CHECKING:
    from pettingzoo import ParallelEnv
else:
    try:
        from pettingzoo import ParallelEnv
    except ImportError:  # `parallel_env` says what is missing
        ParallelEnv = None

Base: Any = ParallelEnv or object


def parallel_env(problem: str | Problem, **arguments: Any) -> DesignParallelEnv:
    """A cooperative environment: every group of parameters has an agent, all get the same reward.

    An episode has one step, in which each agent chooses its own parameters. The groups are those of
    the problem's space, of nested ones the outermost; a parameter in no group has an agent of its own, named
    after it.

    Example:
        ```python
        env = cosearch.parallel_env("dram-controller", workload="random")
        observations, infos = env.reset(seed=0)
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        observations, rewards, terminations, truncations, infos = env.step(actions)
        ```

    Args:
        problem: a registered name, or a `Problem`.
        **arguments: those of `DesignEnv` except `formulation` and `action`.

    Raises:
        CosearchError: PettingZoo is not installed.
        UnknownNameError: a name that does not exist, with the nearest.
        ArgumentError: an argument out of its bounds, or a parameter in two groups.
    """
    if ParallelEnv is None:
        raise CosearchError(
            'parallel_env needs PettingZoo, which is not installed: pip install ".[multi-agent]"'
        )
    for fixed in ("formulation", "action"):
        if fixed in arguments:
            raise ArgumentError(f"parallel_env has one {fixed}: leave {fixed} out")
    return DesignParallelEnv(DesignEnv(problem, formulation="oneshot", action="dict", **arguments))


class DesignParallelEnv(Base):
    """`DesignEnv` with its parameters shared out; see `parallel_env`.

    An agent's action space is a MultiDiscrete where its parameters are discrete, a Box where they are real,
    else a Dict by their names. All agents see the same observation.

    Attributes:
        groups: the parameters of each agent.
    """

    def __init__(self, env: DesignEnv) -> None:
        self.env = env
        self._parts: gymnasium.spaces.Dict = env.action_space  # type: ignore[assignment]
        self.metadata = {**env.metadata, "name": env.problem.name}
        self.render_mode = env.render_mode
        self.groups = groups_of(env.problem)
        self.possible_agents = list(self.groups)
        self.agents: list[str] = []
        self.observation_spaces = dict.fromkeys(self.possible_agents, env.observation_space)
        spaces = {agent: {name: self._parts[name] for name in names} for agent, names in self.groups.items()}
        self.action_spaces = {agent: _joined(parts) for agent, parts in spaces.items()}

    def observation_space(self, agent: str) -> gymnasium.Space[Any]:
        """What an agent sees."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.Space[Any]:
        """What an agent chooses."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, dict[str, Any]]]:
        """Begin an episode; there are no options, and PettingZoo wants unknown ones ignored."""
        observation, info = self.env.reset(seed=seed)
        self.agents = list(self.possible_agents)
        return self._each(observation), {agent: dict(info) for agent in self.agents}

    def step(self, actions: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
        """Evaluate the design that the agents' actions make together."""
        action: dict[str, Any] = {}
        for agent in self.agents:
            if agent not in actions:
                raise ArgumentError(f"the action of agent {agent!r} is missing")
            action |= self._split(agent, actions[agent])
        observation, reward, terminated, truncated, info = self.env.step(action)
        acted, self.agents = self.agents, []
        return (
            {agent: observation.copy() for agent in acted},
            dict.fromkeys(acted, reward),
            dict.fromkeys(acted, terminated),
            dict.fromkeys(acted, truncated),
            {agent: dict(info) for agent in acted},
        )

    def render(self) -> Any:
        """The current design and its metrics as a table of text, or the search so far as an RGB array."""
        return self.env.render()

    def close(self) -> None:
        """End the worker process, if there is one."""
        self.env.close()

    def _each(self, observation: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        return {agent: observation.copy() for agent in self.agents}

    def _split(self, agent: str, action: Any) -> dict[str, Any]:
        if isinstance(action, Mapping):
            return dict(action)
        parts, start = {}, 0
        for name in self.groups[agent]:
            shape = self._parts[name].shape
            width = shape[0] if shape else 1
            part = np.asarray(action)[start : start + width]
            parts[name] = part if shape else part[0]
            start += width
        return parts


def groups_of(problem: Problem) -> dict[str, list[str]]:
    """The parameters of each agent: the problem's groups, then every other parameter on its own."""
    groups = {agent: list(names) for agent, names in _outermost(problem.space.groups).items()}
    owner: dict[str, str] = {}
    for agent, names in groups.items():
        for name in names:
            problem.space.column_number(name)  # an unknown name is an error
            if name in owner:
                raise ArgumentError(f"parameter {name!r} is in two groups: {owner[name]!r} and {agent!r}")
            owner[name] = agent
    return groups | {name: [name] for name in problem.space.names if name not in owner}


def _joined(parts: dict[str, gymnasium.Space[Any]]) -> gymnasium.Space[Any]:
    spaces = gymnasium.spaces
    if all(isinstance(part, spaces.Discrete | spaces.MultiDiscrete) for part in parts.values()):
        sizes = [np.atleast_1d(p.n if isinstance(p, spaces.Discrete) else p.nvec) for p in parts.values()]  # type: ignore[attr-defined]
        return spaces.MultiDiscrete(np.concatenate(sizes))
    if all(isinstance(part, spaces.Box) for part in parts.values()):
        return spaces.Box(-1.0, 1.0, (len(parts),), np.float32)
    return spaces.Dict(parts)


def _outermost(groups: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The groups that lie within no other, as the parts of a joined space lie within it."""
    sets = {group: set(names) for group, names in groups.items()}
    return {name: groups[name] for name in groups if not any(sets[name] < other for other in sets.values())}
