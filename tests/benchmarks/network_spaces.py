"""What families of networks there are, how their problems' fidelities rank, and how they stand to Bit Fusion.

    python tests/benchmarks/network_spaces.py            prints the tables
    python tests/benchmarks/network_spaces.py --write    and writes them into the READMEs

Two minutes of an idle core; Bit Fusion's table needs the reference measurements (shared/reference).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from scipy.stats import spearmanr

from bit_fusion import compared
from cosearch import make_problem
from cosearch_plugins.networks.spaces import design_space
from cosearch_simulators.networks.spaces import SPACES, network_space
from readme_table import ROOT, write_table

PROBLEMS = ("cnn-accelerator", "cnn-fpga", "detector-accelerator", "vit-accelerator", "nasaic")
DESIGNS = 500


def families() -> list[str]:
    """A row for each family: its size, and its default network."""
    lines = [
        "| family | parameters | networks | MACs of the default | its parameters | source |",
        "|---|---|---|---|---|---|",
    ]
    for name in SPACES:
        space = network_space(name)
        networks = space.networks({one.name: [one.start] for one in space.parameters})
        size = float(design_space(space.parameters, name).cardinality())
        lines.append(
            f"| `{name}` | {len(space.parameters)} | {size:.2g} | {networks.macs[0] / 1e6:,.1f} M | "
            f"{networks.parameters[0] / 1e6:,.2f} M | {space.source} |"
        )
    return lines


def problems() -> list[str]:
    """A row for each problem: how well the bound ranks as the mapper does, and what both cost."""
    lines = [
        "| problem | designs | Spearman of `bound` and `mapper` | us of a core for each design |",
        "|---|---|---|---|",
    ]
    for name in PROBLEMS:
        problem = make_problem(name)
        designs = problem.space.sample(DESIGNS, 0)
        found, costs = [], []
        for fidelity in ("bound", "mapper"):
            problem.evaluate(problem.space.sample(DESIGNS, 1), fidelity=fidelity)
            start = time.process_time()
            found.append(problem.evaluate(designs, fidelity=fidelity))
            costs.append((time.process_time() - start) / DESIGNS * 1e6)
        ok = found[0].ok & found[1].ok
        ranks = [
            f"{metric} {spearmanr(found[0][metric][ok], found[1][metric][ok]).statistic:.3f}"
            for metric in ("latency_ns", "energy_pj")
            if metric in problem.metric_names
        ]
        lines.append(f"| `{name}` | {ok.sum()} | {', '.join(ranks)} | {costs[0]:,.0f}, {costs[1]:,.0f} |")
    return lines


def bit_fusion() -> list[str]:
    """A row for each kind of convolution and metric."""
    lines = [
        "| layers | cases | metric | Spearman | median of the ratio | p10 | p90 |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, grouped, flow in (
        ("convolutions", False, "nvdla-like"),
        ("depthwise", True, "weight-stationary"),
    ):
        ours_ms, theirs_ms, ours_mj, theirs_mj, *_ = compared(grouped=grouped, dataflow=flow)
        for metric, ours, theirs in (("latency", ours_ms, theirs_ms), ("energy", ours_mj, theirs_mj)):
            low, middle, high = np.quantile(ours / theirs, (0.1, 0.5, 0.9))
            rank = spearmanr(ours, theirs).statistic
            lines.append(
                f"| {kind} | {len(ours):,} | {metric} | {rank:.3f} | {middle:.2f} | {low:.2f} | {high:.2f} |"
            )
    return lines


def main() -> None:
    """Print the tables, and write them where asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the tables into the READMEs")
    write = parser.parse_args().write
    networks = ROOT / "simulators" / "cosearch_simulators" / "networks" / "README.md"
    for readme, name, lines in (
        (networks, "families", families()),
        (networks, "bit-fusion", bit_fusion()),
        (ROOT / "plugins" / "README.md", "network-problems", problems()),
    ):
        print("\n".join(lines), end="\n\n")
        if write:
            write_table(readme, name, ["", *lines, ""])


if __name__ == "__main__":
    main()
