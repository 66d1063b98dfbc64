"""An agent: a search algorithm behind ask and tell.

An agent sees a task and the results of its proposals; never a simulator. Cache, budget, workers and storage
are the study's.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from cosearch.errors import AgentError, ArgumentError, unknown_name
from cosearch.run.trial import Proposals, Results
from cosearch.space import Designs, DesignSpace
from cosearch.task import Task


class Agent(ABC):
    """A search algorithm.

    Example:
        ```python
        class RandomAgent(Agent):
            '''Uniform random search.'''

            name = "my-random"

            def ask(self, n):
                return self.space.sample(n, self.rng)

            def tell(self, results):
                pass
        ```

    Args:
        task: what is searched.
        seed: of everything random in the agent.
        budget: distinct designs that the study will evaluate, if it is known.
        **settings: hyperparameters; the others have their defaults.

    Raises:
        UnknownNameError: for a hyperparameter that there is not.
        ArgumentError: for a value that has no effect.
        DesignError: for a value out of its bounds.

    Attributes:
        name: the name on the command line, in kebab case.
        hyperparameters: their design space, with the agent's defaults; None if it has none.
        generational: whether the agent is to be told whole batches, each as it was asked for. Any other is
            told results in any order and grouping, as they come.
        task: what is searched.
        space: the task's, like `objectives` and `constraints`.
        settings: the hyperparameters' values.
        rng: a generator seeded with `seed`.
        batch_size: how many designs the study asks for at once, where it waits for all of them.
        pending: the proposals that are still under way; kept by whoever drives the agent.
        replays: whether `restore` may ask the history again; false where workers decide the order of results.
    """

    name: ClassVar[str] = ""
    hyperparameters: ClassVar[DesignSpace | None] = None
    generational: ClassVar[bool] = False
    batch_size: int = 1
    replays: bool = True

    def __init__(self, task: Task, *, seed: int = 0, budget: int | None = None, **settings: Any) -> None:
        self.task = task
        self.space, self.objectives, self.constraints = task.space, task.objectives, task.constraints
        self.seed = seed
        self.budget = budget
        self.settings = self._complete(settings)
        self.rng = np.random.default_rng(seed)
        self.pending = Proposals(self.space.designs([]))

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
    def ask(self, n: int) -> Proposals | Designs:
        """Between one and `n` proposals; none when there is nothing to ask, for ever or until more is told.

        Designs alone are proposed at the task's fidelity.
        """

    @abstractmethod
    def tell(self, results: Results) -> None:
        """Take what came of proposals: `results.designs`, `results.outcomes`, fidelities and seeds."""

    def inform(self, results: Results) -> None:
        """Take results that the agent did not ask for: enqueued by the user, or found by another study.

        By default they are told like its own, except to an agent that needs whole generations.
        """
        if not self.generational:
            self.tell(results)

    @property
    def account(self) -> Sequence[str]:
        """What the agent did and why, in lines for people, where that is not plain from its name.

        It is shown at the end of a search; an agent that wants it kept in the study puts it in its `state`.
        """
        return ()

    def state(self) -> Mapping[str, Any]:
        """What `restore` needs beside the history, as JSON values."""
        return {}

    def restore(self, state: Mapping[str, Any], history: Results, pending: Proposals) -> None:
        """Bring a fresh agent to where one with this `state` and history of tells was.

        This default asks and tells the history again, which suits any deterministic agent whose `ask` is
        cheap; override it where it is not. Where the order of results was up to the workers, it only tells.

        Args:
            state: what `state` returned last.
            history: all that was told, in order.
            pending: what is still under way: it will be told, and must not be asked again.

        Raises:
            AgentError: if the agent asks other designs than it did (another version, another machine).
        """
        if not self.replays:
            self.rng = np.random.default_rng([self.seed, len(history) + len(pending)])
            if len(history):
                self.tell(history)
            return
        done = 0
        while done < len(history):
            asked = as_proposals(self.ask(self.batch_size)).designs
            recorded = history.take(slice(done, done + len(asked)))
            if len(asked) == 0 or asked[: len(recorded)] != recorded.designs:
                raise AgentError(
                    f"agent {self.name} asks other designs than it did when the study was recorded "
                    f"(at position {done}): resume with the versions that the study names"
                )
            self.tell(recorded)
            done += len(recorded)

    def close(self) -> None:  # noqa: B027  most agents hold nothing
        """Release threads, environments and the like."""

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]


def as_proposals(asked: Proposals | Designs) -> Proposals:
    """What an agent asked, as proposals.

    Raises:
        AgentError: if it is something else.
    """
    if isinstance(asked, Proposals):
        return asked
    if isinstance(asked, Designs):
        return Proposals(asked)
    kind = type(asked).__name__
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    raise AgentError(f"ask returned {article} {kind}; expected Designs or Proposals")
