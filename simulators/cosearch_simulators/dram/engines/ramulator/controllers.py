"""Designs of Ramulator's memory controller as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cosearch_simulators.core.columns import Columns
from cosearch_simulators.dram.common.mapping import ADDRESS_MAPPINGS, DEVICE_MAPPING
from cosearch_simulators.dram.common.queues import LARGEST_QUEUE

SCHEDULERS = ("frfcfs", "frfcfs_row_hit", "fcfs")
"""First-ready first-come-first-served; the same that never closes a row under an older hit; strictly in
order."""

ROW_POLICIES = ("open", "closed_cap")
"""Rows stay open; a row is closed after `row_cap` column accesses."""

REFRESH_POLICIES = ("none", "all_bank", "per_bank", "same_bank")
"""None; all banks of a rank at once; its banks one after another; the same bank of every bank group at once,
one after another. A refresh is a request that goes before all others, as Ramulator's maintenance does."""


@dataclass(frozen=True, eq=False)
class Controllers(Columns):
    """n controller designs. Every column has length n, or 1, which stands for all.

    Attributes:
        scheduler: of `SCHEDULERS`.
        row_policy: of `ROW_POLICIES`.
        row_cap: column accesses before a row is closed (ignored by "open").
        refresh: of `REFRESH_POLICIES`; what a device has is in its `refresh_modes`.
        address_mapping: of `mapping.ADDRESS_MAPPINGS`, or "device": the device's own `address_bits`.
        read_queue: entries of the read queue.
        write_queue: entries of the write queue.
        write_low_watermark: share of the write queue under which writing stops, when reads wait; above 0, or
            it would never stop.
        write_high_watermark: share of the write queue over which writing starts.

    Example:
        >>> len(Controllers(scheduler=["frfcfs", "fcfs"], read_queue=16))
        2

    Raises:
        ConfigurationError: columns of different lengths, or of the wrong kind. Values out of bounds are left
            to `problems`, so that one bad design does not spoil its batch.
    """

    scheduler: ArrayLike = "frfcfs"
    row_policy: ArrayLike = "open"
    row_cap: ArrayLike = 4
    refresh: ArrayLike = "all_bank"
    address_mapping: ArrayLike = "RoBaRaCoCh"
    read_queue: ArrayLike = 32
    write_queue: ArrayLike = 32
    write_low_watermark: ArrayLike = 0.2
    write_high_watermark: ArrayLike = 0.8

    WHAT = "controller"
    NAMES = {  # noqa: RUF012
        "scheduler": SCHEDULERS,
        "row_policy": ROW_POLICIES,
        "refresh": REFRESH_POLICIES,
        "address_mapping": (*ADDRESS_MAPPINGS, DEVICE_MAPPING),
    }
    COUNTS = dict.fromkeys(("row_cap", "read_queue", "write_queue"), (1, LARGEST_QUEUE))

    def problems(self) -> list[str]:
        """For each design what is wrong with it, or an empty string."""
        problems = super().problems()
        low, high = np.asarray(self.write_low_watermark), np.asarray(self.write_high_watermark)
        for i in np.flatnonzero(~((low > 0) & (low < high) & (high <= 1))):
            problems[i] = problems[i] or (
                f"write watermarks must satisfy 0 < low < high <= 1, got low {low[i]:g} and high {high[i]:g}"
            )
        return problems
