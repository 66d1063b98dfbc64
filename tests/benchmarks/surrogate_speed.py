"""What a surrogate of the cycle-level DRAM controller takes, how exact it is, and how much faster.

    python tests/benchmarks/surrogate_speed.py --write

Random designs of `dram-controller-archgym` at traces of 10,000 requests; 1,000 more are held out. Seconds are
of one core's processor time.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from cosearch import make_problem  # noqa: E402
from cosearch.surrogates.examination import scores, speed  # noqa: E402
from cosearch.surrogates.recorded import Recorded  # noqa: E402
from cosearch.surrogates.surrogate import Origin  # noqa: E402
from cosearch.surrogates.training import learn  # noqa: E402
from readme_table import write_table  # noqa: E402

README = ROOT / "gym" / "README.md"
WORKLOADS = ("stream", "random")
SIZES = (4_000,)
HELD_OUT = 1_000


def measured(workload: str, n: int) -> tuple[Recorded, float]:
    """Random designs with their metrics, and what the simulator took for each."""
    problem = make_problem("dram-controller-archgym", workload=workload, threads=1)
    designs = problem.space.sample(n, np.random.default_rng(0))
    problem.evaluate(designs[:8])
    began = time.process_time()
    outcomes = problem.evaluate(designs)
    seconds = (time.process_time() - began) / n
    metrics = tuple((m.name, m.unit) for m in problem.metrics)
    origin = Origin(problem.name, problem.version, problem.arguments, "", metrics, "cycle")
    values = np.stack([outcomes[name] for name, _ in metrics], axis=1)
    return Recorded(origin, designs, values, np.full(n, "random")), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    names = [m.name for m in make_problem("dram-controller-archgym").metrics]
    lines = [
        "Written by `python tests/benchmarks/surrogate_speed.py --write`.",
        "",
        "| workload | designs | simulating them, s | training, s | "
        + " | ".join(f"`{name}`" for name in names)
        + " | simulator, ms | surrogate, µs | times faster |",
        "|---|--:|--:|--:|" + "--:|" * len(names) + "--:|--:|--:|",
    ]
    for workload in WORKLOADS:
        data, simulator_s = measured(workload, max(SIZES) + HELD_OUT)
        test = data.take(np.arange(HELD_OUT))
        for size in SIZES:
            part = data.take(np.arange(HELD_OUT, HELD_OUT + size))
            began = time.process_time()
            surrogate = learn(part, "gbdt", None, None, 0).tabulated()
            training_s = time.process_time() - began
            predicted = surrogate.values(test.designs)
            found = [scores(test.values[:, j], predicted[:, j])["rmse_of_mean"] for j in range(len(names))]
            one_s = min(speed(surrogate, seed=seed) for seed in range(3))
            lines.append(
                f"| {workload} | {size:,} | {simulator_s * size:.1f} | {training_s:.1f} | "
                + " | ".join(f"{100 * error:.2f} %" for error in found)
                + f" | {1e3 * simulator_s:.2f} | {1e6 * one_s:.3f} | {simulator_s / one_s:,.0f} |"
            )
            print(lines[-1], flush=True)
    if given.write:
        write_table(README, "surrogate-speed", lines)


if __name__ == "__main__":
    main()
