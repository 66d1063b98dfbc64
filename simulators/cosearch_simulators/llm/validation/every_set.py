"""Every reference set of a folder: what `cosearch validate llm` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from cosearch_simulators.core.validation.table import ValidationRow, ValidationTable
from cosearch_simulators.errors import SimulatorError
from cosearch_simulators.llm.validation.rows import MeasuredRow
from cosearch_simulators.llm.validation.speed import speeds

SETS: Mapping[str, str] = {
    "genz": "cases.jsonl",
    "llm_viewer": "cases.jsonl",
    "aiconfigurator": "gemm.parquet",
    "measured": "gpu_ops.jsonl",
    "serving_e2e": "aggregated.parquet",
    "mlperf": "inference_v5_1.parquet",
    "splitwise": "engine.parquet",
    "llmcompass": "ops.parquet",
    "llmservingsim": "layers.parquet",
}
"""A set's folder, named as its module, and a file that it has."""


def validate(folder: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> ValidationTable:
    """The rows of every set in a folder, or of the set that the folder is.

    Raises:
        SimulatorError: there is no set that is known.
    """
    found = _sets(folder)
    if not found:
        raise SimulatorError(f"{folder} has no reference set of llm: {', '.join(SETS)}")
    rows: list[ValidationRow] = []
    for done, (name, path) in enumerate(found):
        progress(done, len(found))
        module = import_module(f"cosearch_simulators.llm.validation.{name}")
        # A table has rows of one class.
        rows += [
            row if isinstance(row, MeasuredRow) else MeasuredRow(**asdict(row))
            for row in module.validate(path)
        ]
    progress(len(found), len(found))
    failures = [f"{row.group} {row.metric}" for row in rows if not row.passed]
    return ValidationTable("llm", rows, speeds(), failures)


def _sets(folder: Path) -> Sequence[tuple[str, Path]]:
    here = folder.resolve().name
    if here in SETS:
        return [(here, folder)]
    return [(name, folder / name) for name, file in SETS.items() if (folder / name / file).exists()]
