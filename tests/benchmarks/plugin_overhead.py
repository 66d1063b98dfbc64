"""What the plugin layer adds to a simulator; with `--write` as a table of gym/README.md (`plugin-layer`).

    python tests/benchmarks/plugin_overhead.py [--write]

The same simulator is called as a plain function over columns and through a problem, an evaluator, a study and
an environment; the difference is the layer's. A program is run by `subprocess.run` and by `CommandSimulator`.
All times are of the processor, the least of several runs: it does not matter what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).parent))

from core_speed import Trivial

import command_tool
from cosearch import Designs, Evaluator, Study
from cosearch.command_simulator import CommandSimulator, JsonFile, JsonReport, Program
from cosearch.environments.env import DesignEnv
from readme_table import ROOT, write_table

BATCH, SINGLES, RUNS = 10_000, 300, 20
BATCH_ASKED_US, SINGLE_ASKED_US = 50.0, 1000.0


def least_s(act: Callable[[], object], repeats: int) -> float:
    """The least processor time of several runs, with that of the processes that they start."""
    found = []
    for _ in range(repeats):
        began = processor_s()
        act()
        found.append(processor_s() - began)
    return min(found)


def processor_s() -> float:
    """Processor time of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def each(designs: Designs, act: Callable[[Designs], object]) -> None:
    """Act on one design at a time."""
    for i in range(len(designs)):
        act(designs[i : i + 1])


def overheads_us(repeats: int = 5) -> dict[str, tuple[float, float]]:
    """By way of evaluation what it adds for each design of a batch, and for one design alone, in us."""
    problem = Trivial()
    batch, some = problem.space.sample(BATCH, 0), problem.space.sample(SINGLES, 1)
    dicts = [dict(design) for design in some]

    def plain(designs: Designs) -> None:
        problem.simulate(designs, fidelity="analytical", seed=0)

    bare_batch = least_s(lambda: plain(batch), repeats) / BATCH
    bare_single = least_s(lambda: each(some, plain), repeats) / SINGLES
    environment = DesignEnv(Trivial())
    environment.reset(seed=0)
    actions = [environment.action_space.sample() for _ in range(SINGLES)]

    def play() -> None:
        for action in actions:
            environment.reset()
            environment.step(action)

    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "`Problem.evaluate`": (
            lambda: problem.evaluate(batch),
            lambda: [problem.evaluate([design]) for design in dicts],
        ),
        "`Evaluator`, which remembers": (
            lambda: Evaluator(Trivial()).evaluate(batch),
            lambda: each(some, Evaluator(Trivial()).evaluate),
        ),
        "a study of agent `random`, in memory": (
            lambda: Study.create(Trivial(), "random", budget=BATCH, batch_size=BATCH).run(),
            lambda: Study.create(Trivial(), "random", budget=SINGLES, batch_size=1).run(),
        ),
    }
    found = {
        name: (
            1e6 * (least_s(many, repeats) / BATCH - bare_batch),
            1e6 * (least_s(one, repeats) / SINGLES - bare_single),
        )
        for name, (many, one) in ways.items()
    }
    found["an episode of one step, Gymnasium"] = (
        float("nan"),
        1e6 * (least_s(play, repeats) / SINGLES - bare_single),
    )
    return found


def program_s() -> tuple[float, float]:
    """A program that does nothing: seconds by `subprocess.run` and by `CommandSimulator`, one at a time."""
    simulator = CommandSimulator(
        Program(command_tool.__file__, "it is here", interpreter=("python",)),
        arguments=("config.json",),
        files={"config.json": JsonFile({"deed": "{{ deed }}", "x": "{{ x }}"})},
        reports=(JsonReport("out.json", {"latency_ns": "latency"}),),
    )
    designs = [{"deed": "fine", "x": x} for x in range(RUNS)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(designs[0]))
        command = [*simulator.program.command(), "config.json"]
        bare = least_s(
            lambda: [
                subprocess.run(command, cwd=folder, check=True, capture_output=True) for _ in range(RUNS)
            ],
            3,
        )
    units = {"latency_ns": "ns"}
    ours = least_s(lambda: simulator.run(designs, units, owner="overhead"), 3)
    return bare / RUNS, ours / RUNS


def table(found: dict[str, tuple[float, float]], program: tuple[float, float]) -> list[str]:
    """The lines of the README."""
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    bare, ours = program

    def shown(number: float) -> str:
        return "–" if number != number else f"{number:,.2f}" if number < 10 else f"{number:,.0f}"

    return [
        f"Written by `python tests/benchmarks/plugin_overhead.py --write` ({machine}):",
        "processor time that is added to the simulator's own.",
        "",
        f"| through | us for each of {BATCH:,} designs | us for one design alone |",
        "|---|--:|--:|",
        f"| asked | {BATCH_ASKED_US:g} | {SINGLE_ASKED_US:g} |",
        *(f"| {name} | {shown(batch)} | {shown(one)} |" for name, (batch, one) in found.items()),
        "",
        f"A program that does nothing takes {1e3 * bare:.1f} ms by `subprocess.run`, {1e3 * ours:.1f} ms by "
        f"`CommandSimulator`, with its scratch folder, config file, limits and report: {ours / bare:.2f} "
        "times.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into gym/README.md")
    write = parser.parse_args().write
    lines = table(overheads_us(), program_s())
    print("\n".join(lines))
    if write:
        write_table(ROOT / "gym" / "README.md", "plugin-layer", lines)


if __name__ == "__main__":
    main()
