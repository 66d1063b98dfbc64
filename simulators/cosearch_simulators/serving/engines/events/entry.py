"""Fleets in, metrics out: each fleet is simulated on the same requests, several at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.core.result import Result
from cosearch_simulators.serving.engines.events import layout
from cosearch_simulators.serving.engines.events.layout import State, Tables
from cosearch_simulators.serving.engines.events.states import new_state, with_more_slots
from cosearch_simulators.serving.fleet import Fleet, Levels, refusal
from cosearch_simulators.serving.metrics import PERCENTILES, UNITS
from cosearch_simulators.serving.step_times import packed
from cosearch_simulators.serving.workload import Workload
from cosearch_simulators.threads import threads_of

Floats = NDArray[np.float64]

IDLE_POWER = 0.15
"""Share of the thermal design power of a device that waits: an assumption, what data sheets and Splitwise's
idle GPUs come near to."""

PATIENCE_S = 600.0


@dataclass(frozen=True)
class Options:
    """How a run is made.

    Attributes:
        seed: of the router's choices.
        warmup_s: requests that come before it are served but not counted.
        patience_s: a fleet is overloaded once a request waits longer for its first step.
        refuse_overload: whether a rate above what a fleet could serve at best is refused without a run.
        log_steps: of which a log is kept.
        record: whether times of each request are kept.
    """

    seed: int = 0
    warmup_s: float = 0.0
    patience_s: float = PATIENCE_S
    refuse_overload: bool = True
    log_steps: int = 0
    record: bool = False


@dataclass(frozen=True, eq=False)
class Run:
    """One fleet on one workload, in full.

    Attributes:
        metrics: by name; not finite where there is no request to measure.
        reason: why it could not be run, or not to its end; "" where it was.
        state: what the clock left.
    """

    metrics: dict[str, float]
    reason: str
    state: State | None

    @property
    def requests(self) -> dict[str, Floats]:
        """Of each request: arrival_s, begun_s, first_s, last_s, preemptions, hit_tokens."""
        names = ("arrival_s", "begun_s", "first_s", "last_s", "preemptions", "hit_tokens")
        assert self.state is not None
        return {name: self.state.record[:, k] for k, name in enumerate(names)}

    @property
    def series(self) -> dict[str, Floats]:
        """Over time: `s`, and `waiting`, `cache_use`, `running`, `instances` as means of its bins."""
        assert self.state is not None
        sim = self.state.sim[0]
        bins = max(math.ceil(sim["now"] / sim["bin_s"]), 1)
        widths = np.full(bins, sim["bin_s"])
        widths[-1] = max(sim["now"] - (bins - 1) * sim["bin_s"], 1e-12)
        names = ("waiting", "cache_use", "running", "instances")
        found = {name: self.state.series[k, :bins] / widths for k, name in enumerate(names)}
        return {"s": (np.arange(bins) + 0.5) * sim["bin_s"]} | found

    @property
    def steps(self) -> Floats:
        """The log, see `layout.LOG_COLUMNS`."""
        assert self.state is not None
        return self.state.log[: int(self.state.sim[0]["logged"])]

    def times(self, which: int) -> tuple[Floats, NDArray[np.int64]]:
        """Seconds at the bins' upper edges, and how many were below, of `layout.TTFT`, ..."""
        assert self.state is not None
        edges = layout.LEAST_S * np.exp(layout.BIN_WIDTH * (np.arange(layout.BINS) + 1.0))
        return edges, np.cumsum(self.state.hist[which])


def evaluate(
    fleets: Sequence[Fleet],
    workload: Workload,
    levels: Levels | None = None,
    *,
    options: Options | None = None,
    threads: int | None = None,
) -> Result:
    """Metrics of each fleet; one that cannot serve the workload is infeasible, with the reason.

    Args:
        fleets: n of them.
        workload: the requests, the same for all.
        levels: the service levels; default none.
        options: how the runs are made.
        threads: fleets at once. None: as many as cores that this process may use.

    Returns:
        The metrics of `metrics.UNITS`.
    """
    runs = simulate(fleets, workload, levels, options=options, threads=threads)
    columns = {name: [run.metrics.get(name, np.nan) for run in runs] for name in UNITS}
    return Result.of(columns, [run.reason for run in runs])


def simulate(
    fleets: Sequence[Fleet],
    workload: Workload,
    levels: Levels | None = None,
    *,
    options: Options | None = None,
    threads: int | None = None,
) -> list[Run]:
    """The same in full; states of many fleets take a megabyte each, so `evaluate` for numbers alone."""
    how, wanted = options or Options(), levels or Levels()
    reasons = [refusal(one, workload, wanted, overload=how.refuse_overload) for one in fleets]
    able = [k for k, reason in enumerate(reasons) if not reason]
    kinds = list({id(p.times): p.times for k in able for p in fleets[k].pools}.values())
    tables = packed(kinds) if kinds else None
    places = {id(one): place for place, one in enumerate(kinds)}
    runs = [Run({}, reason, None) for reason in reasons]
    keep = how.log_steps > 0 or how.record or len(fleets) == 1

    def one(k: int) -> None:
        assert tables is not None
        runs[k] = _run(fleets[k], workload, wanted, how, tables, places, keep)

    number = min(threads_of(threads), max(len(able), 1))
    if number == 1:
        for k in able:
            one(k)
    else:
        with ThreadPoolExecutor(number) as workers:
            list(workers.map(one, able))
    return runs


def _run(
    fleet: Fleet,
    workload: Workload,
    levels: Levels,
    how: Options,
    tables: Tables,
    places: dict[int, int],
    keep: bool,
) -> Run:
    from cosearch_simulators.serving.engines.events.kernel import go_on

    rows = sum(piece.prompt.size for piece in workload.pieces()) if how.record else 0
    state = new_state(fleet, workload, levels, how, places, rows)
    pieces = workload.pieces()
    piece = next(pieces)
    while (code := go_on(state, tables, piece)) in (layout.MORE, layout.GROW):
        if code == layout.GROW:
            state = with_more_slots(state)
        else:
            piece = next(pieces)
            state.sim[0]["read"] = 0
    reason = ""
    if code == layout.OVERLOADED:
        at = state.sim[0]["overloaded_at"]
        reason = (
            f"overloaded: after {at:.4g} s a request had waited over {how.patience_s:g} s"
            if at >= 0
            else "no instance takes the longest request"
        )
    else:
        _check_conservation(state, code)
    found = _metrics(state, fleet, workload)
    return Run(found, reason, state if keep else None)


def _check_conservation(state: State, code: int) -> None:
    """No request is lost or served twice; Little's law: the integral of those in the system is their time."""
    sim = state.sim[0]
    assert code == layout.DONE, "requests are under way, but nothing is going to happen"
    assert sim["arrived"] == sim["finished"], "a request was lost"
    assert abs(sim["area"] - sim["sum_all_latency"]) <= 1e-6 * max(sim["area"], 1.0), "time was lost"
    assert not state.inst["requests"].any(), "an instance has a request that has gone"
    assert sim["used"] == 0, "a block of a cache was not given back"


def _metrics(state: State, fleet: Fleet, workload: Workload) -> dict[str, float]:
    sim = state.sim[0]
    end = float(sim["now"])
    for one in state.inst:
        if one["on"] != layout.OFF:
            one["on_s"] += end - one["since"]
            one["since"] = end
    on_s, devices = state.inst["on_s"], state.inst["devices"]
    paid = float((state.inst["usd"] * on_s).sum()) / 3600.0
    idle = np.maximum(on_s - state.inst["busy_s"], 0.0)
    joules = float((state.inst["joules"] + idle * state.inst["power"] * IDLE_POWER).sum())
    counted = int(sim["counted"])
    out, finished = max(int(sim["tokens_out"]), 1), int(sim["finished"])
    begin = max(float(sim["first_counted"]), 0.0)
    window = (end if workload.closed else max(float(sim["last_arrival"]), workload.seconds)) - begin
    if window <= 0:  # all requests that count came at once
        window = end - begin
    found: dict[str, float] = {}
    for name, which, total, number in (
        ("ttft", layout.TTFT, sim["sum_ttft"], counted),
        ("tpot", layout.TPOT, sim["sum_tpot"], int(sim["with_tpot"])),
        ("latency", layout.LATENCY, sim["sum_latency"], counted),
        ("gap", layout.GAP, 0.0, 1),
    ):
        if name != "gap":
            found[f"{name}_mean_ms"] = 1e3 * float(total) / number if number else 0.0
        for p in PERCENTILES:
            found[f"{name}_p{p}_ms"] = 1e3 * percentile(state.hist[which], p / 100.0)
    series = state.series.sum(axis=1)
    scales = any(pool.least is not None for pool in fleet.pools)
    instance_s = max(float(on_s.sum()), 1e-12)
    share = 1.0 / max(counted, 1)
    return found | {
        "attainment": float(sim["met"]) * share,
        "ttft_attainment": float(sim["met_ttft"]) * share,
        "tpot_attainment": float(sim["met_tpot"]) * share,
        "goodput_per_s": float(sim["met"]) / max(window, 1e-9),
        "requests_per_s": finished / max(end, 1e-9),
        "tokens_per_s": float(sim["tokens_out"]) / max(end, 1e-9),
        "usd_per_hour": paid / max(end, 1e-9) * 3600.0 if scales else fleet.usd_per_hour,
        "usd_per_million_tokens": paid / out * 1e6,
        "gpu_hours": float((devices * on_s).sum()) / 3600.0,
        "energy_per_token_j": joules / out,
        "utilisation": float(state.inst["busy_s"].sum()) / instance_s,
        "cache_use": float(series[layout.CACHE]) / max(end, 1e-12),
        "cache_use_most": float(sim["most_used"]),
        "waiting": float(series[layout.WAITS]) / max(end, 1e-12),
        "waiting_most": float(sim["most_waiting"]),
        "wait_mean_ms": 1e3 * float(sim["sum_wait"]) / max(finished, 1),
        "batch": float(series[layout.RUNNING]) / instance_s,
        "preemptions": float(sim["preemptions"]),
        "prefix_hits": float(sim["tokens_hit"]) / max(float(sim["tokens_in"]), 1.0),
        "moved_gb": float(sim["moved_bytes"]) / 1e9,
        "devices": float(devices.sum()),
        "requests": float(finished),
    }


def percentile(hist: NDArray[np.int64], share: float) -> float:
    """Of a histogram in seconds, exact to the width of a bin; 0 where nothing was counted."""
    below = np.cumsum(hist)
    if below[-1] == 0:
        return 0.0
    # The smallest time that this share of them is not above.
    rank = max(math.ceil(share * int(below[-1])), 1)
    place = int(np.searchsorted(below, rank))
    before = int(below[place - 1]) if place else 0
    within = (rank - before - 0.5) / max(int(hist[place]), 1)
    return float(layout.LEAST_S * np.exp(layout.BIN_WIDTH * (place + within)))
