"""A fidelity: how exact an evaluation is, and what it costs beside the problem's best one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cosearch.errors import ArgumentError, unknown_name


@dataclass(frozen=True)
class Fidelity:
    """One way to evaluate a design; a problem lists its own in order, the roughest first.

    Attributes:
        name: usually `surrogate`, `analytical`, `cycle` or `external`; a problem may have names of its own.
        cost: of one evaluation, as a share of the best fidelity's.
        description: what is left out, in a line.
    """

    name: str
    cost: float = 1.0
    description: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ArgumentError("a fidelity needs a name")
        if not (math.isfinite(self.cost) and self.cost > 0):
            raise ArgumentError(f"fidelity {self.name}: cost must be finite and above 0, not {self.cost}")


def as_fidelities(declared: Iterable[Fidelity | str]) -> tuple[Fidelity, ...]:
    """The fidelities of a problem, given as such or by name.

    Raises:
        ArgumentError: if there is none, or one is listed twice.
    """
    found = tuple(Fidelity(one) if isinstance(one, str) else one for one in declared)
    names = [fidelity.name for fidelity in found]
    if not found or len(set(names)) < len(names):
        raise ArgumentError(f"fidelities must be at least one and differ by name, not {names}")
    return found


def check_fidelity(name: str, fidelities: Sequence[Fidelity], owner: str) -> str:
    """The name, if there is such a fidelity.

    Raises:
        UnknownNameError: with the nearest name.
    """
    names = [fidelity.name for fidelity in fidelities]
    if name not in names:
        raise unknown_name(f"fidelity of {owner}", name, names)
    return name
