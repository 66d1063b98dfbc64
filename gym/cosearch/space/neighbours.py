"""The designs one step away from a design, for local search."""

from __future__ import annotations

import numpy as np

from cosearch.space.parameters import Parameter, Positions
from cosearch.space.permutations import Permutation
from cosearch.space.reals import Real
from cosearch.space.space_model import SpaceModel

REAL_STEPS = (0.01, 0.1)  # of the range, on the parameter's own scale


def neighbours(space: SpaceModel, index: Positions) -> Positions:
    """The index array of the allowed designs that differ from one design, shape (d,), in one step.

    Parameters that the step activates start at their defaults.
    """
    full = np.where(index < 0, space.default_positions, index)
    rows = [np.empty((0, len(space)), dtype=np.int64)]
    for j, parameter in enumerate(space.parameters):
        if index[j] >= 0 and j not in space.fixed:
            steps = one_step(parameter, int(index[j]))
            changed = np.tile(full, (len(steps), 1))
            changed[:, j] = steps
            rows.append(changed)
    candidates = space.canonical(np.asfortranarray(np.concatenate(rows)))
    return candidates[~space.forbidden_mask(candidates)]


def one_step(parameter: Parameter, position: int) -> Positions:
    """The positions one step away: all others without an order, else the next below and above."""
    if isinstance(parameter, Permutation):
        order = parameter.orders(np.array([position]))[0]
        swapped = np.tile(order, (max(len(order) - 1, 0), 1))
        for i in range(len(swapped)):
            swapped[i, [i, i + 1]] = swapped[i, [i + 1, i]]
        return parameter.ranks(swapped)
    if isinstance(parameter, Real):
        unit = parameter.to_unit(np.array([position]))[0]
        moved = np.array([unit + sign * step for step in REAL_STEPS for sign in (-1, 1)])
        positions = parameter.from_unit(moved[(moved >= 0) & (moved <= 1)][:, None])
    elif parameter.ordered:
        positions = np.array([position - 1, position + 1])
    else:
        positions = np.arange(parameter.size)
    return positions[(positions != position) & (positions >= 0) & (positions < parameter.size)]
