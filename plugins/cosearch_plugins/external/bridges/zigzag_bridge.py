"""One layer on one accelerator by ZigZag: its own mapper, LOMA, over the files that it reads."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from zigzag.api import get_hardware_performance_zigzag

logging.disable(logging.CRITICAL)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Cycles and energy of the best temporal mapping, and the mapping."""
    with tempfile.TemporaryDirectory(dir=".") as scratch:
        folder = Path(scratch).resolve()
        accelerator, mapping = folder / "accelerator.yaml", folder / "mapping.yaml"
        accelerator.write_text(json.dumps(job["accelerator"]), encoding="utf-8")
        mapping.write_text(json.dumps([job["mapping"]]), encoding="utf-8")
        energy, latency, *_, evaluated = get_hardware_performance_zigzag(
            [job["layer"]],
            str(accelerator),
            str(mapping),
            opt={"latency": "latency", "energy": "energy", "edp": "EDP"}[job["mapped_for"]],
            dump_folder=str(folder / "out"),
            lpf_limit=job["loop_limit"],
            loma_show_progress_bar=False,
        )
        best = evaluated[0][1][0][0]
        loops = {
            operand.name: [[[loop.name, int(size)] for loop, size in level] for level in levels]
            for operand, levels in best.temporal_mapping.mapping_dic_origin.items()
        }
    return {"latency_cycles": float(latency), "energy_pj": float(energy), "temporal_mapping": loops}
