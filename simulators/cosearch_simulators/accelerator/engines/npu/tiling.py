"""How an operator is cut into tiles for the cores of an NPU, and what each tile costs its units.

The outputs of a matrix operator are cut into a grid of rows (output pixels, or the groups of a grouped
convolution) and columns (output channels). A tile reads its rows of the input and its columns of the weights;
where the grid has one column of tiles, the weights stay in the core. Rows that neighbouring tiles of a
convolution both need (the halo) are taken to be read once. Of the grids whose tiles fit into the buffers the
one with the shortest estimate is taken. Cycles and buffer accesses of a tile are
those of the engine `scalesim`, from its `fold`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np
from numba import njit

from cosearch_simulators.accelerator.engines.npu.events import (
    INPUTS,
    MATRIX_NS,
    OUTPUTS,
    SHARED,
    TILES,
    VECTOR_NS,
    WEIGHTS,
)
from cosearch_simulators.accelerator.engines.scalesim.fold import LOADS, ROLES, fold_cycles, moved_words

GROUPS, ROWS, COLUMNS, DEPTH = range(4)
WEIGHT_BYTES, INPUT_BYTES, OUTPUT_BYTES, VECTOR_OPERATIONS = range(4, 8)
WEIGHT_ELEMENT, INPUT_ELEMENT, SUM_ELEMENT = range(8, 11)
"""Columns of an operator: the matrix product of each group (DEPTH 0: it has none), the bytes of each tensor,
the operations of the vector unit, and the bytes of one weight, input and partial sum."""
OPERATOR_COLUMNS = 11

CORES, ARRAY_ROWS, ARRAY_COLUMNS, LANES, BUFFER_BYTES, BUFFERS = range(6)
DMA, DRAM, CLOCK, DATAFLOW, PINNED = range(6, 11)
"""Columns of a design; bandwidths in bytes per ns, the clock in GHz."""
DESIGN_COLUMNS = 11

OUTPUT_STATIONARY, WEIGHT_STATIONARY, INPUT_STATIONARY = range(3)

MOST_TILES = 1 << 16  # of one operator, so that a timeline ends
_BETTER = 0.99  # more tiles have to gain a percent


@njit(nogil=True)
def plan(operator, design, tiles):
    """Cut one operator.

    Args:
        operator: float64 (OPERATOR_COLUMNS,).
        design: float64 (DESIGN_COLUMNS,).
        tiles: float64 (`events.COLUMNS`,), filled.

    Returns:
        The bytes that the smallest tiles need of a core's buffers beyond what they have, 0 where tiles fit;
        and the bytes that array and vector unit read from and write to the buffers.
    """
    matrix = operator[DEPTH] > 0
    rows = operator[GROUPS] * operator[ROWS]
    columns = operator[COLUMNS] if matrix and operator[GROUPS] == 1 else 1.0
    grouped = operator[GROUPS] > 1
    best, missing, accesses = np.inf, np.inf, 0.0
    row_cuts = 1.0
    while row_cuts < 2 * rows and row_cuts <= MOST_TILES:
        tile_rows = np.ceil(rows / row_cuts)
        row_tiles = np.ceil(rows / tile_rows)
        column_cuts = 1.0
        while column_cuts < 2 * columns and row_cuts * column_cuts <= MOST_TILES:
            tile_columns = np.ceil(columns / column_cuts)
            column_tiles = np.ceil(columns / tile_columns)
            count = row_tiles * column_tiles
            weight = operator[WEIGHT_BYTES] / column_tiles
            if grouped:
                weight = operator[WEIGHT_BYTES] / min(row_tiles, operator[GROUPS])
            inputs, outputs = operator[INPUT_BYTES] / row_tiles, operator[OUTPUT_BYTES] / count
            shared, tile_weight, tile_inputs = 0.0, weight, inputs
            if column_tiles == 1 and not grouped:
                shared, tile_weight = weight, 0.0
            needed = shared + design[BUFFERS] * (tile_weight + tile_inputs + outputs)
            if needed > design[BUFFER_BYTES]:
                missing = min(missing, needed - design[BUFFER_BYTES])
                column_cuts *= 2
                continue
            # What neither array nor vector unit works on, only the DMA moves.
            cycles, tile_accesses = 0.0, tile_inputs + outputs if operator[VECTOR_OPERATIONS] > 0 else 0.0
            if matrix:
                groups = max(1.0, tile_rows / operator[ROWS]) if grouped else 1.0
                in_group = min(tile_rows, operator[ROWS]) if grouped else tile_rows
                across = operator[COLUMNS] if grouped else tile_columns
                cycles, words = _array(in_group, across, operator, design)
                cycles, tile_accesses = np.ceil(groups) * cycles, np.ceil(groups) * words
            matrix_ns = cycles / design[CLOCK]
            vector_ns = np.ceil(operator[VECTOR_OPERATIONS] / count / design[LANES]) / design[CLOCK]
            workers = 1.0 if design[PINNED] > 0 else min(design[CORES], count)
            moved = workers * shared + count * (tile_weight + tile_inputs + outputs)
            load_ns = (shared + tile_weight + tile_inputs + outputs) / min(design[DMA], design[DRAM])
            transfer_ns = moved / min(design[DRAM], workers * design[DMA])
            rounds = np.ceil(count / workers)
            if design[BUFFERS] > 1:
                estimate = load_ns + max(transfer_ns, rounds * matrix_ns, rounds * vector_ns)
            else:
                estimate = transfer_ns + rounds * (matrix_ns + vector_ns)
            if estimate < _BETTER * best:
                best = estimate
                accesses = count * tile_accesses
                tiles[TILES], tiles[SHARED] = count, shared
                tiles[WEIGHTS], tiles[INPUTS] = tile_weight, tile_inputs
                tiles[MATRIX_NS], tiles[VECTOR_NS], tiles[OUTPUTS] = matrix_ns, vector_ns, outputs
            column_cuts *= 2
        row_cuts *= 2
    return (0.0 if best < np.inf else missing), accesses


@njit(nogil=True)
def _array(rows, columns, operator, design):
    """Cycles of a matrix product on the systolic array, and the bytes that it moves."""
    height, width, flow = design[ARRAY_ROWS], design[ARRAY_COLUMNS], int(design[DATAFLOW])
    product = (rows, columns, operator[DEPTH])
    down, across, steps = product[ROLES[flow, 0]], product[ROLES[flow, 1]], product[ROLES[flow, 2]]
    row_folds, column_folds = np.ceil(down / height), np.ceil(across / width)
    cycles = row_folds * column_folds * fold_cycles(steps, height, width, LOADS[flow])
    from_left, from_top, stays = moved_words(down, across, steps, row_folds, column_folds)
    if flow == OUTPUT_STATIONARY:
        words = (from_top, from_left, stays)
    elif flow == WEIGHT_STATIONARY:
        words = (stays, from_left, from_top)
    else:
        words = (from_left, stays, from_top)
    moved = words[0] * operator[WEIGHT_ELEMENT] + words[1] * operator[INPUT_ELEMENT]
    return cycles, moved + words[2] * operator[SUM_ELEMENT]
