"""Measures the core, and writes the table between `<!-- speed -->` markers of gym/README.md with `--write`.

    python tests/benchmarks/core_speed.py [--write]

One run on whatever machine this is: evaluations/s of `Study.run` in memory and into SQLite, bytes of the
file, what a store of a million evaluations costs to open and to report, steps/s of environments, and how
busy two workers are, streamed and in batches.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import (
    Agent,
    Categorical,
    Designs,
    DesignSpace,
    Integer,
    Metric,
    Objective,
    Ordinal,
    Problem,
    Real,
    Results,
    Store,
    Study,
)
from cosearch.environments.env import DesignEnv
from cosearch.environments.vector import DesignVectorEnv
from readme_table import ROOT, write_table

MILLION = 1_000_000


class Trivial(Problem):
    """Eleven parameters, two metrics, and next to no simulator."""

    name = "trivial"
    space = DesignSpace(
        [
            *(Ordinal(f"size_{i}", [1, 2, 4, 8, 16, 32, 64]) for i in range(6)),
            *(Categorical(f"policy_{i}", ["open", "closed", "adaptive"]) for i in range(3)),
            *(Integer(f"depth_{i}", 1, 64) for i in range(2)),
        ],
        forbidden=["size_0 * size_1 > 1024"],
    )
    metrics = (Metric("latency_ns", "ns"), Metric("energy_pj", "pJ"))
    objectives = (Objective("latency_ns"), Objective("energy_pj"))

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        position = designs.index
        return {
            "latency_ns": position[:, 0] * 7.0 + position[:, 9] + 1.0,
            "energy_pj": 100.0 - position[:, 1] * 5.0 + position[:, 10],
        }


class Sleepy(Problem):
    """Takes 0.1 to 1.0 s for each design, as the design says."""

    name = "sleepy"
    space = DesignSpace([Real("seconds", 0.1, 1.0), Real("x", 0.0, 1.0)])
    metrics = (Metric("loss", "1"),)
    objectives = (Objective("loss"),)
    isolated = True

    def simulate(self, designs: Designs, *, fidelity: str, seed: int) -> Mapping[str, Any]:
        time.sleep(float(designs["seconds"].sum()))
        return {"loss": designs["x"]}


class Uniform(Agent):
    """Uniform random designs, told in any order."""

    name = "uniform-random"
    batch_size = 8

    def ask(self, n: int) -> Designs:
        return self.space.sample(n, self.rng)

    def tell(self, results: Results) -> None:
        pass


def evaluations_per_second(budget: int, batch: int, store: Path | None = None) -> float:
    began = time.perf_counter()
    study = Study.create(Trivial(), "random", budget=budget, batch_size=batch, store=store)
    data = study.run()
    assert len(data.designs) == budget
    return budget / (time.perf_counter() - began)


def commits_per_second(folder: Path) -> float:
    """SQLite's own: one row of forty bytes in a transaction of its own, WAL, synchronous=NORMAL."""
    with sqlite3.connect(folder / "plain.db", isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("CREATE TABLE blocks (id INTEGER PRIMARY KEY, payload BLOB)")
        began = time.perf_counter()
        for _ in range(5000):
            connection.execute("BEGIN")
            connection.execute("INSERT INTO blocks (payload) VALUES (?)", (b"x" * 40,))
            connection.execute("COMMIT")
        return 5000 / (time.perf_counter() - began)


def steps_per_second(formulation: str) -> float:
    env = DesignEnv(Trivial(), formulation=formulation)
    actions = [env.action_space.sample() for _ in range(512)]
    env.reset(seed=0)
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < 1.0:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        steps += len(actions)
    return steps / (time.perf_counter() - began)


def vector_steps_per_second(formulation: str) -> float:
    envs = DesignVectorEnv(Trivial(), 1024, formulation=formulation)
    actions = [envs.action_space.sample() for _ in range(16)]
    envs.reset(seed=0)
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < 1.0:
        for action in actions:
            envs.step(action)
        steps += 1024 * len(actions)
    return steps / (time.perf_counter() - began)


def busy_share(*, deterministic: bool, budget: int = 80) -> float:
    """How much of two workers' time is spent on designs, from the first result to the end."""
    results: list[Results] = []
    times: list[float] = []

    def note(study: Study, found: Results) -> None:
        results.append(found)
        times.append(time.perf_counter())

    study = Study.create(Sleepy(), Uniform, budget=budget, workers=2, deterministic=deterministic, seed=1)
    study.run(callbacks=[note])
    worked = sum(float(found.designs["seconds"].sum()) for found in results[1:])
    return worked / (2 * (times[-1] - times[0]))


REPORT = """
import sys, time
began = time.perf_counter()
from cosearch.cli import run
code = run(sys.argv[1:])
with open("/proc/self/status") as status:  # getrusage would tell the peak of whoever forked us
    peak_kb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(f"{time.perf_counter() - began:.1f} {peak_kb / 1024:.0f} {code}", file=sys.stderr)
"""


def command_cost(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments], capture_output=True, text=True, check=True
    )
    seconds, peak_mb, code = done.stderr.strip().splitlines()[-1].split()
    assert code == "0", done.stderr
    return f"{seconds} s, {peak_mb} MB"


def median_of_three(measure: Callable[[], float]) -> float:
    return float(np.median([measure() for _ in range(3)]))


def rows() -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []

    def note(what: str, asked: str, value: str) -> None:
        found.append((what, asked, value))
        print(f"{what:70} {asked:>22} {value:>22}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        evaluations_per_second(2000, 100)
        speed = median_of_three(lambda: evaluations_per_second(300_000, 10_000))
        note("`random`, batches of 10,000, in memory", "100,000 evaluations/s", f"{speed:,.0f}")
        stores = iter(range(1000))
        speed = median_of_three(
            lambda: evaluations_per_second(300_000, 10_000, folder / f"large-{next(stores)}.db")
        )
        note("the same into SQLite", "60,000 evaluations/s", f"{speed:,.0f}")
        speed = median_of_three(
            lambda: evaluations_per_second(5_000, 1, folder / f"single-{next(stores)}.db")
        )
        note("batches of 1 into SQLite", "1,500 evaluations/s", f"{speed:,.0f}")
        note("SQLite's own commits of a row (NORMAL)", "", f"{commits_per_second(folder):,.0f}")
        size = (folder / "large-0.db").stat().st_size / 300_000
        note("bytes in the file for each evaluation, batches of 10,000", "60", f"{size:.0f}")
        evaluations_per_second(20_000, 1, folder / "bytes.db")
        size = (folder / "bytes.db").stat().st_size / 20_000
        note("bytes in the file for each evaluation, batches of 1", "60", f"{size:.0f}")
        path = folder / "million.db"
        evaluations_per_second(MILLION, 10_000, path)
        with Store.open(path) as store:
            assert len(store.read(store.study()).designs) == MILLION
        note(
            "`cosearch studies`, 1,000,000 evaluations", "30 s, 2,000 MB", command_cost("studies", str(path))
        )
        note("`cosearch report`", "30 s, 2,000 MB", command_cost("report", str(path)))
        page = folder / "page.html"
        cost = command_cost("report", str(path), "--html", str(page), "--no-pictures")
        note("`cosearch report --html`", "30 s, 2,000 MB", cost)
    for formulation in ("oneshot", "sequential", "refine"):
        speed = median_of_three(lambda formulation=formulation: steps_per_second(formulation))
        note(f"one environment, `{formulation}`", "10,000 steps/s", f"{speed:,.0f}")
    for formulation in ("oneshot", "sequential", "refine"):
        speed = median_of_three(lambda formulation=formulation: vector_steps_per_second(formulation))
        note(f"a vector of 1,024, `{formulation}`", "900,000 steps/s", f"{speed:,.0f}")
    streamed, batched = busy_share(deterministic=False), busy_share(deterministic=True)
    note("two workers busy, designs of 0.1 to 1.0 s, streamed", "95 %", f"{100 * streamed:.1f} %")
    note("the same in batches of 8 (`--deterministic`)", "", f"{100 * batched:.1f} %")
    return found


def table(found: list[tuple[str, str, str]]) -> list[str]:
    """The lines of the README."""
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    load = os.getloadavg()[0]
    note = f"Written by `python tests/benchmarks/core_speed.py --write` ({machine}, load {load:.1f})."
    rows = [f"| {what} | {asked} | {value} |" for what, asked, value in found]
    return [note, "", "| what | asked | measured |", "|---|--:|--:|", *rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into gym/README.md")
    write = parser.parse_args().write
    lines = table(rows())
    if write:
        write_table(ROOT / "gym" / "README.md", "speed", lines)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
