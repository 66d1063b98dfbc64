"""The encodings that are one float array: the unit cube for Bayesian optimisation, one-hot for regressors.

Each parameter owns a block of neighbouring columns. The block of an inactive parameter is 1/2 in the unit
cube and 0 in one-hot; decoding ignores it. A held parameter keeps its block, which decoding ignores too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch.space.design_rows import DesignsLike
from cosearch.space.parameters import Positions
from cosearch.space.parsing import parse
from cosearch.space.space_model import SpaceModel

INACTIVE_UNIT = 0.5
INACTIVE_ONEHOT = 0.0


def decode_unit(space: SpaceModel, unit: NDArray[np.float64]) -> Positions:
    """The index array of points that are known to lie in the unit cube."""
    return space.canonical(space.unit_layout.decode(unit, [p.from_unit for p in space.parameters]))


def to_unit(space: SpaceModel, designs: DesignsLike) -> NDArray[np.float64]:
    """Points of the unit cube, shape (n, unit_dim); 1/2 where inactive. A permutation has k of them."""
    encoders = [parameter.to_unit for parameter in space.parameters]
    return space.unit_layout.encode(parse(space, designs), encoders, INACTIVE_UNIT)


def from_unit(space: SpaceModel, array: ArrayLike) -> Positions:
    """The index array of the designs whose cells of the unit cube hold these points.

    Raises:
        DesignError: a wrong shape, or a coordinate that is not in [0, 1].
    """
    return decode_unit(space, space.unit_layout.checked(array, 0.0, 1.0))


def to_onehot(space: SpaceModel, designs: DesignsLike) -> NDArray[np.float64]:
    """Numbers as in the unit cube, a permutation as its matrix, all else with one column for each value."""
    encoders = [parameter.to_onehot for parameter in space.parameters]
    return space.onehot_layout.encode(parse(space, designs), encoders, INACTIVE_ONEHOT)


def from_onehot(space: SpaceModel, array: ArrayLike) -> Positions:
    """The index array of the inverse of `to_onehot`; the largest of several non-zero columns counts.

    Raises:
        DesignError: a wrong shape, or an entry that is not in [0, 1].
    """
    columns = space.onehot_layout.checked(array, 0.0, 1.0)
    decoders = [parameter.from_onehot for parameter in space.parameters]
    return space.canonical(space.onehot_layout.decode(columns, decoders))
