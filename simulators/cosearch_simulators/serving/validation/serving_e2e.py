"""Closed loops of real engines: each recorded configuration event by event, for information.

The LLM simulator has a closed form of these runs, with constants of serving that were fitted on them; here
queues and batches are simulated, and only the step times are its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cosearch_simulators.llm import Model, Platform, Serving
from cosearch_simulators.llm.common.calibration import serving_constants
from cosearch_simulators.llm.validation.reading import Table, read_table
from cosearch_simulators.llm.validation.serving_e2e import MEAN_LENGTH, described
from cosearch_simulators.serving.engines.events.entry import Options, simulate
from cosearch_simulators.serving.fleet import Fleet, Pool
from cosearch_simulators.serving.step_times import StepTimes, step_times
from cosearch_simulators.serving.validation.rows import ServedRow
from cosearch_simulators.serving.workload import Workload, of_arrays

EVERY = 8
"""Of the rows of co-located runs one in so many is simulated."""
ROUNDS, LEAST_REQUESTS, STEP_TOKENS = 4, 40, 8192

Described = TypeVar("Described", Model, Platform, Serving)
OPTIONS = Options(refuse_overload=False, patience_s=math.inf)


def validate(folder: Path) -> list[ServedRow]:
    """TPOT and TTFT of co-located and of disaggregated runs."""
    rows = []
    for name, words in (("aggregated", "together"), ("disaggregated", "apart")):
        table = read_table(folder / f"{name}.parquet")
        found = list(_together(table) if name == "aggregated" else _apart(table))
        for metric, place in (("tpot_ms", 0), ("ttft_ms", 1)):
            ours = np.array([one[place] for _, one in found])
            theirs = np.array([table[metric][row] for row, _ in found])
            rows.append(ServedRow.many(f"serving_e2e, prompts and answers {words}", metric, ours, theirs))
    return rows


def _together(table: Table) -> Iterator[tuple[int, tuple[float, float]]]:
    which, model, platform, serving = described(table, serving_constants())
    for k in range(0, which.size, EVERY):
        row, layout = int(which[k]), _row(serving, k)
        times = _times(_row(model, k), _row(platform, k), layout)
        clients = int(table["concurrency"][row])
        pool = Pool(times, most_requests=max(clients, 1), step_tokens=max(STEP_TOKENS, clients))
        yield from _ran(row, Fleet([pool], first_s=float(layout.first_s)), table)


def _apart(table: Table) -> Iterator[tuple[int, tuple[float, float]]]:
    sides = []
    for side in ("prefill", "decode"):
        own = {name: table[f"{side}_{name}"] for name in ("tp", "attn_dp", "moe_ep")}
        sides.append(described(table | own, serving_constants()))
    which = sides[0][0]
    for k in range(which.size):
        row, clients = int(which[k]), int(table["concurrency"][which[k]])
        pools = []
        for name, (_, model, platform, serving) in zip(("prefill", "decode"), sides, strict=True):
            layout = _row(serving, k)
            workers = max(int(table[f"{name}_workers"][row]), 1)
            most = max(int(table[f"{name}_batch_size"][row]), math.ceil(clients / workers), 1)
            times = _times(_row(model, k), _row(platform, k), layout)
            tokens = STEP_TOKENS * int(layout.attention_dp)
            pools.append(Pool(times, workers, name, most, tokens, chunked=name == "decode"))  # type: ignore[arg-type]
        yield from _ran(row, Fleet(pools, first_s=float(layout.first_s)), table)


def _ran(row: int, fleet: Fleet, table: Table) -> Iterator[tuple[int, tuple[float, float]]]:
    run = simulate([fleet], _loop(table, row), options=OPTIONS)[0]
    if not run.reason:
        yield row, (run.metrics["tpot_mean_ms"], run.metrics["ttft_mean_ms"])


def _loop(table: Table, row: int) -> Workload:
    """Lengths as InferenceX draws them; four rounds of all clients."""
    clients = int(table["concurrency"][row])
    count = max(ROUNDS * clients, LEAST_REQUESTS)
    stream = np.random.default_rng(row)
    least = 1.0 if str(table["origin"][row]) == "nvidia" else 2.0 * MEAN_LENGTH - 1.0
    drawn = [
        np.maximum((table[name][row] * stream.uniform(least, 1.0, count)).astype(np.int64), 2)
        for name in ("isl", "osl")
    ]
    return of_arrays(np.zeros(count), *drawn, closed=clients)


def _times(model: Model, platform: Platform, layout: Serving) -> StepTimes:
    return step_times(model, platform, layout, context=float(layout.prompt + layout.output))


def _row(columns: Described, k: int) -> Described:
    """One row of columns, as numbers."""
    found: dict[str, Any] = {}
    for one in fields(columns):
        value = getattr(columns, one.name)
        found[one.name] = float(np.asarray(value)[k]) if np.ndim(value) else value
    return type(columns)(**found)
