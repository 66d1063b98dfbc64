"""Do several agents, one for each group of parameters, find more than one that chooses all?

    python tests/benchmarks/multi_agent.py            prints the table
    python tests/benchmarks/multi_agent.py --write    and writes it into agents/README.md

The question of S. Krishnan et al., "Multi-Agent Reinforcement Learning for Microprocessor Design Space
Exploration", arXiv:2211.16385, 2022, on `dram-controller` with its own encoding, in which every agent
reaches every design. One objective, latency; each algorithm with its defaults, the same budget of
distinct designs and the same seeds. A number is the median over seeds of the best latency found, as a
multiple of the best found by anybody on that trace (1 is best), and behind it the range over the seeds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import Study, make_problem
from readme_table import ROOT, write_table

TRACES = ("stream", "random", "zipf", "row_bursts")
REQUESTS = 1000
ALGORITHMS = {
    "multi-agent PPO, independent": ("multi-agent-ppo", {}),
    "multi-agent PPO, shared": ("multi-agent-ppo", {"networks": "shared"}),
    "PPO": ("ppo", {}),
    "SAC": ("sac", {}),
    "random": ("random", {}),
}
BUDGET = 500
SEEDS = range(5)


def execute(run: tuple[str, str, int]) -> tuple[tuple[str, str, int], float]:
    """The best latency of one study."""
    trace, algorithm, seed = run
    name, settings = ALGORITHMS[algorithm]
    problem = make_problem(
        "dram-controller",
        workload=f"{trace}:requests={REQUESTS}",
        objectives=("latency_ns:min",),
        search_device=True,
    )
    found = Study.create(problem, name, budget=BUDGET, seed=seed, agent_settings=settings).run()
    return run, float(np.nanmin(found.outcomes["latency_ns"]))


def main() -> int:
    """Run all studies and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into agents/README.md")
    arguments = parser.parse_args()
    runs = [(trace, algorithm, seed) for trace in TRACES for algorithm in ALGORITHMS for seed in SEEDS]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        best = dict(pool.map(execute, runs))
    lines = [f"| trace | {' | '.join(ALGORITHMS)} |", "|---|" + "--:|" * len(ALGORITHMS)]
    for trace in TRACES:
        least = min(value for run, value in best.items() if run[0] == trace)
        cells = []
        for algorithm in ALGORITHMS:
            ratios = [best[trace, algorithm, seed] / least for seed in SEEDS]
            cells.append(f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
        lines.append(f"| `{trace}` | {' | '.join(cells)} |")
    print("\n".join(lines))
    if arguments.write:
        write_table(ROOT / "agents" / "README.md", "multi_agent", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
