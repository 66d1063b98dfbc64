"""A problem: design space + workload + simulator + metrics + default objectives and constraints.

A plugin author subclasses `Problem`, states the data as class attributes (or sets them in `__init__` where
they depend on an argument) and writes one method, `simulate`, over a batch. Caching, budgets, workers and
storage are the evaluator's and the study's.
"""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from cosearch.environment_ids import env_id
from cosearch.errors import ArgumentError, ProblemError, unknown_name
from cosearch.objectives import Constraint, Metric, Objective, check_metrics
from cosearch.outcomes import FAILED, INFEASIBLE, Outcomes
from cosearch.space import Designs, DesignsLike, DesignSpace

if TYPE_CHECKING:
    from cosearch.pictures import Picture

FIDELITIES = ("surrogate", "analytical", "cycle", "external")


class Problem(ABC):
    """One thing to search: what may vary, what it runs, and what is measured.

    Example:
        ```python
        class Sphere(Problem):
            '''The sum of squares.'''

            name = "sphere"
            space = DesignSpace([Real("x", -1, 1), Real("y", -1, 1)])
            metrics = (Metric("loss", "1", "squared distance from the origin"),)
            objectives = (Objective("loss", "min"),)

            def simulate(self, designs, *, fidelity, seed):
                return {"loss": designs["x"] ** 2 + designs["y"] ** 2}
        ```

    Attributes:
        name: the name on the command line, in kebab case.
        version: raise it when the numbers change; it is part of the environment id and of every study.
        space: the design space.
        metrics: every metric that `simulate` returns, with its unit.
        objectives: the default objectives; a user may set others.
        constraints: the default constraints; a user may set others.
        fidelities: those that `simulate` knows, the default first.
        workloads: the named workloads, for listings.
        groups: named groups of parameters, for multi-agent environments; empty means one group a parameter.
        workload_digest: a hash of the files that the arguments name: a study notices when they change.
        isolated: whether a design runs in a process of its own, because the simulator may crash or hang.
        arguments: what the constructor was called with, so that a study can build the problem again.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 0
    space: DesignSpace
    metrics: Sequence[Metric] = ()
    objectives: Sequence[Objective] = ()
    constraints: Sequence[Constraint] = ()
    fidelities: ClassVar[tuple[str, ...]] = ("analytical",)
    workloads: ClassVar[tuple[str, ...]] = ()
    groups: Mapping[str, Sequence[str]] = {}
    workload_digest: str = ""
    isolated: ClassVar[bool] = False
    arguments: Mapping[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Problem:  # noqa: D102  takes note of the arguments
        self = super().__new__(cls)
        signature = inspect.signature(cls.__init__)
        bound = signature.bind_partial(self, *args, **kwargs)
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                bound.arguments |= bound.arguments.pop(parameter.name, {})
        self.arguments = {
            k: v.item() if isinstance(v, np.generic) else v
            for k, v in bound.arguments.items()
            if k not in ("self", "objectives", "constraints")
        }
        return self

    def __init__(
        self,
        *,
        objectives: Iterable[Objective | str] | None = None,
        constraints: Iterable[Constraint | str] | None = None,
    ) -> None:
        if objectives is not None:
            self.objectives = [Objective.parse(o) if isinstance(o, str) else o for o in objectives]
        if constraints is not None:
            self.constraints = [Constraint.parse(c) if isinstance(c, str) else c for c in constraints]
        self.objectives, self.constraints = tuple(self.objectives), tuple(self.constraints)
        if not self.objectives:
            raise ArgumentError(f"problem {self.name}: at least one objective is needed")
        used = [objective.metric for objective in self.objectives]
        if len(set(used)) < len(used):
            raise ArgumentError(
                f"problem {self.name}: a metric can be an objective only once: {', '.join(used)}"
            )
        check_metrics((*self.objectives, *self.constraints), self.metrics)

    @abstractmethod
    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, ArrayLike] | Outcomes:
        """Run the simulator on a batch of n allowed designs.

        Args:
            designs: n designs; `designs["name"]` is the column of a parameter's values.
            fidelity: one of `fidelities`.
            seed: for simulators that draw random numbers.

        Returns:
            One column of n numbers a metric, in the metric's unit; or `Outcomes`, where some designs are
            rejected. An exception fails the designs that cause it, and only those.
        """

    def hold(self, values: Mapping[str, Any]) -> Self:
        """This problem with some parameters held at a value; its simulator sees no difference.

        Args:
            values: {parameter: value}.

        Raises:
            CosearchError: as `DesignSpace.hold`.
        """
        if not values:
            return self
        held = copy.copy(self)
        held.space = self.space.hold(values)
        return held

    def pictures(self, design: Mapping[str, Any]) -> Sequence[Picture]:
        """Pictures of one design in the words of its domain, for the report and for `describe --html`.

        Called rarely, for a handful of designs, so it may run the simulator; a generator will do. An
        exception spoils no report: a line there says why the picture is missing.

        Args:
            design: an allowed design of this problem's space.
        """
        return ()

    def evaluate(
        self, designs: DesignsLike, *, fidelity: str | None = None, seed: int | None = None
    ) -> Outcomes:
        """Evaluate a batch: order kept, one bad design never spoils the others.

        Args:
            designs: n designs of this problem's space, in any form that `DesignSpace.designs` takes.
            fidelity: default the first of `fidelities`.
            seed: default 0.

        Returns:
            Outcomes of n designs. A forbidden design is `infeasible`; one that makes the simulator raise or
            return a number that is not finite is `failed`; each with its reason.

        Raises:
            DesignError: for what is no design of the space.
            UnknownNameError: for an unknown fidelity.
            ProblemError: if the simulator returns other metrics than it declares.
        """
        fidelity = self.fidelities[0] if fidelity is None else fidelity
        if fidelity not in self.fidelities:
            raise unknown_name(f"fidelity of problem {self.name}", fidelity, self.fidelities)
        designs = self.space.designs(designs)
        reasons = self.space.forbidden_reason(designs)
        allowed = np.array([not reason for reason in reasons], dtype=bool)
        rejected = Outcomes.without_metrics(self.metric_names, [r for r in reasons if r], INFEASIBLE)
        if not allowed.any():
            return rejected
        ran = self._simulate(
            designs if allowed.all() else designs[allowed], fidelity, 0 if seed is None else seed
        )
        if allowed.all():
            return ran
        order = np.argsort(np.concatenate([np.flatnonzero(allowed), np.flatnonzero(~allowed)]))
        return Outcomes.concat([ran, rejected]).take(order)

    def _simulate(self, designs: Designs, fidelity: str, seed: int) -> Outcomes:
        try:
            returned = self.simulate(designs, fidelity=fidelity, seed=seed)
        except (Exception, SystemExit) as error:  # the author's simulator may raise anything
            if len(designs) == 1:
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
                return Outcomes.without_metrics(self.metric_names, [reason], FAILED)
            rows = [self._simulate(designs[i : i + 1], fidelity, seed) for i in range(len(designs))]
            return Outcomes.concat(rows)
        if returned is None:
            raise ProblemError(f"problem {self.name}: simulate returned nothing; return its metrics")
        outcomes = returned.normalised() if isinstance(returned, Outcomes) else Outcomes.of(returned)
        missing = set(self.metric_names) ^ set(outcomes.metrics)
        if missing or len(outcomes) != len(designs):
            raise ProblemError(
                f"problem {self.name}: simulate returned {len(outcomes)} rows of {sorted(outcomes.metrics)} "
                f"for {len(designs)} designs of {sorted(self.metric_names)}"
            )
        return outcomes

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics, in order."""
        return tuple(metric.name for metric in self.metrics)

    def unit(self, metric: str) -> str:
        """The unit of a metric."""
        return next(m.unit for m in self.metrics if m.name == metric)

    @classmethod
    def env_id(cls, *, multi_objective: bool = False) -> str:
        """The Gymnasium id, e.g. `cosearch/DramController-v0` for the problem `dram-controller`."""
        return env_id(cls.name, cls.version, multi_objective=multi_objective)

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]
