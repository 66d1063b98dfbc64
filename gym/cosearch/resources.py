"""What one evaluation of a problem needs from the machine that it runs on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from cosearch.errors import ArgumentError

RESERVED = ("CPU", "GPU", "memory", "object_store_memory")


@dataclass(frozen=True)
class Resources:
    """What one evaluation needs; a backend that spans machines places it by that.

    Example:
        ```python
        class Rtl(Problem):
            resources = Resources(cpus=4, memory_mb=8000, custom={"vcs_licence": 1})
        ```

    Attributes:
        cpus: processor cores; as many threads may the libraries in it use, and at least one.
        gpus: whole ones, or a share of one below 1.
        memory_mb: main memory; 0 for no demand. It is no limit: that is `--memory-mb`.
        custom: others by name, such as licences, as the cluster's machines declare them.

    Raises:
        ArgumentError: for an amount that nobody can have.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_mb: int = 0
    custom: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        amounts = {"cpus": self.cpus, "gpus": self.gpus, "memory_mb": self.memory_mb, **self.custom}
        for name, amount in amounts.items():
            if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < math.inf:
                raise ArgumentError(f"resources: {name} must be a number of at least 0, not {amount!r}")
            if amount > 1 and amount != int(amount):
                raise ArgumentError(f"resources: {name} above 1 must be a whole number, not {amount!r}")
        for name in self.custom:
            if name in RESERVED or not name or ":" in name:
                raise ArgumentError(f"resources: a resource of your own cannot be named {name!r}")

    @property
    def threads(self) -> int:
        """Threads that numerical libraries may start in one evaluation."""
        return max(1, int(self.cpus))

    def __str__(self) -> str:
        parts = [f"{self.cpus:g} CPU"] if self.cpus else []
        parts += [f"{self.gpus:g} GPU"] if self.gpus else []
        parts += [f"{self.memory_mb} MB of memory"] if self.memory_mb else []
        return ", ".join(parts + [f"{amount:g} {name}" for name, amount in self.custom.items()]) or "nothing"
