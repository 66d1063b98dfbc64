"""The accelerators that are searched together with networks: only what its area or its energy pays for.

A faster memory or clock, more banks or a network on chip for any dataflow would cost nothing here, so
these are given: memory and clock by the platform, eight banks, a buffer that feeds each row and column of
the array a byte in a cycle, and a dataflow that is wired in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch.space import Parameter as Axis
from cosearch_plugins.networks.spaces import columns_of

if TYPE_CHECKING:
    from cosearch_simulators.networks.costs import Accelerators

DATAFLOWS = ("weight-stationary", "output-stationary", "input-stationary", "row-stationary", "nvdla-like")
MULTIPLIERS = ("fixed-4", "fixed-8", "fixed-16", "fusion-8")
BY_STAGE = ("fixed-8", "fusion-8")
"""Those for any mixture of 4, 6 and 8 bits."""
BANKS = 8

MemoryBandwidth = Annotated[
    float,
    Field(
        gt=0,
        le=10_000,
        description="of the memory's bus, which reads and writes share",
        json_schema_extra={"unit": "GB/s"},
    ),
]
Clock = Annotated[float, Field(gt=0, le=10, description="of the chip", json_schema_extra={"unit": "GHz"})]


def hardware_space(*, sparsity: bool = False, multipliers: tuple[str, ...] = MULTIPLIERS) -> DesignSpace:
    """What may be chosen of an accelerator.

    Args:
        sparsity: whether units may skip the zeros of 2:4 sparse weights.
        multipliers: to choose from.
    """
    axes: list[Axis] = [
        Ordinal("array_rows", (4, 8, 16, 32, 64), default=16),
        Ordinal("array_columns", (4, 8, 16, 32, 64), default=16),
        Categorical(
            "multiplier",
            multipliers,
            default="fixed-8",
            description="of a unit: one operation of at most so many bits in a cycle, or 2 x 2-bit bricks "
            "that do as many narrower ones as they have bricks for",
        ),
        Ordinal("register_bytes", (16, 32, 64, 128, 256, 512), default=128, description="of each unit"),
        Ordinal("buffer_kib", (32, 64, 128, 256, 512, 1024, 2048), default=256),
        Categorical("dataflow", DATAFLOWS, description="that the array is wired for"),
    ]
    if sparsity:
        note = "whether the units skip the zeros of 2:4 sparse weights"
        axes.append(Categorical("skips_zeros", (0, 1), description=note))
    return DesignSpace(axes, name="accelerator")


def accelerators(
    designs: Designs, memory_gb_per_s: float, clock_ghz: float, group: str = "hardware"
) -> Accelerators:
    """The part of the designs that is an accelerator."""
    from cosearch_simulators.networks.costs import Accelerators

    columns = columns_of(designs, group)
    return Accelerators(
        **columns,
        buffer_banks=BANKS,
        buffer_bytes_per_cycle=np.asarray(columns["array_rows"]) + np.asarray(columns["array_columns"]),
        memory_gb_per_s=memory_gb_per_s,
        clock_ghz=clock_ghz,
    )
