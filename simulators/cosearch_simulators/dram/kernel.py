"""The engine's compiled entry points, one a controller, cached on disk until any of their sources changes.

numba's own cache looks at the file of the cached function alone and would go on using machine code whose
callees have changed. Here a digest of all their sources is a variable that the entry points close over, which
makes it part of the cache's key.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit

from cosearch_simulators.compilation import announce_compilation
from cosearch_simulators.dram import data_bus, earliest, mapping, queues, timing
from cosearch_simulators.dram.bank_machines import (
    bank_choices,
    frontend,
    multiplexer,
    power_down,
    refresh_managers,
    service_classes,
)
from cosearch_simulators.dram.bank_machines import engine as bank_machines
from cosearch_simulators.dram.bank_machines import state as bank_machine_state
from cosearch_simulators.dram.queued import engine, scheduler
from cosearch_simulators.dram.queued import state as engine_state

_run, _channel_of = engine.run, mapping.channel_of
_decode_bits, _run_bank_machines = mapping.decode_bits, bank_machines.run


_ENGINE = (data_bus, earliest, engine, engine_state, queues, scheduler, timing)
_BANK_MACHINES = (
    *(bank_choices, bank_machine_state, bank_machines, data_bus, earliest, engine, engine_state),
    *(frontend, mapping, multiplexer, power_down, queues, refresh_managers, service_classes, timing),
)


def _digest(modules: tuple[ModuleType, ...]) -> int:
    content = hashlib.sha256()
    for module in modules:
        content.update(Path(str(module.__file__)).read_bytes())
    return int.from_bytes(content.digest()[:7], "little")


def _engine_entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def run_channel(
        bank_of, row_of, transaction_of, is_write, not_before, offset, until, channel, setting, state
    ):
        """One channel of a design; see `queued.engine.run`."""
        assert digest >= 0
        return _run(
            bank_of, row_of, transaction_of, is_write, not_before, offset, until, channel, setting, state
        )

    return run_channel


def _decode_entry_points(digest: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    @njit(cache=True, nogil=True)
    def decode_requests(address_of, runs):
        """`mapping.decode_bits` of `AddressBits.runs`."""
        assert digest >= 0
        return _decode_bits(address_of, *runs)

    @njit(cache=True, nogil=True)
    def decode_channels(address_of, runs):
        """`mapping.channel_of` of `AddressBits.channel_runs`."""
        assert digest >= 0
        return _channel_of(address_of, *runs)

    return decode_requests, decode_channels


def _bank_machines_entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def simulate_bank_machines(address_of, is_write, not_before, bits, channel, controller, state):
        """One design; `bits` goes to `decode_bits`, the last three go to `bank_machines.engine.run`."""
        assert digest >= 0
        bank_of, row_of = _decode_bits(address_of, *bits)
        return _run_bank_machines(
            bank_of, row_of, address_of, is_write, not_before, channel, controller, state
        )

    return simulate_bank_machines


run_channel = _engine_entry_point(_digest(_ENGINE))
decode_requests, decode_channels = _decode_entry_points(_digest((mapping,)))
simulate_bank_machines = _bank_machines_entry_point(_digest(_BANK_MACHINES))
announce_compilation(run_channel, "the DRAM engine for Ramulator's controller")
announce_compilation(simulate_bank_machines, "the DRAM engine for DRAMSys' controller")
