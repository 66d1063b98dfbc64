"""Addresses of places: channel, rank, [bank group,] bank, row and column, as Ramulator 2 writes requests.

The address is the one that lies there under the mapping RoBaRaCoCh. A column counts bursts, as Ramulator's
does; where a row has not so many it counts columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import TraceError

if TYPE_CHECKING:
    from cosearch_simulators.dram.common.device import Device

MAPPING = "RoBaRaCoCh"
_WORDS = {"Channel": "channel", "Rank": "rank", "BankGroup": "bank group", "Bank": "bank"}


class PlaceError(TraceError):
    """A place that the device does not have."""


def addresses_of(places: Sequence[Sequence[int]], device: Device | None) -> NDArray[np.int64]:
    """The byte addresses, int64 (n,).

    Args:
        places: n of them, each of the device's levels and then row and column. A bank without its group is
            numbered over all groups.
        device: the memory.

    Raises:
        PlaceError: there is no device, or a number that it has not.
    """
    if device is None:
        raise PlaceError("expected addresses: places (channel, rank, bank, row, column) need a device")
    levels = [_WORDS[level] for level in device.topology.levels if level in _WORDS]
    counts = {"channel": device.channels, "rank": device.ranks, "bank group": device.chip.bankgroups}
    counts |= {"bank": device.chip.banks, "row": device.chip.rows, "column": device.chip.columns}
    fields = [*levels, "row", "column"]
    width = len(places[0])
    if width == len(fields) - 1 and "bank group" in fields:
        fields.remove("bank group")
        counts["bank"] *= device.chip.bankgroups
    if any(len(place) != len(fields) for place in places):
        raise PlaceError(f"expected {len(fields)} numbers ({', '.join(fields)}) for {device.standard}")
    numbers = dict(zip(fields, np.array(places, np.int64).T, strict=True))
    for field, column in numbers.items():
        if column.max() >= counts[field]:
            more = {"rank": "; set ranks", "channel": "; set channels"}.get(field, "")
            raise PlaceError(
                f"expected a {field} from 0 to {counts[field] - 1} of {device.organization}{more}"
            )
    if "bank group" not in numbers:
        numbers["bank group"], numbers["bank"] = np.divmod(numbers["bank"], device.chip.banks)
    bursts = device.chip.columns // device.prefetch
    column = numbers["column"]
    burst = np.where(column < bursts, column, column // device.prefetch)
    bank = (numbers["rank"] * device.chip.bankgroups + numbers["bank group"]) * device.chip.banks
    mapping = device.named_address_bits(MAPPING)
    values = {"channel": numbers["channel"], "bank": bank + numbers["bank"], "row": numbers["row"]}
    values["column"] = burst * device.prefetch
    address = np.zeros(len(places), np.int64)
    for field, value in values.items():
        for place, bit in enumerate(getattr(mapping, field)):
            address |= (value >> place & 1) << bit
    return address
