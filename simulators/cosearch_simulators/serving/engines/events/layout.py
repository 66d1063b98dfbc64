"""What the clock keeps of one fleet between two calls, so that requests can be fed to it in pieces.

Requests under way lie in slots; where there are too few, they are replaced by twice as many. Nothing else
grows with the number of requests. Lists of slots are linked by their `next`; NONE ends a list.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

NONE = -1

MIXED, PREFILL, DECODE = range(3)
"""What an instance does with a request: all of it, its prompt only, or its answer only."""

ROUND_ROBIN, LEAST_WORK, AFFINITY, TWO_CHOICES = range(4)
"""Who gets a request: the next instance, the one with the least work, its session's, the better of two."""

RECOMPUTE, SWAP = range(2)
"""What becomes of the cache of a request that must make room."""

FREE, WAITING, PROMPT, ANSWER, HELD, MOVING = range(6)
"""Of a request: in the queue, its prompt under way, its answer under way; prompt done and its cache held
until another instance has room for it, cache on the way there."""

OFF, STARTING, ON, DRAINING = range(4)
"""Of an instance."""

DONE, MORE, GROW, OVERLOADED, STUCK = range(5)
"""Why the clock stopped: all is served; it needs the next piece of requests, or more slots; a request waited
longer than the patience; nothing can go on, which would be an error of ours."""

MOST_INSTANCES = 4096

CLASSES = 4
"""Of priority, 0 first."""

BINS, BIN_WIDTH, LEAST_S = 16384, 0.002, 1e-6
"""Of the histograms of times: the width in natural logarithms, 0.2 %, from a microsecond."""
TTFT, TPOT, LATENCY, GAP = range(4)

SERIES_BINS = 512
WAITS, CACHE, RUNNING, INSTANCES = range(4)
"""Over time: requests that wait, share of the caches in use, requests under way, instances that are on."""

LOG_COLUMNS = 7
"""Of a step: begin, end, instance, answers, tokens of prompts, share of the cache in use, waiting."""

RECORD_COLUMNS = 6
"""Of a request: arrival, first step, first token, last token, preemptions, tokens found in the cache."""

SLOT = np.dtype(
    [
        ("arrival", "f8"),
        ("begun", "f8"),
        ("first", "f8"),
        ("last", "f8"),
        ("work", "f8"),
        ("request", "i8"),
        ("session", "i8"),
        ("ids", "i8"),
        ("base", "i8"),
        ("finish", "i8"),
        ("prompt", "i4"),
        ("output", "i4"),
        ("done", "i4"),
        ("computed", "i4"),
        ("target", "i4"),
        ("chunk", "i4"),
        ("blocks", "i4"),
        ("id_count", "i4"),
        ("shared", "i4"),
        ("hit", "i4"),
        ("place", "i4"),
        ("instance", "i4"),
        ("source", "i4"),
        ("next", "i4"),
        ("fresh", "i4"),
        ("priority", "i4"),
        ("state", "i4"),
        ("swapped", "i4"),
        ("preempted", "i4"),
    ],
    align=True,
)
"""A request under way. `base`: tokens in its cache less the instance's count of decode steps; `finish`: the
count at which it ends; `target`: tokens of which the cache must be computed, `computed` of them are;
`shared`: leading blocks of ids that it uses of the prefix cache; `blocks`: of its own."""

INSTANCE = np.dtype(
    [
        ("role", "i4"),
        ("table", "i4"),
        ("capacity", "i4"),
        ("most", "i4"),
        ("budget", "i4"),
        ("chunked", "i4"),
        ("pool", "i4"),
        ("on", "i4"),
        ("kv_bytes", "f8"),
        ("link", "f8"),
        ("power", "f8"),
        ("usd", "f8"),
        ("devices", "f8"),
        ("prompt_s", "f8"),
        ("answer_s", "f8"),
        ("start_s", "f8"),
        ("prefill_share", "f8"),
        ("decode_share", "f8"),
        ("busy", "i4"),
        ("with_answers", "i4"),
        ("answers", "i4"),
        ("prompts", "i4"),
        ("moving", "i4"),
        ("waiting", "i4"),
        ("stalled", "i4"),
        ("kick", "i4"),
        ("used", "i4"),
        ("idle", "i4"),
        ("oldest", "i4"),
        ("newest", "i4"),
        ("first_prompt", "i4"),
        ("last_prompt", "i4"),
        ("fresh", "i4"),
        ("requests", "i4"),
        ("context", "i8"),
        ("count", "i8"),
        ("next_finish", "i8"),
        ("until", "f8"),
        ("emitted", "f8"),
        ("link_free", "f8"),
        ("work", "f8"),
        ("since", "f8"),
        ("on_s", "f8"),
        ("busy_s", "f8"),
        ("joules", "f8"),
    ],
    align=True,
)
"""An instance. `capacity`: blocks of its cache; `most`: requests that run at once; `budget`: tokens of a
step; `used`, `idle`: blocks that requests hold, and that are kept for prefixes only; `context`: tokens in
the caches of its answers; `count`: of its decode steps; `prompt_s`, `answer_s`: what the router takes a token
of a prompt and of an answer for."""

POOL = np.dtype([("first", "i4"), ("size", "i4"), ("least", "i4"), ("target", "f8")], align=True)
"""Instances of one kind; `target`: requests of each at which another is started, 0: their number is fixed."""

SIM = np.dtype(
    [
        ("now", "f8"),
        ("router", "i4"),
        ("preemption", "i4"),
        ("closed", "i4"),
        ("caching", "i4"),
        ("block", "i4"),
        ("id_tokens", "i4"),
        ("swap_bytes_per_s", "f8"),
        ("link_s", "f8"),
        ("patience", "f8"),
        ("warmup", "f8"),
        ("ttft_level", "f8"),
        ("tpot_level", "f8"),
        ("extra_first", "f8"),
        ("tick", "f8"),
        ("next_tick", "f8"),
        ("mean_output", "f8"),
        ("random", "u8"),
        ("free", "i4"),
        ("turn", "i4"),
        ("turn_answers", "i4"),
        ("in_system", "i8"),
        ("running", "i8"),
        ("waiting", "i8"),
        ("used", "i8"),
        ("capacity", "i8"),
        ("on", "i8"),
        ("moves", "i8"),
        ("kicks", "i8"),
        ("read", "i8"),
        ("arrived", "i8"),
        ("finished", "i8"),
        ("counted", "i8"),
        ("met", "i8"),
        ("met_ttft", "i8"),
        ("met_tpot", "i8"),
        ("with_tpot", "i8"),
        ("tokens_out", "i8"),
        ("tokens_in", "i8"),
        ("tokens_hit", "i8"),
        ("tokens_computed", "i8"),
        ("counted_tokens", "i8"),
        ("preemptions", "i8"),
        ("steps", "i8"),
        ("logged", "i8"),
        ("stalled", "i8"),
        ("most_waiting", "i8"),
        ("most_used", "f8"),
        ("area", "f8"),
        ("stalled_s", "f8"),
        ("sum_ttft", "f8"),
        ("sum_tpot", "f8"),
        ("sum_latency", "f8"),
        ("sum_all_latency", "f8"),
        ("sum_wait", "f8"),
        ("moved_bytes", "f8"),
        ("last_arrival", "f8"),
        ("first_counted", "f8"),
        ("bin_s", "f8"),
        ("overloaded_at", "f8"),
    ],
    align=True,
)
"""The fleet as a whole: its rules, and what was counted. `area` is the integral of the requests in the system
over time."""


class State(NamedTuple):
    """All of one fleet.

    Attributes:
        sim: (1,) of SIM.
        slots: of SLOT.
        inst: of INSTANCE.
        pools: of POOL.
        running: int32 (instances, most), slots of the answers under way.
        phases: int32 (instances, block), answers by the decode step at which they need their next block.
        heads, tails: int32 (instances, CLASSES), the queues.
        move_s, move_slot: a heap of caches on their way, by their end.
        held: int32 (instances, ids), requests that use a block of the prefix cache; -1: it is not there.
        after, before: int32 (instances, ids), the order in which unused blocks are thrown out.
        hist: int64 (4, BINS), times of TTFT, TPOT, LATENCY and GAP.
        series: float64 (4, SERIES_BINS), integrals over time.
        log: float64 (steps, LOG_COLUMNS); empty: none is kept.
        record: float64 (requests, RECORD_COLUMNS); empty: none is kept.
    """

    sim: NDArray[Any]
    slots: NDArray[Any]
    inst: NDArray[Any]
    pools: NDArray[Any]
    running: NDArray[np.int32]
    phases: NDArray[np.int32]
    heads: NDArray[np.int32]
    tails: NDArray[np.int32]
    move_s: NDArray[np.float64]
    move_slot: NDArray[np.int32]
    held: NDArray[np.int32]
    after: NDArray[np.int32]
    before: NDArray[np.int32]
    hist: NDArray[np.int64]
    series: NDArray[np.float64]
    log: NDArray[np.float64]
    record: NDArray[np.float64]


class Tables(NamedTuple):
    """Step times in seconds by table; see `step_times` for their axes.

    Attributes:
        tokens: (tables, n), all but attention, experts and classifier, by the tokens of a step.
        experts: (tables, n), routed experts, by the same.
        classifier: (tables, n), what more than one sequence costs.
        answers: (tables, n, n), attention of answers by their number and mean context.
        prompts: (tables, n, n), attention of a prompt's tokens by their number and those before them.
        least: (tables, 4), the least of all kernels together, what the host adds, ranks of attention, and
            whether there are experts.
    """

    tokens: NDArray[np.float64]
    experts: NDArray[np.float64]
    classifier: NDArray[np.float64]
    answers: NDArray[np.float64]
    prompts: NDArray[np.float64]
    least: NDArray[np.float64]


class Requests(NamedTuple):
    """A piece of the requests, in the order of their arrival.

    Attributes:
        arrival: seconds; of a closed loop unused.
        prompt, output: tokens.
        priority: 0 first.
        session: whose requests these are.
        first_id, id_count: whole blocks of the prompt, places in `ids`.
        ids: of all blocks of all pieces.
        last: whether no piece follows.
    """

    arrival: NDArray[np.float64]
    prompt: NDArray[np.int32]
    output: NDArray[np.int32]
    priority: NDArray[np.int32]
    session: NDArray[np.int64]
    first_id: NDArray[np.int64]
    id_count: NDArray[np.int32]
    ids: NDArray[np.int32]
    last: bool
