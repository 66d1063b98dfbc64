"""A problem: design space + workload + simulator + metrics + default objectives and constraints.

A plugin author subclasses `Problem`, states the data as class attributes and writes one method, `simulate`,
over a batch. One that takes arguments declares them as `Settings` and sets what depends on them in `build`.
Caching, budgets, workers and storage are the study's.
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
from cosearch.environments.registration import register_defined
from cosearch.errors import ArgumentError, ProblemError, unknown_name
from cosearch.fidelity import Fidelity, as_fidelities, check_fidelity
from cosearch.needs import Need, UnavailableError, missing
from cosearch.objectives import Constraint, Direction, Metric, Objective, check_constraints, check_metrics
from cosearch.outcomes import CONTRACT, FAILED, INFEASIBLE, Outcomes, bounded, reason_of
from cosearch.resources import Resources
from cosearch.space import Designs, DesignsLike, DesignSpace
from cosearch.surrogates.naming import SURROGATE

if TYPE_CHECKING:
    from pathlib import Path

    from cosearch.pictures import Picture
    from cosearch.settings import Settings as AnySettings
    from cosearch.surrogates.attached import Attached


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

    A problem may offer more to agents, as methods of these names: `features(designs)`, cheap descriptors such
    as parameters and MACs, {name: column of n numbers}; `gradient(unit)`, a relaxation over the
    unit cube: for an (n, d) array the metrics, {name: (n,)}, and their derivatives, {name: (n, d)}.

    Args:
        settings: the declared settings, built; or leave it out and give their values by name.
        objectives: `Objective`s or their text, default the class's.
        constraints: `Constraint`s or their text, default the class's.
        surrogate: the file of a trained surrogate, which becomes the fidelity `surrogate`.
        **values: of the declared settings.

    Raises:
        UnknownNameError: for a value that is not declared, or an objective of an unknown metric.
        ArgumentError: for a value that its declaration does not admit.
        SurrogateError: for a surrogate of another problem, space or workload.

    Attributes:
        name: the name on the command line, in kebab case.
        version: raise it when the numbers change; it is part of the environment id and of every study.
        space: the design space.
        metrics: every metric that `simulate` returns, with its unit.
        objectives: the default objectives; a user may set others.
        constraints: the default constraints; a user may set others.
        fidelities: those that `simulate` knows, the roughest first.
        default_fidelity: the name of the one that is meant where none is named; default the last, the best.
        workloads: the named workloads, for listings.
        Settings: the class that declares the arguments; None if there are none.
        settings: the settings.
        about: what this instance runs, in a line, for `describe`; `build` may say.
        workload_digest: a hash of the files that the settings name: a study notices when they change.
        seeded: whether the numbers depend on the evaluation's seed.
        isolated: whether a design runs in a process of its own, because the simulator may crash or hang.
        measured_metrics: those that a clock gave: they differ from run to run, and have a standard error.
        needs: what must be installed beside cosearch, by fidelity; the key "" is for all of them.
        resources: what one evaluation needs of a machine, for a backend that spans several; `build` may say.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 0
    space: DesignSpace
    metrics: Sequence[Metric] = ()
    objectives: Sequence[Objective] = ()
    constraints: Sequence[Constraint] = ()
    fidelities: Sequence[Fidelity | str] = ("analytical",)
    default_fidelity: str = ""
    workloads: ClassVar[tuple[str, ...]] = ()
    Settings: ClassVar[type[AnySettings] | None] = None
    settings: Any = None
    about: str = ""
    workload_digest: str = ""
    seeded: ClassVar[bool] = False
    isolated: ClassVar[bool] = False
    measured_metrics: ClassVar[tuple[str, ...]] = ()
    needs: Mapping[str, Need] = {}
    resources: Resources = Resources()
    _surrogate: Attached | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if vars(cls).get("name"):
            register_defined(cls.__module__, cls.name, cls.version)

    def __init__(
        self,
        settings: AnySettings | None = None,
        /,
        *,
        objectives: Iterable[Objective | str] | None = None,
        constraints: Iterable[Constraint | str] | None = None,
        surrogate: str | Path | None = None,
        **values: Any,
    ) -> None:
        if self.Settings is None and values:
            raise unknown_name(f"argument of problem {self.name}", next(iter(values)), ())
        if self.Settings is not None:
            self.settings = settings or self.Settings.read(values, f"problem {self.name}")
        self.build()
        if self.settings is not None:  # after `build`, which says best what is wrong with a file
            self.workload_digest = self.settings.digest()
        self._fidelities = as_fidelities(self.fidelities)
        self.default_fidelity = self.default_fidelity or self.fidelity_names[-1]
        check_fidelity(self.default_fidelity, self._fidelities, f"problem {self.name}")
        if objectives is not None:
            self.objectives = [self._objective(o) if isinstance(o, str) else o for o in objectives]
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
        check_constraints(self.constraints)
        if surrogate is not None:
            self._attach(surrogate)

    def _attach(self, path: str | Path) -> None:
        from cosearch.surrogates.attached import Attached  # here, because few problems have one

        attached = Attached(path)
        attached.check(self)
        self._fidelities = attached.fidelities(self._fidelities)
        self.workload_digest += attached.digest_part
        self._surrogate = attached

    def build(self) -> None:  # noqa: B027  a problem without settings has nothing to build
        """Set what depends on `self.settings`: the space, metrics, objectives, a trace that is read once.

        Raises:
            CosearchError: for settings that do not go together, or a file that cannot be used.
        """

    @abstractmethod
    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, ArrayLike] | Outcomes:
        """Run the simulator on a batch of n allowed designs.

        Args:
            designs: n designs; `designs["name"]` is the column of a parameter's values.
            fidelity: one of `fidelities`.
            seed: for simulators that draw random numbers.

        Returns:
            One column of n numbers for each metric, in the metric's unit; or `Outcomes`, where some designs
            are rejected. An exception fails the designs that cause it, and only those.
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
            fidelity: default `default_fidelity`.
            seed: default 0.

        Returns:
            Outcomes of n designs. A forbidden design is `infeasible`; one that makes the simulator raise,
            return a number that is not finite or break its contract is `failed`; each with its reason.

        Raises:
            DesignError: for what is no design of the space.
            UnknownNameError: for an unknown fidelity.
            UnavailableError: for one whose simulator this machine does not have.
        """
        if fidelity is None:
            fidelity = self.default_fidelity
        elif fidelity not in self.fidelity_names:
            check_fidelity(fidelity, self._fidelities, f"problem {self.name}")
        if self.needs:
            self.require(fidelity)
        seed = 0 if seed is None else seed
        designs = self.space.designs(designs)
        allowed = self.space.allowed(designs)
        if allowed.all():
            return self.run(designs, fidelity=fidelity, seed=seed)
        rejected = self.rejected(designs[~allowed])
        if not allowed.any():
            return rejected
        ran = self.run(designs[allowed], fidelity=fidelity, seed=seed)
        order = np.argsort(np.concatenate([np.flatnonzero(allowed), np.flatnonzero(~allowed)]))
        return Outcomes.concat([ran, rejected]).take(order)

    def rejected(self, designs: Designs) -> Outcomes:
        """The outcomes of designs that are forbidden: `infeasible`, each with the rule's reason."""
        reasons = self.space.forbidden_reason(designs).tolist()
        return Outcomes.without_metrics(self.metric_names, reasons, INFEASIBLE)

    def run(self, designs: Designs, *, fidelity: str, seed: int) -> Outcomes:
        """`evaluate` for designs that are known to be allowed: what a backend calls.

        Where the simulator raises on a batch, its halves are run, and so on: the designs that do it fail,
        and the others cost few further runs.
        """
        try:
            returned = self._simulate(designs, fidelity=fidelity, seed=seed)
        except KeyboardInterrupt:
            raise
        except (
            BaseException
        ) as error:  # the author's simulator may raise anything, asyncio's CancelledError too
            reason = reason_of(error)
        else:
            try:
                return self._outcomes(returned, len(designs))
            except Exception as error:  # what it returned may raise anything when it is looked at
                text = bounded(error) if isinstance(error, ProblemError) else reason_of(error)
                reason = bounded(CONTRACT + text)
        n = len(designs)
        if n <= 1:
            return Outcomes.without_metrics(self.metric_names, [reason] * n, FAILED)
        halves = (designs[: n // 2], designs[n // 2 :])
        return Outcomes.concat([self.run(half, fidelity=fidelity, seed=seed) for half in halves])

    def _simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, ArrayLike] | Outcomes:
        attached = self._surrogate
        if attached is None or fidelity != SURROGATE:
            return self.simulate(designs, fidelity=fidelity, seed=seed)
        base = attached.surrogate.origin.base
        rough = (lambda: self.run(designs, fidelity=base, seed=seed)) if base else None
        return attached.simulate(designs, rough)

    def _outcomes(self, returned: Any, n: int) -> Outcomes:
        if returned is None:
            raise ProblemError("it returned nothing; return the metrics")
        if isinstance(returned, Outcomes):
            outcomes = returned.normalised()
        elif isinstance(returned, Mapping):
            outcomes = Outcomes.of(returned)
        else:
            raise ProblemError(f"it returned a {type(returned).__name__}; return {{metric: column}}")
        if outcomes.metrics.keys() != set(self.metric_names) or len(outcomes) != n:
            raise ProblemError(
                f"it returned {len(outcomes)} rows of {sorted(map(str, outcomes.metrics))} "
                f"for {n} {'design' if n == 1 else 'designs'} of {sorted(self.metric_names)}"
            )
        return outcomes

    def _objective(self, text: str) -> Objective:
        """An objective from its text; its metric or a default objective may say which way is better."""
        if (metric := text.partition(":")[0].strip()) not in self.metric_names:
            raise unknown_name("metric", metric, self.metric_names)
        directions: dict[str, Direction] = {m.name: m.direction for m in self.metrics if m.direction}
        return Objective.parse(text, {**directions, **{o.metric: o.direction for o in self.objectives}})

    @property
    def arguments(self) -> dict[str, Any]:
        """The settings that were given, as JSON values: a study builds the problem again from them."""
        given = {} if self.settings is None else dict(self.settings.arguments())
        return given if self._surrogate is None else {**given, SURROGATE: self._surrogate.path}

    def missing(self, fidelity: str) -> str:
        """Why a fidelity cannot be evaluated on this machine, with how to get what it needs; "" if it can."""
        return missing(self.needs, fidelity, self.settings)

    def require(self, fidelity: str) -> None:
        """Raise `UnavailableError` if a fidelity cannot be evaluated on this machine."""
        if why := self.missing(fidelity):
            named = f" at fidelity {fidelity}" if len(self._fidelities) > 1 else ""
            raise UnavailableError(f"problem {self.name}{named} is not available: {why}")

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The names of the metrics, in order."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def fidelity_names(self) -> tuple[str, ...]:
        """The names of the fidelities, the roughest first."""
        return tuple(fidelity.name for fidelity in self._fidelities)

    @property
    def fidelity_list(self) -> tuple[Fidelity, ...]:
        """The fidelities with their costs, the roughest first."""
        return self._fidelities

    def unit(self, metric: str) -> str:
        """The unit of a metric."""
        return next(m.unit for m in self.metrics if m.name == metric)

    @classmethod
    def env_id(cls, *, multi_objective: bool = False) -> str:
        """The Gymnasium id, e.g. `cosearch/DramController-v1` for the problem `dram-controller`."""
        return env_id(cls.name, cls.version, multi_objective=multi_objective)

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0]
