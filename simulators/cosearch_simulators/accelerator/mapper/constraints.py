"""What a mapper may choose, as data, and as the arrays of the search.

`MappingConstraints` narrows the mappings of a search by level; `of_template` compiles a dataflow to it. The
orders that a search tries at a level are `ORDERS`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture
from cosearch_simulators.accelerator.mapper.search_kernel import FREE
from cosearch_simulators.accelerator.mapping.templates import Template, array_level
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.core.names import hint
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.workloads.loop_nest import LOOPS, RELEVANT, TENSORS, LoopNest

ORDERS = ("PQNRSCKG", "QPNSRCKG", "RSCPQNKG", "SRCQPNKG", "KPQRSCNG", "KQPSRCNG", "KRSPQCNG", "KSRQPCNG")
"""Orders of a level's loops, innermost first, that others gain nothing on but in rare windows.

Only the run of innermost loops that do not index a tensor keeps it in place, so a level keeps weights (P, Q,
N first), outputs (R, S, C) or inputs (K); among those, the first loop that moves an input window decides
whether it slides along rows or columns."""


@dataclass(frozen=True)
class MappingConstraints:
    """What mappings must be like; levels by name, loops and tensors by name.

    Attributes:
        spatial: for a level, the loops that may be spread along X and along Y of its array.
        innermost: for a level, loops that run inside of all others there.
        order: for a level, loops that run first in exactly this order.
        stays: for a level, whether a tensor must stay there (True) or must not (False).
        temporal: for a level, the iterations of some loops.
        spread: for a level, the factors of some loops along X and along Y.
        dataflow: the template that must admit an operator; None for any operator.

    Example:
        >>> MappingConstraints(spatial={"Buffer": ("K", "C")}, stays={"Register": {"Weights": True}}).spatial
        {'Buffer': ('K', 'C')}
    """

    spatial: Mapping[str, tuple[Collection[str], Collection[str]]] = field(default_factory=dict)
    innermost: Mapping[str, Collection[str]] = field(default_factory=dict)
    order: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stays: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    temporal: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    spread: Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]] = field(default_factory=dict)
    dataflow: Template | None = None

    def refusal(self, nest: LoopNest) -> str:
        """Why an operator has no mapping at all, as one line; empty if it may have one."""
        return self.dataflow.admits(nest) if self.dataflow else ""


@dataclass(frozen=True)
class Rules:
    """Constraints as the arrays of `search_kernel.search`.

    Attributes:
        slot_allowed: (3 L, 8) which loops may have factors in a slot.
        fixed: (3 L, 8) factors that are given; 0 for free.
        staying: (A, L, 3) by architecture, whether a tensor stays at a level: 0, 1 or `FREE`.
        orders: (L, M, 8) orders to choose from.
        order_counts: (L,) how many of them there are at each level.
    """

    slot_allowed: NDArray[np.uint8]
    fixed: NDArray[np.int64]
    staying: NDArray[np.int8]
    orders: NDArray[np.int8]
    order_counts: NDArray[np.int64]


def of_template(template: Template, architecture: Architecture) -> MappingConstraints:
    """A dataflow: its operators, its loops along the axes of the array, and those that run first above it."""
    level = array_level(architecture).name
    loops_x = template.spatial[0]
    loops_y = tuple(loop for axis in template.spatial[1:] for loop in axis)
    first: set[str] = set(template.innermost)
    if template.stationary:
        first |= {loop for loop in LOOPS if loop not in RELEVANT[template.stationary]}
    return MappingConstraints(
        spatial={level: (loops_x, loops_y)},
        innermost={level: first} if first else {},
        dataflow=template,
    )


def compile_rules(
    constraints: MappingConstraints, architectures: Sequence[CompiledArchitecture], bypass: bool
) -> Rules:
    """Constraints as arrays.

    Args:
        constraints: what mappings must be like.
        architectures: all with the same levels.
        bypass: whether tensors may go past levels that could hold them.

    Raises:
        ConfigurationError: a level, loop or tensor that is not there, or a factor below 1.
    """
    names = architectures[0].names
    levels = len(names)
    slot_allowed = np.ones((3 * levels, len(LOOPS)), np.uint8)
    fixed = np.zeros((3 * levels, len(LOOPS)), np.int64)
    allowed = np.stack([architecture.allowed for architecture in architectures])
    staying = np.where(allowed > 0, FREE if bypass else 1, 0).astype(np.int8)
    staying[:, -1] = 1
    for name, axes in constraints.spatial.items():
        for axis, loops in enumerate(axes):
            slot = (axis + 1) * levels + _find(name, names, "level")
            slot_allowed[slot] = 0
            slot_allowed[slot, [_find(loop, LOOPS, "loop") for loop in loops]] = 1
    for name, tensors in constraints.stays.items():
        for tensor, stays in tensors.items():
            staying[:, _find(name, names, "level"), _find(tensor, TENSORS, "tensor")] = stays
    for name, factors in constraints.temporal.items():
        _fix(fixed[_find(name, names, "level")], factors)
    for name, spread in constraints.spread.items():
        for axis, factors in enumerate(spread):
            _fix(fixed[(axis + 1) * levels + _find(name, names, "level")], factors)
    orders = [
        list(
            dict.fromkeys(
                _order(base, constraints.order.get(name, ()), constraints.innermost.get(name, ()))
                for base in ORDERS
            )
        )
        for name in names
    ]
    for name in (*constraints.order, *constraints.innermost):
        _find(name, names, "level")
    most = max(len(choices) for choices in orders)
    padded = np.array([[*choices, *choices[:1] * (most - len(choices))] for choices in orders], np.int8)
    return Rules(slot_allowed, fixed, staying, padded, np.array([len(choices) for choices in orders]))


def _order(base: str, exactly: Sequence[str], innermost: Collection[str]) -> tuple[int, ...]:
    first = [_find(loop, LOOPS, "loop") for loop in exactly]
    inside = {_find(loop, LOOPS, "loop") for loop in innermost}
    rest = [loop for loop in map(LOOPS.index, base) if loop not in first]
    return (*first, *sorted(rest, key=lambda loop: loop not in inside))


def _find(name: str, names: Sequence[str], what: str) -> int:
    if name not in names:
        raise ConfigurationError(f"constraints: no {what} {name!r}{hint(name, names)}")
    return list(names).index(name)


def _fix(row: NDArray[np.int64], factors: Mapping[str, int]) -> None:
    for loop, factor in factors.items():
        if factor < 1:
            raise ConfigurationError(f"constraints: the factor of {loop} must be at least 1, is {factor}")
        row[_find(loop, LOOPS, "loop")] = factor
