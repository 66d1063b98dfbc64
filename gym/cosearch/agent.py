"""An agent: a search algorithm behind ask and tell.

An agent sees a design space, objectives, constraints and outcomes; never a simulator. Cache, budget,
workers and storage are the evaluator's and the study's.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from cosearch.errors import AgentError, ArgumentError, unknown_name
from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.space import Designs, DesignSpace


class Agent(ABC):
    """A search algorithm.

    Example:
        ```python
        class RandomAgent(Agent):
            '''Uniform random search.'''

            name = "my-random"

            def ask(self, n):
                return self.space.sample(n, self.rng)

            def tell(self, designs, outcomes):
                pass
        ```

    Attributes:
        name: the name on the command line, in kebab case.
        hyperparameters: their design space, with the agent's defaults; None if it has none.
        space: the design space that is searched.
        objectives: one or more; `cosearch.objectives.minimised` turns outcomes into an (n, m) array.
        constraints: possibly none; `cosearch.objectives.violations` tells by how much each is missed.
        seed: of everything random in the agent.
        budget: distinct designs that the study will evaluate, if it is known.
        settings: the hyperparameters' values.
        rng: a generator seeded with `seed`.
        batch_size: how many designs the study asks for at once.
    """

    name: ClassVar[str] = ""
    hyperparameters: ClassVar[DesignSpace | None] = None
    batch_size: int = 1

    def __init__(
        self,
        space: DesignSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint] = (),
        *,
        seed: int = 0,
        budget: int | None = None,
        **settings: Any,
    ) -> None:
        if not objectives:
            raise ArgumentError(f"agent {self.name}: at least one objective is needed")
        self.space = space
        self.objectives = tuple(objectives)
        self.constraints = tuple(constraints)
        self.seed = seed
        self.budget = budget
        self.settings = self._complete(settings)
        self.rng = np.random.default_rng(seed)

    @classmethod
    def _complete(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with the defaults of those that are not given."""
        space = cls.hyperparameters
        for name in settings:
            if space is None or name not in space.names:
                raise unknown_name(f"hyperparameter of agent {cls.name}", name, space.names if space else ())
        if space is None:
            return {}
        columns = {parameter.name: [settings.get(parameter.name, parameter.default)] for parameter in space}
        complete = space.designs(columns)[0]
        for name in settings:
            if name not in complete:
                raise ArgumentError(f"agent {cls.name}: {name} has no effect here: {space[name].when}")
        return complete

    @abstractmethod
    def ask(self, n: int) -> Designs:
        """Between one and `n` designs to evaluate next; none when the agent has nothing left to ask."""

    @abstractmethod
    def tell(self, designs: Designs, outcomes: Outcomes) -> None:
        """Take the outcomes of designs that were asked, in the order in which they were asked.

        They come in the batches in which they were asked; only the last batch of a study may be cut short.
        """

    def state(self) -> Mapping[str, Any]:
        """What `restore` needs beside the history, as JSON values."""
        return {}

    def restore(self, state: Mapping[str, Any], designs: Designs, outcomes: Outcomes) -> None:
        """Bring a fresh agent to where one with this `state` and history of tells was.

        This default asks and tells the history again, which suits any deterministic agent whose `ask` is
        cheap; override it where it is not.

        Raises:
            AgentError: if the agent asks other designs than it did (another version, another machine).
        """
        done = 0
        while done < len(designs):
            asked = self.ask(self.batch_size)
            recorded = designs[done : done + len(asked)]
            if len(asked) == 0 or asked[: len(recorded)] != recorded:
                raise AgentError(
                    f"agent {self.name} asks other designs than it did when the study was recorded "
                    f"(at position {done}): resume with the versions that the study names"
                )
            self.tell(recorded, outcomes.take(slice(done, done + len(recorded))))
            done += len(recorded)

    def close(self) -> None:  # noqa: B027  most agents hold nothing
        """Release threads, environments and the like."""

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]
