"""Systolic arrays: cycles, utilisation, buffer traffic and stalls of matrix products on them, in closed form.

A layer is a product of (M, K) and (K, N): M output pixels, N filters, K inputs of one output. What stays in
the processing elements decides how it lies on an array of R rows and C columns (Sr by Sc by time T):

    dataflow            Sr   Sc   T    fold loads first
    os  outputs stay    M    N    K    nothing
    ws  weights stay    K    N    M    weights, one row a cycle
    is  inputs stay     K    M    N    inputs, one row a cycle

Sr and Sc are cut into ceil(Sr / R) by ceil(Sc / C) folds, one after another, the rows first. Each takes
T + R + C - 2 cycles (+ R where it loads first): the operands enter skewed and the results leave skewed.
Source: Samajdar et al., "A systematic methodology for characterizing scalability of DNN accelerators using
SCALE-Sim", ISPASS 2020; cycles and counts are those of SCALE-Sim 3.0.0 exactly, but for two defects of it:

- with outputs staying it adds R + C output writes a fold, the shape of the array; here there are none;
- its stalls count a wait twice and walk round the whole operand to find a word that was replaced too early
  (scalesim-project/SCALE-Sim#130). Here a stall is the time by which a fold's words come later than its
  compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.accelerator.engines.scalesim.fold import (
    DATAFLOWS,
    LOADS,
    ROLES,
    fold_cycles,
    moved_words,
)
from cosearch_simulators.core.names import unknown
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.workloads.loop_nest import LoopNest
from cosearch_simulators.workloads.network import Network

_MOST = 1 << 31
_MOST_WORK, _MOST_CYCLES = 2.0**50, 2.0**62


@dataclass(frozen=True)
class Products:
    """Matrix products, each an array of any one shape that broadcasts with the array's.

    Attributes:
        m: rows of the result, the output pixels of a convolution.
        n: columns of the result, the filters of a convolution.
        k: length of the sums.
        groups: how many such products run one after another, the channels of a depthwise convolution.
    """

    m: ArrayLike
    n: ArrayLike
    k: ArrayLike
    groups: ArrayLike = 1

    @classmethod
    def of(cls, nests: Sequence[LoopNest] | Network) -> Products:
        """Of loop nests, or those of a network: images are more pixels, groups are products of their own.

        Raises:
            SimulatorError: what is no loop nest, or a loop beyond 64 bits.
        """
        if isinstance(nests, Network):
            nests = [nest for one in nests.matrix_operators if (nest := one.loop_nest()) is not None]
        for nest in nests:
            if not isinstance(nest, LoopNest):
                raise SimulatorError(f"expected loop nests, got a {type(nest).__name__}")
        try:
            size = np.array([nest.sizes for nest in nests], np.int64).reshape(len(nests), 8).T
        except OverflowError as error:
            raise SimulatorError("a loop has more iterations than 64 bits can count") from error
        g, n, k, c, p, q, r, s = size
        return cls(n * p * q, k, c * r * s, g)


@dataclass(frozen=True)
class SystolicArray:
    """Designs, each value an array or one number for all.

    Attributes:
        rows: of processing elements.
        columns: of processing elements.
        dataflow: of `DATAFLOWS`, names or numbers.
        inputs_words: words of the inputs' buffer, half of which is filled while the other half is read.
        weights_words: the same of the weights.
        outputs_words: the same of the outputs.
        inputs_bandwidth: words a cycle from the memory to the inputs' buffer.
        weights_bandwidth: the same of the weights.
        outputs_bandwidth: words a cycle from the outputs' buffer to the memory.
    """

    rows: ArrayLike
    columns: ArrayLike
    dataflow: ArrayLike = "os"
    inputs_words: ArrayLike = _MOST - 1
    weights_words: ArrayLike = _MOST - 1
    outputs_words: ArrayLike = _MOST - 1
    inputs_bandwidth: ArrayLike = _MOST - 1
    weights_bandwidth: ArrayLike = _MOST - 1
    outputs_bandwidth: ArrayLike = _MOST - 1


@dataclass(frozen=True)
class SystolicResults:
    """What the products take on the arrays; every array has the shape of the two broadcast together.

    Attributes:
        compute_cycles: without stalls, all groups.
        stall_cycles: the array waits for a buffer.
        prefetch_cycles: until the buffers hold what the first fold starts with; before cycle 0.
        mapping_efficiency: average share of the processing elements that a fold has work for.
        utilisation: multiplications over processing elements and cycles, stalls included.
        sram_inputs_reads, sram_weights_reads, sram_outputs_writes: words between buffers and array; where
            outputs do not stay, each fold along the sum writes its partial sums and none is read back.
        dram_inputs_reads, dram_weights_reads, dram_outputs_writes: words between memory and buffers; an
            operand that fits into half of its buffer is read once.
    """

    compute_cycles: NDArray[np.int64]
    stall_cycles: NDArray[np.int64]
    prefetch_cycles: NDArray[np.int64]
    mapping_efficiency: NDArray[np.float64]
    utilisation: NDArray[np.float64]
    sram_inputs_reads: NDArray[np.int64]
    sram_weights_reads: NDArray[np.int64]
    sram_outputs_writes: NDArray[np.int64]
    dram_inputs_reads: NDArray[np.int64]
    dram_weights_reads: NDArray[np.int64]
    dram_outputs_writes: NDArray[np.int64]

    @property
    def total_cycles(self) -> NDArray[np.int64]:
        """Compute and stalls; the tool's total has no prefetch either."""
        return self.compute_cycles + self.stall_cycles


def simulate_systolic(products: Products, array: SystolicArray) -> SystolicResults:
    """Cycles and traffic of matrix products on systolic arrays, vectorised by broadcasting.

    Example:
        >>> layer = Products(m=3136, n=64, k=576)
        >>> simulate_systolic(layer, SystolicArray(256, 64, ["os", "ws"])).compute_cycles
        array([11621, 11129])

    Raises:
        SimulatorError: an unknown dataflow, a value below 1 or too large for 64-bit counts, or shapes that do
            not broadcast.

    Source: see the module's docstring.
    """
    value = _values(products, array)
    m, n, k, groups, rows, columns = (value[name] for name in ("m", "n", "k", "groups", "rows", "columns"))
    flow = value["dataflow"]
    outputs_stay = flow == 0
    s_rows, s_columns, time = (np.choose(flow, [(m, n, k)[role] for role in roles]) for roles in ROLES.T)
    row_folds, column_folds = -(-s_rows // rows), -(-s_columns // columns)
    folds = row_folds * column_folds
    each = fold_cycles(time, rows, columns, LOADS[flow])
    compute = folds * each - 1
    largest = np.max(groups * folds.astype(np.float64) * each, initial=0.0)
    if largest > _MOST_CYCLES:
        raise SimulatorError(f"a product takes {largest:.3g} cycles, more than 2**62")

    # What enters the rows over time comes again with every fold of the columns; what stays comes once, and so
    # does what enters the columns (it exists with outputs staying only, and then for every fold of the rows).
    row_reads, column_words, settled = moved_words(s_rows, s_columns, time, row_folds, column_folds)
    other_reads = np.where(outputs_stay, column_words, settled)
    inputs_stream = flow < 2
    writes = np.where(outputs_stay, settled, column_words)

    stall, prefetch, dram_row, dram_other = _memory(
        *(value, inputs_stream, outputs_stay, s_rows, s_columns, time, row_folds, column_folds, each)
    )
    macs = groups * m * n * k
    return SystolicResults(
        compute_cycles=groups * compute,
        stall_cycles=groups * stall,
        prefetch_cycles=groups * prefetch,
        mapping_efficiency=settled / (folds * rows * columns),
        utilisation=macs / (groups * np.maximum(compute + stall, 1) * rows * columns),
        sram_inputs_reads=groups * np.where(inputs_stream, row_reads, other_reads),
        sram_weights_reads=groups * np.where(inputs_stream, other_reads, row_reads),
        sram_outputs_writes=groups * writes,
        dram_inputs_reads=groups * np.where(inputs_stream, dram_row, dram_other),
        dram_weights_reads=groups * np.where(inputs_stream, dram_other, dram_row),
        dram_outputs_writes=groups * writes,
    )


def _memory(
    value: dict[str, NDArray[np.int64]],
    inputs_stream: NDArray[np.bool_],
    outputs_stay: NDArray[np.bool_],
    s_rows: NDArray[np.int64],
    s_columns: NDArray[np.int64],
    time: NDArray[np.int64],
    row_folds: NDArray[np.int64],
    column_folds: NDArray[np.int64],
    fold_cycles: NDArray[np.int64],
) -> tuple[NDArray[np.int64], ...]:
    """Stalls and prefetch in cycles; words from memory of the operand that enters the rows, and of the other.

    Half of each buffer is full when the first fold starts. From then on each half is filled while the other
    is read, so a fold takes as long as the slowest of its compute, the words that it needs and the words
    that it writes; an operand that fits into a half stays there. All full folds along the rows are alike,
    and so are all along the columns: four kinds in all. What the halves hold before the start (and what the
    outputs' buffer holds at the end) is taken off each fold's words alike.
    """
    row_half = np.where(inputs_stream, value["inputs_words"], value["weights_words"]) // 2
    row_rate = np.where(inputs_stream, value["inputs_bandwidth"], value["weights_bandwidth"])
    other_half = np.where(inputs_stream, value["weights_words"], value["inputs_words"]) // 2
    other_rate = np.where(inputs_stream, value["weights_bandwidth"], value["inputs_bandwidth"])

    # The operand that enters the rows comes again for every fold of the columns; with outputs staying, a
    # strip of the other one stays for all folds of the rows, or comes again for each.
    strip = np.minimum(value["columns"], s_columns) * time
    passes = np.where(outputs_stay & (strip > other_half), row_folds, 1)
    row_all, other_all = s_rows * time, np.where(outputs_stay, s_columns * time, s_rows * s_columns)
    row_words = row_all * np.where(row_all <= row_half, 1, column_folds)
    other_words = other_all * np.where(other_all <= other_half, 1, passes)
    written = np.where(outputs_stay, s_rows * s_columns, s_columns * time * row_folds)
    row_first, other_first = np.minimum(row_all, row_half), np.minimum(other_all, other_half)
    row_part = (row_words - row_first) / (row_all * column_folds)
    other_part = (other_words - other_first) / (other_all * passes)
    written_part = 1 - np.minimum(written, value["outputs_words"]) / written

    edge_rows = s_rows - (row_folds - 1) * value["rows"]
    edge_columns = s_columns - (column_folds - 1) * value["columns"]
    total = np.zeros(np.shape(row_all))
    for columns, strips in ((value["columns"], column_folds - 1), (edge_columns, 1)):
        in_folds = np.zeros(np.shape(row_all))
        for rows, folds in ((value["rows"], row_folds - 1), (edge_rows, 1)):
            entering = rows * time * row_part / row_rate
            staying = np.where(outputs_stay & (passes == 1), 0, np.where(outputs_stay, time, rows) * columns)
            leaving = np.where(outputs_stay, rows, time) * columns * written_part / value["outputs_bandwidth"]
            slowest = np.maximum(np.maximum(entering, staying * other_part / other_rate), leaving)
            in_folds = in_folds + folds * np.maximum(fold_cycles, slowest)
        of_strip = np.where(outputs_stay & (passes == 1), columns * time * other_part / other_rate, 0.0)
        total = total + strips * np.maximum(in_folds, of_strip)
    stall = np.ceil(total - 1e-6).astype(np.int64) - row_folds * column_folds * fold_cycles
    prefetch = np.maximum(-(-row_first // row_rate), -(-other_first // other_rate))
    return stall, prefetch, row_words, other_words


def _values(products: Products, array: SystolicArray) -> dict[str, NDArray[np.int64]]:
    """All values as int64 arrays of one shape, checked; the dataflow as its number."""
    given = {
        field.name: np.asarray(getattr(owner, field.name))
        for owner in (products, array)
        for field in fields(owner)
    }
    given["dataflow"] = _dataflow_numbers(given["dataflow"])
    for name, column in given.items():
        if column.size and column.dtype.kind not in "iu":
            entries = column.ravel().tolist()
            broken = [x for x in entries if not (isinstance(x, float) and x.is_integer())] or entries
            raise SimulatorError(f"{name} must be whole numbers, got {broken[0]!r}")
        lowest = 0 if name == "dataflow" else 1
        if column.size and (column.min() < lowest or column.max() >= _MOST):
            wrong = column.min() if column.min() < lowest else column.max()
            raise SimulatorError(f"{name} must be from {lowest} to {_MOST - 1}, got {wrong}")
    try:
        columns = np.broadcast_arrays(*given.values())
    except ValueError as error:
        shapes = ", ".join(f"{name} {column.shape}" for name, column in given.items() if column.ndim)
        raise SimulatorError(f"these shapes do not broadcast: {shapes}") from error
    values = {name: column.astype(np.int64) for name, column in zip(given, columns, strict=True)}
    work = np.ones(columns[0].shape)
    for name in ("m", "n", "k", "groups"):
        work = work * values[name]
    if work.size and work.max() > _MOST_WORK:
        raise SimulatorError(f"a product has {work.max():.3g} multiplications, more than 2**50")
    return values


def _dataflow_numbers(flow: NDArray[np.generic]) -> NDArray[np.int64]:
    """Names of dataflows, or their numbers, as numbers."""
    names = np.array(DATAFLOWS)
    if flow.dtype.kind == "U":
        unheard = flow[~np.isin(flow, names)]
        if unheard.size:
            raise SimulatorError(unknown("dataflow", unheard[0], DATAFLOWS))
        return np.asarray(np.argmax(flow[..., None] == names, axis=-1), np.int64)
    if flow.size and not np.isin(flow, np.arange(len(names))).all():
        raise SimulatorError(f"a dataflow's number must be from 0 to {len(names) - 1}, got {flow.tolist()}")
    return flow.astype(np.int64)
