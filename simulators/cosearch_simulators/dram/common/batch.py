"""Many designs on one trace, for either engine: checks, threads, and errors that spoil no other design."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.columns import Columns
from cosearch_simulators.core.numbers import whole
from cosearch_simulators.dram.common.argument_checks import (
    ANY_TRACE,
    check_kind,
    check_on_error,
    devices_and_designs,
)
from cosearch_simulators.dram.common.counters import STALLED
from cosearch_simulators.dram.common.device import Device
from cosearch_simulators.dram.common.result import DramResult, EnergyArguments, result_of
from cosearch_simulators.dram.common.trace_checks import LARGEST_TCK_PS, beyond, too_late
from cosearch_simulators.dram.common.traces.streams import StreamedTrace
from cosearch_simulators.dram.common.traces.trace import Trace
from cosearch_simulators.errors import ConfigurationError, SimulatorError
from cosearch_simulators.threads import threads_of

OnError = Literal["raise", "mark"]

STALLS = "the controller stalls: nothing can be issued, or refreshes come too fast to be served"


class Runs(Protocol):
    """The sound designs of a batch."""

    @property
    def order(self) -> Sequence[int]:
        """In which they are best simulated."""

    def counters(self, i: int, each_channel: Callable[..., Iterable[Any]] = map) -> NDArray[np.int64]:
        """Run design i, its channels at once with a pool's `map`."""


def run_batch(
    devices: Device | Sequence[Device],
    controllers: Columns,
    trace: Trace | StreamedTrace,
    *,
    unsupported: Callable[[Device, int], str],
    runs: Callable[[Sequence[Device], Sequence[int]], Runs],
    energy_arguments: EnergyArguments,
    threads: int | None,
    on_error: OnError,
    wrap_addresses: bool,
    trace_tck_ps: int | None,
) -> DramResult:
    """The metrics of all designs.

    Args:
        devices: one device for all designs, or one for each.
        controllers: the designs' controllers; a single one stands for every device.
        trace: the requests.
        unsupported: why a device cannot do what row i of the controllers asks for, or "".
        runs: given the devices and which designs are sound, these.
        energy_arguments: see `result.EnergyArguments`.
        threads: designs at once; with fewer designs than threads, channels. None: as `threads_of` says.
        on_error: "raise" or "mark".
        wrap_addresses: let addresses beyond a device's capacity wrap around.
        trace_tck_ps: clock period of the trace's `cycle` column; None: that of the device's own clock.
    """
    check_kind("trace", trace, ANY_TRACE)
    designs, count = devices_and_designs(devices, controllers)
    check_on_error(on_error)
    threads = threads_of(threads)
    if trace_tck_ps is not None:
        whole("trace_tck_ps", trace_tck_ps, 1, LARGEST_TCK_PS)
    if late := too_late(trace, trace_tck_ps):
        raise ConfigurationError(late)

    rows = len(controllers)
    errors = controllers.problems() * (count // rows)
    for i, device in enumerate(designs):
        errors[i] = errors[i] or unsupported(device, i % rows)
    problems = list(errors)
    if not wrap_addresses:
        for i, device in enumerate(designs):
            errors[i] = errors[i] or beyond(device, trace)
    if on_error == "raise":
        raise_first(errors, [ConfigurationError if problem else SimulatorError for problem in problems])

    sound = runs(designs, [i for i, error in enumerate(errors) if not error])
    if threads == 1 or len(sound.order) == 1:  # a learner's own threads fight with a pool at each step
        found = [sound.counters(i) for i in sound.order]
    else:
        with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(threads) as channel_pool:
            each_channel = channel_pool.map if len(sound.order) < threads else map
            found = list(pool.map(lambda i: sound.counters(i, each_channel), sound.order))
    counters: list[NDArray[np.int64] | None] = [None] * count
    for i, counter in zip(sound.order, found, strict=True):
        if counter[STALLED]:
            errors[i] = STALLS
        else:
            counters[i] = counter
    if on_error == "raise":
        raise_first(errors, [SimulatorError] * count)
    return result_of(designs, counters, errors, energy_arguments)


def raise_first(errors: Sequence[str], kinds: Sequence[type[Exception]]) -> None:
    """Raise the first error there is, of its kind; the design is named where there are several."""
    for i, error in enumerate(errors):
        if error:
            raise kinds[i](f"design {i}: {error}" if len(errors) > 1 else error)
