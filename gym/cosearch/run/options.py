"""How a study runs: budget, stops, workers, limits. One object that Python, command line and store share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import numpy as np

from cosearch.errors import ArgumentError, unknown_name
from cosearch.run.backend import BackendOptions
from cosearch.run.target import Target

MOST_SEED = 2**32 - 1  # what every random generator of every agent takes
MOST = {"memory_mb": 2**40, "workers": 4096}  # beyond, the system's own calls refuse


@dataclass(frozen=True)
class RunOptions:
    """How a study runs.

    Attributes:
        budget: distinct designs to evaluate; an evaluation at another fidelity counts by its relative cost.
        workers: trials that are kept going at once.
        backend: where they run; default `inline` in this process, `processes` with workers or limits.
        ray_address: of a Ray cluster, `auto` for the one that runs on this machine; default for backend ray
            is one of its own on this machine, which ends with the study.
        batch_size: designs asked for at once, where the study waits for all of them; default the agent's.
        fidelity: at which the search is judged; default the problem's.
        evaluation_seed: of every evaluation, for problems that draw random numbers.
        isolated: whether each design runs outside this process, so that a crash costs one design.
        timeout_s: time limit for each design.
        memory_mb: memory limit for each design.
        deterministic: whether results are told in the order of asking however many workers there are.
        reuse: whether what other studies of the store have evaluated of the same problem, fidelity and seed
            is taken from there when the agent asks for it, which costs no budget.
        time_limit_s: after which the study stops.
        targets: what the study stops at, as text such as `latency_ns<=50` or `hypervolume>=3`: at once for
            the hypervolume, where one feasible design meets all of them for metrics.

    Raises:
        ArgumentError: for a value out of its bounds.
    """

    budget: int
    workers: int = 1
    backend: str | None = None
    ray_address: str | None = None
    batch_size: int | None = None
    fidelity: str | None = None
    evaluation_seed: int = 0
    isolated: bool = False
    timeout_s: float | None = None
    memory_mb: int | None = None
    deterministic: bool = False
    reuse: bool = False
    time_limit_s: float | None = None
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("budget", "workers", "batch_size", "memory_mb"):
            if (number := getattr(self, name)) is not None:
                object.__setattr__(self, name, whole(name, number, most=MOST.get(name)))
        object.__setattr__(self, "evaluation_seed", whole("evaluation_seed", self.evaluation_seed, least=0))
        for name in ("timeout_s", "time_limit_s"):
            if (seconds := getattr(self, name)) is not None:
                try:
                    positive = 0 < float(seconds) < math.inf
                except (TypeError, ValueError):
                    positive = False
                if not positive:
                    raise ArgumentError(f"{name} must be a number above 0, not {seconds!r}")
                object.__setattr__(self, name, float(seconds))
        if isinstance(self.targets, str):
            raise ArgumentError(f"targets must be a list of texts, not {self.targets!r}")
        object.__setattr__(self, "targets", tuple(str(Target.parse(str(text))) for text in self.targets))

    @classmethod
    def of(cls, options: RunOptions | None, changes: Mapping[str, Any]) -> Self:
        """Options with changes by name.

        Raises:
            UnknownNameError: for a name that is no option.
            ArgumentError: for a wrong value, or a missing budget.
        """
        names = [field.name for field in fields(cls)]
        for name in changes:
            if name not in names:
                raise unknown_name("option of a study", name, names)
        if options is not None:
            return replace(options, **changes)  # type: ignore[return-value]
        if "budget" not in changes:
            raise ArgumentError("a study needs a budget: how many distinct designs to evaluate")
        return cls(**changes)

    @property
    def backend_options(self) -> BackendOptions:
        """What concerns the backend."""
        return BackendOptions(self.workers, self.isolated, self.timeout_s, self.memory_mb, self.ray_address)

    def to_json(self) -> dict[str, Any]:
        """As JSON values; `RunOptions(**values)` is the inverse."""
        return {**asdict(self), "targets": list(self.targets)}


def whole(name: str, number: Any, *, least: int = 1, most: int | None = None) -> int:
    """The number as Python's int; numpy's will do, true will not.

    Raises:
        ArgumentError: if it is no whole number of at least `least`, and at most `most`.
    """
    if isinstance(number, bool | np.bool_) or not isinstance(number, int | np.integer):
        raise ArgumentError(f"{name} must be a whole number, not {number!r}")
    if number < least:
        raise ArgumentError(f"{name} must be at least {least}, not {number}")
    if most is not None and number > most:
        raise ArgumentError(f"{name} must be at most {most}, not {number}")
    return int(number)
