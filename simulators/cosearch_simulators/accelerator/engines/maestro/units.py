"""What the units of one cluster level move and multiply together in one step.

Units side by side share elements where a spatial map's offset is smaller than its size, or where a tensor
has no spatial dimension at all; shared inputs are sent once (multicast) and shared outputs are added up on
the way (reduction). At the edge fewer units work, and the last one's tile may be partial.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit

from cosearch_simulators.accelerator.engines.maestro.levels import EDGE, FRESH, FRESH_EDGE, OUT_TILE, TILE

WEIGHTS, INPUTS, OUTPUTS = 0, 1, 2

SHORT, UNROLLED, STEADY, HAS_EDGE, PARTIAL, AT_EDGE = range(6)
"""How a level walks the dimension of a position: whether its only step is not filled, whether it is the only
one, how many more there are like the first, whether a smaller one follows, whether that one's last unit has
a partial tile; and, of the step at hand, whether it is at its edge."""


@njit
def set_walk(state, is_spatial, size, tile, step, units):
    """How the steps of one map cover a dimension; all units of a spatial map make one step."""
    if not is_spatial:
        units = 1
    stride, cover = step * units, tile + step * (units - 1)
    steady = ((size - tile) // step + 1) // units - 1 if size > cover else 0
    left = size - (steady + 1) * stride
    working = 1 if left < tile else (left - tile) // step + 1
    state[SHORT] = size < cover
    state[UNROLLED] = size <= cover
    state[STEADY] = steady
    state[HAS_EDGE] = size > cover and steady * stride + cover != size
    state[PARTIAL] = is_spatial and (size < cover or (working - 1) * step + tile < left)


@njit
def starts_anew(level, tensor, moved, state, coupled, dims):
    """Whether the tensor's tile comes back to its start in a dimension inside the one that moved."""
    for position in range(moved + 1, dims.shape[1]):
        if coupled[tensor, dims[level, position]] and state[UNROLLED, position] == 0:
            return True
    return False


@njit
def fetched(level, tensor, moved, anew, state, coupled, flow, spread):
    """Factor of the dimensions in space in what all units together fetch of a tensor.

    Args:
        level: the cluster level.
        tensor: Inputs or Weights.
        moved: position of the map that moved last, -1 in the first step.
        anew: whether the tensor starts anew inside it.
        state: how each position is walked.
        coupled: whether (tensor, dimension) belong together.
        flow: as for `analysis.walk`.
        spread: positions of the spatial maps.
    """
    dims, _, tables, units, edge_units = flow
    first = other = partial_first = partial_other = 1
    is_spread = at_edge = partial = False
    for position in spread:
        dim = dims[level, position] if position >= 0 else -1
        if dim < 0 or not coupled[tensor, dim]:
            continue
        is_spread = True
        first *= tables[level, TILE, dim]
        partial_first *= tables[level, EDGE, dim]
        # What the unit beside has is not fetched again; the very first step fetches all of it, as the tool.
        if moved >= 0 and (position > moved or (position == moved and not anew)):
            other *= tables[level, FRESH, dim]
            partial_other *= tables[level, FRESH_EDGE, dim]
        else:
            other *= tables[level, TILE, dim]
            partial_other *= tables[level, EDGE, dim]
        at_edge = at_edge or state[AT_EDGE, position] != 0
        partial = state[AT_EDGE, position] != 0 and state[PARTIAL, position] != 0
    if not is_spread:
        return 1
    return _over_units(
        *(at_edge, partial, units[level], edge_units[level]),
        *(first, other, partial_first, partial_other),
    )


@njit
def written(level, state, coupled, flow, spread):
    """Factor of the dimensions in space in the outputs that all units together write back."""
    dims, _, tables, units, edge_units = flow
    first = other = partial_first = partial_other = 1
    is_spread = at_edge = partial = False
    few = edge_units[level]
    for position in spread:
        dim = dims[level, position] if position >= 0 else -1
        if dim < 0 or not coupled[OUTPUTS, dim]:
            continue
        edge, short = state[AT_EDGE, position] != 0, state[SHORT, position] != 0
        table = tables[level]
        first *= _out_size(table, dim, True, True, False, edge, short, few, True)
        other *= _out_size(table, dim, True, False, False, edge, short, few, True)
        partial_first *= _out_size(table, dim, True, True, True, edge, short, few, True)
        partial_other *= _out_size(table, dim, True, False, True, edge, short, few, True)
        is_spread = True
        at_edge = at_edge or edge
        partial = edge and state[PARTIAL, position] != 0
    if not is_spread:
        return 1
    return _over_units(at_edge, partial, units[level], few, first, other, partial_first, partial_other)


@njit
def multiplied(level, state, coupled, flow, spread):
    """Factors of the dimensions in space in the multiplications of the first unit, and of all units."""
    dims, _, tables, units, edge_units = flow
    whole = partial_first = partial_other = 1
    at_edge = partial = outputs_at_edge = outputs_partial = False
    few = edge_units[level]
    for position in spread:
        if position < 0:
            continue
        dim = dims[level, position]
        edge, short = state[AT_EDGE, position] != 0, state[SHORT, position] != 0
        table, is_output = tables[level], coupled[OUTPUTS, dim]
        whole *= _out_size(table, dim, is_output, True, False, edge, short, few, True)
        partial_first *= _out_size(table, dim, is_output, True, True, edge, short, few, True)
        partial_other *= _out_size(table, dim, is_output, False, True, edge, short, few, False)
        at_edge = at_edge or edge
        partial = edge and state[PARTIAL, position] != 0
        if is_output:
            outputs_at_edge = outputs_at_edge or edge
            outputs_partial = partial
    of_unit = partial_first if outputs_at_edge and outputs_partial and few == 1 else whole
    return of_unit, _over_units(
        at_edge, partial, units[level], few, whole, whole, partial_first, partial_other
    )


@njit
def _out_size(table, dim, is_output, is_first, is_partial, at_edge, is_short, edge_units, shares):
    """Outputs (of a dimension that outputs have not: elements) along one dimension in space of one unit."""
    base = OUT_TILE if is_output else TILE
    if at_edge and edge_units == 1:
        return table[base + 2, dim]
    if at_edge and is_partial:
        return table[base + 2 if is_short and not (is_output and shares) else base + 3, dim]
    if is_first or table[base + 1, dim] == 0:
        return table[base, dim] if is_first else 1
    return table[base + 1, dim]


@njit
def _over_units(at_edge, partial, units, edge_units, first, other, partial_first, partial_other):
    """Sum over the units at work: the first one's, the whole ones' beside it, the partial one's."""
    if not at_edge:
        return first + (units - 1) * other
    if edge_units == 1:
        return partial_first if partial else first
    return first + max(edge_units - partial - 1, 0) * other + partial * partial_other
