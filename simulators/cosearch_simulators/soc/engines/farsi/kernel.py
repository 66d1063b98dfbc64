"""The compiled clock: from one end of a task to the next, at rates that are constant between them."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cosearch_simulators.compilation import announce_compilation, sources_digest
from cosearch_simulators.soc.engines.farsi import transfers
from cosearch_simulators.soc.library import MEMORY_STEP_BYTES

DONE_AT = 0.99
"""Share of a task's work with which it counts as complete."""
POWER_WINDOW_S = 10e-3
"""Over how long the peak of the power is taken at least."""
UNREACHABLE = -1
"""In place of the number of phases, where a task has no path to one of its memories."""

_UNKNOWN, _WAITING, _RUNNING, _DONE = range(4)
_TINY = 1e-300
_step = float(MEMORY_STEP_BYTES)
_lay_paths, _lay_transfers = transfers.lay_paths, transfers.lay_transfers


class GraphArrays(NamedTuple):
    """A task graph for the kernel; parents and children in the order of the edges."""

    work_ops: NDArray[np.float64]
    burst_bytes: NDArray[np.float64]
    dummy: NDArray[np.bool_]
    stays: NDArray[np.bool_]
    out_bytes: NDArray[np.float64]
    parent_first: NDArray[np.int64]
    parents: NDArray[np.int64]
    parent_bytes: NDArray[np.float64]
    child_first: NDArray[np.int64]
    children: NDArray[np.int64]
    child_bytes: NDArray[np.float64]


class SystemArrays(NamedTuple):
    """The designs for the kernel, as `SocDesigns` has them."""

    elements: NDArray[np.int64]
    memories: NDArray[np.int64]
    buses: NDArray[np.int64]
    element_bus: NDArray[np.int64]
    memory_bus: NDArray[np.int64]
    bus_links: NDArray[np.bool_]
    task_element: NDArray[np.int64]
    task_memory: NDArray[np.int64]
    task_order: NDArray[np.int64]
    task_rate: NDArray[np.float64]
    task_operations_a_joule: NDArray[np.float64]


@njit(nogil=True)
def _set_rates(running, count, peak_rate, flows, units, active, rate):
    """Operations a second of each running task under the shares that all of them leave it."""
    uses, channel, pipe, unit, limit, _ = flows
    for i in range(count):
        t = running[i]
        for u in range(uses[t]):
            if units[channel[t, u], pipe[t, u]] == 0.0:
                active[channel[t, u]] += 1
            units[channel[t, u], pipe[t, u]] += max(unit[t, u], _TINY)
    for i in range(count):
        t = running[i]
        rate[t] = peak_rate[t]
        for u in range(uses[t]):
            c = channel[t, u]
            share = max(unit[t, u], _TINY) / units[c, pipe[t, u]] / active[c]
            rate[t] = min(rate[t], limit[t, u] * share)
    for i in range(count):
        t = running[i]
        for u in range(uses[t]):
            units[channel[t, u], pipe[t, u]] = 0.0
            active[channel[t, u]] = 0


@njit(nogil=True)
def _start(asking, asked, state, busy, task_element, running, count):
    """Let those run whose element is free, the first in the list first; returns how many now run."""
    for i in range(asked):
        t = asking[i]
        if not busy[task_element[t]]:
            busy[task_element[t]] = True
            state[t] = _RUNNING
            running[count] = t
            count += 1
    return count


@njit(nogil=True)
def _still_waiting(asking, asked, state, waiting, waits):
    """Append those that could not start to the queue; returns its length."""
    for i in range(asked):
        if state[asking[i]] == _WAITING:
            waiting[waits] = asking[i]
            waits += 1
    return waits


@njit(nogil=True)
def _release(t, graph, task_memory, counted, used):
    """Give back the room of parents all of whose children have completed.

    The children of a parent that is released are counted no more: of a task's several parents often only the
    first gives its room back. So does the tool, and the memories are sized by it.
    """
    for p in range(graph.parent_first[t], graph.parent_first[t + 1]):
        parent = graph.parents[p]
        first, last = graph.child_first[parent], graph.child_first[parent + 1]
        all_counted = True
        for c in range(first, last):
            all_counted &= counted[graph.children[c]]
        if all_counted:
            if not graph.stays[parent]:
                used[task_memory[parent]] -= graph.out_bytes[parent]
            for c in range(first, last):
                counted[graph.children[c]] = False


@njit(nogil=True)
def _run(
    graph, block_rate, elements, memories, buses, element_bus, memory_bus, links, task_element, task_memory,
    order, peak_rate, operations_a_joule, fifo, begin, finish, peak_bytes, phase_s, phase_j, phase_read,
    phase_written,
):  # fmt: skip
    """One design from the first task to the last; returns how many phases it took, or `UNREACHABLE`."""
    tasks = graph.work_ops.size
    before = np.empty((buses.size, buses.size), np.int64)
    _lay_paths(buses, links, before, np.empty(buses.size, np.int64))
    most = 2 * (buses.size + 2 * memories.size)
    uses, channel = np.zeros(tasks, np.int64), np.empty((tasks, most), np.int64)
    pipe, unit, limit = np.empty((tasks, most), np.int64), np.empty((tasks, most)), np.empty((tasks, most))
    flows = (uses, channel, pipe, unit, limit, block_rate)
    rate = np.empty(tasks)
    missing = np.empty(tasks, np.int64)
    for t in range(tasks):
        missing[t] = graph.parent_first[t + 1] - graph.parent_first[t]
        if not graph.dummy[t] and not _lay_transfers(
            t, graph, memories, buses, element_bus, memory_bus, before, task_element, task_memory,
            elements.size, flows,
        ):  # fmt: skip
            return UNREACHABLE
    channels = 2 * (buses.size * (buses.size + memories.size) + memories.size)
    units, active = np.zeros((channels, elements.size + buses.size)), np.zeros(channels, np.int64)
    state, left = np.zeros(tasks, np.int64), np.ones(tasks)
    counted, busy = np.zeros(tasks, np.bool_), np.zeros(elements.size, np.bool_)
    used = np.zeros(memories.size)
    running, waiting = np.empty(tasks, np.int64), np.empty(tasks, np.int64)
    fresh, queue = np.empty(tasks, np.int64), np.empty(tasks, np.int64)
    count = waits = done = phases = 0
    now = 0.0
    while done < tasks:
        new = 0
        for i in range(tasks):
            t = order[i]
            if state[t] == _UNKNOWN and missing[t] == 0:
                state[t] = _WAITING
                fresh[new] = t
                new += 1
                begin[t] = now
                if task_memory[t] >= 0:  # the room is taken when a task is ready, even if it has to wait
                    used[task_memory[t]] += graph.out_bytes[t]
                    peak_bytes[task_memory[t]] = max(peak_bytes[task_memory[t]], used[task_memory[t]])
        if fifo:
            count = _start(waiting, waits, state, busy, task_element, running, count)
            count = _start(fresh, new, state, busy, task_element, running, count)
        else:
            count = _start(fresh, new, state, busy, task_element, running, count)
            count = _start(waiting, waits, state, busy, task_element, running, count)
        queued = _still_waiting(waiting, waits, state, queue, 0)
        waits = _still_waiting(fresh, new, state, queue, queued)
        waiting[:waits] = queue[:waits]
        instant = False
        for i in range(count):
            instant |= graph.dummy[running[i]]
        _set_rates(running, count, peak_rate, flows, units, active, rate)
        step = 0.0
        if not instant:
            step = np.inf
            for i in range(count):
                step = min(step, graph.work_ops[running[i]] * left[running[i]] / rate[running[i]])
        now += step
        phase_s[phases] = step
        still = 0
        for i in range(count):
            t = running[i]
            if graph.dummy[t]:
                left[t] = 0.0
            else:
                share = rate[t] * step / graph.work_ops[t]
                left[t] -= share
                phase_j[phases] += share * graph.work_ops[t] / operations_a_joule[t]
                for p in range(graph.parent_first[t], graph.parent_first[t + 1]):
                    phase_read[phases, task_memory[graph.parents[p]]] += share * graph.parent_bytes[p]
                if task_memory[t] >= 0:
                    phase_written[phases, task_memory[t]] += share * graph.out_bytes[t]
            if 1.0 - left[t] < DONE_AT:
                running[still] = t
                still += 1
                continue
            done += 1
            state[t] = _DONE
            finish[t] = now
            busy[task_element[t]] = False
            counted[t] = True
            for c in range(graph.child_first[t], graph.child_first[t + 1]):
                missing[graph.children[c]] -= 1
            _release(t, graph, task_memory, counted, used)
        count = still
        phases += 1
    return phases


@njit(nogil=True)
def _peak_power(phases, phase_s, phase_j):
    """The largest average power over windows of at least `POWER_WINDOW_S`, in W.

    A window ends with the phase that would fill it. FARSI counts only the phases that last, but cuts the list
    of all of them, the empty phase that it begins with among them: so the windows here.
    """
    total = phases + 1  # with the empty one
    lower = upper = 0
    left = POWER_WINDOW_S
    peak = 0.0
    closed = 0
    for i in range(phases):
        if phase_s[i] == 0.0:
            continue
        if phase_s[i] > left:
            left = POWER_WINDOW_S
            peak = max(peak, _window(lower, upper + 1, phase_s, phase_j, phases))
            closed = lower = upper + 1
        else:
            left -= phase_s[i]
        upper += 1
    if closed != total:
        peak = max(peak, _window(closed, total, phase_s, phase_j, phases))
    return peak


@njit(nogil=True)
def _window(lower, upper, phase_s, phase_j, phases):
    """Average power of the places from `lower` to before `upper`; place 0 is empty, place i phase i - 1."""
    seconds = joules = 0.0
    for place in range(max(lower, 1), min(upper, phases + 1)):
        seconds += phase_s[place - 1]
        joules += phase_j[place - 1]
    return joules / seconds if seconds > 0 else 0.0


def _entry_point(digest: int) -> Callable[..., Any]:
    @njit(cache=True, nogil=True)
    def run_designs(graph, block_rate, system, memory_costs, memory_rows, fifo, first, last, found):
        """Run the designs from `first` to before `last`, into the arrays of `found`.

        Those are joules and peak watts, float64 (n,); begin and end of each task in s, float64 (n, T); peak
        bytes of each memory, float64 (n, M); whether it ran, bool (n,).
        """
        assert digest >= 0
        joules, power, begin, finish, peak_bytes, ran = found
        tasks, memories = system.task_element.shape[1], system.memories.shape[1]
        for d in range(first, last):
            phase_s, phase_j = np.zeros(tasks + 1), np.zeros(tasks + 1)
            read, written = np.zeros((tasks + 1, memories)), np.zeros((tasks + 1, memories))
            phases = _run(
                graph, block_rate, system.elements[d], system.memories[d], system.buses[d],
                system.element_bus[d], system.memory_bus[d], system.bus_links[d], system.task_element[d],
                system.task_memory[d], system.task_order[d], system.task_rate[d],
                system.task_operations_a_joule[d], fifo, begin[d], finish[d], peak_bytes[d], phase_s, phase_j,
                read, written,
            )  # fmt: skip
            if phases == UNREACHABLE:
                continue
            ran[d] = True
            for m in range(memories):
                row, steps = memory_rows[d, m], int(np.ceil(peak_bytes[d, m] / _step))
                if row >= 0:
                    reads, writes = memory_costs[row, steps, 0], memory_costs[row, steps, 1]
                    for p in range(phases):
                        phase_j[p] += read[p, m] * reads + written[p, m] * writes
            for p in range(phases):
                joules[d] += phase_j[p]
            power[d] = _peak_power(phases, phase_s, phase_j)

    return run_designs


run_designs = _entry_point(sources_digest(transfers))
announce_compilation(run_designs, "the SoC simulator", "10 to 20 s")
