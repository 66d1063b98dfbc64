"""What a backend is: the place where trials run. Built-in ones are beside this file; plugins bring others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from cosearch.errors import ArgumentError
from cosearch.problem import Problem
from cosearch.run.trial import Done, Piece


@dataclass(frozen=True)
class BackendOptions:
    """How trials run.

    Attributes:
        workers: pieces that run at once.
        isolated: whether designs run outside this process, one by one, so that a crash costs one design.
        timeout_s: time limit for each design.
        memory_mb: memory limit for each design.
        address: of the cluster, for a backend that runs on one.
    """

    workers: int = 1
    isolated: bool = False
    timeout_s: float | None = None
    memory_mb: int | None = None
    address: str | None = None

    @property
    def limited(self) -> bool:
        """Whether designs run one by one."""
        return self.isolated or self.timeout_s is not None or self.memory_mb is not None


def check_options(options: BackendOptions) -> None:
    """Raise `ArgumentError` for a number of workers or a limit that makes no sense."""
    if options.workers < 1:
        raise ArgumentError(f"workers must be at least 1, not {options.workers}")
    if options.timeout_s is not None and not options.timeout_s > 0:
        raise ArgumentError(f"the time limit must be above 0 s, not {options.timeout_s}")
    if options.memory_mb is not None and options.memory_mb < 1:
        raise ArgumentError(f"the memory limit must be at least 1 MB, not {options.memory_mb}")


def refuse_address(backend: str, options: BackendOptions) -> None:
    """Raise `ArgumentError` where a backend that runs on this machine is given a cluster's address."""
    if options.address is not None:
        raise ArgumentError(
            f"backend {backend} runs on this machine and takes no address; take backend ray for a cluster"
        )


class Backend(Protocol):
    """Runs pieces: some designs at one fidelity and seed. `cosearch.testing.check_backend` checks one.

    It calls `problem.run(designs, fidelity=..., seed=...)` wherever its workers are, and never raises for
    what one design does: that is a `failed` design with its reason.

    Attributes:
        name: on the command line.
        capacity: pieces that can run at once.
        one_by_one: whether a piece should hold a single design.
    """

    name: ClassVar[str]
    capacity: int
    one_by_one: bool

    def __init__(self, problem: Problem, options: BackendOptions) -> None:
        """Make a backend; workers may start later.

        Raises:
            ArgumentError: for options that it cannot honour.
        """
        ...

    def submit(self, piece: Piece) -> None:
        """Take a piece; its designs are allowed ones. More than `capacity` pieces wait inside."""
        ...

    def poll(self, timeout_s: float | None = None) -> Sequence[Done]:
        """Trials that are done by now, each once, in any order; a piece may come back in parts.

        Waits until there is at least one, or for `timeout_s`; returns nothing where nothing is running.

        Raises:
            ProblemError: if no worker can be started.
        """
        ...

    def cancel(self, numbers: NDArray[np.int64]) -> None:
        """Stop these trials where that is possible; what is cancelled never comes back from `poll`."""
        ...

    def close(self) -> None:
        """End all workers, whatever they are doing. A second time does nothing."""
        ...
