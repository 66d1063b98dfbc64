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
from typing import Any

from numba import njit

from cosearch_simulators.dram import (
    bank_machines,
    engine,
    frontend,
    mapping,
    power_down,
    queues,
    refresh_managers,
    scheduler,
    timing,
)

_decode, _run = mapping.decode, engine.run
_decode_bits, _run_bank_machines = mapping.decode_bits, bank_machines.run


def _digest() -> int:
    content = hashlib.sha256()
    for module in (
        *(bank_machines, engine, frontend, mapping, power_down, queues, refresh_managers),
        *(scheduler, timing),
    ):
        content.update(Path(str(module.__file__)).read_bytes())
    return int.from_bytes(content.digest()[:7], "little")


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def simulate_channel(transaction_of, is_write, not_before, address, device, controller):
        """One design; `address` goes to `decode`, `device` and `controller` go to `run`."""
        assert digest >= 0
        bank_of, row_of = _decode(transaction_of, *address)
        return _run(bank_of, row_of, transaction_of, is_write, not_before, *device, *controller)

    return simulate_channel


def _bank_machines_entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def simulate_bank_machines(address_of, is_write, not_before, bits, channel, controller, state):
        """One design; `bits` goes to `decode_bits`, the last three go to `bank_machines.run`."""
        assert digest >= 0
        bank_of, row_of = _decode_bits(address_of, *bits)
        return _run_bank_machines(
            bank_of, row_of, address_of, is_write, not_before, channel, controller, state
        )

    return simulate_bank_machines


simulate_channel = _entry_point(_digest())
simulate_bank_machines = _bank_machines_entry_point(_digest())
