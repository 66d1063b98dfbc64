"""What `LiveProgress.add` costs at a tell of one design and of ten thousand; prints a table.

python tests/benchmarks/progress_speed.py
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np

from cosearch.objectives import Constraint, Objective
from cosearch.outcomes import Outcomes
from cosearch.progress import LiveProgress

TELLS = {1: 5000, 10_000: 40}


def outcomes_of(rng: np.random.Generator, n: int, objectives: int, flat: bool) -> Outcomes:
    """Random outcomes; flat ones lie near one plane, so that their front is large."""
    values = rng.random((n, objectives))
    if flat:
        values *= (1 + 0.3 * rng.random((n, 1))) / values.sum(axis=1, keepdims=True)
    metrics = {f"o{k}": values[:, k].copy() for k in range(objectives)}
    return Outcomes(metrics | {"area": np.ones(n)}, np.zeros(n, dtype=np.int8))


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    print("| objectives | front | designs in a tell | us for each tell |\n| --- | --- | --- | --- |")
    for objectives in (1, 2, 3):
        for flat in (False, True):
            for size, tells in TELLS.items():
                problem = SimpleNamespace(
                    objectives=[Objective(f"o{k}") for k in range(objectives)],
                    constraints=[Constraint("area", "<=", 2.0)],
                )
                live = LiveProgress(problem, size * tells)  # type: ignore[arg-type]
                told = [outcomes_of(rng, size, objectives, flat) for _ in range(tells)]
                live.add(told[0])
                began = time.perf_counter()
                for outcomes in told[1:]:
                    live.add(outcomes)
                cost_us = 1e6 * (time.perf_counter() - began) / (tells - 1)
                print(f"| {objectives} | {len(live.front):,} | {size:,} | {cost_us:,.0f} |")


if __name__ == "__main__":
    main()
