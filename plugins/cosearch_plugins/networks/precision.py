"""Bits of weights and activations and 2:4 sparsity of weights, for the whole network or for each stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch.space import Parameter as Axis

if TYPE_CHECKING:
    from cosearch_simulators.networks.costs import Precisions

Granularity = Literal["stage", "network"]
BITS = {"network": (4, 6, 8, 16), "stage": (4, 6, 8)}
DENSE = 4


def precision_space(stages: Sequence[str], granularity: Granularity, *, sparsity: bool) -> DesignSpace:
    """What may be chosen.

    Args:
        stages: of the network.
        granularity: bits for each stage, or for all together.
        sparsity: whether weights may be 2:4 sparse, for each stage.
    """
    axes: list[Axis] = []
    parts = [f"_{stage}" for stage in stages] if granularity == "stage" else [""]
    for part in parts:
        for name, what in (("weight_bits", "of weights"), ("activation_bits", "of activations")):
            axes.append(Ordinal(f"{name}{part}", BITS[granularity], default=8, description=what))
    for stage in stages if sparsity else ():
        note = "of every 4 weights along the input channels, how many are not zero"
        axes.append(Categorical(f"kept_{stage}", (2, DENSE), default=DENSE, description=note))
    return DesignSpace(axes, name="precision")


def too_wide(space: DesignSpace, multipliers: Sequence[str]) -> tuple[str, ...]:
    """The rules that no fixed multiplier takes operands wider than its own."""
    widest = {axis.name: max(axis.values) for axis in space if isinstance(axis, Ordinal)}
    return tuple(
        f"hardware.multiplier == 'fixed-{bits}' and precision.{name} > {bits}"
        for bits in (4, 8)
        if f"fixed-{bits}" in multipliers
        for name, most in widest.items()
        if most > bits
    )


def precisions(designs: Designs, stages: Sequence[str], group: str = "precision") -> Precisions:
    """The part of the designs that is a precision."""
    from cosearch_simulators.networks.costs import Precisions

    names = set(designs.space.names)
    columns = []
    for what in ("weight_bits", "activation_bits", "kept"):
        whole = f"{group}.{what}"
        chosen = [whole if whole in names else f"{whole}_{stage}" for stage in stages]
        if chosen[0] not in names:
            columns.append(np.full((len(designs), len(stages)), DENSE))
        else:
            columns.append(np.column_stack([np.asarray(designs[name]) for name in chosen]))
    return Precisions.of(len(designs), len(stages), *columns)
