"""What the Ray backend costs, how it scales with workers, and how many machines one coordinator keeps busy.

    python tests/benchmarks/ray_scaling.py             # a few minutes
    python tests/benchmarks/ray_scaling.py --write     # the same into gym/README.md

The workers are Ray's logical ones, all on this machine, and their designs sleep: so 32 of them show what the
coordinator (scheduler, agent, SQLite store, Ray's driver) does, not how fast this machine is. They share its
cores with the coordinator, which on a cluster has a machine of its own. Rates are of whole studies into a
file, from the first result to the last.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from cosearch import (
    Agent,
    Designs,
    DesignSpace,
    Integer,
    Metric,
    Objective,
    Problem,
    Resources,
    Results,
    Study,
    register,
)
from cosearch.run.dispatch import PIECE_SECONDS
from cosearch.run.ray_backend import Ray
from cosearch.run.ray_backend.cluster import Cluster
from cosearch.run.worker_process import THREADS
from readme_table import ROOT, write_table

WORKERS = (1, 2, 8, 32)
MOST = WORKERS[-1]
MACHINES = 1000
TAKES = {"10 ms": 0.01, "100 ms": 0.1, "0.5 s": 0.5, "1 s": 1.0, "10 s": 10.0, "10 min": 600.0}


class Sleeping(Problem):
    """Sleeps for each design."""

    name = "sleeping"
    space = DesignSpace([Integer("x", 0, 10**6), Integer("y", 0, 999)])
    metrics = (Metric("loss", "1"),)
    objectives = (Objective("loss"),)

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        """Sleep."""
        time.sleep(self.seconds * len(designs))
        return {"loss": designs["x"].astype(float)}


class Drawn(Agent):
    """Uniform random designs, the cheapest agent that there is."""

    name = "drawn"

    def ask(self, n: int) -> Designs:
        """Draw."""
        return self.space.sample(n, self.rng)

    def tell(self, results: Results) -> None:
        """Learn nothing."""


class OneByOne(Ray):
    """As `ray`, with a task for each design however quick it is."""

    name: ClassVar[str] = "ray-one-by-one"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.one_by_one = True


@dataclass(frozen=True)
class Rate:
    """What a study reached: trials/s, the share of the workers' time that was slept, and processor time."""

    trials_per_s: float
    busy: float
    coordinator_ms: float


def rate(seconds: float, workers: int, budget: int, backend: str = "ray") -> Rate:
    """Run a study and measure it."""
    told: list[tuple[float, float, int]] = []

    def note(_: Study, results: Results) -> None:
        told.append((time.perf_counter(), time.process_time(), len(results)))

    with tempfile.TemporaryDirectory() as folder:
        options = {"budget": budget, "workers": workers, "backend": backend, "seed": 1}
        Study.create(Sleeping(seconds), Drawn, **options, store=Path(folder) / "s.db").run(callbacks=[note])
    first = next(i for i in range(len(told)) if sum(n for *_, n in told[: i + 1]) >= 2 * workers)
    trials = sum(n for *_, n in told[first + 1 :])
    took, used = told[-1][0] - told[first][0], told[-1][1] - told[first][1]
    return Rate(trials / took, trials * seconds / (took * workers), 1000 * used / trials)


def main() -> None:
    """Print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the tables into gym/README.md")
    options = parser.parse_args()
    register(OneByOne)
    load, cores = os.getloadavg()[0], os.cpu_count()
    threads = dict.fromkeys(THREADS, "1")
    path = os.pathsep.join(one for one in sys.path if one)
    os.environ.update(threads)
    cluster = Cluster(None, MOST, Resources(), 0, {**threads, "PYTHONPATH": path})  # kept for all studies
    rate(0.5, MOST, 4 * MOST)  # all workers are up
    quick = rate(0.001, MOST, 40_000)
    columns = ("workers", "100 ms: trials/s", "overhead", "speed-up", "10 ms: trials/s", "10 ms, a task each")
    lines = [
        "Written by `python tests/benchmarks/ray_scaling.py --write`. Coordinator and workers share this "
        f"machine's {cores} cores (load {load:.1f} before it).",
        "",
        f"| {' | '.join(columns)} |",
        "|--:" * len(columns) + "|",
    ]
    print(*lines, sep="\n", flush=True)
    slow, pieces, singles = {}, {}, {}
    for workers in reversed(WORKERS):  # Ray ends workers that are idle for long
        rate(0.3, workers, 3 * workers)
        slow[workers] = rate(0.1, workers, 8 * workers + 60)
        pieces[workers] = rate(0.01, workers, 200 * workers + 200)
        singles[workers] = rate(0.01, workers, 60 * workers + 200, OneByOne.name)
        print(workers, slow[workers], pieces[workers], singles[workers], flush=True)
    for workers in WORKERS:
        cells = (
            f"{slow[workers].trials_per_s:,.1f}",
            f"{100 * (1 / slow[workers].busy - 1):.1f} %",
            f"{slow[workers].trials_per_s / slow[1].trials_per_s:.2f}",
            f"{pieces[workers].trials_per_s:,.0f}",
            f"{singles[workers].trials_per_s:,.0f}",
        )
        lines.append(f"| {workers} | {' | '.join(cells)} |")
    task_ms = min(each.coordinator_ms for each in singles.values())
    tasks = 1000 / task_ms
    lines += [
        "",
        f"Quick designs share tasks: {MOST} workers ran {quick.trials_per_s:,.0f} designs/s of 1 ms, "
        f"each {quick.coordinator_ms:.3f} ms of the coordinator's processor time. A task of one design takes "
        f"{task_ms:.2f} ms of it: where the coordinator has a core of its own, it saturates at {tasks:,.0f} "
        "tasks/s, and keeps so many machines busy, each with a trial at a time:",
        "",
        f"| a design takes | machines | of {MACHINES:,} |",
        "|--:|--:|--:|",
    ]
    for text, seconds in TAKES.items():
        machines = tasks * max(seconds, PIECE_SECONDS)
        lines.append(f"| {text} | {machines:,.0f} | {100 * min(1.0, machines / MACHINES):.0f} % |")
    print(*lines[-10:], sep="\n")
    cluster.leave()
    if options.write:
        write_table(ROOT / "gym" / "README.md", "ray", lines)


if __name__ == "__main__":
    main()
