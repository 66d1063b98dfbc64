"""A list of layers that run one after the other, as a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from cosearch_simulators.errors import WorkloadError
from cosearch_simulators.workloads import Network, Operator


def chain(name: str, operators: Iterable[Operator]) -> Network:
    """The network in which each operator feeds the next; a name that comes again gets a number.

    Raises:
        WorkloadError: there is no operator.
    """
    used: dict[str, int] = {"input": 0}
    found: list[Operator] = []
    for operator in operators:
        count = used.get(operator.name, -1) + 1
        used[operator.name] = count
        named = f"{operator.name}_{count}" if count else operator.name
        used.setdefault(named, 0)
        found.append(replace(operator, name=named))
    if not found:
        raise WorkloadError(f"{name} has no layer")
    names = ["input", *(operator.name for operator in found)]
    return Network(name, tuple(found), tuple(pairwise(names)))
