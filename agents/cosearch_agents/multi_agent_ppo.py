"""The agent `multi-agent-ppo`: one policy for each group of parameters, all paid alike, trained by PPO.

S. Krishnan, N. Jaques, S. Omidshafiei et al., "Multi-Agent Reinforcement Learning for Microprocessor
Design Space Exploration", arXiv:2211.16385, 2022: the parameters of a design are shared out over agents
that choose at the same time and get one reward. Groups and action spaces are those of
`cosearch.parallel_env`: the groups of the space, and an agent for each parameter in none. `independent`
agents have a network each (C. de Witt et al., "Is Independent Learning All You Need in the StarCraft
Multi-Agent Challenge?", 2020); `shared` ones have a common one, which is told whose turn it is (J. Gupta
et al., "Cooperative Multi-Agent Control Using Deep Reinforcement Learning", AAMAS 2017), and only their
last layers apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch import Categorical, DesignSpace, Problem
from cosearch_agents.environment_loop import EnvironmentAgent
from cosearch_agents.ppo import HYPERPARAMETERS


class MultiAgentPPOAgent(EnvironmentAgent):
    """Reinforcement learning: an agent for each group of parameters, trained together by PPO."""

    name = "multi-agent-ppo"
    hyperparameters = DesignSpace(
        [
            *HYPERPARAMETERS,
            Categorical(
                "networks",
                ["independent", "shared"],
                description="a network for each agent, or one for all, which is told whose turn it is",
            ),
        ]
    )

    def learn(self, problem: Problem) -> None:
        """Train the agents without end."""
        import torch

        from cosearch.environments.oneshot import Oneshot
        from cosearch_agents.preference_learning import History, PreferenceReward

        torch.set_num_threads(1)  # of this thread
        torch.manual_seed(self.seed)
        team = Team(problem, self.settings)
        rng = np.random.default_rng(self.seed)
        reward = PreferenceReward(problem.objectives, problem.constraints)
        history = History(problem.space, self.settings["novelty"])
        formulation = Oneshot(problem.space, self.settings["episodes"], action="dict")
        while True:
            weights = rng.dirichlet(np.ones(len(problem.objectives)), size=self.settings["episodes"])
            seen = torch.as_tensor(weights, dtype=torch.float32)
            with torch.no_grad():
                actions = team.drawn(seen)
            index = formulation.positions({name: action.numpy() for name, action in actions.items()})
            designs = problem.space.from_index(index)
            rewards = reward(problem.evaluate(designs), weights, history.add(designs))
            team.update(seen, actions, torch.as_tensor(rewards, dtype=torch.float32))


class Team:
    """The policies of all agents and their values of what is seen."""

    def __init__(self, problem: Problem, settings: dict[str, Any]) -> None:
        import gymnasium
        import torch

        from cosearch.environments.oneshot import Oneshot
        from cosearch.environments.parallel import groups_of

        self.settings = settings
        self.groups = groups_of(problem)
        parts = Oneshot(problem.space, 1, action="dict").action_space
        assert isinstance(parts, gymnasium.spaces.Dict)
        self.parts = parts
        shared = settings["networks"] == "shared"
        width, seen = settings["width"], len(problem.objectives)
        inputs = seen + (len(self.groups) if shared else 0)

        def network() -> Any:
            return torch.nn.Sequential(
                torch.nn.Linear(inputs, width),
                torch.nn.Tanh(),
                torch.nn.Linear(width, width),
                torch.nn.Tanh(),
            )

        common = (network(), torch.nn.Linear(width, 1))
        self.turn = torch.eye(len(self.groups)) if shared else None
        self.bodies, self.values, self.heads = [], [], []
        for names in self.groups.values():
            body, value = common if shared else (network(), torch.nn.Linear(width, 1))
            self.bodies.append(body)
            self.values.append(value)
            self.heads.append({name: _head(parts[name], width) for name in names})
        modules = [*self.bodies, *self.values, *(h for heads in self.heads for h in heads.values())]
        parameters = {id(p): p for module in modules for p in module.parameters()}
        self.optimiser = torch.optim.Adam(list(parameters.values()), lr=settings["learning_rate"])

    def drawn(self, seen: Any) -> dict[str, Any]:
        """An action of every agent for each row, by the names of the parameters."""
        return {
            name: chance.sample()
            for agent in range(len(self.groups))
            for name, chance in self._chances(agent, self._thought(agent, seen)).items()
        }

    def update(self, seen: Any, actions: dict[str, Any], rewards: Any) -> None:
        """PPO over one step: each agent by its own probability ratio and its own value of what it saw."""
        import torch

        with torch.no_grad():
            old = [self._judged(agent, seen, actions)[:2] for agent in range(len(self.groups))]
        count, size = len(rewards), min(self.settings["minibatch"], len(rewards))
        for _ in range(self.settings["epochs"]):
            order = torch.randperm(count)
            for start in range(0, count - size + 1, size):
                rows = order[start : start + size]
                loss = torch.zeros(())
                for agent, (old_logarithm, old_value) in enumerate(old):
                    here = {name: action[rows] for name, action in actions.items()}
                    logarithm, value, entropy = self._judged(agent, seen[rows], here)
                    advantage = (rewards - old_value)[rows]
                    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                    ratio = torch.exp(logarithm - old_logarithm[rows])
                    clip = self.settings["clip"]
                    gain = torch.min(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)
                    loss = loss - gain.mean() - self.settings["entropy"] * entropy.mean()
                    loss = loss + 0.5 * ((value - rewards[rows]) ** 2).mean()
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()

    def _thought(self, agent: int, seen: Any) -> Any:
        import torch

        if self.turn is not None:
            seen = torch.cat([seen, self.turn[agent].expand(len(seen), -1)], dim=1)
        return self.bodies[agent](seen)

    def _chances(self, agent: int, thought: Any) -> dict[str, Any]:
        return {
            name: _distribution(self.parts[name], head, thought) for name, head in self.heads[agent].items()
        }

    def _judged(self, agent: int, seen: Any, actions: dict[str, Any]) -> tuple[Any, Any, Any]:
        """The log probability of an agent's actions, its value and its entropy, (rows,) each."""
        thought = self._thought(agent, seen)
        logarithm, entropy = 0.0, 0.0
        for name, chance in self._chances(agent, thought).items():
            logarithm = logarithm + chance.log_prob(actions[name]).reshape(len(seen), -1).sum(dim=1)
            entropy = entropy + chance.entropy().reshape(len(seen), -1).sum(dim=1)
        return logarithm, self.values[agent](thought)[:, 0], entropy


def _head(part: Any, width: int) -> Any:
    """The last layer for one parameter: a number for each value or digit, or the mean and the spread."""
    import gymnasium
    import torch

    if isinstance(part, gymnasium.spaces.Discrete):
        return torch.nn.Linear(width, int(part.n))
    if isinstance(part, gymnasium.spaces.MultiDiscrete):
        return torch.nn.Linear(width, len(part.nvec) * int(part.nvec.max()))
    return torch.nn.Linear(width, 2)


def _distribution(part: Any, head: Any, thought: Any) -> Any:
    import gymnasium
    import torch

    numbers = head(thought)
    if isinstance(part, gymnasium.spaces.Discrete):
        return torch.distributions.Categorical(logits=numbers, validate_args=False)
    if isinstance(part, gymnasium.spaces.MultiDiscrete):
        sizes = torch.as_tensor(part.nvec)
        numbers = numbers.reshape(len(thought), len(sizes), -1)
        beyond = torch.arange(numbers.shape[2]) >= sizes[:, None]
        return torch.distributions.Categorical(logits=numbers.masked_fill(beyond, -1e9), validate_args=False)
    return _Clipped(numbers[:, 0], (numbers[:, 1] - 0.7).exp(), part.shape or ())


class _Clipped:
    """A normal number whose draws are clipped to a box of [-1, 1]."""

    def __init__(self, mean: Any, spread: Any, shape: tuple[int, ...]) -> None:
        import torch

        wide = (len(mean), *shape)
        self.normal = torch.distributions.Normal(mean.reshape(wide), spread.reshape(wide))

    def sample(self) -> Any:
        """A draw."""
        return self.normal.sample().clamp(-1.0, 1.0)

    def log_prob(self, value: Any) -> Any:
        """Of the number before it is clipped."""
        return self.normal.log_prob(value)

    def entropy(self) -> Any:
        """Likewise."""
        return self.normal.entropy()
