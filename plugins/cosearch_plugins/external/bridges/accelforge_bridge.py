"""One product on one accelerator by AccelForge, mapped by its own mapper."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import accelforge
from accelforge.mapper.FFM import map_workload_to_arch

METRICS = {
    "latency": accelforge.Metrics.LATENCY,
    "energy": accelforge.Metrics.ENERGY,
    "edp": accelforge.Metrics.LATENCY | accelforge.Metrics.ENERGY,
}
"""What the mapper keeps; of the front of both the least product is taken."""


def run(job: dict[str, Any]) -> dict[str, float]:
    """Seconds and joules of the best mapping."""
    accelforge.set_n_parallel_jobs(1)
    with tempfile.TemporaryDirectory(dir=".") as scratch:
        files = []
        for name, text in (
            ("arch.yaml", job["architecture"]),
            ("workload.yaml", json.dumps(job["workload"])),
        ):
            path = Path(scratch, name)
            path.write_text(text, encoding="utf-8")
            files.append(os.fspath(path))
        spec = accelforge.Spec.from_yaml(*files)
    spec.mapper.metrics = METRICS[job["mapped_for"]]
    # In detail it would draw the mapping, which needs the program dot.
    found = map_workload_to_arch(spec, print_progress=False, eval_in_detail=False)
    rows = list(zip(found.data["Total<SEP>latency"], found.data["Total<SEP>energy"], strict=True))
    score = {"latency": lambda r: r[0], "energy": lambda r: r[1], "edp": lambda r: r[0] * r[1]}[
        job["mapped_for"]
    ]
    latency, energy = min(rows, key=score)
    return {"latency_s": float(latency), "energy_j": float(energy)}
