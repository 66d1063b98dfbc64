"""Requests as DRAMSys' traffic generators send them: of `tracesetup` in a simulation file.

A request a clock of the generator, reads with the probability `rwRatio`, at addresses one after the other or
drawn evenly. The numbers that are drawn are not DRAMSys' own.
"""

from __future__ import annotations

from collections.abc import Mapping
from reprlib import repr as short
from typing import Any

import numpy as np

from cosearch_simulators.dram.common.traces.formats import MOST_REQUESTS
from cosearch_simulators.dram.common.traces.trace import LARGEST_CYCLE, Trace
from cosearch_simulators.errors import TraceError


def generated(entry: Mapping[str, Any], memory_bytes: int, request_bytes: int) -> Trace:
    """The trace of a generator, or of a state machine of generators.

    Args:
        entry: of `tracesetup`.
        memory_bytes: of the memory, whose end is the highest address where the entry names none.
        request_bytes: what a request moves where `dataLength` does not say so.

    Raises:
        TraceError: a field is missing or has a bad value; names the generator and the field.
    """
    name = str(entry["name"])
    rng = np.random.default_rng(_whole(entry, "seed", name, 0, 0))
    length = _whole(entry, "dataLength", name, 1, request_bytes)
    states = entry.get("states") if "states" in entry else [{**entry, "id": 0}]
    if not isinstance(states, list) or not states or not all(isinstance(state, dict) for state in states):
        raise TraceError(f"generator {name}: states must be a list of objects, got {short(states)}")
    addresses, writes, cycles, cycle = [], [], [], 0
    left = _whole(entry, "maxTransactions", name, 1, MOST_REQUESTS)
    for state in _visited(entry, states, name, rng, left):
        if "idleClks" in state:
            cycle += _whole(state, "idleClks", name, 0)
            continue
        count = min(_whole(state, "numRequests", name, 1), left)
        addresses.append(_addresses(state, entry, count, length, memory_bytes, name, rng))
        ratio = state.get("rwRatio")
        if type(ratio) not in (int, float) or not 0 <= ratio <= 1:
            raise TraceError(f"generator {name}: rwRatio must be a number from 0 to 1, got {short(ratio)}")
        writes.append(rng.random(count) >= ratio)
        cycles.append(cycle + np.arange(count))
        cycle, left = cycle + count, left - count
        if cycle > LARGEST_CYCLE:
            raise TraceError(f"generator {name}: it runs for more than {LARGEST_CYCLE} clock cycles")
        if not left:
            break
    if not addresses:
        raise TraceError(f"generator {name}: none of its states sends a request")
    address = np.concatenate(addresses)
    lengths = np.full(address.size, length)
    return Trace(address, np.concatenate(writes), np.concatenate(cycles), name, lengths)


def _visited(
    entry: Mapping[str, Any], states: list[dict[str, Any]], name: str, rng: np.random.Generator, most: int
) -> Any:
    """The states in the order in which the machine is in them, from the first until one has no successor."""
    by_id = {state.get("id"): state for state in states}
    transitions = entry.get("transitions", [])
    state: dict[str, Any] | None = states[0]
    for _ in range(most):
        if state is None:
            return
        yield state
        onward = [t for t in transitions if isinstance(t, dict) and t.get("from") == state.get("id")]
        draw, state = rng.random(), None
        for transition in onward:
            probability: Any = transition.get("probability")
            if type(probability) not in (int, float) or transition.get("to") not in by_id:
                raise TraceError(f"generator {name}: transition {short(transition)} needs to and probability")
            draw -= probability
            if draw < 0:
                state = by_id[transition["to"]]
                break


def _addresses(
    state: Mapping[str, Any],
    entry: Mapping[str, Any],
    count: int,
    length: int,
    memory_bytes: int,
    name: str,
    rng: np.random.Generator,
) -> Any:
    least = _whole(state, "minAddress", name, 0, 0)
    most = _whole(state, "maxAddress", name, least, memory_bytes - 1)
    kind = state.get("addressDistribution")
    if kind == "sequential":
        step = _whole(state, "addressIncrement", name, 1, length)
        return least + np.arange(count) * step % (most - least + 1)
    if kind == "random":
        alignment = _whole(entry, "dataAlignment", name, 1, length)
        drawn: Any = rng.integers(least, most, count, endpoint=True)
        return np.maximum(drawn // alignment * alignment, least)
    raise TraceError(f"generator {name}: addressDistribution must be random or sequential, got {short(kind)}")


def _whole(entry: Mapping[str, Any], field: str, name: str, least: int, missing: int | None = None) -> int:
    value = entry.get(field, missing)
    if type(value) is not int or not least <= value < 1 << 62:
        raise TraceError(f"generator {name}: {field} must be a whole number from {least}, got {short(value)}")
    return value
