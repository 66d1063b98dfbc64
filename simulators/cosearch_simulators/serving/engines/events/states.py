"""The state of a fleet before its first request, and with more slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosearch_simulators.serving.engines.events import layout
from cosearch_simulators.serving.engines.events.layout import NONE, State
from cosearch_simulators.serving.fleet import ROLES, ROUTERS, Fleet, Levels, Pool
from cosearch_simulators.serving.workload import Workload

if TYPE_CHECKING:
    from cosearch_simulators.serving.engines.events.entry import Options

FIRST_SLOTS = 512
TICK_S = 5.0
"""Between two looks at whether a pool has as many instances as it needs."""
FIRST_BIN_S = 1.0


def new_state(
    fleet: Fleet,
    workload: Workload,
    levels: Levels,
    how: Options,
    places: dict[int, int],
    recorded: int,
) -> State:
    """All empty, with the instances on that are always on.

    Args:
        fleet: that can serve the workload.
        workload: the requests.
        levels: the service levels.
        how: the run's options.
        places: of step times by their id.
        recorded: requests of which a record is kept.
    """
    pools = [pool for pool in fleet.pools if pool.count > 0]
    n = sum(pool.count for pool in pools)
    inst, of_pools = np.zeros(n, layout.INSTANCE), np.zeros(len(pools), layout.POOL)
    at = 0
    for p, pool in enumerate(pools):
        rows = inst[at : at + pool.count]
        _fill(rows, pool, places[id(pool.times)], p, workload, fleet.block)
        always = pool.count if pool.least is None else pool.least
        rows["on"][:always] = layout.ON
        of_pools[p] = (at, pool.count, always, 0.0 if pool.least is None else pool.target)
        at += pool.count
    caching = fleet.prefix_cache and workload.id_tokens > 0
    ids = workload.distinct_ids if caching else 0
    sim = np.zeros(1, layout.SIM)
    scales = any(pool.least is not None for pool in pools)
    values = {
        "router": ROUTERS.index(fleet.router),
        "preemption": layout.SWAP if fleet.preemption == "swap" else layout.RECOMPUTE,
        "closed": workload.closed,
        "caching": caching,
        "block": fleet.block,
        "id_tokens": workload.id_tokens if caching else 0,
        "swap_bytes_per_s": fleet.swap_bytes_per_s,
        "link_s": fleet.link_s,
        "patience": how.patience_s,
        "warmup": how.warmup_s,
        "ttft_level": levels.ttft_s,
        "tpot_level": levels.tpot_s,
        "extra_first": fleet.first_s,
        "tick": TICK_S,
        "next_tick": TICK_S if scales else np.inf,
        "mean_output": workload.mean_output,
        "random": how.seed % (1 << 63),
        "turn": n - 1,
        "turn_answers": n - 1,
        "capacity": int(inst["capacity"][inst["on"] == layout.ON].sum()),
        "on": int((inst["on"] == layout.ON).sum()),
        "first_counted": -1.0,
        "overloaded_at": -1.0,
        "bin_s": FIRST_BIN_S,
    }
    for name, value in values.items():
        sim[name] = value
    slots = np.zeros(FIRST_SLOTS, layout.SLOT)
    _free(slots, 0, NONE)
    most = max(pool.most_requests for pool in pools) + 1
    return State(
        sim,
        slots,
        inst,
        of_pools,
        np.zeros((n, most), np.int32),
        np.zeros((n, fleet.block), np.int32),
        np.full((n, layout.CLASSES), NONE, np.int32),
        np.full((n, layout.CLASSES), NONE, np.int32),
        np.zeros(FIRST_SLOTS),
        np.zeros(FIRST_SLOTS, np.int32),
        np.full((n, ids), NONE, np.int32),
        np.full((n, ids), NONE, np.int32),
        np.full((n, ids), NONE, np.int32),
        np.zeros((4, layout.BINS), np.int64),
        np.zeros((4, layout.SERIES_BINS)),
        np.zeros((how.log_steps, layout.LOG_COLUMNS)),
        np.zeros((recorded, layout.RECORD_COLUMNS)),
    )


def _fill(rows: np.ndarray, pool: Pool, place: int, p: int, workload: Workload, block: int) -> None:
    of = pool.times
    context = workload.mean_prompt + 0.5 * workload.mean_output
    batch = max(min(pool.most_requests, of.kv_tokens / max(context, 1.0)), 1.0)
    tokens = min(pool.step_tokens, 2048)
    values = {
        "role": ROLES.index(pool.role),
        "table": place,
        "capacity": int(min(of.kv_tokens // block, 2**31 - 1)),
        "most": pool.most_requests,
        "budget": pool.step_tokens,
        "chunked": pool.chunked or pool.role == "decode",
        "pool": p,
        "kv_bytes": of.kv_bytes,
        "link": pool.link,
        "power": of.power_w,
        "usd": of.usd_per_hour,
        "devices": of.devices,
        "prompt_s": of.prefill_s(tokens) / tokens,
        "answer_s": of.step_s(batch, batch, batch, context) / batch,
        "start_s": pool.start_s,
        "prefill_share": of.prefill_share,
        "decode_share": of.decode_share,
        "oldest": NONE,
        "newest": NONE,
        "first_prompt": NONE,
        "last_prompt": NONE,
        "fresh": NONE,
    }
    for name, value in values.items():
        rows[name] = value


def with_more_slots(state: State) -> State:
    """Twice as many."""
    old = state.slots.size
    slots = np.zeros(2 * old, layout.SLOT)
    slots[:old] = state.slots
    _free(slots, old, int(state.sim[0]["free"]))
    state.sim[0]["free"] = old
    return state._replace(
        slots=slots,
        move_s=np.concatenate([state.move_s, np.zeros(old)]),
        move_slot=np.concatenate([state.move_slot, np.zeros(old, np.int32)]),
    )


def _free(slots: np.ndarray, first: int, then: int) -> None:
    """Link the slots from `first` on as free ones."""
    slots["next"][first:] = np.arange(first + 1, slots.size + 1)
    slots["next"][-1] = then
