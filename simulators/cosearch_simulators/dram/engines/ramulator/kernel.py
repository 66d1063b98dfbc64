"""The compiled entry point of Ramulator's controller, cached on disk until any of its sources changes."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from cosearch_simulators.compilation import announce_compilation, sources_digest
from cosearch_simulators.dram.common import counters, data_bus, earliest, queues, timing
from cosearch_simulators.dram.engines.ramulator import clock, scheduler, state

_run = clock.run


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def run_channel(
        bank_of, row_of, transaction_of, is_write, not_before, offset, until, channel, setting, state
    ):
        """One channel of a design; see `clock.run`."""
        assert digest >= 0
        return _run(
            bank_of, row_of, transaction_of, is_write, not_before, offset, until, channel, setting, state
        )

    return run_channel


run_channel = _entry_point(
    sources_digest(clock, counters, data_bus, earliest, queues, scheduler, state, timing)
)
announce_compilation(run_channel, "the DRAM engine for Ramulator's controller")
