"""A simulator's plain parameters as a design space, and the columns of its designs for the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch.space import Parameter as Axis

if TYPE_CHECKING:
    from cosearch_simulators.networks.parameters import Parameter


def design_space(parameters: Sequence[Parameter], name: str) -> DesignSpace:
    """The parameters as a space: numbers in order, names without one."""
    axes: list[Axis] = []
    for parameter in parameters:
        kind = Ordinal if parameter.ordered else Categorical
        axes.append(
            kind(
                parameter.name,
                parameter.values,
                default=parameter.start,
                when=dict(parameter.when) or None,
                description=parameter.description,
            )
        )
    return DesignSpace(axes, name=name)


def columns_of(designs: Designs, group: str) -> dict[str, Any]:
    """The columns of one part of joined designs, by the names that they have in it."""
    start = f"{group}."
    return {
        name.removeprefix(start): np.asarray(designs[name])
        for name in designs.space.names
        if name.startswith(start)
    }
