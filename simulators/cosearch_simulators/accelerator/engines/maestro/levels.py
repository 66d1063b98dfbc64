"""From the directives as they are written to the cluster levels that are analysed: nothing is left implied.

A level takes its size from the Cluster directive that closes the level outside it; the outermost one has as
many units as clusters fit into the PEs. A dimension without a directive in a level keeps the outer level's
map, in time (outermost: the whole dimension at once). Input rows and columns of a strided layer are counted
in whole outputs.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit

TILE, FRESH, EDGE, FRESH_EDGE, OUT_TILE, OUT_FRESH, OUT_EDGE, OUT_FRESH_EDGE, STEP = range(9)
"""Sizes of a level by dimension: elements of a step's tile, those that the step before (or the unit beside)
has not, the same two at the edge, the same four in outputs instead of input rows or columns; the offset."""
SIZES = 9

OK, TWICE, NO_SPATIAL, BAD_SIZE, GAP, TOO_FEW_PES, UNKNOWN_DIMENSION = range(7)
"""Whether a level can be completed, or why not."""


@njit
def complete(layer_sizes, strides, filters, written, clusters, pes, dims, spatial, tables, units, edge_units):
    """Fill the levels of one dataflow; returns a status and the level it is about.

    Args:
        layer_sizes: of each dimension.
        strides: of each dimension, 1 where it has none.
        filters: the filter dimension that slides over it, -1 where none does.
        written: the directives, (level, place, 4): dimension or -1, 1 for SpatialMap, size, offset.
        clusters: units of each level but the outermost.
        pes: processing elements.
        dims: filled, (level, position): dimension.
        spatial: filled, (level, position): whether its map is spatial.
        tables: filled, (level, `SIZES`, dimension).
        units: filled, of each level.
        edge_units: filled, units at work in the last step of the (first) spatial map.
    """
    depth, count = dims.shape[0], layer_sizes.size
    pes_of_cluster = 1
    for level in range(1, depth):
        pes_of_cluster *= clusters[level - 1]
        units[level] = clusters[level - 1]
    if pes_of_cluster < 1 or pes_of_cluster > pes:
        return TOO_FEW_PES, 0
    units[0] = pes // pes_of_cluster

    for level in range(depth):
        status = _order(level, count, layer_sizes, written, dims, spatial, tables)
        if status != OK:
            return status, level
        _count_in_outputs(level, layer_sizes, strides, filters, tables)
        _measure(level, layer_sizes, filters, dims, spatial, tables)
        for position in range(count):
            if spatial[level, position]:
                dim = dims[level, position]
                size = layer_sizes[dim] if level == 0 else _outer_tile(level, dim, layer_sizes, tables)
                edge_units[level] = _units_at_edge(
                    size, tables[level, TILE, dim], tables[level, STEP, dim], units[level]
                )
                break
    return OK, 0


@njit
def _outer_tile(level, dim, layer_sizes, tables):
    """Elements of a dimension that a level is given."""
    size = layer_sizes[dim]
    for outer in range(level):
        size = min(size, tables[outer, TILE, dim])
    return size


@njit
def _order(level, count, layer_sizes, written, dims, spatial, tables):
    """Positions of a level's maps: those it inherits (the outer level's innermost first), then its own."""
    own = 0
    for place in range(written.shape[1]):
        dim = written[level, place, 0]
        if dim < 0:
            continue
        if dim >= count:
            return UNKNOWN_DIMENSION
        own += 1
    if own > count:
        return TWICE
    mine = 0
    for dim in range(count):
        tables[level, TILE, dim] = 0
    first = count - own if level > 0 else 0
    for place in range(written.shape[1]):
        dim = written[level, place, 0]
        if dim < 0:
            continue
        if tables[level, TILE, dim] > 0 or mine == count:
            return TWICE
        if written[level, place, 2] < 1 or written[level, place, 3] < 1:
            return BAD_SIZE
        if written[level, place, 3] > written[level, place, 2]:
            return GAP
        dims[level, first + mine] = dim
        spatial[level, first + mine] = written[level, place, 1] == 1
        tables[level, TILE, dim] = written[level, place, 2]
        tables[level, STEP, dim] = written[level, place, 3]
        mine += 1
    spread = 0
    for position in range(first, first + mine):
        spread += spatial[level, position]
    if spread < 1 or spread > 2:
        return NO_SPATIAL
    position = first - 1 if level > 0 else mine
    for other in range(count):
        dim = dims[level - 1, other] if level > 0 else other
        if tables[level, TILE, dim] > 0:
            continue
        tables[level, TILE, dim] = tables[level - 1, TILE, dim] if level > 0 else layer_sizes[dim]
        tables[level, STEP, dim] = tables[level - 1, STEP, dim] if level > 0 else layer_sizes[dim]
        dims[level, position] = dim
        spatial[level, position] = False
        position += -1 if level > 0 else 1
    return OK


@njit
def _count_in_outputs(level, layer_sizes, strides, filters, tables):
    """Tiles of a strided dimension hold the rows of whole outputs and move on by whole outputs."""
    for dim in range(layer_sizes.size):
        stride = strides[dim]
        if stride == 1 or filters[dim] < 0:
            continue
        window = layer_sizes[filters[dim]]
        if tables[level, TILE, dim] < window:
            continue
        outputs = (tables[level, TILE, dim] + stride - window) // stride
        tables[level, TILE, dim] = outputs * min(stride, window) + max(window - stride, 0)
        tables[level, STEP, dim] = outputs * (window if level > 0 and window < stride else stride)


@njit
def _measure(level, layer_sizes, filters, dims, spatial, tables):
    """The other sizes of a level's tiles."""
    table = tables[level]
    for position in range(layer_sizes.size):
        dim = dims[level, position]
        tile, step = table[TILE, dim], table[STEP, dim]
        size = layer_sizes[dim] if level == 0 else _outer_tile(level, dim, layer_sizes, tables)
        steps = max((size - tile) // step, 0)
        # An only tile that is larger than its dimension: the tool takes the offset off once too often, which
        # leaves less than a filter and gives it negative work; here it is the dimension.
        left = size if size < tile else size - (steps + 1) * step
        left = size if left < 0 else left
        table[FRESH, dim] = 0 if not spatial[level, position] and size <= tile else min(tile, step)
        table[EDGE, dim] = left if steps * step + tile != size else tile
        # Also where nothing is left and the last tile is whole, so that it brings nothing new; as the tool.
        table[FRESH_EDGE, dim] = max(step - (tile - left), 0)
    for dim in range(layer_sizes.size):
        window = filters[dim]
        for kind in range(4):
            table[OUT_TILE + kind, dim] = table[TILE + kind, dim]
        if window >= 0:
            table[OUT_TILE, dim] = table[TILE, dim] - table[TILE, window] + 1
            table[OUT_FRESH, dim] = min(table[STEP, dim], table[TILE, dim])
            table[OUT_EDGE, dim] = table[EDGE, dim] - table[EDGE, window] + 1
            table[OUT_FRESH_EDGE, dim] = min(table[STEP, dim], table[OUT_EDGE, dim])


@njit
def _units_at_edge(size, tile, step, units):
    """Units at work in the last step of a spatial map, the one with a partial tile among them.

    The tool leaves that one out where it is not the only step's, and so part of the work.
    """
    left = size
    if size > step * (units - 1) + tile:
        left -= ((size - tile) // step + 1) // units * step * units
    if left <= tile:
        return 1
    whole = (left - tile) // step + 1
    return whole + (1 if step * (whole - 1) + tile < left else 0)
