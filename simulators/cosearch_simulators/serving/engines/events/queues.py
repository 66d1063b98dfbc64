"""Queues, slots, histograms, the heap of caches on their way, and who gets a request; compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import math

import numpy as np

from cosearch_simulators.compilation import borrowing
from cosearch_simulators.serving.engines.events.layout import (
    AFFINITY,
    BIN_WIDTH,
    BINS,
    CLASSES,
    DECODE,
    FREE,
    LEAST_S,
    NONE,
    ON,
    PREFILL,
    ROUND_ROBIN,
    TWO_CHOICES,
)


@borrowing
def push_back(state, i, slot):
    """To the end of its class's queue."""
    one = state.slots[slot]
    c = one.priority
    one.next = NONE
    if state.tails[i, c] == NONE:
        state.heads[i, c] = slot
    else:
        state.slots[state.tails[i, c]].next = slot
    state.tails[i, c] = slot
    state.inst[i].waiting += 1
    state.sim[0].waiting += 1


@borrowing
def push_front(state, i, slot):
    """To the front: it was running already."""
    one = state.slots[slot]
    c = one.priority
    one.next = state.heads[i, c]
    state.heads[i, c] = slot
    if one.next == NONE:
        state.tails[i, c] = slot
    state.inst[i].waiting += 1
    state.sim[0].waiting += 1


@borrowing
def first_waiting(state, i):
    """Whose turn it is."""
    for c in range(CLASSES):
        if state.heads[i, c] != NONE:
            return state.heads[i, c]
    return NONE


@borrowing
def pop(state, i, slot):
    """Take the first of its class's queue out."""
    one = state.slots[slot]
    c = one.priority
    state.heads[i, c] = one.next
    if one.next == NONE:
        state.tails[i, c] = NONE
    state.inst[i].waiting -= 1
    state.sim[0].waiting -= 1


@borrowing
def count_time(state, which, seconds, weight):
    """Into a histogram."""
    place = int(math.log(max(seconds, LEAST_S) / LEAST_S) / BIN_WIDTH)
    state.hist[which, min(place, BINS - 1)] += weight


@borrowing
def random_number(state):
    """SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    sim = state.sim[0]
    sim.random = sim.random + np.uint64(0x9E3779B97F4A7C15)
    return mixed(sim.random)


@borrowing
def mixed(z):
    """The output function of SplitMix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@borrowing
def push_move(state, seconds, slot):
    """A cache arrives then."""
    sim = state.sim[0]
    k = sim.moves
    sim.moves += 1
    while k > 0:
        parent = (k - 1) // 2
        if state.move_s[parent] <= seconds:
            break
        state.move_s[k], state.move_slot[k] = state.move_s[parent], state.move_slot[parent]
        k = parent
    state.move_s[k], state.move_slot[k] = seconds, slot


@borrowing
def pop_move(state):
    """The slot whose cache arrives first."""
    sim = state.sim[0]
    slot = state.move_slot[0]
    sim.moves -= 1
    n = sim.moves
    seconds, last = state.move_s[n], state.move_slot[n]
    k = 0
    while 2 * k + 1 < n:
        child = 2 * k + 1
        if child + 1 < n and state.move_s[child + 1] < state.move_s[child]:
            child += 1
        if state.move_s[child] >= seconds:
            break
        state.move_s[k], state.move_slot[k] = state.move_s[child], state.move_slot[child]
        k = child
    state.move_s[k], state.move_slot[k] = seconds, last
    return slot


@borrowing
def takes(state, i, answers, blocks):
    """Whether an instance takes a request of this kind and size."""
    one = state.inst[i]
    return one.on == ON and (one.role == DECODE) == answers and blocks <= one.capacity


@borrowing
def work_of(state, slot, i):
    """Seconds of an instance that a router expects a request to take, whose answer's length nobody knows."""
    one, here = state.slots[slot], state.inst[i]
    seconds = 0.0
    if here.role != DECODE:
        seconds += one.prompt * here.prompt_s
    if here.role != PREFILL:
        seconds += state.sim[0].mean_output * here.answer_s
    return seconds


@borrowing
def chosen(state, slot, answers):
    """The instance that gets a request: its answer, or all of it or its prompt."""
    sim, one = state.sim[0], state.slots[slot]
    n = state.inst.shape[0]
    blocks = (one.prompt + one.output + sim.block - 1) // sim.block
    if sim.router == ROUND_ROBIN:
        i = sim.turn_answers if answers else sim.turn
        for k in range(1, n + 1):
            j = (i + k) % n
            if takes(state, j, answers, blocks):
                if answers:
                    sim.turn_answers = j
                else:
                    sim.turn = j
                return j
        return NONE
    if sim.router == TWO_CHOICES:
        return _better_of_two(state, slot, answers, blocks)
    best = NONE
    if sim.router == AFFINITY:
        # The highest random weight (Thaler and Ravishankar, 1998): few sessions move where instances change.
        key, most = np.uint64(one.session), np.uint64(0)
        for i in range(n):
            if takes(state, i, answers, blocks):
                score = mixed(mixed(key + np.uint64(1)) + np.uint64(i + 1))
                if best == NONE or score > most:
                    best, most = i, score
        return best
    least = np.inf
    for i in range(n):
        if takes(state, i, answers, blocks):
            work = state.inst[i].work + work_of(state, slot, i)
            if work < least:
                best, least = i, work
    return best


@borrowing
def _better_of_two(state, slot, answers, blocks):
    count = 0
    for i in range(state.inst.shape[0]):
        count += takes(state, i, answers, blocks)
    if count == 0:
        return NONE
    one = int(random_number(state) % np.uint64(count))
    two = int(random_number(state) % np.uint64(count))
    best, least, seen = NONE, np.inf, 0
    for i in range(state.inst.shape[0]):
        if takes(state, i, answers, blocks):
            work = state.inst[i].work + work_of(state, slot, i)
            if seen in (one, two) and work < least:
                best, least = i, work
            seen += 1
    return best


@borrowing
def forget(state, slot):
    """A slot is free again."""
    state.slots[slot].state = FREE
    state.slots[slot].next = state.sim[0].free
    state.sim[0].free = slot
