"""Does an agent find NSGA-II's front of pragmas with a twentieth of its evaluations?

    python tests/benchmarks/hls_fronts.py --file hlsyn.parquet            prints the table
    python tests/benchmarks/hls_fronts.py --file hlsyn.parquet --write    and writes it into plugins/README.md

For each kernel NSGA-II has 1,000 evaluations and every other agent 50. A volume is the hypervolume of the
front by logarithms of cycles and utilisation, over that of NSGA-II's; the reference point is the worst valid
point of the kernel's table. Medians over seeds, then over kernels. Kernels with hardly a valid point are left
out: there NSGA-II itself often finds nothing. A few minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import Study
from cosearch.pareto import hypervolume
from cosearch_plugins.hls.hls import Hls
from readme_table import ROOT, write_table

KERNELS = (
    "gemm-ncubed",
    "gemm-blocked",
    "2mm",
    "atax",
    "doitgen-red",
    "gesummv",
    "jacobi-1d",
    "mvt",
    "nw",
    "spmv-ellpack",
)
AGENTS = ("tree-guided", "qlognehvi", "optuna-tpe-multivariate", "random")
BUDGET = 1000
SHARE = 0.05


def volume(problem: Hls, agent: str, budget: int, seed: int) -> float:
    """The hypervolume that a study ends with."""
    study = Study.create(problem, agent, budget=budget, seed=seed)
    study.run()
    found = problem.evaluate(study.data.designs)
    allowed = found.ok & (found["utilisation"] <= 0.8)
    known = problem.evaluate(problem.measured)
    reference = np.log([known["cycles"][known.ok].max() * 1.01, 0.8 * 1.01])
    points = np.log(np.stack([found["cycles"], np.maximum(found["utilisation"], 1e-4)], axis=1)[allowed])
    return hypervolume(points, reference) if allowed.any() else 0.0


def lines(file: Path, kernels: Sequence[str], seeds: int) -> list[str]:
    """The table."""
    shares: dict[str, list[float]] = {agent: [] for agent in AGENTS}
    rows = []
    for kernel in kernels:
        problem = Hls(file=str(file), kernel=kernel)
        theirs = float(np.median([volume(problem, "nsga2", BUDGET, seed) for seed in range(seeds)]))
        cells = []
        for agent in AGENTS:
            few = round(BUDGET * SHARE)
            own = float(np.median([volume(problem, agent, few, seed) for seed in range(seeds)]))
            shares[agent].append(own / theirs if theirs else np.nan)
            cells.append(f"{shares[agent][-1]:.3f}")
        valid = f"{problem.is_valid.mean():.0%}"
        rows.append(f"| `{kernel}` | {valid} | {' | '.join(cells)} |")
        print(rows[-1], flush=True)
    medians = " | ".join(f"**{np.nanmedian(shares[agent]):.3f}**" for agent in AGENTS)
    return [
        f"| kernel | valid points | {' | '.join(f'`{agent}`' for agent in AGENTS)} |",
        f"|---|--:|{'--:|' * len(AGENTS)}",
        *rows,
        f"| median | | {medians} |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kernels", default=",".join(KERNELS))
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    table = lines(given.file, given.kernels.split(","), given.seeds)
    print("\n".join(table))
    if given.write:
        write_table(ROOT / "plugins" / "README.md", "hls_fronts", table)


if __name__ == "__main__":
    main()
