"""The accelerators that are searched together with networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cosearch.space import Categorical, Designs, DesignSpace, Ordinal
from cosearch_plugins.networks.spaces import columns_of

if TYPE_CHECKING:
    from cosearch_simulators.networks.costs import Accelerators

DATAFLOWS = (
    "row-stationary",
    "weight-stationary",
    "output-stationary",
    "input-stationary",
    "nvdla-like",
    "flexible",
)

HARDWARE = DesignSpace(
    [
        Ordinal("array_rows", (4, 8, 16, 32, 64), default=16),
        Ordinal("array_columns", (4, 8, 16, 32, 64), default=16),
        Categorical(
            "multiplier",
            ("fixed-4", "fixed-8", "fixed-16", "fusion-8"),
            default="fixed-8",
            description="of a unit: one operation of at most so many bits in a cycle, or 2 x 2-bit bricks "
            "that do as many narrower ones as they have bricks for",
        ),
        Categorical(
            "skips_zeros", (0, 1), description="whether the units skip the zeros of 2:4 sparse weights"
        ),
        Ordinal("register_bytes", (16, 32, 64, 128, 256, 512), default=128, description="of each unit"),
        Ordinal("buffer_kib", (32, 64, 128, 256, 512, 1024, 2048), default=256),
        Ordinal("buffer_banks", (1, 2, 4, 8, 16, 32), default=8),
        Ordinal("buffer_bytes_per_cycle", (8, 16, 32, 64, 128), default=32),
        Ordinal(
            "memory_gb_per_s",
            (3.2, 6.4, 12.8, 25.6, 51.2),
            default=12.8,
            description="of the memory's bus, which reads and writes share",
        ),
        Categorical("dataflow", DATAFLOWS, default="weight-stationary"),
        Ordinal("clock_ghz", (0.2, 0.4, 0.5, 0.6, 0.8, 1.0), default=0.5),
    ],
    name="accelerator",
)


def accelerators(designs: Designs, group: str = "hardware") -> Accelerators:
    """The part of the designs that is an accelerator."""
    from cosearch_simulators.networks.costs import Accelerators

    return Accelerators(**columns_of(designs, group))
