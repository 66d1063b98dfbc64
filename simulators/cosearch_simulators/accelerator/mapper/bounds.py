"""What no mapping can go below: bounds on cycles and energy of an operator on an architecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, gcd, prod

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.common.arrays import CompiledArchitecture
from cosearch_simulators.workloads.loop_nest import LOOPS, RELEVANT, TENSORS, LoopNest


@dataclass(frozen=True)
class LowerBounds:
    """No mapping whose factors multiply to the dimensions has less; imperfect factors may take less time.

    Attributes:
        cycles: of all units at work and of the backing store's compulsory words.
        energy_pj: of multiply-accumulates, their operands, and the compulsory words of every level that feeds
            them.
    """

    cycles: float
    energy_pj: float

    @property
    def edp(self) -> float:
        """Both together."""
        return self.cycles * self.energy_pj


def lower_bounds(architecture: CompiledArchitecture, nest: LoopNest) -> LowerBounds:
    """Bounds for mappings with any bypass.

    Every multiply-accumulate takes its operands from some level, through at most as much multicast or
    reduction as the arrays up to it and the loops that do not index the tensor allow. What that level gives
    must have come to it once from the backing store, and outputs must get there.
    """
    table = architecture.table
    last = len(table) - 1
    units = largest_spread(architecture, nest)
    energy = nest.macs * float(architecture.constants[nest_tables.MAC_PJ])
    outermost_reads, outermost_writes = 0.0, 0.0
    for number, tensor in enumerate(TENSORS):
        words = float(touched(nest)[tensor])
        still = prod(
            size for loop, size in zip(LOOPS, nest.sizes, strict=True) if loop not in RELEVANT[tensor]
        )
        network = nest_tables.REDUCTION if tensor == "Outputs" else nest_tables.MULTICAST
        choices, least = [], []
        sharing = 1.0
        for level in range(last + 1):
            if table[level, network]:
                sharing *= table[level, nest_tables.FANOUT_X] * table[level, nest_tables.FANOUT_Y]
            if not architecture.allowed[level, number]:
                continue
            read, write = (
                float(table[level, column + number]) for column in (nest_tables.READ_PJ, nest_tables.WRITE_PJ)
            )
            # A window's neighbours share inputs too: no bound on how many but the array.
            shared = sharing if tensor == "Inputs" else min(sharing, still)
            served = max(nest.macs / shared, words)
            pj = served * write + (served - words) * read if tensor == "Outputs" else served * read
            if level < last:
                far = nest_tables.WRITE_PJ if tensor == "Outputs" else nest_tables.READ_PJ
                pj += words * float(table[last, far + number])
                pj += 0.0 if tensor == "Outputs" else words * write
            choices.append(pj)
            least.append(words if level < last else served)
        energy += min(choices)
        if tensor == "Outputs":
            outermost_writes += min(least) * float(table[last, nest_tables.WIDTH + number])
        else:
            outermost_reads += min(least) * float(table[last, nest_tables.WIDTH + number])
    reading = outermost_reads / float(table[last, nest_tables.READ_BANDWIDTH])
    writing = outermost_writes / float(table[last, nest_tables.WRITE_BANDWIDTH])
    port = reading + writing if table[last, nest_tables.SHARED_BANDWIDTH] else max(reading, writing)
    cycles = max(
        ceil(nest.macs / units / float(architecture.constants[nest_tables.MACS_A_CYCLE])),
        ceil(port - 1e-9),
    )
    return LowerBounds(float(cycles), energy)


def least_cycles(
    architectures: Sequence[CompiledArchitecture], nests: Sequence[LoopNest]
) -> NDArray[np.float64]:
    """Bounds (architectures, nests) that imperfect factors cannot go below either.

    All units work all the time, and every word passes the backing store's ports once.
    """
    table = np.stack([one.table[-1] for one in architectures])
    units = np.array(
        [
            one.table[:, [nest_tables.FANOUT_X, nest_tables.FANOUT_Y]].prod()
            * one.constants[nest_tables.MACS_A_CYCLE]
            for one in architectures
        ]
    )
    words = np.array([[touched(nest)[tensor] for tensor in TENSORS] for nest in nests], np.float64)
    widths = table[:, nest_tables.WIDTH : nest_tables.WIDTH + 3]
    reading = widths[:, :2] @ words[:, :2].T / table[:, [nest_tables.READ_BANDWIDTH]]
    writing = widths[:, 2:] @ words[:, 2:].T / table[:, [nest_tables.WRITE_BANDWIDTH]]
    shared = table[:, [nest_tables.SHARED_BANDWIDTH]] != 0.0
    port = np.where(shared, reading + writing, np.maximum(reading, writing))
    return np.maximum(np.array([float(nest.macs) for nest in nests]) / units[:, None], port)


def touched(nest: LoopNest) -> dict[str, int]:
    """Words of each tensor that multiply-accumulates use: the input's gaps left out."""
    sizes = dict(nest.tensor_sizes)
    g, n, _, c, p, q, r, s = nest.sizes
    rows, columns = (
        outs * taps
        - max(0, outs - dilation // gcd(stride, dilation)) * max(0, taps - stride // gcd(stride, dilation))
        for outs, taps, stride, dilation in zip((p, q), (r, s), nest.stride, nest.dilation, strict=True)
    )
    sizes["Inputs"] = g * n * c * rows * columns
    return sizes


def largest_spread(architecture: CompiledArchitecture, nest: LoopNest) -> int:
    """An upper bound on the units at work: by array axis the largest product of divisors that fits."""
    divisors = {1}
    for size in nest.sizes:
        mine = [one for one in range(1, min(size, _widest(architecture)) + 1) if size % one == 0]
        divisors = {a * b for a in divisors for b in mine if a * b <= _widest(architecture)}
    reach = np.array(sorted(divisors))
    units = 1
    for column in (nest_tables.FANOUT_X, nest_tables.FANOUT_Y):
        for size in architecture.table[:, column]:
            units *= int(reach[reach <= size].max())
    return min(units, nest.macs)


def _widest(architecture: CompiledArchitecture) -> int:
    return int(architecture.table[:, [nest_tables.FANOUT_X, nest_tables.FANOUT_Y]].max())
