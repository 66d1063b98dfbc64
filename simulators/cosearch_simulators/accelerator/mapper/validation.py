"""The mapper against Timeloop's: `rows` for the table of `validation.timeloop`, and how fast both were."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from cosearch_simulators.accelerator.common import nest_tables
from cosearch_simulators.accelerator.mapper.bounds import lower_bounds
from cosearch_simulators.accelerator.mapper.mapper import map_nests
from cosearch_simulators.accelerator.system.architecture import Architecture
from cosearch_simulators.core.validation.ranking import RankedRow
from cosearch_simulators.workloads.loop_nest import LoopNest

Pair = tuple[str, Architecture, LoopNest, dict[str, Any]]
"""A record's identifier, its architecture and nest, and the record."""


def rows(pairs: Sequence[Pair]) -> tuple[list[RankedRow], dict[str, dict[str, float]], list[str]]:
    """Our EDP against that of `timeloop-mapper`, with the same freedom: any bypass, factors that divide.

    An error is how much worse we are; being better is none.

    Args:
        pairs: records that have `mapper_cycles`, `mapper_energy_uJ` and `mapper_wall_s`.

    Returns:
        Rows of the error table, its speed part, and a line for each missed pair.
    """
    table: list[RankedRow] = []
    speed: dict[str, dict[str, float]] = {}
    failures: list[str] = []
    pairs = [pair for pair in pairs if "mapper_cycles" in pair[3]]
    if not pairs:
        return table, speed, failures
    theirs = np.array([pair[3]["mapper_cycles"] * pair[3]["mapper_energy_uJ"] * 1e6 for pair in pairs])
    their_s = np.array([pair[3]["mapper_wall_s"] for pair in pairs])
    for effort in ("fast", "thorough"):
        ours, seconds, bounds = np.zeros(len(pairs)), np.zeros(len(pairs)), np.zeros(len(pairs))
        for place, (_, architecture, nest, _) in enumerate(pairs):
            compiled = architecture.compile()
            start = time.perf_counter()
            found = map_nests(
                [compiled], [nest], "edp", effort=effort, imperfect=False, options=nest_tables.TIMELOOP,
                threads=1,
            )  # fmt: skip
            seconds[place] = time.perf_counter() - start
            ours[place] = found.costs.cycles[0] * found.costs.energy_pj[0]
            bounds[place] = lower_bounds(compiled, nest).edp
        of_theirs, of_bound = (float(np.exp(np.mean(np.log(ours / other)))) for other in (theirs, bounds))
        metric = (
            f"EDP, {effort}: geometric mean {of_theirs:.4f} of Timeloop's, {of_bound:.2f} of a lower bound"
        )
        worse = np.maximum(ours, theirs)
        table.append(RankedRow.ranked("mapper", metric, worse, theirs, bound=0.0, required_share=1.0))
        speed[f"the best mapping of one layer, {effort}"] = {
            "cosearch_us": 1e6 * float(np.median(seconds)),
            "timeloop_us": 1e6 * float(np.median(their_s)),
            "times_faster": float(np.median(their_s / seconds)),
        }
        failures += [
            f"{pair[0]}: EDP of the mapper ({effort}) {mine:.6g}, timeloop-mapper {other:.6g}"
            for pair, mine, other in zip(pairs, ours, theirs, strict=True)
            if not mine <= other
        ]
    return table, speed, failures
