"""Cycles and energy of a mapping, as fast as a search needs them: `cost_of_state`.

The counts are those of `nest_kernel.cost_of` where factors multiply to the dimensions, from products that the
search keeps up to date; what moves is counted by the same functions (`common/movement.py`, `tile.py`). Left
apart are the sums over levels, which are Timeloop's to the last bit there and shorter here; the test
`test_the_cost_of_the_search_is_that_of_the_evaluation` holds the two together. What only a search needs is
here too: a tensor's `home`, the level that holds all of it in place of the backing store.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit

from cosearch_simulators.accelerator.common.movement import input_fills, output_words, with_windows
from cosearch_simulators.accelerator.common.nest_tables import (
    CAPACITY,
    MAC_PJ,
    MACS_A_CYCLE,
    MULTICAST,
    NONE,
    READ_BANDWIDTH,
    READ_PJ,
    REDUCTION,
    SHARED_BANDWIDTH,
    WIDTH,
    WRITE_BANDWIDTH,
    WRITE_PJ,
)
from cosearch_simulators.accelerator.common.tile import tile_words

ABOVE, PRESENT, RUN, SHARED, READ_WORDS, WRITTEN_WORDS, WORK_COLUMNS = 0, 1, 2, 5, 8, 9, 10
"""Columns of a level's work row: steps of the loops above it, instances, then by tensor the steps above that
leave it where it is and the spatial factors at the level that do not index it, then the words moved."""


@njit(nogil=True, error_model="numpy")
def cost_of_state(
    table, constants, nest, home, temporal, spread, extent, order, keeps, options, work, result
):
    """Cost a mapping whose factors multiply to the dimensions and whose arrays are wide enough.

    Args:
        table: (L, LEVEL_COLUMNS), as in `nest_kernel.cost_of`.
        constants: (CONSTANTS,).
        nest: (NEST_COLUMNS,).
        home: (3,) for each tensor the level that holds all of it; the last level for the backing store.
        temporal: (L, 8) float64 factors.
        spread: (L, 8) float64 spatial factors, X times Y.
        extent: (L, 8) float64 products of all factors up to the level.
        order: (L, 8) innermost first.
        keeps: (L, 3) what stays at a level; 1 for the last, 0 from a tensor's home to below the last.
        options: 0 or `TIMELOOP`.
        work: (L, WORK_COLUMNS) float64, overwritten.
        result: (2,) cycles (not rounded up) and energy in pJ.

    Returns:
        -1, or the level that overflows.
    """
    levels = table.shape[0]
    last = levels - 1
    for level in range(last):
        held = 0.0
        for tensor in range(3):
            if keeps[level, tensor]:
                held += tile_words(extent[level], nest, tensor) * table[level, WIDTH + tensor]
            if home[tensor] == level:
                held += tile_words(extent[last], nest, tensor) * table[level, WIDTH + tensor]
        if held > table[level, CAPACITY]:
            return level

    steps, instances = 1.0, 1.0
    run_weights, run_inputs, run_outputs = 1.0, 1.0, 1.0
    for level in range(last, -1, -1):
        row = work[level]
        row[ABOVE], row[PRESENT] = steps, instances
        row[RUN], row[RUN + 1], row[RUN + 2] = run_weights, run_inputs, run_outputs
        row[READ_WORDS] = row[WRITTEN_WORDS] = 0.0
        factors, across = temporal[level], spread[level]
        outputs_still = factors[3] * factors[6] * factors[7]
        weights_still = factors[1] * factors[4] * factors[5]
        here = outputs_still * weights_still * factors[0] * factors[2]
        steps *= here
        if here > 1.0:
            # A tensor stays through the loops inside of the innermost that indexes it.
            still, seen = 1.0, 0
            weights, inputs, outputs = here * run_weights, here * run_inputs, here * run_outputs
            for position in range(8):
                loop = order[level, position]
                factor = factors[loop]
                if factor == 1.0:
                    continue
                if not seen & 1 and loop != 1 and loop != 4 and loop != 5:
                    weights = still
                    seen |= 1
                if not seen & 2 and loop != 2:
                    inputs = still
                    seen |= 2
                if not seen & 4 and loop != 3 and loop < 6:
                    outputs = still
                    seen |= 4
                if seen == 7:
                    break
                still *= factor
            run_weights, run_inputs, run_outputs = weights, inputs, outputs
        row[SHARED] = across[1] * across[4] * across[5]
        row[SHARED + 1] = across[2]
        row[SHARED + 2] = across[3] * across[6] * across[7]
        instances *= row[SHARED] * row[SHARED + 1] * row[SHARED + 2] * across[0]
    macs = steps * instances

    energy = macs * constants[MAC_PJ]
    for tensor in range(3):
        child, traffic, multiplied = NONE, macs, 1.0
        network = REDUCTION if tensor == 2 else MULTICAST
        if tensor == 2:
            for level in range(levels):
                multiplied *= work[level, SHARED + 2]
        for parent in range(levels):
            if not keeps[parent, tensor]:
                continue
            charged = home[tensor] if parent == last else parent
            before = multiplied  # partial sums of an output at the child, then at the parent
            if child >= 0:
                if tensor == 1:
                    traffic = input_fills(nest, options, temporal, extent, order, work[child, ABOVE], child)
                else:
                    traffic = tile_words(extent[child], nest, tensor) * work[child, ABOVE]
                    traffic /= work[child, RUN + tensor]
                traffic *= work[child, PRESENT]
            arriving = traffic
            for level in range(child + 1, parent + 1):
                if table[level, network] != 0.0:
                    arriving /= work[level, SHARED + tensor]
                multiplied /= work[level, SHARED + 2]
            if tensor == 1:
                arriving /= with_windows(table, nest, spread, extent, child, parent, 1.0)
            if tensor == 2:
                whole = tile_words(extent[last], nest, 2)
                read, filled = output_words(traffic, arriving, whole, multiplied, before)
                work[charged, WRITTEN_WORDS] += arriving * table[charged, WIDTH + 2]
                work[charged, READ_WORDS] += read * table[charged, WIDTH + 2]
                energy += read * table[charged, READ_PJ + 2] + arriving * table[charged, WRITE_PJ + 2]
                if child >= 0:
                    work[child, WRITTEN_WORDS] += filled * table[child, WIDTH + 2]
                    energy += filled * table[child, WRITE_PJ + 2]
            else:
                work[charged, READ_WORDS] += arriving * table[charged, WIDTH + tensor]
                energy += arriving * table[charged, READ_PJ + tensor]
                if child >= 0:
                    work[child, WRITTEN_WORDS] += traffic * table[child, WIDTH + tensor]
                    energy += traffic * table[child, WRITE_PJ + tensor]
            child = parent

    cycles = steps / constants[MACS_A_CYCLE]
    for level in range(levels):
        row = work[level]
        reading = row[READ_WORDS] / (row[PRESENT] * table[level, READ_BANDWIDTH])
        writing = row[WRITTEN_WORDS] / (row[PRESENT] * table[level, WRITE_BANDWIDTH])
        if table[level, SHARED_BANDWIDTH] != 0.0:
            reading += writing
        cycles = max(cycles, reading, writing)
    result[0], result[1] = cycles, energy
    return -1
