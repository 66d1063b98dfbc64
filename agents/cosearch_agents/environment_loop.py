"""Agents whose algorithm owns its loop, such as those of Stable-Baselines3, turned into ask and tell.

The algorithm learns in a thread of its own, on a real cosearch environment. Where that environment would
simulate, it waits instead: `ask` lets the thread run until it wants designs evaluated, `tell` collects
their outcomes, and the next `ask` hands them over. The thread only runs while `ask` waits for it, and the
process-wide random numbers (torch, numpy, random) are its own while it does, so the same seed asks the same
designs whatever runs beside it.
"""

from __future__ import annotations

import queue
import random
import sys
import threading
import weakref
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from cosearch import Agent, Designs, DesignSpace, Metric, Outcomes, Problem, Results
from cosearch.errors import AgentError

JOIN_TIMEOUT_S = 10.0
Evaluate = Callable[[Designs], Outcomes]


class _Closed(BaseException):
    """Unwinds the learner's thread; not an Exception, so that no library swallows it."""


class LearnerThread:
    """Runs `learn(evaluate)` step by step: each `advance` runs it to its next call of `evaluate`."""

    def __init__(self, learn: Callable[[Evaluate], None]) -> None:
        self._answers: queue.SimpleQueue[Outcomes | None] = queue.SimpleQueue()
        self._requests: queue.SimpleQueue[Designs | BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(learn,), daemon=True, name="cosearch-learner")
        self._started = self._ended = False
        self._random_states: tuple[Any, ...] | None = None

    def advance(self, outcomes: Outcomes | None) -> Designs | None:
        """Answer the last request, if there was one, and wait for the next; None once `learn` has returned.

        Raises:
            Exception: whatever the learner raised.
        """
        if self._ended:
            return None
        outside = _random_states()
        if self._random_states is not None:
            _set_random_states(self._random_states)
        try:
            if self._started:
                self._answers.put(outcomes)
            else:
                self._started = True
                self._thread.start()
            request = self._requests.get()
        finally:
            self._random_states = _random_states()
            _set_random_states(outside)
        if isinstance(request, Designs):
            return request
        self._ended = True
        self._thread.join(JOIN_TIMEOUT_S)
        if request is not None:
            raise request
        return None

    def close(self) -> None:
        """End the thread; harmless when it has ended, and when it never started."""
        if self._started and not self._ended:
            self._ended = True
            self._answers.put(None)
            self._thread.join(JOIN_TIMEOUT_S)

    def _run(self, learn: Callable[[Evaluate], None]) -> None:
        try:
            learn(self._evaluate)
        except _Closed:
            return
        except BaseException as error:
            self._requests.put(error)
        else:
            self._requests.put(None)

    def _evaluate(self, designs: Designs) -> Outcomes:
        self._requests.put(designs)
        outcomes = self._answers.get()
        if outcomes is None:
            raise _Closed
        return outcomes


class AskedProblem(Problem):
    """The problem that the learner's environment sees; forbidden designs are never asked."""

    name = "asked"

    def __init__(self, space: DesignSpace, metrics: list[Metric], evaluate: Evaluate, **uses: Any) -> None:
        self.space = space
        self.metrics = metrics
        self._evaluate = evaluate
        super().__init__(**uses)

    def run(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """As it is answered: what unwinds the learner's thread is no failure of a design."""
        return self.simulate(designs, fidelity=fidelity, seed=seed)

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """Ask the study, which may measure more than is searched for."""
        outcomes = self._evaluate(designs)
        return outcomes.with_metrics(self.metric_names)


class EnvironmentAgent(Agent):
    """An agent that learns on an environment; subclasses say how in `learn`.

    It learns of batches, so it is generational. The hyperparameter `episodes` is the number of designs
    that are evaluated together.
    """

    generational = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.batch_size = self.settings["episodes"]
        self._thread: LearnerThread | None = None
        self._wanted = self.space.designs([])
        self._told: list[Outcomes] = []
        self._told_count = 0

    @abstractmethod
    def learn(self, problem: Problem) -> None:
        """Learn on environments of `problem` without end.

        Called in the learner's thread and on a copy of this agent, which the thread may keep alive.
        """

    def ask(self, n: int) -> Designs:
        """Designs that the learner waits for, not told yet; none if it has stopped learning."""
        if self._told_count == len(self._wanted):
            if self._thread is None:
                self._thread = self._start()
            wanted = self._thread.advance(Outcomes.concat(self._told) if self._told else None)
            self._wanted = self.space.designs([]) if wanted is None else wanted
            self._told, self._told_count = [], 0
        return self._wanted[self._told_count : self._told_count + n]

    def tell(self, results: Results) -> None:
        """Collect outcomes for the learner."""
        if len(results):
            self._told.append(results.outcomes)
            self._told_count += len(results)

    def close(self) -> None:
        """End the learner's thread."""
        if self._thread is not None:
            self._thread.close()

    def _start(self) -> LearnerThread:
        learner = type(self)(self.task, seed=self.seed, budget=self.budget, **self.settings)
        names = dict.fromkeys([o.metric for o in self.objectives] + [c.metric for c in self.constraints])
        metrics = [Metric(name, "1") for name in names]

        def learn(evaluate: Evaluate) -> None:
            learner.learn(
                AskedProblem(
                    learner.space,
                    metrics,
                    evaluate,
                    objectives=learner.objectives,
                    constraints=learner.constraints,
                )
            )
            raise AgentError(f"agent {learner.name} stopped learning, which it never should")

        thread = LearnerThread(learn)
        weakref.finalize(self, thread.close)  # also at interpreter exit
        return thread


def _random_states() -> tuple[Any, ...]:
    torch = sys.modules.get("torch")
    # SB3 draws from the legacy generator
    return random.getstate(), np.random.get_state(), None if torch is None else torch.get_rng_state()  # noqa: NPY002


def _set_random_states(states: tuple[Any, ...]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002
    if states[2] is not None:
        sys.modules["torch"].set_rng_state(states[2])
