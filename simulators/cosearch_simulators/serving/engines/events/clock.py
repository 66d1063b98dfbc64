"""The clock: arrivals, ends of steps, caches that arrive, instances that start; compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

import math

import numpy as np

from cosearch_simulators.compilation import borrowing
from cosearch_simulators.serving.engines.events.blocks import join, leave, publish, release
from cosearch_simulators.serving.engines.events.layout import (
    ANSWER,
    CACHE,
    DONE,
    DRAINING,
    GAP,
    GROW,
    HELD,
    INSTANCES,
    LATENCY,
    MORE,
    NONE,
    OFF,
    ON,
    OVERLOADED,
    PREFILL,
    RUNNING,
    SERIES_BINS,
    STARTING,
    STUCK,
    TPOT,
    TTFT,
    WAITING,
    WAITS,
)
from cosearch_simulators.serving.engines.events.queues import (
    chosen,
    count_time,
    first_waiting,
    forget,
    pop_move,
    push_back,
    work_of,
)
from cosearch_simulators.serving.engines.events.steps import remove_prompt, start_step


@borrowing
def run(state, tables, requests):
    """Go on until all is served, or something is needed from outside."""
    sim, n = state.sim[0], state.inst.shape[0]
    given = requests.prompt.shape[0]
    while True:
        if sim.closed > 0:
            while sim.in_system < sim.closed:
                if sim.read == given:
                    if requests.last:
                        break
                    return MORE
                if sim.free == NONE:
                    return GROW
                if not _arrive(state, requests, sim.now):
                    return OVERLOADED
        if sim.kicks > 0:
            sim.kicks = 0
            for i in range(n):
                if state.inst[i].kick:
                    state.inst[i].kick = 0
                    start_step(state, tables, requests, i, sim.now)
        arrival = np.inf
        if sim.closed == 0:
            if sim.read < given:
                arrival = requests.arrival[sim.read]
            elif not requests.last:
                return MORE
        instance, until = NONE, np.inf
        for i in range(n):
            one = state.inst[i]
            if (one.busy or one.on == STARTING) and one.until < until:
                instance, until = i, one.until
        move = state.move_s[0] if sim.moves > 0 else np.inf
        first = min(arrival, until, move)
        if first == np.inf:
            return DONE if sim.in_system == 0 else STUCK
        if sim.next_tick < first:
            _advance(state, sim.next_tick)
            sim.next_tick += sim.tick
            _scale(state)
        elif arrival <= first:
            if sim.free == NONE:
                return GROW
            _advance(state, arrival)
            if not _arrive(state, requests, arrival):
                return OVERLOADED
        elif until <= move:
            _advance(state, until)
            if state.inst[instance].busy:
                _end_step(state, requests, instance, until)
            else:
                state.inst[instance].on = ON
            kick(state, instance)
        else:
            _advance(state, move)
            _moved(state, requests, move)


@borrowing
def kick(state, i):
    """Let an instance look whether there is something to do, before time goes on."""
    state.inst[i].kick = 1
    state.sim[0].kicks += 1


@borrowing
def _advance(state, to):
    """Let time go on, with the integrals of what is in the system."""
    sim = state.sim[0]
    sim.area += sim.in_system * (to - sim.now)
    if sim.stalled > 0:
        sim.stalled_s += to - sim.now
    used = sim.used / max(sim.capacity, 1)
    sim.most_used = max(sim.most_used, used)
    sim.most_waiting = max(sim.most_waiting, sim.waiting)
    while to >= SERIES_BINS * sim.bin_s:
        _fold(state)
    at = sim.now
    while at < to:
        place = int(at / sim.bin_s)
        edge = min((place + 1) * sim.bin_s, to)
        if edge <= at:  # at the edge itself, by rounding
            place += 1
            edge = min((place + 1) * sim.bin_s, to)
        place = min(place, SERIES_BINS - 1)
        seconds = edge - at
        state.series[WAITS, place] += sim.waiting * seconds
        state.series[CACHE, place] += used * seconds
        state.series[RUNNING, place] += sim.running * seconds
        state.series[INSTANCES, place] += sim.on * seconds
        at = edge
    sim.now = to


@borrowing
def _fold(state):
    """Two bins become one."""
    state.sim[0].bin_s *= 2
    half = SERIES_BINS // 2
    for row in range(state.series.shape[0]):
        for k in range(half):
            state.series[row, k] = state.series[row, 2 * k] + state.series[row, 2 * k + 1]
        for k in range(half, SERIES_BINS):
            state.series[row, k] = 0.0


@borrowing
def _arrive(state, requests, now):
    """The next request comes; whether somebody takes it, and the first of that queue has patience yet."""
    sim = state.sim[0]
    k = sim.read
    slot = sim.free
    one = state.slots[slot]
    sim.free = one.next
    one.arrival, one.begun, one.first, one.last = now, -1.0, 0.0, 0.0
    one.request, one.session, one.priority = sim.arrived, requests.session[k], requests.priority[k]
    one.prompt, one.output, one.target = requests.prompt[k], requests.output[k], requests.prompt[k]
    one.ids, one.id_count = requests.first_id[k], requests.id_count[k]
    one.done, one.computed, one.chunk, one.blocks, one.shared, one.hit = 0, 0, 0, 0, 0, 0
    one.swapped, one.preempted, one.source, one.state = 0, 0, NONE, WAITING
    i = chosen(state, slot, False)
    if i == NONE:
        return False
    sim.read += 1
    sim.arrived += 1
    sim.in_system += 1
    sim.last_arrival = now
    if now >= sim.warmup and sim.first_counted < 0:
        sim.first_counted = now
    _assign(state, slot, i)
    ahead = first_waiting(state, i)
    if now - state.slots[ahead].arrival > sim.patience:
        sim.overloaded_at = now
        return False
    return True


@borrowing
def _assign(state, slot, i):
    one, here = state.slots[slot], state.inst[i]
    one.instance = i
    one.work = work_of(state, slot, i)
    here.work += one.work
    here.requests += 1
    push_back(state, i, slot)
    if not here.busy:
        kick(state, i)


@borrowing
def _end_step(state, requests, i, now):
    here = state.inst[i]
    here.busy = 0
    answers = here.with_answers
    if answers > 0:
        _count_gaps(state, i, now, answers)
        here.emitted = now
        ended = here.count
        here.count += 1
        here.context += answers
        if ended == here.next_finish:
            k, following = 0, np.int64(1 << 62)
            while k < here.answers:
                slot = state.running[i, k]
                if state.slots[slot].finish == ended:
                    leave(state, i, slot)
                    _complete(state, requests, i, slot, now)
                else:
                    following = min(following, state.slots[slot].finish)
                    k += 1
            here.next_finish = following
    slot = here.first_prompt
    while slot != NONE:
        one = state.slots[slot]
        after = one.next
        one.computed += one.chunk
        state.sim[0].tokens_computed += one.chunk
        one.chunk = 0
        if one.computed == one.target:
            remove_prompt(state, i, slot)
            _prompt_done(state, requests, i, slot, now)
        slot = after
    here.with_answers = 0


@borrowing
def _count_gaps(state, i, now, answers):
    """Times between two tokens: since the last step; of answers that joined since, their own last token."""
    here = state.inst[i]
    slot, here.fresh = here.fresh, NONE
    joined = 0
    while slot != NONE:
        one = state.slots[slot]
        after = one.fresh
        if one.instance == i and one.state == ANSWER:  # else it had to make room
            if one.chunk <= here.count:
                count_time(state, GAP, now - one.last, 1)
                joined += 1
            else:
                one.fresh, here.fresh = here.fresh, slot
        slot = after
    if answers > joined:
        count_time(state, GAP, now - here.emitted, answers - joined)


@borrowing
def _prompt_done(state, requests, i, slot, now):
    """A prompt's last token gives a token of the answer; the rest follows here or elsewhere."""
    one, here, sim = state.slots[slot], state.inst[i], state.sim[0]
    if sim.caching:
        publish(state, requests, i, slot)
    one.done += 1
    if one.done == 1:
        one.first = now
    else:
        count_time(state, GAP, now - one.last, 1)
    one.last = now
    if one.done == one.output:
        _complete(state, requests, i, slot, now)
    elif here.role == PREFILL:
        one.state, one.source = HELD, i
        sim.running -= 1
        here.work -= one.work
        _assign(state, slot, chosen(state, slot, True))
    else:
        join(state, i, slot, one.target)


@borrowing
def _moved(state, requests, now):
    """A cache has arrived: its answer goes on here, its blocks there are free."""
    slot = pop_move(state)
    one = state.slots[slot]
    source, i = one.source, one.instance
    release(state, requests, source, slot)
    state.inst[source].requests -= 1
    _off_when_empty(state, source)
    kick(state, source)
    state.inst[i].moving -= 1
    state.sim[0].running += 1
    join(state, i, slot, one.target)
    if not state.inst[i].busy:
        kick(state, i)


@borrowing
def _complete(state, requests, i, slot, now):
    """A request has all its tokens."""
    one, here, sim = state.slots[slot], state.inst[i], state.sim[0]
    release(state, requests, i, slot)
    here.work -= one.work
    here.requests -= 1
    _off_when_empty(state, i)
    sim.running -= 1
    sim.in_system -= 1
    sim.finished += 1
    sim.tokens_out += one.output
    sim.tokens_in += one.prompt
    sim.mean_output += (one.output - sim.mean_output) / min(sim.finished + 1, 1000)
    sim.sum_all_latency += now - one.arrival
    if one.request < state.record.shape[0]:
        row = state.record[one.request]
        row[0], row[1], row[2], row[3] = one.arrival, one.begun, one.first, now
        row[4], row[5] = one.preempted, one.hit
    if one.arrival >= sim.warmup:
        ttft = one.first - one.arrival + sim.extra_first
        latency = now - one.arrival + sim.extra_first
        sim.counted += 1
        sim.counted_tokens += one.output
        sim.sum_ttft += ttft
        sim.sum_latency += latency
        count_time(state, TTFT, ttft, 1)
        count_time(state, LATENCY, latency, 1)
        in_time = ttft <= sim.ttft_level
        steady = True
        if one.output > 1:
            tpot = (now - one.first) / (one.output - 1)
            sim.sum_tpot += tpot
            sim.with_tpot += 1
            count_time(state, TPOT, tpot, 1)
            steady = tpot <= sim.tpot_level
        sim.met_ttft += in_time
        sim.met_tpot += steady
        sim.met += in_time and steady
    forget(state, slot)


@borrowing
def _off_when_empty(state, i):
    here = state.inst[i]
    if here.on == DRAINING and here.requests == 0:
        turn_off(state, i)


@borrowing
def turn_off(state, i):
    """Stop paying for an instance."""
    here, sim = state.inst[i], state.sim[0]
    here.on = OFF
    here.on_s += sim.now - here.since
    sim.on -= 1
    sim.capacity -= here.capacity


@borrowing
def _scale(state):
    """As many instances of each pool as its requests need: new ones start, the last one leaves."""
    sim = state.sim[0]
    for p in range(state.pools.shape[0]):
        pool = state.pools[p]
        if pool.target <= 0:
            continue
        paid, ready, requests = 0, 0, 0
        for i in range(pool.first, pool.first + pool.size):
            paid += state.inst[i].on in (ON, STARTING)
            ready += state.inst[i].on == ON
            requests += state.inst[i].requests
        wanted = min(max(math.ceil(requests / pool.target), pool.least), pool.size)
        for i in range(pool.first, pool.first + pool.size):
            here = state.inst[i]
            if paid >= wanted:
                break
            if here.on == DRAINING:
                here.on = ON
                paid += 1
            elif here.on == OFF:
                here.on, here.until, here.since = STARTING, sim.now + here.start_s, sim.now
                sim.on += 1
                sim.capacity += here.capacity
                paid += 1
        if wanted < ready:  # one that starts takes nothing yet
            for i in range(pool.first + pool.size - 1, pool.first - 1, -1):
                if state.inst[i].on == ON:
                    state.inst[i].on = DRAINING
                    _off_when_empty(state, i)
                    break
