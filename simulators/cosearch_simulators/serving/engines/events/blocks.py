"""Blocks of the caches: who holds them, which prefixes they keep, what is thrown out first; compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
from __future__ import annotations

from cosearch_simulators.compilation import borrowing
from cosearch_simulators.serving.engines.events.layout import ANSWER, NONE


@borrowing
def blocks_of(tokens, block):
    """Whole blocks that so many tokens take."""
    return (tokens + block - 1) // block


@borrowing
def use(state, i, blocks):
    """Requests of an instance hold so many more blocks."""
    state.inst[i].used += blocks
    state.sim[0].used += blocks


@borrowing
def room(state, i, blocks):
    """Make room for so many, at the cost of prefixes that nobody uses; whether there is room."""
    one = state.inst[i]
    free = one.capacity - one.used - one.idle
    if free + one.idle < blocks:
        return False
    each = state.sim[0].id_tokens // state.sim[0].block
    while free < blocks:
        oldest = one.oldest
        unlink(state, i, oldest)
        state.held[i, oldest] = NONE
        one.idle -= each
        free += each
    return True


@borrowing
def unlink(state, i, key):
    """Take a block of the prefix cache out of the order in which they are thrown out."""
    one = state.inst[i]
    before, after = state.before[i, key], state.after[i, key]
    if before == NONE:
        one.oldest = after
    else:
        state.after[i, before] = after
    if after == NONE:
        one.newest = before
    else:
        state.before[i, after] = before


@borrowing
def _link_newest(state, i, key):
    one = state.inst[i]
    state.before[i, key], state.after[i, key] = one.newest, NONE
    if one.newest == NONE:
        one.oldest = key
    else:
        state.after[i, one.newest] = key
    one.newest = key


@borrowing
def found(state, requests, i, slot):
    """Leading blocks of a request's prompt that are in the cache; a token is always left to compute."""
    one = state.slots[slot]
    most = min(one.id_count, (one.prompt - 1) // state.sim[0].id_tokens)
    for k in range(most):
        if state.held[i, requests.ids[one.ids + k]] == NONE:
            return k
    return most


@borrowing
def share(state, requests, i, slot, count):
    """Let a request use the first `count` blocks, which are there."""
    one = state.slots[slot]
    each = state.sim[0].id_tokens // state.sim[0].block
    for k in range(count):
        key = requests.ids[one.ids + k]
        if state.held[i, key] == 0:
            unlink(state, i, key)
            state.inst[i].idle -= each
            use(state, i, each)
        state.held[i, key] += 1
    one.shared = count


@borrowing
def publish(state, requests, i, slot):
    """A prompt is computed: others may use its whole blocks from now on."""
    one = state.slots[slot]
    each = state.sim[0].id_tokens // state.sim[0].block
    for k in range(one.shared, one.id_count):
        key = requests.ids[one.ids + k]
        one.blocks -= each
        if state.held[i, key] == NONE:
            state.held[i, key] = 1
        else:
            # Somebody else computed it meanwhile: this copy is given back.
            if state.held[i, key] == 0:
                unlink(state, i, key)
                state.inst[i].idle -= each
            else:
                use(state, i, -each)
            state.held[i, key] += 1
        one.shared = k + 1


@borrowing
def release(state, requests, i, slot):
    """A request gives all its blocks back; those of prefixes stay until room is needed, the last go first."""
    one = state.slots[slot]
    use(state, i, -one.blocks)
    one.blocks = 0
    each = state.sim[0].id_tokens // state.sim[0].block
    for k in range(one.shared - 1, -1, -1):
        key = requests.ids[one.ids + k]
        state.held[i, key] -= 1
        if state.held[i, key] == 0:
            use(state, i, -each)
            state.inst[i].idle += each
            _link_newest(state, i, key)
    one.shared = 0


@borrowing
def join(state, i, slot, tokens):
    """A request's answer is under way from the next step on, with so many tokens in the cache."""
    one, here = state.slots[slot], state.inst[i]
    count = here.count + (1 if here.busy and here.with_answers else 0)
    one.state, one.instance = ANSWER, i
    one.base = tokens - count
    one.finish = count + one.output - one.done - 1
    one.chunk = count
    one.place = here.answers
    state.running[i, here.answers] = slot
    here.answers += 1
    here.context += tokens
    state.phases[i, -one.base % state.sim[0].block] += 1
    here.next_finish = min(here.next_finish, one.finish) if here.answers > 1 else one.finish
    one.fresh, here.fresh = here.fresh, slot


@borrowing
def leave(state, i, slot):
    """A request's answer is no longer under way: it is complete, or must make room."""
    one, here = state.slots[slot], state.inst[i]
    sim = state.sim[0]
    tokens = one.base + here.count
    here.answers -= 1
    other = state.running[i, here.answers]
    state.running[i, one.place] = other
    state.slots[other].place = one.place
    here.context -= tokens
    state.phases[i, -one.base % sim.block] -= 1
    # Blocks that were added step by step are counted here, not at every step.
    one.blocks = blocks_of(tokens, sim.block) - one.shared * (sim.id_tokens // sim.block)
