"""Whether what `simulate` and its siblings are given is of the right kind, each refusal one line.

What a design or a trace holds is checked where it is made, and against each other in `batch`.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from reprlib import repr as short
from typing import Any

from cosearch_simulators.core.names import hint
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.errors import ConfigurationError, shown

ON_ERROR = ("raise", "mark")
ANY_TRACE = (Trace, StreamedTrace)


def check_kind(argument: str, value: object, kinds: tuple[type, ...]) -> None:
    """Raise `ConfigurationError` unless the value is of one of these classes."""
    if not isinstance(value, kinds):
        expected = " or ".join(f"a {kind.__name__}" for kind in kinds)
        raise ConfigurationError(f"{argument} must be {expected}, got {described(value)}")


def check_on_error(on_error: object) -> None:
    """Raise `ConfigurationError` unless it is one of `ON_ERROR`."""
    if on_error not in ON_ERROR:
        raise ConfigurationError(
            f"on_error must be 'raise' or 'mark', got {shown(on_error)}{hint(on_error, ON_ERROR)}"
        )


def devices_and_designs(devices: Device | Sequence[Device], controllers: Sized) -> tuple[list[Device], int]:
    """The devices as a list, as many as there are designs, and how many these are.

    Raises:
        ConfigurationError: one is no device, or there are neither as many devices as controllers nor one.
    """
    if isinstance(devices, Device):
        found = [devices]
    elif isinstance(devices, (str, bytes, dict)) or not hasattr(devices, "__iter__"):
        raise ConfigurationError(
            f"devices must be a Device, as device() makes it, or a sequence of them, got {described(devices)}"
        )
    else:
        found = list(devices)
    for i, one in enumerate(found):
        check_kind(f"devices[{i}]", one, (Device,))
    count = max(len(controllers), len(found))
    if len(controllers) not in (1, count) or len(found) not in (1, count):
        raise ConfigurationError(
            f"{len(found)} devices for {len(controllers)} controllers, expected as many or 1"
        )
    return found * (count // len(found)), count


def described(value: Any) -> str:
    """A value for a message: what kind it is, and itself where that is short."""
    shown = isinstance(value, (str, bytes, int, float, dict, list, tuple)) or value is None
    return f"{type(value).__name__} {short(value)}" if shown else f"a {type(value).__name__}"
