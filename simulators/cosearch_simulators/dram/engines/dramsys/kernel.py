"""The compiled entry point of DRAMSys' controller, cached on disk until any of its sources changes."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from cosearch_simulators.compilation import announce_compilation, sources_digest
from cosearch_simulators.dram.common import counters, data_bus, earliest, mapping, queues, timing
from cosearch_simulators.dram.engines.dramsys import (
    bank_choices,
    clock,
    frontend,
    multiplexer,
    power_down,
    refresh_managers,
    service_classes,
    state,
)

_decode_bits, _run = mapping.decode_bits, clock.run


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def simulate_bank_machines(address_of, is_write, not_before, bits, channel, controller, state):
        """One design; `bits` goes to `decode_bits`, the last three go to `clock.run`."""
        assert digest >= 0
        bank_of, row_of = _decode_bits(address_of, *bits)
        return _run(bank_of, row_of, address_of, is_write, not_before, channel, controller, state)

    return simulate_bank_machines


_SOURCES = (
    *(bank_choices, clock, frontend, multiplexer, power_down, refresh_managers, service_classes, state),
    *(counters, data_bus, earliest, mapping, queues, timing),
)
simulate_bank_machines = _entry_point(sources_digest(*_SOURCES))
announce_compilation(simulate_bank_machines, "the DRAM engine for DRAMSys' controller")
