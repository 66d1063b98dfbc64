"""Bits of weights and activations and 2:4 sparsity of weights, for the whole network or for each stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch.space import Parameter as Axis

if TYPE_CHECKING:
    from cosearch_simulators.networks.costs import Precisions

Granularity = Literal["stage", "network", "8-bit"]
BITS = (4, 6, 8, 16)
DENSE = 4


def precision_space(stages: Sequence[str], granularity: Granularity, *, sparsity: bool) -> DesignSpace:
    """What may be chosen.

    Args:
        stages: of the network.
        granularity: bits for each stage, for all together, or 8 bits for all.
        sparsity: whether weights may be 2:4 sparse, for each stage.
    """
    axes: list[Axis] = []
    parts = [""] if granularity == "network" else [f"_{stage}" for stage in stages]
    for part in parts:
        for name, what in (("weight_bits", "of weights"), ("activation_bits", "of activations")):
            if granularity == "8-bit":
                axes.append(Categorical(f"{name}{part}", (8,), description=f"{what}; held"))
            else:
                axes.append(Ordinal(f"{name}{part}", BITS, default=8, description=what))
    for stage in stages:
        values = (2, DENSE) if sparsity else (DENSE,)
        note = "of every 4 weights along the input channels, how many are not zero"
        axes.append(Categorical(f"kept_{stage}", values, default=DENSE, description=note))
    return DesignSpace(axes, name="precision")


def precisions(designs: Designs, stages: Sequence[str], group: str = "precision") -> Precisions:
    """The part of the designs that is a precision."""
    from cosearch_simulators.networks.costs import Precisions

    names = set(designs.space.names)
    columns = []
    for what in ("weight_bits", "activation_bits", "kept"):
        whole = f"{group}.{what}"
        chosen = [whole if whole in names else f"{whole}_{stage}" for stage in stages]
        columns.append(np.column_stack([np.asarray(designs[name]) for name in chosen]))
    return Precisions.of(len(designs), len(stages), *columns)
