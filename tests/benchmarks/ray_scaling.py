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
    Results,
    Study,
    register,
)
from cosearch.run.dispatch import PIECE_SECONDS
from cosearch.run.ray_backend import Ray
from cosearch.run.ray_backend.cluster import _quiet
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
    _quiet().init(
        num_cpus=MOST,
        object_store_memory=200 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    rate(0.5, MOST, 4 * MOST)  # all workers are up
    load, cores = os.getloadavg()[0], os.cpu_count()
    columns = ("workers", "100 ms: trials/s", "overhead", "speed-up", "10 ms: trials/s", "10 ms, a task each")
    lines = [
        "Written by `python tests/benchmarks/ray_scaling.py --write`. Coordinator and workers share this "
        f"machine's {cores} cores (load {load:.1f} before it).",
        "",
        f"| {' | '.join(columns)} |",
        "|--:" * len(columns) + "|",
    ]
    print(*lines, sep="\n", flush=True)
    one = 0.0
    singles: list[Rate] = []
    pieces: list[Rate] = []
    for workers in WORKERS:
        slow = rate(0.1, workers, 8 * workers + 60)
        pieces.append(rate(0.01, workers, 200 * workers + 200))
        singles.append(rate(0.01, workers, 60 * workers + 200, "ray-one-by-one"))
        one = one or slow.trials_per_s
        cells = (
            f"{slow.trials_per_s:,.1f}",
            f"{100 * (1 / slow.busy - 1):.1f} %",
            f"{slow.trials_per_s / one:.2f}",
            f"{pieces[-1].trials_per_s:,.0f}",
            f"{singles[-1].trials_per_s:,.0f}",
        )
        lines.append(f"| {workers} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    quick = rate(0.001, MOST, 40_000)
    tasks, most = max(each.trials_per_s for each in singles), quick.trials_per_s
    lines += [
        "",
        f"Quick designs share tasks of 50 ms: {MOST} workers ran {most:,.0f} designs/s of 1 ms. The "
        f"coordinator saturates at about {tasks:,.0f} tasks/s here; a task of one design takes "
        f"{singles[-1].coordinator_ms:.2f} ms of its processor time, a design that shares one "
        f"{quick.coordinator_ms:.3f} ms. So it keeps so many machines busy, each with a trial at a time:",
        "",
        f"| a design takes | machines | of {MACHINES:,} |",
        "|--:|--:|--:|",
    ]
    for text, seconds in TAKES.items():
        machines = tasks * max(seconds, PIECE_SECONDS)
        lines.append(f"| {text} | {machines:,.0f} | {100 * min(1.0, machines / MACHINES):.0f} % |")
    print(*lines[-10:], sep="\n")
    if options.write:
        write_table(ROOT / "gym" / "README.md", "ray", lines)


if __name__ == "__main__":
    main()
