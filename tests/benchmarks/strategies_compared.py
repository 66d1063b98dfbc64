"""Joint, successive and other search on `nasaic` at equal budget, beside what NASAIC's authors found.

    python tests/benchmarks/strategies_compared.py            prints the tables
    python tests/benchmarks/strategies_compared.py --write    and writes them into plugins/README.md

Of each search counts the design that it ends with: the most accurate one that meets all specs, of those as
accurate the one with the least latency x energy x area; where none meets them, the one that misses them by
least. Of successive search it is one of the network that was held, as in the paper. A minute of an idle core
for each search of 300 designs; --agent, --budget, --seeds, --workload and --strategies change what is run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import Study, make_problem
from cosearch.objectives import violations
from cosearch.store import StudyData
from readme_table import ROOT, write_table

METRICS = ("accuracy", "latency_ns", "energy_pj", "area_mm2")
# Yang et al., DAC 2020: NASAIC against successive search (NAS, then ASIC).
PAPER = "NASAIC's authors | 17.77 % less | 2.49 x | 2.32 x | -0.76 %"


def ended_with(data: StudyData, last_side: bool) -> tuple[bool, np.ndarray]:
    """Whether the design that a search ends with meets all specs, and its metrics."""
    rows = np.arange(len(data.designs))
    if last_side:
        index = data.designs.index[:, data.designs.space.part_columns("network")]
        rows = np.flatnonzero((index == index[-1]).all(axis=1))
    outcomes = data.outcomes.take(rows)
    missed = violations(data.constraints, outcomes).sum(axis=1)
    values = np.column_stack([outcomes[name] for name in METRICS])
    order = np.lexsort((values[:, 1:].prod(axis=1), -values[:, 0], missed))
    return bool(missed[order[0]] == 0), values[order[0]]


def search(strategy: str, options: argparse.Namespace, seed: int) -> tuple[bool, np.ndarray]:
    """One search."""
    problem = make_problem("nasaic", workload=options.workload)
    study = Study.create(problem, f"{strategy}:{options.agent}", budget=options.budget, seed=seed)
    met, values = ended_with(study.run(), strategy == "successive")
    print(f"{strategy} {seed}: {'meets' if met else 'misses'} the specs, {values.tolist()}", file=sys.stderr)
    return met, values


def table(found: dict[str, list[tuple[bool, np.ndarray]]], options: argparse.Namespace) -> list[str]:
    """A row for each strategy, then joint against successive."""
    lines = [
        "",
        f"`nasaic` {options.workload}, `{options.agent}`, {options.budget} designs a search, medians:",
        "",
        "| strategy | seeds that meet all specs | accuracy, % | latency, ms | energy, mJ | area, mm2 |",
        "|---|---|---|---|---|---|",
    ]
    for strategy, runs in found.items():
        accuracy, latency, energy, area = np.median([values for _, values in runs], axis=0)
        met = sum(meets for meets, _ in runs)
        lines.append(
            f"| {strategy} | {met} of {len(runs)} | {accuracy:.2f} | {latency / 1e6:.2f} | "
            f"{energy / 1e9:.2f} | {area:.2f} |"
        )
    if {"joint", "successive"} <= set(found):
        joint, successive = (
            np.array([values for _, values in found[name]]) for name in ("joint", "successive")
        )
        less = 100 * (1 - joint[:, 1] / successive[:, 1])
        energy, area = successive[:, 2] / joint[:, 2], successive[:, 3] / joint[:, 3]
        points = joint[:, 0] - successive[:, 0]
        lines += [
            "",
            "| joint against successive | latency | energy saved | area saved | accuracy |",
            "|---|---|---|---|---|",
            f"| here, median (least to most of {len(less)} seeds) | {_spread(less, '.1f', ' % less')} | "
            f"{_spread(energy, '.2f', ' x')} | {_spread(area, '.2f', ' x')} | "
            f"{_spread(points, '+.2f', ' points')} |",
            f"| {PAPER} |",
        ]
    return [*lines, ""]


def _spread(values: Sequence[float] | np.ndarray, form: str, unit: str) -> str:
    return f"{np.median(values):{form}}{unit} ({np.min(values):{form}} to {np.max(values):{form}})"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workload", default="w1")
    parser.add_argument("--agent", default="steady-nsga2")
    parser.add_argument("--budget", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--strategies", default="joint,successive,alternating,hierarchical")
    parser.add_argument("--write", action="store_true", help="into plugins/README.md")
    options = parser.parse_args()
    found = {
        strategy: [search(strategy, options, seed) for seed in range(options.seeds)]
        for strategy in options.strategies.split(",")
    }
    lines = table(found, options)
    print("\n".join(lines))
    if options.write:
        write_table(ROOT / "plugins" / "README.md", "strategies", lines)


if __name__ == "__main__":
    main()
