"""Cost of (architecture, operator, mapping) triples: batches of arrays in, columns out.

`evaluate` costs any number of mappings at once, on as many threads as asked. What a mapping is in words is
the part of `mapping`, what an architecture is that of `architecture`, and what is counted that of
`nest_kernel`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common import copying, movement, nest_tables, tile
from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture, Mappings
from cosearch_simulators.accelerator.common.copying import copy_row, copy_rows
from cosearch_simulators.accelerator.engines.timeloop import (
    coinciding_windows,
    exact_nest,
    nest_kernel,
    ragged_nest,
)
from cosearch_simulators.accelerator.engines.timeloop.nest_kernel import cost_of, new_scratch
from cosearch_simulators.compilation import announce_compilation, sources_digest
from cosearch_simulators.errors import ConfigurationError
from cosearch_simulators.threads import threads_of
from cosearch_simulators.workloads.loop_nest import LOOPS, TENSORS, LoopNest

KERNEL_MODULES = (
    *(copying, nest_tables, tile, movement),
    *(nest_kernel, exact_nest, ragged_nest, coinciding_windows),
)
"""The sources of `cost_of`: compiled code that calls it and is cached has their digest in its key."""

_BATCH_A_THREAD = 512  # below, a thread costs more than it brings


@dataclass(frozen=True)
class Costs:
    """What `evaluate` found, a row a mapping. Numbers of an invalid mapping are NaN.

    Attributes:
        valid: whether there is such a mapping.
        cycles: the largest of the compute cycles and each level's time for its words (of an instance, on
            average, where factors are imperfect), plus fill and drain if asked.
        compute_cycles: without stalls.
        fill_drain_cycles: 0 unless asked for.
        energy_pj: of all accesses and multiply-accumulates.
        utilisation: multiply-accumulates done, of those that all units could do in `cycles`.
        macs: multiply-accumulates.
        area_mm2: of the architecture.
        counts: (n, L, 3, 4) elements by level, tensor and reads, fills, updates, tile; None unless asked for.
        fault: why a mapping is invalid, as codes; `reason(i)` is the text.
    """

    valid: NDArray[np.bool_]
    cycles: NDArray[np.float64]
    compute_cycles: NDArray[np.float64]
    fill_drain_cycles: NDArray[np.float64]
    energy_pj: NDArray[np.float64]
    utilisation: NDArray[np.float64]
    macs: NDArray[np.float64]
    area_mm2: NDArray[np.float64]
    counts: NDArray[np.float64] | None
    fault: NDArray[np.float64] = field(repr=False)
    _architectures: Sequence[CompiledArchitecture] = field(repr=False)
    _architecture_of: NDArray[np.int64] = field(repr=False)

    @cached_property
    def energy_by_level_pj(self) -> NDArray[np.float64]:
        """(n, L, 3) energy of the accesses by level and tensor.

        Raises:
            ValueError: `evaluate` was not asked for counts.
        """
        if self.counts is None:
            raise ValueError("energy by level needs evaluate(..., counts=True)")
        tables = np.stack([architecture.table for architecture in self._architectures])[self._architecture_of]
        read = tables[:, :, nest_tables.READ_PJ : nest_tables.READ_PJ + 3]
        write = tables[:, :, nest_tables.WRITE_PJ : nest_tables.WRITE_PJ + 3]
        reads, fills, updates = np.moveaxis(self.counts[..., :3], -1, 0)
        return np.asarray(reads * read + (fills + updates) * write)

    def reason(self, number: int) -> str:
        """Why a mapping is invalid, as one line; empty for a valid one."""
        return reason_of(self.fault[number], self._architectures[self._architecture_of[number]])


def reason_of(fault: NDArray[np.float64], architecture: CompiledArchitecture) -> str:
    """The text for (code, three numbers of the scratch's `fault`)."""
    code, *numbers = (float(number) for number in fault)
    first, second = int(numbers[0]), int(numbers[1])
    names = architecture.names
    if code == nest_tables.BAD_FACTOR:
        return f"{names[first]}: the factor of {LOOPS[second]} must be at least 1, got {int(numbers[2])}"
    if code == nest_tables.BAD_ORDER:
        return f"{names[first]}: the order must name each of {', '.join(LOOPS)} once"
    if code == nest_tables.NOT_COVERED:
        size = int(numbers[2])
        return f"the factors of {LOOPS[first]} multiply to {second} and do not cover its {size} iterations"
    if code == nest_tables.FANOUT_EXCEEDED:
        limit = int(architecture.table[first, nest_tables.FANOUT_X + second])
        return f"{names[first]}: {int(numbers[2])} instances along {'XY'[second]}, the array has {limit}"
    if code == nest_tables.NOT_ALLOWED:
        return f"{names[first]} cannot hold {TENSORS[second]}"
    if code == nest_tables.NOTHING_FEEDS:
        return f"nothing feeds {TENSORS[second]}: {names[first]}, the outermost level, does not keep them"
    if code == nest_tables.BUFFER_OVERFLOW:
        held, capacity = numbers[1], numbers[2]
        return f"{names[first]} overflows by {held - capacity:.0f} words: {held:.0f} of {capacity:.0f}"
    if code == nest_tables.COUNT_OVERFLOW:
        return f"{numbers[0]:.3g} steps are too many to be counted exactly (at most 2^53)"
    return ""


def pack_nests(nests: Sequence[LoopNest]) -> NDArray[np.int64]:
    """(n, NEST_COLUMNS) rows for the kernel.

    Raises:
        ConfigurationError: a number is beyond 64 bits.
    """
    try:
        return np.array([[*nest.sizes, *nest.stride, *nest.dilation] for nest in nests], np.int64)
    except OverflowError as error:
        raise ConfigurationError("a loop has more iterations than 64 bits can count") from error


def evaluate(
    architectures: Sequence[CompiledArchitecture],
    nests: Sequence[LoopNest],
    mappings: Mappings,
    architecture_of: NDArray[np.int64] | None = None,
    nest_of: NDArray[np.int64] | None = None,
    *,
    options: int = 0,
    counts: bool = False,
    threads: int | None = None,
) -> Costs:
    """Cost mappings.

    Args:
        architectures: all with as many levels as the mappings.
        nests: the operators.
        mappings: what to cost.
        architecture_of: number of the architecture of each mapping; the first if not given.
        nest_of: number of the nest of each mapping; the first if not given.
        options: sum of `nest_tables.TIMELOOP` and `nest_tables.FILL_AND_DRAIN`.
        counts: whether accesses by level and tensor are kept.
        threads: how many; if not given as many as cores that this process may use, but one in a worker
            process.

    Raises:
        ConfigurationError: the number of levels differs, an index is out of range, or an array of the
            mappings has another shape or numbers that are not whole or too large.
    """
    threads = threads_of(threads)
    if np.ndim(mappings.temporal) != 3:
        raise ConfigurationError(
            f"temporal must be (n, levels, {len(LOOPS)}), got {np.shape(mappings.temporal)}"
        )
    number, levels = mappings.temporal.shape[:2]
    for architecture in architectures:
        if len(architecture.table) != levels:
            raise ConfigurationError(
                f"mappings for {levels} levels do not fit an architecture of {len(architecture.table)}"
            )
    which = _indices("architecture_of", architecture_of, number, len(architectures))
    nest_number = _indices("nest_of", nest_of, number, len(nests))
    tables = np.stack([architecture.table for architecture in architectures])
    allowed = np.stack([architecture.allowed for architecture in architectures])
    constants = np.stack([architecture.constants for architecture in architectures])
    keeps = allowed[which] if mappings.keeps is None else np.asarray(mappings.keeps, np.uint8)
    results = np.full((number, nest_tables.RESULTS), np.nan)
    faults = np.zeros((number, 4))
    all_counts = np.zeros((number if counts else 1, levels, 3, 4))
    arguments = (
        tables,
        allowed,
        constants,
        pack_nests(nests),
        _whole("temporal", mappings.temporal, (number, levels, len(LOOPS)), np.int32),
        _whole("order", mappings.order, (number, levels, len(LOOPS)), np.int8),
        _whole("spatial_x", mappings.spatial_x, (number, levels, len(LOOPS)), np.int32),
        _whole("spatial_y", mappings.spatial_y, (number, levels, len(LOOPS)), np.int32),
        _whole("keeps", keeps, (number, levels, len(TENSORS)), np.uint8),
        which,
        nest_number,
        options,
    )

    def run(start: int, stop: int) -> None:
        evaluate_range(start, stop, *arguments, new_scratch(levels), results, faults, all_counts, counts)

    workers = min(threads, max(1, number // _BATCH_A_THREAD))
    if workers == 1:
        run(0, number)
    else:
        bounds = np.linspace(0, number, workers + 1).astype(int)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, bounds[:-1], bounds[1:]))
    area = np.array([architecture.area_mm2 for architecture in architectures])[which]
    return Costs(
        faults[:, 0] == nest_tables.VALID,
        results[:, nest_tables.CYCLES],
        results[:, nest_tables.COMPUTE_CYCLES],
        results[:, nest_tables.FILL_DRAIN_CYCLES],
        results[:, nest_tables.ENERGY_PJ],
        results[:, nest_tables.UTILISATION],
        results[:, nest_tables.MACS],
        area,
        all_counts if counts else None,
        faults,
        architectures,
        which,
    )


def _whole(name: str, given: Any, shape: tuple[int, ...], kind: type[np.integer[Any]]) -> NDArray[Any]:
    """The array in the kernel's type, if it has the shape and every number is the same there."""
    array = np.asarray(given)
    if array.shape != shape:
        raise ConfigurationError(f"{name} must have the shape {shape}, got {array.shape}")
    with np.errstate(invalid="ignore"):
        cast = np.ascontiguousarray(array, kind)
    if array.dtype != kind and not np.array_equal(cast, array):
        wrong = array[cast != array].ravel()[0]
        raise ConfigurationError(f"{name} must hold whole numbers up to {np.iinfo(kind).max}, got {wrong}")
    return cast


def _indices(name: str, given: NDArray[np.int64] | None, number: int, limit: int) -> NDArray[np.int64]:
    indices = np.zeros(number, np.int64) if given is None else np.ascontiguousarray(given, np.int64)
    if indices.shape != (number,) or (number and (indices.min() < 0 or indices.max() >= limit)):
        raise ConfigurationError(f"{name} must be {number} numbers from 0 to {limit - 1}, got {given!r}")
    return indices


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def evaluate_range(  # type: ignore[no-untyped-def]
        start,
        stop,
        tables,
        allowed,
        constants,
        nests,
        temporal,
        order,
        spatial_x,
        spatial_y,
        keeps,
        architecture_of,
        nest_of,
        options,
        scratch,
        results,
        faults,
        all_counts,
        wants_counts,
    ):
        """Mappings `start` to `stop`; `scratch` is one thread's."""
        assert digest >= 0
        for i in range(start, stop):
            which = architecture_of[i]
            code = cost_of(
                tables[which],
                allowed[which],
                constants[which],
                nests[nest_of[i]],
                temporal[i],
                order[i],
                spatial_x[i],
                spatial_y[i],
                keeps[i],
                options,
                scratch,
            )
            faults[i, 0] = code
            copy_row(faults[i, 1:], scratch[4])
            if code == 0:
                copy_row(results[i], scratch[3])
                if wants_counts:
                    for level in range(tables.shape[1]):
                        copy_rows(all_counts[i, level], scratch[2][level])

    return evaluate_range


evaluate_range = _entry_point(sources_digest(*KERNEL_MODULES))
announce_compilation(evaluate_range, "the accelerator's cost model")
