"""Where an environment's designs are evaluated: in this process, or in a worker that a design may crash."""

from __future__ import annotations

from cosearch.environments.options import EpisodeOptions
from cosearch.errors import ProblemError
from cosearch.outcomes import Outcomes
from cosearch.problem import Problem
from cosearch.run.backend import BackendOptions
from cosearch.run.evaluator import Evaluator
from cosearch.space import Designs


class Evaluation:
    """Evaluates designs of a problem at the fidelity, with the seed and within the limits of the options."""

    def __init__(self, problem: Problem, options: EpisodeOptions) -> None:
        self.problem, self.fidelity, self.seed = problem, options.fidelity, options.seed
        problem.require(options.fidelity or problem.default_fidelity)
        self._worker: Evaluator | None = None
        if problem.isolated or options.timeout_s is not None or options.memory_mb is not None:
            # A simulator that may crash or hang must not take the environment with it.
            self._worker = Evaluator(
                problem,
                fidelity=options.fidelity,
                seed=options.seed or 0,
                options=BackendOptions(timeout_s=options.timeout_s, memory_mb=options.memory_mb),
            )

    def __call__(self, designs: Designs) -> Outcomes:
        """The outcomes of the designs, in their order.

        Raises:
            ProblemError: the problem gives another number of outcomes.
        """
        if self._worker is not None:
            return self._worker.evaluate(designs)
        outcomes = self.problem.evaluate(designs, fidelity=self.fidelity, seed=self.seed)
        if len(outcomes) != len(designs):
            raise ProblemError(
                f"problem {self.problem.name}: {len(outcomes)} outcomes for {len(designs)} designs"
            )
        return outcomes

    def close(self) -> None:
        """End the worker process, if there is one."""
        if self._worker is not None:
            self._worker.close()
