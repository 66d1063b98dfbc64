"""Where a task's data flows: which channels of which blocks, in which shares, and how fast at most."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import numpy as np

from cosearch_simulators.compilation import borrowing

READ, WRITE = 0, 1


@borrowing
def lay_paths(buses, links, before, queue):
    """For each bus the one before it on the shortest path from another: `before[from, to]`, -1 of none.

    A bus is before itself where a path begins. Of equally short paths the one by the lower bus is taken.
    """
    for first in range(buses.size):
        before[first, :] = -1
        if buses[first] < 0:
            continue
        before[first, first] = first
        queue[0] = first
        taken, waiting = 0, 1
        while taken < waiting:
            here = queue[taken]
            taken += 1
            for there in range(buses.size):
                linked = links[here, there] or links[there, here]
                if linked and buses[there] >= 0 and before[first, there] < 0:
                    before[first, there] = here
                    queue[waiting] = there
                    waiting += 1


@borrowing
def _use(uses, channel, pipe, unit, c, from_where, size):
    """Add bytes to a task's use of a channel; returns how many uses it has."""
    for u in range(uses):
        if channel[u] == c:
            unit[u] += size
            return uses
    channel[uses], pipe[uses], unit[uses] = c, from_where, size
    return uses + 1


@borrowing
def _follow(
    way, memory, size, uses, channel, pipe, unit, element, elements, buses, memories, first, last, before
):
    """Add a transfer between an element and a memory to the uses, from the memory back to the element."""
    nexts = buses + memories
    base = way * (buses * nexts + memories)
    uses = _use(uses, channel, pipe, unit, base + buses * nexts + memory, elements + last, size)
    to, here = buses + memory, last
    while True:
        previous = before[here]
        source = element if here == first else elements + previous
        uses = _use(uses, channel, pipe, unit, base + here * nexts + to, source, size)
        if here == first:
            return uses
        to, here = here, previous


@borrowing
def _over_bus(channel, moved, count, c, channels, buses, nexts):
    """All bytes that a task moves over the bus of a channel in the channel's direction."""
    total = 0.0
    for u in range(count):
        place = channel[u] % channels
        same_way = channel[u] // channels == c // channels
        if same_way and place < buses * nexts and place // nexts == c % channels // nexts:
            total += moved[u]
    return total


@borrowing
def lay_transfers(
    t, graph, memories, buses, element_bus, memory_bus, before, task_element, task_memory, elements, flows
):
    """Fill a task's uses of channels; False where a memory cannot be reached.

    A use is a channel, the pipe by which the task enters it, the unit in which it takes turns, and the
    operations a second that the whole channel would allow. A bus has a channel for each way out and
    direction, a memory one for each direction. What a task moves in one turn is its bytes over the number of
    its bursts.
    """
    uses, channel, pipe, unit, limit, block_rate = flows
    first = element_bus[task_element[t]]
    count = 0
    least_read = least_written = np.inf
    for p in range(graph.parent_first[t], graph.parent_first[t + 1]):
        memory = task_memory[graph.parents[p]]
        last = memory_bus[memory]
        if before[first, last] < 0:
            return False
        least_read = min(least_read, graph.parent_bytes[p])
        count = _follow(
            READ, memory, graph.parent_bytes[p], count, channel[t], pipe[t], unit[t],
            task_element[t], elements, buses.size, memories.size, first, last, before[first],
        )  # fmt: skip
    for c in range(graph.child_first[t], graph.child_first[t + 1]):
        least_written = min(least_written, graph.child_bytes[c])
    if task_memory[t] >= 0:
        last = memory_bus[task_memory[t]]
        if before[first, last] < 0:
            return False
        count = _follow(
            WRITE, task_memory[t], graph.out_bytes[t], count, channel[t], pipe[t], unit[t],
            task_element[t], elements, buses.size, memories.size, first, last, before[first],
        )  # fmt: skip
    uses[t] = count
    bursts = 1.0
    if least_read < np.inf:
        bursts = max(np.floor(least_read / graph.burst_bytes[t]), 1.0)
        vanishes = least_written < np.inf and np.floor(least_written / bursts) == 0
        if vanishes or np.floor(graph.work_ops[t] / bursts) == 0:
            bursts = 1.0
    nexts = buses.size + memories.size
    channels = buses.size * nexts + memories.size
    for u in range(count):
        place = channel[t, u] % channels
        if place < buses.size * nexts:
            block = buses[place // nexts]
            moved = _over_bus(channel[t], unit[t], count, channel[t, u], channels, buses.size, nexts)
        else:
            block, moved = memories[place - buses.size * nexts], unit[t, u]
        limit[t, u] = block_rate[block] * graph.work_ops[t] / moved if moved > 0 else np.inf
    for u in range(count):
        unit[t, u] = np.floor(unit[t, u] / bursts)
    return True
