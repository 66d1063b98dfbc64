"""Gradient search through the relaxation of `cnn-accelerator` against others, at equal budget.

    python tests/benchmarks/gradient_search.py --write

writes a table into plugins/README.md: the least energy-delay product (EDP) at a top-1 of at least --floor,
and the hypervolume of the problem's own four objectives on a log scale between the best and the worst that
any of the agents found, both after --budget designs. Half a minute of an idle core for each seed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import Study, make_problem
from cosearch.pareto import hypervolume
from readme_table import ROOT, write_table

OWN = ("top1", "latency_ns", "energy_pj", "area_mm2")


def least_edp(agent: str, options: argparse.Namespace, seed: int) -> float:
    """Of a search for it."""
    goal = {"objectives": ["edp_pj_s:min"], "constraints": [f"top1>={options.floor}"]}
    study = Study.create(make_problem("cnn-accelerator", **goal), agent, budget=options.budget, seed=seed)
    study.run()
    return np.nan if study.best is None else study.best.metrics["edp_pj_s"]


def minimised_logs(agent: str, options: argparse.Namespace, seed: int) -> np.ndarray:
    """What a search with the problem's own objectives found, (n, 4)."""
    study = Study.create(make_problem("cnn-accelerator"), agent, budget=options.budget, seed=seed)
    outcomes = study.run().outcomes
    found = np.column_stack([outcomes[name][outcomes.ok] for name in OWN])
    return np.column_stack([-found[:, 0], np.log(found[:, 1:])])


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--agents", default="gradient,nsga2,random")
    parser.add_argument("--budget", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--floor", type=float, default=74.0, help="top-1 in %%")
    parser.add_argument("--write", action="store_true", help="into plugins/README.md")
    options = parser.parse_args()
    agents, seeds = options.agents.split(","), range(options.seeds)
    edps = {agent: np.array([least_edp(agent, options, seed) for seed in seeds]) for agent in agents}
    print(edps, file=sys.stderr, flush=True)
    found = {agent: [minimised_logs(agent, options, seed) for seed in seeds] for agent in agents}
    pooled = np.concatenate([one for runs in found.values() for one in runs])
    best, worst = pooled.min(axis=0), pooled.max(axis=0)
    lines = [
        f"| agent, {options.budget} designs, {options.seeds} seeds, medians (least to most) | "
        f"EDP at top-1 of {options.floor:g} %, mJ ms | hypervolume of four objectives |",
        "|---|--:|--:|",
    ]
    for agent in agents:
        edp = edps[agent] * 1e-6  # 1 pJ s = 1e-9 mJ s = 1e-6 mJ ms
        volumes = [hypervolume((one - best) / (worst - best), np.ones(len(OWN))) for one in found[agent]]
        lines.append(
            f"| `{agent}` | {np.median(edp):.2f} ({edp.min():.2f} to {edp.max():.2f}) "
            f"| {np.median(volumes):.3f} ({min(volumes):.3f} to {max(volumes):.3f}) |"
        )
    print("\n".join(lines))
    if options.write:
        write_table(ROOT / "plugins" / "README.md", "gradient-search", lines)


if __name__ == "__main__":
    main()
