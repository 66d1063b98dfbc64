"""Networks on microcontrollers: RAM by the order of the operators, flash, and time by counted operations.

Weights and activations have 8 bits, as CMSIS-NN's kernels take them. A layer is turned into a product of
matrices two columns at a time (L. Lai, N. Suda, V. Chandra: "CMSIS-NN: efficient neural network kernels for
Arm Cortex-M CPUs", arXiv 1801.06601, section 4.2), which needs room for two columns of 16-bit inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.core.names import unknown
from cosearch_simulators.core.result import Result
from cosearch_simulators.networks.networks import Networks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Board:
    """A microcontroller.

    Attributes:
        ram_kib: of SRAM.
        flash_kib: of flash.
        clock_mhz: the fastest.
        source: the data sheet.
    """

    ram_kib: int
    flash_kib: int
    clock_mhz: int
    source: str


BOARDS: Mapping[str, Board] = {
    "stm32f722": Board(256, 512, 216, "STMicroelectronics DS11853"),
    "stm32f746": Board(320, 1024, 216, "STMicroelectronics DS10916"),
    "stm32f767": Board(512, 2048, 216, "STMicroelectronics DS11532"),
    "stm32h743": Board(1024, 2048, 480, "STMicroelectronics DS12110"),
}
"""All with a Cortex-M7, for which the cycles below were measured."""

# CMSIS-NN's paper, table 1: a network of 24.7 M operations (two for each multiply-accumulate) takes 99.1 ms
# on a Cortex-M7 at 216 MHz, poolings and activations included.
CYCLES_A_MAC = 99.1e-3 * 216e6 / (24.7e6 / 2)

UNITS: Mapping[str, str] = {
    "latency_ns": "ns",
    "ram_bytes": "B",
    "flash_bytes": "B",
    "ram_share": "1",
    "flash_share": "1",
    "chip_memory_bytes": "B",
}


def evaluate(networks: Networks, boards: ArrayLike, *, reserved_kib: float = 32.0) -> Result:
    """Time and memory of n networks on n boards; those that do not fit are refused with the reason.

    Args:
        networks: n of them.
        boards: (n,) names of `BOARDS`.
        reserved_kib: of RAM and of flash, for everything but the network.
    """
    names = np.asarray(boards).astype(str)
    n = len(networks)
    chosen = [BOARDS.get(name) for name in names]
    ram_kib, flash_kib, clock = (
        np.array([getattr(one, field) if one else np.nan for one in chosen], np.float64)
        for field in ("ram_kib", "flash_kib", "clock_mhz")
    )
    rows = networks.table.rows
    # Inputs that one output pixel needs: those of a group, for every tap of the filter.
    column = (rows[:, 3] * rows[:, 6] * rows[:, 7]).astype(np.float64)
    design = np.repeat(np.arange(n), np.diff(networks.start))
    columns = np.zeros(n)
    np.maximum.at(columns, design, column[networks.layer])
    ram = networks.peak_elements + 2 * 2 * columns
    flash = networks.weights.sum(axis=1) + 4 * networks.biases
    operations = networks.macs + networks.vector_elements.sum(axis=1)
    reasons = networks.reason.copy()
    room = {"RAM": (ram, ram_kib), "flash": (flash, flash_kib)}
    for number, board in enumerate(chosen):
        if board is None:
            reasons[number] = reasons[number] or unknown("board", names[number], tuple(BOARDS))
    for what, (needed, kib) in room.items():
        for row in np.flatnonzero(needed > (kib - reserved_kib) * 1024):
            reasons[row] = reasons[row] or (
                f"{needed[row] / 1024:.0f} KiB of {what} are needed, {names[row]} has {kib[row]:g} of which "
                f"{reserved_kib:g} are reserved"
            )
    metrics = {
        "latency_ns": operations * CYCLES_A_MAC / clock * 1e3,
        "ram_bytes": ram,
        "flash_bytes": flash,
        "ram_share": ram / (ram_kib * 1024),
        "flash_share": flash / (flash_kib * 1024),
        "chip_memory_bytes": (ram_kib + flash_kib) * 1024,
    }
    return Result.of(metrics, reasons)
