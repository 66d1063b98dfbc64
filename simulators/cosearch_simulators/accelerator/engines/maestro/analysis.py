"""The data-centric analysis of one dataflow: how its tiles move and what it costs (Kwon et al., MICRO 2019).

Each cluster level walks its tile of the layer in steps. Two steps differ only in what decides their traffic
and
delay:

- which map moved last (those inside it start anew), for that decides what must be fetched;
- which dimensions are at their edge, where tiles are smaller and fewer units work.

So a level has at most 2 ** (D + 1) - 1 kinds of step, each with its number of occurrences, its volumes (a
product over the dimensions mapped in time, times a factor for the units that share those mapped in space, see
`units`) and its delay, max(fetch, compute, write back), or fetch + compute in the first step. A level's
runtime is the compute delay of a step of the level outside it.

`levels` completes the directives, `kernel` calls this for batches. Where the published tool simplifies
(maestro-project/maestro on GitHub), so does this, to be comparable: such places say "as the tool".
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from numba import njit

from cosearch_simulators.accelerator.common.copying import copy_row
from cosearch_simulators.accelerator.common.nest_tables import FIRST, NONE
from cosearch_simulators.accelerator.engines.maestro.levels import EDGE, FRESH, OUT_EDGE, OUT_TILE, STEP, TILE
from cosearch_simulators.accelerator.engines.maestro.units import (
    AT_EDGE,
    HAS_EDGE,
    INPUTS,
    OUTPUTS,
    PARTIAL,
    SHORT,
    STEADY,
    WEIGHTS,
    fetched,
    multiplied,
    set_walk,
    starts_anew,
    written,
)

RUNTIME, MACS, READ_INPUTS, READ_WEIGHTS, WRITTEN_OUTPUTS, STEPS, NO_WORK, PEAK_TRAFFIC = range(8)
FETCH_MIN, FETCH_MAX, FETCH_SUM, BACK_MIN, BACK_MAX, BACK_SUM = range(8, 14)
COMPUTE_MIN, COMPUTE_MAX, COMPUTE_SUM, FIRST_INPUTS, FIRST_WEIGHTS, FIRST_OUTPUTS = range(14, 20)
"""What `walk` adds up over a level's steps: cycles, multiplications, elements from and to the buffer outside,
steps, kinds of step without work, the most elements a cycle that the network would have to carry, delays in
cycles, elements of the first step."""
TOTALS = 20

OUT_FACTOR, SUM_FACTOR, SMALL = 6, 8, 10
"""More of a position's state: its outputs and its other elements, each for a full step and for the edge, 1
where the map is spatial; the bit of its dimension where the level inside gets a smaller tile at the edge."""
STATES = 11

_LARGE = 1 << 62


@njit
def analyse(layer, flow, limits, work):
    """Walk all levels of a dataflow, the innermost first, each for every size that its tile can have.

    Args:
        layer: (sizes, coupled): of each dimension; whether (tensor, dimension) belong together.
        flow: (dims, spatial, tables, units, edge_units) as `levels.complete` fills them.
        limits: elements a cycle and head latency of the network, elements a cycle off the chip, a PE's lanes.
        work: (states, space, totals, runtime, busy, lacks): scratch; the last three are (level, small). In
            the end `totals` is the outermost level's, and `busy[0, 0]` its average number of PEs at work.
    """
    sizes, coupled = layer
    dims, spatial, tables, units, _ = flow
    states, count = work[0], dims.shape[1]
    for level in range(units.size - 1, -1, -1):
        # How each position is walked where the outer step is full, and where it is at the dimension's edge.
        possible, first_spatial, second_spatial = FIRST, NONE, NONE
        for position in range(count):
            dim = dims[level, position]
            full = tables[level - 1, TILE, dim] if level > 0 else sizes[dim]
            edge = tables[level - 1, EDGE, dim] if level > 0 else full
            if edge != full:
                possible |= 1 << dim
            tile, step = tables[level, TILE, dim], tables[level, STEP, dim]
            for which in range(2 if edge != full else 1):
                state, is_spatial = states[1 + which, :, position], spatial[level, position]
                size = edge if which == 1 else full
                set_walk(state, is_spatial, size, tile, step, units[level])
                _set_factors(state, is_spatial, dim, coupled, tables[level])
            if spatial[level, position]:
                second_spatial = position if first_spatial >= 0 else -1
                first_spatial = position if first_spatial < 0 else first_spatial
        small = possible
        while True:
            for position in range(count):
                copy_row(
                    states[0, :, position], states[1 + (small >> dims[level, position] & 1), :, position]
                )
            walk(level, small, (first_spatial, second_spatial), coupled, flow, limits, work)
            if small == 0:
                break
            small = (small - 1) & possible


@njit
def walk(level, small, spread, coupled, flow, limits, work):
    """Add up the steps of one level; bit d of `small`: the outer step is at the edge of dimension d."""
    dims, _, _, units, edge_units = flow
    states, space, total, runtime, busy, lacks = work
    state, count, innermost = states[0], dims.shape[1], level + 1 == units.size
    first_spatial, second_spatial = spread
    total[:] = 0
    total[FETCH_MIN] = total[BACK_MIN] = total[COMPUTE_MIN] = _LARGE

    # `space` has the factors of the maps in space, by which of them are at the edge: outputs written, the
    # first unit's and all units' multiplications, inputs and weights fetched.
    off_chip, at_work = 0, 0.0
    for moved in range(-1, count):
        if moved >= 0 and state[STEADY, moved] == 0 and state[HAS_EDGE, moved] == 0:
            continue
        inputs_anew = starts_anew(level, INPUTS, moved, state, coupled, dims)
        weights_anew = starts_anew(level, WEIGHTS, moved, state, coupled, dims)
        of_inputs = _temporal_fetch(level, INPUTS, moved, inputs_anew, state, coupled, flow)
        of_weights = _temporal_fetch(level, WEIGHTS, moved, weights_anew, state, coupled, flow)
        for edges in range(4 if second_spatial >= 0 else 2):
            state[AT_EDGE, first_spatial] = edges & 1
            if not _can_be(state[:, first_spatial], edges & 1):
                continue
            if second_spatial >= 0:
                state[AT_EDGE, second_spatial] = edges >> 1
            if moved < 0:
                space[edges, 0] = written(level, state, coupled, flow, spread)
                space[edges, 1], space[edges, 2] = multiplied(level, state, coupled, flow, spread)
            space[edges, 3] = fetched(level, INPUTS, moved, inputs_anew, state, coupled, flow, spread)
            space[edges, 4] = fetched(level, WEIGHTS, moved, weights_anew, state, coupled, flow, spread)

        for position in range(count):
            state[AT_EDGE, position] = state[SHORT, position]
        if moved >= 0 and state[STEADY, moved] == 0:
            state[AT_EDGE, moved] = 1
        while True:
            # The kind of step at hand: how often it occurs, and the product of its sizes in time.
            occurrences, outputs, sums = 1, 1, 1
            for position in range(count):
                edge = state[AT_EDGE, position]
                outputs *= state[OUT_FACTOR + edge, position]
                sums *= state[SUM_FACTOR + edge, position]
                if edge == 0 and position <= moved:
                    occurrences *= state[STEADY, position] + (1 if position < moved else 0)
            edges = state[AT_EDGE, first_spatial]
            if second_spatial >= 0:
                edges |= state[AT_EDGE, second_spatial] << 1
            back, macs = outputs * space[edges, 0], outputs * sums * space[edges, 2]
            inputs, weights = of_inputs * space[edges, 3], of_weights * space[edges, 4]
            alone = outputs * sums * space[edges, 1]

            if innermost:
                compute, working = -(-alone // limits[3]), float(units[level])
                if state[AT_EDGE, first_spatial]:
                    working = float(edge_units[level])
                lacking = alone <= 0
            else:
                compute, working, lacking = _inner_step(
                    level, spread, state, edge_units, units, runtime, busy, lacks
                )
                lacking = lacking or alone <= 0
            fetch = limits[1] - (-(inputs + weights) // limits[0]) - 1
            store = limits[1] - (-back // limits[0]) - 1
            delay = fetch + compute if moved < 0 else max(fetch, compute, store)
            if moved < 0:
                total[FIRST_INPUTS], total[FIRST_WEIGHTS], total[FIRST_OUTPUTS] = inputs, weights, back
                if level == 0:
                    # Half of what the double buffer holds goes to or from the memory in a step.
                    off_chip = max(2 * (inputs + weights) // limits[2] // 2, 2 * back // limits[2] // 2)

            total[RUNTIME] += occurrences * max(delay, off_chip)
            total[STEPS] += occurrences
            total[NO_WORK] += lacking
            at_work += occurrences * working
            if level == 0:
                total[MACS] += occurrences * macs
                total[READ_INPUTS] += occurrences * inputs
                total[READ_WEIGHTS] += occurrences * weights
                total[WRITTEN_OUTPUTS] += occurrences * back
                traffic = max(inputs + weights, back) // max(compute, 1)
                total[PEAK_TRAFFIC] = max(total[PEAK_TRAFFIC], traffic)
                _note(total, FETCH_MIN, fetch, occurrences)
                _note(total, BACK_MIN, store, occurrences)
                _note(total, COMPUTE_MIN, max(compute, 1), occurrences)
            if not _next_edges(moved, state):
                break
    runtime[level, small] = total[RUNTIME]
    busy[level, small] = at_work / total[STEPS]
    lacks[level, small] = total[NO_WORK] > 0


@njit
def _can_be(state, at_edge):
    """Whether any step is (not) at the edge of a position."""
    if at_edge:
        return state[SHORT] != 0 or state[HAS_EDGE] != 0
    return state[SHORT] == 0


@njit
def _next_edges(moved, state):
    """Go to the next choice of which dimensions are at their edge; False after the last."""
    for position in range(moved, -1, -1):
        if state[HAS_EDGE, position] == 0 or (position == moved and state[STEADY, position] == 0):
            continue
        if state[AT_EDGE, position] == 0:
            state[AT_EDGE, position] = 1
            return True
        state[AT_EDGE, position] = 0
    return False


@njit
def _set_factors(state, is_spatial, dim, coupled, table):
    """A position's factors in time, and its bit."""
    state[OUT_FACTOR : OUT_FACTOR + 4] = 1
    state[SMALL] = 1 << dim if table[EDGE, dim] != table[TILE, dim] else 0
    if is_spatial:
        return
    if coupled[OUTPUTS, dim]:
        state[OUT_FACTOR], state[OUT_FACTOR + 1] = table[OUT_TILE, dim], table[OUT_EDGE, dim]
    else:
        state[SUM_FACTOR], state[SUM_FACTOR + 1] = table[TILE, dim], table[EDGE, dim]


@njit
def _temporal_fetch(level, tensor, moved, anew, state, coupled, flow):
    """Product over the dimensions in time of what a step must fetch of a tensor: 0 where it stays.

    It counts as staying where another dimension than its own moved, even if it starts anew, and an edge
    fetches a whole tile; both as the tool.
    """
    dims, spatial, tables, _, _ = flow
    if moved >= 0 and not coupled[tensor, dims[level, moved]]:
        return 0
    product = 1
    for position in range(dims.shape[1]):
        dim = dims[level, position]
        if spatial[level, position] or not coupled[tensor, dim]:
            continue
        if position == moved and not anew:
            product *= max(tables[level, FRESH, dim], 1)
        else:
            product *= tables[level, EDGE if state[SHORT, position] else TILE, dim]
    return product


@njit
def _inner_step(level, spread, state, edge_units, units, runtime, busy, lacks):
    """Of the level inside: the slowest unit's runtime, PEs at work, whether a unit lacks work."""
    whole = partial = 0
    for position in range(state.shape[1]):
        if state[AT_EDGE, position]:
            partial |= state[SMALL, position]
            if (position != spread[0] and position != spread[1]) or edge_units[level] == 1:
                whole |= state[SMALL, position]
    inner = level + 1
    if not state[AT_EDGE, spread[0]]:
        return runtime[inner, whole], busy[inner, whole] * units[level], lacks[inner, whole]
    if not state[PARTIAL, spread[0]]:
        return runtime[inner, whole], busy[inner, whole] * edge_units[level], lacks[inner, whole]
    if edge_units[level] == 1:
        return runtime[inner, partial], busy[inner, partial], lacks[inner, partial]
    return (
        max(runtime[inner, partial], runtime[inner, whole]),
        busy[inner, partial] + busy[inner, whole] * (edge_units[level] - 1),
        lacks[inner, partial] or lacks[inner, whole],
    )


@njit
def _note(total, lowest, delay, occurrences):
    """Keep the least, the largest and the sum of a delay, which have their places one after another."""
    total[lowest] = min(total[lowest], delay)
    total[lowest + 1] = max(total[lowest + 1], delay)
    total[lowest + 2] += delay * occurrences
