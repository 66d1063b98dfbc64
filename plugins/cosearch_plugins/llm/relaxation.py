"""Gradients of the problems of chips: ordered numbers become real ones between their values.

A number is straight between its values on a log scale, or on a linear one where 0 is among them; words and
whatever has no order are those of the design whose cell holds the point, so their derivatives are 0. The
simulator is the problem's own, run by torch: waves of tiles and rounding up stay, so a slope is that of the
piece that the point lies on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch.space import DesignSpace, Ordinal

Floats = NDArray[np.float64]
Costs = Callable[[Any, dict[str, Any]], Mapping[str, Any]]


def relaxed(
    space: DesignSpace,
    unit: Floats,
    numbers: Callable[[Any], Mapping[str, Any]],
    costs: Costs,
    held: Sequence[str] = (),
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Metrics, {name: (n,)}, and their derivatives, {name: (n, d)}, at points of the unit cube.

    Args:
        space: the design space.
        unit: points, shape (n, d).
        numbers: of a batch of designs, the columns that the simulator computes on, {name: (n,)}; a parameter
            of a joined space stands there by its own name.
        costs: of the array namespace and those columns, the metrics.
        held: parameters that keep their cell's value.
    """
    import array_api_compat.torch as xp
    import torch

    points = torch.tensor(np.asarray(unit, np.float64), requires_grad=True)
    designs = space.from_unit(points.detach().numpy())
    columns = {name: torch.tensor(np.asarray(value, np.float64)) for name, value in numbers(designs).items()}
    active = {name: designs.index[:, place] >= 0 for place, name in enumerate(space.names)}
    for name, block in zip(space.names, space.unit_layout.blocks, strict=True):
        parameter, own = space[name], name.rpartition(".")[2]
        if (
            name not in held
            and isinstance(parameter, Ordinal)
            and own in columns
            and len(parameter.values) > 1
        ):
            real = _between(torch, parameter, points[:, block.start])
            columns[own] = torch.where(torch.tensor(active[name]), real, columns[own])
    values, slopes = {}, {}
    for name, value in costs(xp, columns).items():
        (slope,) = torch.autograd.grad(value.sum(), points, retain_graph=True, allow_unused=True)
        slopes[name] = np.zeros(points.shape) if slope is None else slope.numpy()
        values[name] = value.detach().numpy()
    return values, slopes


def _between(torch: Any, parameter: Ordinal, unit: Any) -> Any:
    """The number at a coordinate: each value at the middle of its cell."""
    given = torch.tensor([float(value) for value in parameter.values], dtype=torch.float64)
    place = torch.clamp(unit * len(given) - 0.5, 0.0, len(given) - 1.0)
    # Exactly a value at the middle of its cell: a core less would be a wave of tiles more.
    whole = place.detach().round()
    place = torch.where((place.detach() - whole).abs() < 1e-9, whole + (place - place.detach()), place)
    below = torch.clamp(place.detach().floor().long(), max=len(given) - 2)
    low, high, part = given[below], given[below + 1], place - below
    # From the upper end where the point is there, so that it is met to the last bit.
    upper = part.detach() == 1.0
    start, part = torch.where(upper, high, low), torch.where(upper, part - 1.0, part)
    if bool((given > 0).all()):
        return start * (high / low) ** part
    return start + (high - low) * part
