"""When the data buses carry data: cycles by sample of a run, counted where the bursts are.

A cycle of a bus counts once. Ramulator's rules for DDR3 and DDR4 let a write to one rank begin up to
nCL - nCWL - nCS cycles before the data of a read from another have left the bus.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
from __future__ import annotations

from cosearch_simulators.compilation import borrowing


@borrowing
def occupy(first, after, bus, until, ends, busy):
    """Add the cycles from `first` to before `after` to the samples in which they lie.

    Args:
        first, after: clock cycles.
        bus: which data bus.
        until: int64 (buses,), until when each has been counted.
        ends: int64 (at least samples,), the cycle in which each sample ends, rising.
        busy: int64 (samples,), of one kind of burst; what comes after the last sample is left out.
    """
    first = max(first, until[bus])
    until[bus] = max(after, until[bus])
    k, above = 0, busy.size  # the first sample that ends after `first`
    while k < above:
        middle = (k + above) // 2
        if ends[middle] > first:
            above = middle
        else:
            k = middle + 1
    while first < after and k < busy.size:
        end = min(after, ends[k])
        busy[k] += end - first
        first = end
        k += 1
