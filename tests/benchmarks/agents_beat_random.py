"""Does every learning agent beat random search at equal budget? Medians of five seeds on two workloads.

    python tests/benchmarks/agents_beat_random.py            prints the table
    python tests/benchmarks/agents_beat_random.py --write    and writes it into agents/README.md

The problem is `dram-controller` with the device searched too: about 1.6 million designs. Traces are short,
so that the whole takes about a quarter of an hour on two idle cores. Random search at a budget is the
beginning of its largest study, which asks the same designs. Exits with 1 if some median is not larger than
that of random search.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from numpy.typing import NDArray

from cosearch import Study, make_problem
from cosearch.objectives import feasible, minimised
from cosearch.pareto import hypervolume, reference_point
from readme_table import ROOT, write_table

PROBLEM = "dram-controller"
WORKLOADS = ("zipf:requests=1000", "row_bursts:requests=1000")
ARGUMENTS = {"search_device": True}
OBJECTIVES = ("latency_ns:min", "energy_pj:min")
BUDGETS = {"nsga2": 500, "qlognehvi": 150, "ppo": 5000, "maskable-ppo": 5000}
SEEDS = range(5)
PROCESSES = 2


@dataclass(frozen=True)
class Run:
    """One study to run."""

    workload: str
    agent: str
    budget: int
    seed: int


@dataclass(frozen=True)
class Result:
    """What a study found: its feasible points in the order of their evaluation, and where each stood."""

    run: Run
    points: NDArray[np.float64]
    positions: NDArray[np.int64]
    seconds: float

    def within(self, budget: int) -> NDArray[np.float64]:
        """The points of its first `budget` designs."""
        return self.points[self.positions < budget]


def execute(run: Run) -> Result:
    """Run one study in memory."""
    problem = make_problem(PROBLEM, workload=run.workload, objectives=OBJECTIVES, **ARGUMENTS)
    began = time.perf_counter()
    found = Study.create(problem, run.agent, budget=run.budget, seed=run.seed).run()
    good = feasible(found.constraints, found.outcomes)
    points = minimised(found.objectives, found.outcomes)[good]
    return Result(run, points, np.flatnonzero(good), time.perf_counter() - began)


def rows(results: list[Result]) -> list[dict[str, object]]:
    """One row for each workload and agent: medians over the seeds, as shares of all that was found."""
    table = []
    for workload in WORKLOADS:
        here = [result for result in results if result.run.workload == workload]
        objectives = make_problem(PROBLEM, workload=workload, objectives=OBJECTIVES, **ARGUMENTS).objectives
        corner = reference_point(objectives, [result.points for result in here])
        whole = hypervolume(np.concatenate([result.points for result in here]), corner)

        def shares(agent: str, budget: int, here=here, corner=corner, whole=whole) -> list[float]:
            mine = [result for result in here if result.run.agent == agent]
            return [hypervolume(result.within(budget), corner) / whole for result in mine]

        for agent, budget in BUDGETS.items():
            ours, random = shares(agent, budget), shares("random", budget)
            table.append(
                {
                    "workload": workload,
                    "agent": agent,
                    "budget": budget,
                    "random": statistics.median(random),
                    "share": statistics.median(ours),
                    "missing": (1 - statistics.median(ours)) / (1 - statistics.median(random)),
                    "won": sum(a > b for a, b in zip(ours, random, strict=True)),
                    "seconds": statistics.median(r.seconds for r in here if r.run.agent == agent),
                }
            )
    return table


def markdown(table: list[dict[str, object]]) -> str:
    """The table as it stands in the README."""
    lines = [
        "| workload | agent | budget | random | agent's | missing | seeds won | seconds |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| `{row['workload']}` | `{row['agent']}` | {row['budget']} "
        f"| {row['random']:.4f} | **{row['share']:.4f}** | {row['missing']:.0%} "
        f"| {row['won']} of {len(SEEDS)} | {row['seconds']:.0f} |"
        for row in table
    ]
    return "\n".join(lines)


def main() -> int:
    """Run all studies, print the table, and say whether every agent beats random search."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into agents/README.md")
    arguments = parser.parse_args()
    agents = {"random": max(BUDGETS.values()), **BUDGETS}
    runs = [
        Run(workload, agent, budget, seed)
        for workload in WORKLOADS
        for agent, budget in agents.items()
        for seed in SEEDS
    ]
    results = []
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for result in pool.map(execute, runs):
            results.append(result)
            print(f"{result.run}: {result.seconds:.0f} s", file=sys.stderr, flush=True)
    table = rows(results)
    print(markdown(table))
    if arguments.write:
        write_table(ROOT / "agents" / "README.md", "agents_beat_random", markdown(table).splitlines())
    return 0 if all(row["share"] > row["random"] for row in table) else 1  # type: ignore[operator]


if __name__ == "__main__":
    sys.exit(main())
