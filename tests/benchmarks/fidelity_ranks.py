"""How well does each fidelity of a problem rank designs as the next ones do, and what does it cost?

    python tests/benchmarks/fidelity_ranks.py            prints the table
    python tests/benchmarks/fidelity_ranks.py --write    and writes it into plugins/README.md

Spearman's rank correlation of every metric of interest over random designs that are feasible at both
fidelities, and the processor time of each fidelity for each design, after compilation and a first batch.
A minute or two on an idle core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from scipy.stats import spearmanr

from cosearch import make_problem
from readme_table import ROOT, write_table

DESIGNS = 500
SEED = 0


@dataclass(frozen=True)
class Case:
    """A problem, and its pairs of fidelities to compare."""

    problem: str
    workload: str
    pairs: Sequence[tuple[str, str]]
    metrics: Sequence[str]
    arguments: Mapping[str, Any] = field(default_factory=dict)


_ACCELERATOR = ("latency_ns", "energy_pj", "area_mm2")
_DRAM = ("time_ns", "energy_pj")
_TIMED = ("response_time_ns", "energy_pj")
CASES = (
    Case("accelerator", "resnet18", (("bound", "mapper"), ("mapper", "timeline")), _ACCELERATOR),
    Case("accelerator", "alexnet", (("bound", "mapper"),), _ACCELERATOR),
    Case("accelerator", "gpt2", (("bound", "mapper"),), _ACCELERATOR),
    Case("dram-controller", "multicore", (("sampled", "cycle"),), _TIMED),
    Case("dram-controller", "zipf", (("sampled", "cycle"),), _DRAM),
    Case("dram-controller", "stream", (("sampled", "cycle"),), _DRAM),
    Case("dram-controller", "multicore", (("sampled", "cycle"),), _TIMED, {"controller": "bank_machines"}),
)


def rows_of(case: Case, designs: int) -> list[str]:
    """The lines of a case, one for each pair."""
    problem = make_problem(case.problem, workload=case.workload, threads=1, **case.arguments)
    batch, warm_up = problem.space.sample(designs, SEED), problem.space.sample(designs, SEED + 1)
    outcomes, microseconds = {}, {}
    for fidelity in dict.fromkeys(name for pair in case.pairs for name in pair):
        problem.evaluate(warm_up if fidelity == "bound" else warm_up[:2], fidelity=fidelity)
        start = time.process_time()
        outcomes[fidelity] = problem.evaluate(batch, fidelity=fidelity)
        microseconds[fidelity] = (time.process_time() - start) / designs * 1e6
    name = " ".join([f"`{case.problem}`", case.workload, *map(str, case.arguments.values())])
    lines = []
    for low, high in case.pairs:
        both = (outcomes[low].status == "ok") & (outcomes[high].status == "ok")
        ranks = []
        for metric in case.metrics:
            one, other = (outcomes[fidelity].metrics[metric][both] for fidelity in (low, high))
            ranks.append(f"{metric} {spearmanr(one, other).statistic:.3f}")
        costs = (f"{microseconds[fidelity]:,.0f}" for fidelity in (low, high))
        lines.append(
            f"| {name} | {low}, {high} | {np.count_nonzero(both)} | {', '.join(ranks)} | {', '.join(costs)} |"
        )
    return lines


def main() -> None:
    """Print the table, and write it where asked."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--designs", type=int, default=DESIGNS)
    given = arguments.parse_args()
    lines = [
        "| problem and workload | fidelities | designs | Spearman | us of a core for each design |",
        "|---|---|---|---|---|",
    ]
    for case in CASES:
        lines += rows_of(case, given.designs)
        print("\n".join(lines[-len(case.pairs) :]), flush=True)
    if given.write:
        write_table(ROOT / "plugins" / "README.md", "fidelities", lines)


if __name__ == "__main__":
    main()
