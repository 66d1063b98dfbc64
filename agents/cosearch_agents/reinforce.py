"""The agent `reinforce`: a recurrent controller trained by policy gradients, with hardware-only inner steps.

B. Zoph, Q. V. Le, "Neural Architecture Search with Reinforcement Learning", ICLR 2017, and M. Tan et al.,
"MnasNet", CVPR 2019: an LSTM chooses one parameter after the other and is paid by the whole design, less
a moving average. Where the space has a group `hardware`, each design is followed by others whose hardware
alone is chosen anew, as in L. Yang et al., "Co-Exploration of Neural Architectures and Heterogeneous ASIC
Accelerator Designs Targeting Multiple Tasks" (NASAIC), DAC 2020: good hardware for a network is found
before the network is judged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch import DesignSpace, Integer, Problem, Real
from cosearch.outcomes import Outcomes
from cosearch_agents.environment_loop import EnvironmentAgent
from cosearch_agents.ppo import ENTROPY, EPISODES, NOVELTY, WIDTH

HARDWARE = "hardware"  # the group whose parameters inner steps choose anew
AVERAGED = 0.9  # what a moving average keeps at each update


class ReinforceAgent(EnvironmentAgent):
    """Reinforcement learning: REINFORCE on an LSTM controller, as in NASAIC and MnasNet."""

    name = "reinforce"
    hyperparameters = DesignSpace(
        [
            EPISODES,
            Real("learning_rate", 1e-5, 1e-1, default=5e-3, log=True, description="of Adam"),
            ENTROPY,
            NOVELTY,
            WIDTH,
            Integer(
                "inner", 0, 50, default=2, description="hardware-only designs after each, where there are"
            ),
        ]
    )

    def learn(self, problem: Problem) -> None:
        """Train the controller without end."""
        import torch

        torch.set_num_threads(1)  # of this thread
        torch.manual_seed(self.seed)
        controller = Controller(problem, self.settings, self.seed)
        hardware = controller.slots_of(problem.space.groups.get(HARDWARE, ()))
        while True:
            controller.update(None)
            for _ in range(self.settings["inner"] if 0 < len(hardware) < controller.slots else 0):
                controller.update(hardware)


class Controller:
    """The network, its episodes and its updates."""

    def __init__(self, problem: Problem, settings: dict[str, Any], seed: int) -> None:
        import torch

        from cosearch.environments.episodes import Episodes
        from cosearch.environments.options import EpisodeOptions
        from cosearch.environments.sequential import Sequential
        from cosearch_agents.preference_learning import History, PreferenceReward

        units = {objective.metric: 1.0 for objective in problem.objectives}  # not used: spares an evaluation
        options = EpisodeOptions.of({"formulation": "sequential", "units": units})
        self.problem, self.settings, self.count = problem, settings, settings["episodes"]
        self.episodes = Episodes(problem, self.count, options)
        assert isinstance(self.episodes.formulation, Sequential)
        self.formulation: Sequential = self.episodes.formulation
        self.slots = len(self.formulation.grid.slots)
        self.reward = PreferenceReward(problem.objectives, problem.constraints)
        self.history = History(problem.space, settings["novelty"])
        self.rng = np.random.default_rng(seed)
        self.chosen = np.zeros((self.count, self.slots), dtype=np.int64)
        self.weights = np.empty((0, 0))
        self.average: float | None = None
        inputs = self.formulation.width + len(problem.objectives)
        self.cell = torch.nn.LSTMCell(inputs, settings["width"])
        self.head = torch.nn.Linear(settings["width"], int(self.formulation.action_masks().shape[1]))
        parameters = [*self.cell.parameters(), *self.head.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=settings["learning_rate"])

    def slots_of(self, names: Any) -> NDArray[np.int64]:
        """The slots of these parameters."""
        columns = [self.problem.space.column_number(name) for name in names]
        return np.flatnonzero(np.isin(self.formulation.grid.columns, columns))

    def update(self, free: NDArray[np.int64] | None) -> None:
        """Choose as many designs as there are episodes, evaluate them and take a gradient step.

        Args:
            free: the slots that are chosen; all others stay as in the designs before. None: all, by new
                weights.
        """
        import torch

        if free is None:
            self.weights = self.rng.dirichlet(np.ones(len(self.problem.objectives)), size=self.count)
        logarithms, entropies = self._episode(free)
        outcomes = Outcomes(dict(self.episodes.metrics), self.episodes.codes)
        staleness = self.history.add(self.episodes.designs(np.arange(self.count)))
        rewards = self.reward(outcomes, self.weights, staleness)
        mean = float(rewards.mean())
        kept = AVERAGED if self.average is not None else 0.0
        self.average = kept * (self.average or 0.0) + (1.0 - kept) * mean
        spread = float(rewards.std()) or 1.0
        advantages = torch.as_tensor((rewards - self.average) / spread, dtype=torch.float32)
        loss = -(advantages * logarithms).mean() - self.settings["entropy"] * entropies.mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()

    def _episode(self, free: NDArray[np.int64] | None) -> tuple[Any, Any]:
        """Log probabilities and entropies of what was chosen in each row, (episodes,) each."""
        import torch

        rows = np.arange(self.count)
        generators = [self.rng] * self.count
        self.episodes.begin(rows, generators)
        width = self.settings["width"]
        hidden, memory = torch.zeros(self.count, width), torch.zeros(self.count, width)
        logarithms, entropies = torch.zeros(self.count), torch.zeros(self.count)
        while len(rows):
            at = self.formulation.slot[rows]
            seen = np.hstack([self.formulation.features(rows), self.weights[rows]])
            inputs = torch.as_tensor(seen, dtype=torch.float32)
            new_hidden, new_memory = self.cell(inputs, (hidden[rows], memory[rows]))
            hidden, memory = hidden.clone(), memory.clone()
            hidden[rows], memory[rows] = new_hidden, new_memory
            masks = torch.as_tensor(self.formulation.action_masks()[rows])
            logits = self.head(new_hidden).masked_fill(~masks, -1e9)
            chance = torch.distributions.Categorical(logits=logits, validate_args=False)
            actions = chance.sample().numpy()
            decides = np.ones(len(rows), dtype=bool) if free is None else np.isin(at, free)
            actions = np.where(decides, actions, self.chosen[rows, at])
            counted = torch.as_tensor(decides, dtype=torch.float32)
            index = torch.as_tensor(rows)
            logarithms = logarithms.index_add(0, index, counted * chance.log_prob(torch.as_tensor(actions)))
            entropies = entropies.index_add(0, index, counted * chance.entropy())
            self.chosen[rows, at] = actions
            _, terminated, _ = self.episodes.step(rows, actions)
            rows = rows[~terminated]
        return logarithms, entropies
