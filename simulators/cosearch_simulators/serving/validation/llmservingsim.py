"""vLLM's recorded runs request by request: the same requests through our scheduler and step times.

Nothing is fitted on them. For the setup whose kernels were traced, a second group takes the step times from
that trace: what is then left of the error is the scheduler's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm import Serving, model_named, platform_named
from cosearch_simulators.llm.validation.reading import Table, read_table
from cosearch_simulators.llm.validation.serving_e2e import architecture
from cosearch_simulators.serving.engines.events.entry import Options, simulate
from cosearch_simulators.serving.fleet import Fleet, Pool
from cosearch_simulators.serving.step_times import StepTimes, step_times
from cosearch_simulators.serving.validation.profiled import profiled
from cosearch_simulators.serving.validation.rows import ServedRow
from cosearch_simulators.serving.workload import of_arrays

MEANS = {"tpot_ms": 0.05, "ttft_ms": 0.15}
"""How far a mean may be off."""

DEVICES = {"rtx_pro_6000": "rtxpro6000"}

Floats = NDArray[np.float64]


def validate(folder: Path) -> list[ServedRow]:
    """Mean, median and 99th percentile of TPOT, TTFT and latency for each setup."""
    try:
        setups: dict[str, dict[str, Any]] = json.loads((folder / "setups.json").read_text())
    except (OSError, ValueError) as error:
        raise SimulatorError(f"cannot read {folder / 'setups.json'}: {error}") from error
    table = read_table(folder / "requests.parquet")
    rows = []
    for name, setup in setups.items():
        rows += _rows(name, setup, _of(table, name), _times(setup), MEANS)
        if (folder / "layers.parquet").exists():
            measured = profiled(folder, _times(setup), str(setup["device"]), str(setup["model"]))
            if measured is not None and setup["tp"] == 1:
                rows += _rows(f"{name}, its kernels as traced", setup, _of(table, name), measured, {})
    return rows


def _times(setup: dict[str, Any]) -> StepTimes:
    device = str(setup["device"])
    ranks = float(setup["dp"])
    layout = Serving(tp=float(setup["tp"]), attention_dp=ranks, ep=ranks if setup["expert_parallel"] else 1.0)
    return step_times(
        model_named(architecture(str(setup["model"]))),
        platform_named(DEVICES.get(device, device)),
        layout,
        kv_tokens=float(setup["kv_tokens"] or 0.0),
    )


def _of(table: Table, setup: str) -> Table:
    rows = np.flatnonzero(table["setup"] == setup)
    if rows.size == 0:
        raise SimulatorError(f"requests.parquet has no request of setup {setup}")
    rows = rows[np.argsort(table["arrival_s"][rows], kind="stable")]
    return {name: column[rows] for name, column in table.items()}


def _rows(
    group: str, setup: dict[str, Any], table: Table, times: StepTimes, bounds: dict[str, float]
) -> list[ServedRow]:
    ranks = int(setup["dp"])
    pool = Pool(
        times,
        most_requests=int(setup["max_num_seqs"]) * ranks,
        step_tokens=int(setup["max_num_batched_tokens"]) * ranks,
    )
    workload = of_arrays(table["arrival_s"], table["prompt_tokens"], table["output_tokens"])
    # Recorded inside the engine: nothing of the client's time is in it.
    options = Options(refuse_overload=False, record=True)
    run = simulate([Fleet([pool])], workload, options=options)[0]
    if run.reason:
        raise SimulatorError(f"setup {group}: {run.reason}")
    found = run.requests
    ours = _times_of(found["arrival_s"], found["first_s"], found["last_s"], table["output_tokens"])
    theirs = _times_of(
        table["arrival_s"], table["first_token_s"], table["last_token_s"], table["output_tokens"]
    )
    rows = []
    for metric, mine in ours.items():
        for words, of in (("mean", np.mean), ("median", np.median), ("p99", lambda v: np.quantile(v, 0.99))):
            bound = bounds.get(metric, float("inf")) if words == "mean" else float("inf")
            a, b = float(of(mine)), float(of(theirs[metric]))
            rows.append(ServedRow.served(group, f"{words} {metric}", a, b, requests=mine.size, bound=bound))
    return rows


def _times_of(arrival: Floats, first: Floats, last: Floats, output: Floats) -> dict[str, Floats]:
    return {
        "tpot_ms": 1e3 * (last - first) / np.maximum(output - 1.0, 1.0),
        "ttft_ms": 1e3 * (first - arrival),
        "latency_ms": 1e3 * (last - arrival),
    }
