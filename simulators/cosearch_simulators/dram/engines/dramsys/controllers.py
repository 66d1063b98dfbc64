"""Designs of DRAMSys' memory controller as columns: ArchGym's ten parameters with DRAMSys' values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cosearch_simulators.core.columns import Columns
from cosearch_simulators.dram.common.mapping import ADDRESS_MAPPINGS, DEVICE_MAPPING
from cosearch_simulators.dram.common.queues import LARGEST_QUEUE

PAGE_POLICIES = ("Open", "OpenAdaptive", "Closed", "ClosedAdaptive")
"""Rows stay open; closed after an access when other requests wait and all of them for other rows; closed
after every access; closed after an access unless a request for the row waits."""

BANK_SCHEDULERS = ("Fifo", "FrFcfs", "FrFcfsGrp")
"""Which of a bank's requests is next: the oldest; the oldest row hit, else the oldest; the oldest row hit of
the kind (read, write) of the last access on the channel, else as before."""

SCHEDULER_BUFFERS = ("Bankwise", "ReadWrite", "Shared")
"""What `request_buffer_size` counts: the requests of each bank, reads and writes by themselves, or all. As in
DRAMSys, the bank that counts is that of the request accepted last, and either kind being full keeps both
out."""

RESPONSE_QUEUES = ("Fifo", "Reorder")
"""The controller responds in the order in which it served the requests, or in that in which they came."""

BANK_REFRESH_POLICIES = ("NoRefresh", "AllBank", "PerBank", "SameBank")
"""What is refreshed at a time: nothing, a rank, a bank, or banks of the same number in all bank groups."""

POWER_DOWN_POLICIES = ("NoPowerDown", "Staggered")
"""Ranks stay awake, or go to sleep as `power_down` says."""

BANK_ADDRESS_MAPPINGS = (DEVICE_MAPPING, *ADDRESS_MAPPINGS)
"""The device's own `address_bits` (RoBaRaCoCh if it has none), or one of `mapping`'s."""

ARBITERS = ("Simple", "Fifo", "Reorder")
"""Passes requests on one at a time; keeps up to `max_active_transactions` under way; also returns the
responses in the order of the requests."""


PARAMETERS = {
    "page_policy": "PagePolicy",
    "scheduler": "Scheduler",
    "scheduler_buffer": "SchedulerBuffer",
    "request_buffer_size": "RequestBufferSize",
    "response_queue": "RespQueue",
    "refresh_policy": "RefreshPolicy",
    "refresh_max_postponed": "RefreshMaxPostponed",
    "refresh_max_pulled_in": "RefreshMaxPulledin",
    "arbiter": "Arbiter",
    "max_active_transactions": "MaxActiveTransactions",
}
"""Our parameter to the name of DRAMSys'; `power_down_policy` is PowerDownPolicy, which ArchGym leaves out."""


@dataclass(frozen=True, eq=False)
class BankMachineControllers(Columns):
    """n designs of DRAMSys' controller. Every column has length n, or 1, which stands for all.

    Attributes:
        page_policy: of `PAGE_POLICIES`.
        scheduler: of `BANK_SCHEDULERS`, applied inside a bank; among banks the oldest request goes first.
        scheduler_buffer: of `SCHEDULER_BUFFERS`.
        request_buffer_size: requests.
        response_queue: of `RESPONSE_QUEUES`.
        refresh_policy: of `BANK_REFRESH_POLICIES`.
        refresh_max_postponed: refreshes that may wait while requests do, times the banks (or sets of same
            banks) if one is refreshed at a time.
        refresh_max_pulled_in: refreshes that may be done ahead while no request waits, counted alike.
        arbiter: of `ARBITERS`.
        max_active_transactions: requests of a player under way; the arbiter "Simple" ignores it.
        power_down_policy: of `POWER_DOWN_POLICIES`.
        address_mapping: of `BANK_ADDRESS_MAPPINGS`.

    Example:
        >>> len(BankMachineControllers(page_policy=["Open", "Closed"]))
        2

    Raises:
        ConfigurationError: columns of different lengths, or of the wrong kind. Values out of bounds are left
            to `problems`, so that one bad design does not spoil its batch.
    """

    page_policy: ArrayLike = "Open"
    scheduler: ArrayLike = "FrFcfs"
    scheduler_buffer: ArrayLike = "Bankwise"
    request_buffer_size: ArrayLike = 8
    response_queue: ArrayLike = "Fifo"
    refresh_policy: ArrayLike = "AllBank"
    refresh_max_postponed: ArrayLike = 8
    refresh_max_pulled_in: ArrayLike = 8
    arbiter: ArrayLike = "Simple"
    max_active_transactions: ArrayLike = 128
    power_down_policy: ArrayLike = "NoPowerDown"
    address_mapping: ArrayLike = DEVICE_MAPPING

    WHAT = "controller"
    NAMES = {  # noqa: RUF012
        "page_policy": PAGE_POLICIES,
        "scheduler": BANK_SCHEDULERS,
        "scheduler_buffer": SCHEDULER_BUFFERS,
        "response_queue": RESPONSE_QUEUES,
        "refresh_policy": BANK_REFRESH_POLICIES,
        "arbiter": ARBITERS,
        "power_down_policy": POWER_DOWN_POLICIES,
        "address_mapping": BANK_ADDRESS_MAPPINGS,
    }
    COUNTS = {  # noqa: RUF012
        "request_buffer_size": (1, LARGEST_QUEUE),
        "refresh_max_postponed": (0, LARGEST_QUEUE),
        "refresh_max_pulled_in": (0, LARGEST_QUEUE),
        "max_active_transactions": (1, LARGEST_QUEUE),
    }

    def arguments(self) -> tuple[NDArray[np.int64], ...]:
        """Address mapping, then columns in the order of `state.Controller`."""
        return (
            self.codes("address_mapping"),
            self.codes("refresh_policy"),
            self.codes("power_down_policy"),
            self.codes("page_policy"),
            self.codes("scheduler"),
            self.codes("scheduler_buffer"),
            np.asarray(self.request_buffer_size),
            self.codes("response_queue"),
            np.asarray(self.refresh_max_postponed),
            np.asarray(self.refresh_max_pulled_in),
            self.codes("arbiter"),
            np.asarray(self.max_active_transactions),
        )
