"""Designs as models see them: a number for each ordered parameter, a column for each unordered value.

An ordered parameter is its coordinate in the unit cube, an unordered one its one-hot columns, an inactive one
a constant. A surrogate that starts from a rough fidelity gets that one's metrics as further columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cosearch.space import Designs, DesignSpace

Matrix = NDArray[np.float64]
UNORDERED = ("categorical", "permutation")
INACTIVE = 0.5


def encoded(space: DesignSpace, designs: Designs) -> Matrix:
    """The inputs of n designs, shape (n, inputs), all within [0, 1]."""
    unit = space.to_unit(designs)
    if not any(parameter.kind in UNORDERED for parameter in space.parameters):
        return unit
    onehot = space.to_onehot(designs)
    columns = [
        onehot[:, onehot_block] if parameter.kind in UNORDERED else unit[:, unit_block]
        for parameter, unit_block, onehot_block in zip(
            space.parameters, space.unit_layout.blocks, space.onehot_layout.blocks, strict=True
        )
    ]
    return np.concatenate(columns, axis=1)


def owners(space: DesignSpace) -> NDArray[np.int64]:
    """The position of the parameter that each input belongs to, shape (inputs,)."""
    widths = [
        parameter.onehot_width if parameter.kind in UNORDERED else parameter.unit_width
        for parameter in space.parameters
    ]
    return np.repeat(np.arange(len(widths)), widths)


def of_positions(space: DesignSpace, column: int) -> Matrix:
    """The inputs of one parameter, inactive and at each of its positions, shape (size + 1, its inputs)."""
    parameter = space.parameters[column]
    positions = np.arange(parameter.size)
    unordered = parameter.kind in UNORDERED
    values = parameter.to_onehot(positions) if unordered else parameter.to_unit(positions)
    values = np.asarray(values, dtype=np.float64).reshape(parameter.size, -1)
    idle = np.full((1, values.shape[1]), 0.0 if unordered else INACTIVE)
    return np.concatenate([idle, values])
