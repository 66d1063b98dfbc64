"""The exact fronts of the tabular problems, as a table for the problems' README.

python tests/benchmarks/exact_fronts.py [--write]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np

from cosearch.objectives import minimised
from cosearch.pareto import hypervolume, reference_point
from cosearch_plugins.networks.accel_nasbench import AccelNasBench
from cosearch_plugins.networks.nasbench201_device import COLUMNS, NasBench201Device
from cosearch_plugins.networks.tabular import TabularProblem
from readme_table import ROOT, write_table

README = ROOT / "plugins/README.md"


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def front(title: str, problem: TabularProblem) -> str:
    """The best accuracy, how many designs are on the front, and what the front dominates."""
    _, outcomes = problem.exact_front()
    accuracy = problem.objectives[0].metric
    values = np.array(minimised(problem.objectives, outcomes))
    volume = hypervolume(values, reference_point(problem.objectives, [values]))
    return row(title, f"{outcomes[accuracy].max():.2f}", len(outcomes), f"{volume:,.1f}")


def table() -> Iterator[str]:
    """All data sets on three devices; three accelerators."""
    yield row("problem", "best top-1, %", "designs on the front", "hypervolume")
    yield row(*["---"] * 4)
    for dataset in COLUMNS:
        for device in ("pixel3", "gold_6226", "titan_rtx_256"):
            problem = NasBench201Device(dataset=dataset, device=device)
            yield front(f"`nasbench201-device` {dataset} {device}", problem)
    for device in ("vck190", "zcu102", "a100", "tpuv3"):
        yield front(f"`accel-nasbench` {device}", AccelNasBench(device=device))


if __name__ == "__main__":
    lines = list(table())
    print(*lines, sep="\n")
    if "--write" in sys.argv:
        write_table(README, "exact-fronts", lines)
