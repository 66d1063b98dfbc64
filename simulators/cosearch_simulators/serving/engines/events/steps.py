"""What an instance does next: which answers go on, which prompts are begun, who must make room; compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from cosearch_simulators.compilation import borrowing
from cosearch_simulators.serving.engines.events.blocks import (
    blocks_of,
    found,
    join,
    leave,
    release,
    room,
    share,
    use,
)
from cosearch_simulators.serving.engines.events.layout import (
    DECODE,
    HELD,
    MOVING,
    NONE,
    OFF,
    PROMPT,
    STARTING,
    SWAP,
    WAITING,
)
from cosearch_simulators.serving.engines.events.lookup import prompt_attention, step_time
from cosearch_simulators.serving.engines.events.queues import first_waiting, pop, push_front, push_move


@borrowing
def start_step(state, tables, requests, i, now):
    """Begin the next step of an idle instance, if there is anything to do."""
    here, sim = state.inst[i], state.sim[0]
    if here.busy or here.on in (OFF, STARTING):
        return
    swapped = 0.0
    if sim.preemption == SWAP:
        swapped = _swap_in(state, i, now)
    if here.chunked:
        swapped += _fit_answers(state, requests, i)
        answers = here.answers
        tokens, ending, attention, largest = _take_prompts(
            state, tables, requests, i, now, here.budget - answers, True
        )
    else:
        answers = 0
        tokens, ending, attention, largest = _take_prompts(
            state, tables, requests, i, now, here.budget, False
        )
        if tokens == 0:
            swapped += _fit_answers(state, requests, i)
            answers = here.answers
    if answers + tokens == 0:
        _stall(state, i, here.waiting > 0)
        return
    _stall(state, i, False)
    seconds = step_time(
        tables,
        here.table,
        answers + tokens,
        answers + ending,
        answers,
        float(here.context),
        attention,
        largest,
    )
    if swapped > 0:
        seconds += swapped / sim.swap_bytes_per_s
    here.busy, here.with_answers, here.until = 1, answers, now + seconds
    here.busy_s += seconds
    prompts = tokens / (answers + tokens)
    power = here.decode_share + (here.prefill_share - here.decode_share) * prompts
    here.joules += seconds * here.power * power
    sim.steps += 1
    if sim.logged < state.log.shape[0]:
        row = state.log[sim.logged]
        row[0], row[1], row[2], row[3], row[4] = now, here.until, i, answers, tokens
        row[5], row[6] = here.used / here.capacity, here.waiting
        sim.logged += 1


@borrowing
def _stall(state, i, stalled):
    """An idle instance with a queue: no conserving of work, which is counted."""
    here = state.inst[i]
    state.sim[0].stalled += int(stalled) - here.stalled
    here.stalled = int(stalled)


@borrowing
def _swap_in(state, i, now):
    """Bring caches back from the host's memory; their bytes."""
    here, sim = state.inst[i], state.sim[0]
    moved = 0.0
    while here.answers + here.prompts + here.moving < here.most:
        slot = first_waiting(state, i)
        if slot == NONE or not state.slots[slot].swapped:
            break
        tokens = state.slots[slot].target
        blocks = blocks_of(tokens, sim.block)
        # With room for its next token and for those that all others need, it does not go straight back.
        if not room(state, i, blocks + 1 + state.phases[i, here.count % sim.block]):
            break
        pop(state, i, slot)
        use(state, i, blocks)
        state.slots[slot].swapped = 0
        sim.running += 1
        join(state, i, slot, tokens)
        moved += tokens * here.kv_bytes
    return moved


@borrowing
def _fit_answers(state, requests, i):
    """Blocks for the next token of every answer; others make room, the last to come first. Bytes swapped."""
    here, block = state.inst[i], state.sim[0].block
    moved = 0.0
    while here.answers > 0:
        need = state.phases[i, here.count % block]
        if room(state, i, need):
            use(state, i, need)
            break
        moved += _preempt(state, requests, i)
    return moved


@borrowing
def _preempt(state, requests, i):
    """The request of the lowest class that came last makes room. Bytes that are swapped out."""
    here, sim = state.inst[i], state.sim[0]
    victim = state.running[i, 0]
    for k in range(1, here.answers):
        victim = _later(state, victim, state.running[i, k])
    prompt = here.first_prompt
    while prompt != NONE:
        victim = _later(state, victim, prompt)
        prompt = state.slots[prompt].next
    one = state.slots[victim]
    moved = 0.0
    one.preempted += 1
    sim.preemptions += 1
    sim.running -= 1
    if one.state == PROMPT:
        remove_prompt(state, i, victim)
    else:
        tokens = one.base + here.count
        one.done = one.output - (one.finish - here.count + 1)
        leave(state, i, victim)
        one.last = here.emitted
        one.target = one.prompt + one.done
        if sim.preemption == SWAP:
            one.swapped, one.target = 1, tokens
            moved = tokens * here.kv_bytes
    release(state, requests, i, victim)
    one.state, one.computed, one.chunk = WAITING, 0, 0
    push_front(state, i, victim)
    return moved


@borrowing
def _later(state, one, other):
    """Which of two makes room first."""
    a, b = state.slots[one], state.slots[other]
    if a.priority != b.priority:
        return one if a.priority > b.priority else other
    if a.arrival != b.arrival:
        return one if a.arrival > b.arrival else other
    return one if a.request > b.request else other


@borrowing
def remove_prompt(state, i, slot):
    """Out of the list of prompts under way."""
    here, previous = state.inst[i], NONE
    at = here.first_prompt
    while at != slot:
        previous, at = at, state.slots[at].next
    after = state.slots[slot].next
    if previous == NONE:
        here.first_prompt = after
    else:
        state.slots[previous].next = after
    if after == NONE:
        here.last_prompt = previous
    here.prompts -= 1


@borrowing
def _take_prompts(state, tables, requests, i, now, budget, chunked):
    """Prompts for a step of `budget` tokens: those under way, then the queue, as long as there is room.

    Returns:
        Tokens, prompts that end with the step, seconds of their attention, tokens of the largest piece.
    """
    here = state.inst[i]
    fixed, ranks = tables.prompts[here.table, 0, 0], tables.least[here.table, 2]
    tokens, ending, largest, attention, longest = 0, 0, 0, 0.0, 0.0
    slot = here.first_prompt
    while slot != NONE:
        one = state.slots[slot]
        one.chunk = max(min(one.target - one.computed, budget - tokens), 0)
        if one.chunk > 0:
            piece = prompt_attention(tables, here.table, one.chunk, one.computed) - fixed
            attention, longest, largest = attention + piece, max(longest, piece), max(largest, one.chunk)
            tokens += one.chunk
            ending += one.computed + one.chunk == one.target
        slot = one.next
    while here.answers + here.prompts + here.moving < here.most and (tokens < budget or here.role == DECODE):
        slot = first_waiting(state, i)
        if slot == NONE or state.slots[slot].swapped:
            break
        one = state.slots[slot]
        if one.state == HELD:
            if not _begin_move(state, i, slot, now):
                break
            continue
        if tokens >= budget or not _admit(state, requests, i, slot, budget - tokens, chunked or tokens == 0):
            break
        left = one.target - one.computed
        one.chunk = min(left, budget - tokens) if chunked else left
        if one.begun < 0:
            one.begun = now
            state.sim[0].sum_wait += now - one.arrival
        piece = prompt_attention(tables, here.table, one.chunk, one.computed) - fixed
        attention, longest, largest = attention + piece, max(longest, piece), max(largest, one.chunk)
        tokens += one.chunk
        ending += one.chunk == left
    if tokens > 0:
        attention = max(attention / ranks, longest) + fixed
    return tokens, ending, attention, largest


@borrowing
def _admit(state, requests, i, slot, left, partly):
    """Give the first of the queue its blocks, if there is room and, unless `partly`, its prompt fits."""
    here, sim, one = state.inst[i], state.sim[0], state.slots[slot]
    hits = 0
    if sim.caching and here.role != DECODE:
        hits = found(state, requests, i, slot)
    if not partly and one.target - hits * sim.id_tokens > left:
        return False
    # First share, so that what is needed is not thrown out to make room for the rest.
    share(state, requests, i, slot, hits)
    blocks = blocks_of(one.target, sim.block) - hits * (sim.id_tokens // sim.block)
    if not room(state, i, blocks):
        release(state, requests, i, slot)
        return False
    pop(state, i, slot)
    use(state, i, blocks)
    one.blocks, one.computed, one.hit = blocks, hits * sim.id_tokens, hits * sim.id_tokens
    sim.tokens_hit += one.hit
    one.state, one.next = PROMPT, NONE
    if here.last_prompt == NONE:
        here.first_prompt = slot
    else:
        state.slots[here.last_prompt].next = slot
    here.last_prompt = slot
    here.prompts += 1
    sim.running += 1
    return True


@borrowing
def _begin_move(state, i, slot, now):
    """Let a cache come over the link of the instance that holds it, if there is room."""
    here, sim, one = state.inst[i], state.sim[0], state.slots[slot]
    tokens = one.target
    blocks = blocks_of(tokens, sim.block)
    if not room(state, i, blocks):
        return False
    pop(state, i, slot)
    use(state, i, blocks)
    here.moving += 1
    source = state.inst[one.source]
    size = tokens * source.kv_bytes
    source.link_free = max(now, source.link_free) + size / min(source.link, here.link)
    sim.moved_bytes += size
    one.state = MOVING
    push_move(state, source.link_free + sim.link_s, slot)
    return True
