"""A network on array designs by SCALE-Sim itself: its own cycles and words, our energies for each.

Each layer is the product that it is for our engine `scalesim`, with the same buffers and bandwidths; a layer
of many groups runs once and counts as many times, since SCALE-Sim runs them one after another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosearch_plugins.external.jobs import run_jobs
from cosearch_plugins.external.tool_process import ToolError
from cosearch_plugins.external.tools import SCALESIM
from cosearch_plugins.external.verdicts import judged, reasons_of
from cosearch_simulators.accelerator.engines.scalesim.entry import DATAFLOWS, arrays_of, costed
from cosearch_simulators.accelerator.engines.scalesim.systolic import Products, SystolicResults
from cosearch_simulators.accelerator.system.designs import UNITS, ArrayDesigns, Chip
from cosearch_simulators.core.result import Result
from cosearch_simulators.workloads import LoopNest, Network

WORDS = (
    "sram_inputs_reads",
    "sram_weights_reads",
    "sram_outputs_writes",
    "dram_inputs_reads",
    "dram_weights_reads",
    "dram_outputs_writes",
)


def evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip = Chip(),  # noqa: B008
    *,
    threads: int = 1,
    **limits: Any,
) -> Result:
    """The metrics of every engine, by the tool; a design that it fails on has its reason."""
    return judged(
        designs,
        DATAFLOWS,
        np.zeros(len(designs)),
        lambda _, mine, failures: _evaluate(mine, network, chip, threads, limits, failures),
    )


def jobs_of(designs: ArrayDesigns, nests: list[LoopNest]) -> list[dict[str, Any]]:
    """A job for each design and layer, designs first."""
    array, products = arrays_of(designs), Products.of(nests)
    columns = {
        name: np.broadcast_to(np.asarray(getattr(array, name)), (len(designs), 1))[:, 0]
        for name in (
            "rows",
            "columns",
            "dataflow",
            "inputs_words",
            "weights_words",
            "outputs_words",
            "inputs_bandwidth",
            "weights_bandwidth",
            "outputs_bandwidth",
        )
    }
    return [
        {name: column[row].item() for name, column in columns.items()}
        | {name: int(np.asarray(getattr(products, name))[at]) for name in ("m", "n", "k")}
        for row in range(len(designs))
        for at in range(len(nests))
    ]


def _evaluate(
    designs: ArrayDesigns,
    network: Network,
    chip: Chip,
    threads: int,
    limits: dict[str, Any],
    failures: set[str],
) -> Result:
    nests = [nest for one in network.matrix_operators if (nest := one.loop_nest()) is not None]
    kinds = list(dict.fromkeys(nests))
    times = np.array([nests.count(kind) for kind in kinds], np.float64)
    answers = run_jobs(SCALESIM, jobs_of(designs, kinds), workers=threads, **limits)
    reasons = reasons_of(answers, len(kinds))
    failures.update(reasons)
    failures.discard("")
    groups = np.asarray(Products.of(kinds).groups)

    def column(name: str) -> Any:
        values = [np.nan if isinstance(one, ToolError) else one[name] for one in answers]
        return np.array(values).reshape(len(designs), len(kinds)) * groups

    stalls = column("stall_cycles")
    nothing = np.full(stalls.shape, np.nan)
    found = SystolicResults(
        compute_cycles=column("total_cycles") - stalls,
        stall_cycles=stalls,
        prefetch_cycles=column("prefetch_cycles"),
        mapping_efficiency=nothing,
        utilisation=nothing,
        **{name: column(name) for name in WORDS},
    )
    if all(reasons):
        return Result.refused(UNITS, reasons)
    return costed(designs, network, chip, kinds, times, found, reasons)
