"""One run whose totals are read at the end of each sample: what the engines' `sampled` return.

What the numbers mean is `profiles`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.dram.common import timing
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.energy import energy_by_rank_and_bank

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SampledRun:
    """A design's run; banks and ranks are numbered through the channels.

    Attributes:
        totals: (7, samples), until the end of each sample: read and write commands, row hits, misses and
            conflicts, latency in cycles of the reads that were answered, and how many they are.
        busy: (2, samples), cycles of all data buses in which data of reads and of writes are on them.
        commands: (commands, banks), how many were issued, by the first bank that each addresses.
        outcomes: (3, banks), row hits, misses and conflicts.
        energy_by_rank_pj: (ranks,).
        energy_by_bank_pj: (banks,).
    """

    totals: Counts
    busy: Counts
    commands: Counts
    outcomes: Counts
    energy_by_rank_pj: Floats
    energy_by_bank_pj: Floats


def sampled_run(
    device: Device,
    totals: Counts,
    busy: Counts,
    commands: Sequence[Counts],
    outcomes: Sequence[Counts],
    energies: Sequence[Mapping[str, Any]],
) -> SampledRun:
    """The channels put together; `energies` is what `energy_by_rank_and_bank` is told of each."""
    by_rank, by_bank = zip(
        *(
            energy_by_rank_and_bank(device, _by_refreshed_bank(device, counts), **arguments)
            for counts, arguments in zip(commands, energies, strict=True)
        ),
        strict=True,
    )
    return SampledRun(
        totals,
        busy,
        np.concatenate(commands, axis=1),
        np.concatenate(outcomes, axis=1),
        np.concatenate(by_rank),
        np.concatenate(by_bank),
    )


def _by_refreshed_bank(device: Device, commands: Counts) -> ArrayLike:
    """Same-bank refreshes are counted at the first bank and belong to the same bank of all groups."""
    counts = commands.copy()
    same_bank = counts[timing.REFSB].reshape(device.ranks, device.chip.bankgroups, -1)
    same_bank[:] = same_bank.sum(axis=1, keepdims=True)
    return counts
