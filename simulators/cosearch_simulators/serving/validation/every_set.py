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
from cosearch_simulators.serving.validation import llmservingsim, queueing
from cosearch_simulators.serving.workload import process

SETS = {"llmservingsim": "requests.parquet"}


def validate(folder: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> ValidationTable:
    """The rows of queueing theory, and of the set in a folder or that the folder is.

    Raises:
        SimulatorError: there is no set that is known.
    """
    here = folder if (folder / SETS["llmservingsim"]).exists() else folder / "llmservingsim"
    if not (here / SETS["llmservingsim"]).exists():
        raise SimulatorError(f"{folder} has no reference set of serving: {', '.join(SETS)}")
    progress(0, 3)
    rows: list[ValidationRow] = list(queueing.validate())
    progress(1, 3)
    rows += llmservingsim.validate(here)
    progress(2, 3)
    failures = [f"{row.group} {row.metric}" for row in rows if not row.passed]
    table = ValidationTable("serving", rows, {"one instance, 8 requests/s": _speed()}, failures)
    progress(3, 3)
    return table


def _speed() -> dict[str, float]:
    """Seconds of the fleet's time that pass in a second of the processor's."""
    times = step_times(MODELS["llama-3.1-8b"], platform_named("h100_sxm"), Serving())
    requests = process(lengths_named("azure-conversation"), rate=8.0, seconds=1800.0)
    begin = time.process_time()
    simulate([Fleet([Pool(times)])], requests)
    spent = time.process_time() - begin
    return {"simulated seconds a second": 1800.0 / spent, "requests a second": 8.0 * 1800.0 / spent}
