"""Queueing theory, and every recorded set of a folder: what `cosearch validate serving` does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cosearch_simulators.core.validation.table import ValidationRow, ValidationTable
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm import MODELS, Serving, platform_named
from cosearch_simulators.serving.engines.events.entry import simulate
from cosearch_simulators.serving.fleet import Fleet, Pool
from cosearch_simulators.serving.lengths import lengths_named
from cosearch_simulators.serving.step_times import step_times
from cosearch_simulators.serving.validation import llmservingsim, queueing, serving_e2e
from cosearch_simulators.serving.workload import process

SETS = {"llmservingsim": "requests.parquet", "serving_e2e": "disaggregated.parquet"}
"""A set's folder, and a file that it has."""


def validate(folder: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> ValidationTable:
    """The rows of queueing theory, and of every set in a folder, or of the set that the folder is.

    Raises:
        SimulatorError: there is no set that is known.
    """
    known = {"llmservingsim": llmservingsim.validate, "serving_e2e": serving_e2e.validate}
    found = [
        (name, here)
        for name, file in SETS.items()
        for here in (folder, folder / name)
        if (here / file).exists()
    ]
    if not found:
        raise SimulatorError(f"{folder} has no reference set of serving: {', '.join(SETS)}")
    progress(0, len(found) + 1)
    rows: list[ValidationRow] = list(queueing.validate())
    for done, (name, here) in enumerate(found, start=1):
        progress(done, len(found) + 1)
        rows += known[name](here)
    failures = [f"{row.group} {row.metric}" for row in rows if not row.passed]
    table = ValidationTable("serving", rows, {"one instance, 8 requests/s": _speed()}, failures)
    progress(len(found) + 1, len(found) + 1)
    return table


def _speed() -> dict[str, float]:
    """Seconds of the fleet's time that pass in a second of the processor's."""
    times = step_times(MODELS["llama-3.1-8b"], platform_named("h100_sxm"), Serving())
    requests = process(lengths_named("azure-conversation"), rate=8.0, seconds=1800.0)
    begin = time.process_time()
    simulate([Fleet([Pool(times)])], requests)
    spent = time.process_time() - begin
    return {"simulated seconds a second": 1800.0 / spent, "requests a second": 8.0 * 1800.0 / spent}
