"""Compiled entry points that tell banks, rows and channels of addresses, cached on disk."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from cosearch_simulators.compilation import sources_digest
from cosearch_simulators.dram.common import mapping

_channel_of, _decode_bits = mapping.channel_of, mapping.decode_bits


def _entry_points(digest: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
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


decode_requests, decode_channels = _entry_points(sources_digest(mapping))
