"""How fast the simulators are beside those of another tree of this repository, in turn on one machine.

    python tests/benchmarks/engine_speed.py --before PATH           # a Markdown table, some minutes
    python tests/benchmarks/engine_speed.py --before PATH --write   # and into simulators/README.md

Each tree has a process of its own and is asked for one run after the other, in an order that turns, and the
processes are started anew some times, as each lies in memory as chance has it. Speeds are of the median
processor time; the last column is the median over pairs of runs that followed each other, so that what else
the machine does counts little. `--cases` names the folder with Ramulator's and DRAMSys' cases: one design for
each of their traces, with their own requests per second beside it. What the trees' own benchmarks of the
accelerator, the mapper and many designs measure comes from these files, whichever names the tree has.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SOURCES = ("gym", "simulators", "plugins", "agents", "tests/support")

OWN_BENCHMARKS = {
    "test_dram_speed": {"test_a_thousand_designs": ("1,000 designs on 10,000 requests", "designs/s", 1000)},
    "test_accelerator_speed": {
        "test_a_million_mappings_a_second": ("one mapping of three levels", "mappings/s", 100_000),
        "test_fifteen_thousand_imperfect_mappings_a_second": ("imperfect mappings", "mappings/s", 2_000),
    },
    "test_mapper_speed": {
        "test_resnet18_in_50_ms_on_one_core": ("ResNet-18 mapped to an array of 16 by 16", "ms", 1000),
        "test_many_architectures_take_as_long_as_each_alone": ("ResNet-18 mapped to 10 arrays", "ms", 1000),
    },
}
"""What the trees' own benchmarks measure: title, unit, and how many a run has; of "ms" a second's."""


@dataclass(frozen=True)
class Workload:
    """What one run is and how it is shown."""

    title: str
    unit: str
    amount: float
    run: Callable[[], Any]
    tool_rate: float | None = None


class Captured:
    """In place of pytest-benchmark's fixture: runs once and keeps what would be timed."""

    enabled, stats = False, None

    def __init__(self) -> None:
        self.extra_info: dict[str, float] = {}
        self.run: Callable[[], Any] = lambda: None

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.run = lambda: function(*args, **kwargs)
        return self.run()

    def pedantic(self, function: Callable[..., Any], args: Any = (), kwargs: Any = None, **_: Any) -> Any:
        return self(function, *args, **(kwargs or {}))


def workloads(cases: Path, only: str) -> Iterator[Workload]:
    """All that this process' tree can run; the first run of each compiles."""
    for made in (ramulator_workloads(cases / "ramulator2"), dramsys_workloads(cases / "dramsys")):
        for work in made:
            if fnmatch(work.title, only):
                work.run()
                yield work
    sys.path.insert(0, str(Path.cwd() / "tests" / "benchmarks"))
    for module, tests in OWN_BENCHMARKS.items():
        for test, (title, unit, amount) in tests.items():
            if fnmatch(title, only):
                captured = Captured()
                getattr(importlib.import_module(module), test)(captured)
                yield Workload(title, unit, amount, captured.run)


def ramulator_workloads(folder: Path) -> Iterator[Workload]:
    """One design of DDR4 for each trace, until the last request is accepted, as the tool ends."""
    dram = importlib.import_module("cosearch_simulators.dram")
    judge, _, traces = modules("ramulator")
    try:
        engine = importlib.import_module("cosearch_simulators.dram.engines.ramulator")
        evaluate, ends = engine.evaluate, {"drain": False}
    except ModuleNotFoundError:
        evaluate, ends = dram.simulate, {}
    chosen = {case["trace"]: case for case in cases_of(folder) if case["standard"] == "DDR4"}
    for name, case in sorted(chosen.items()):
        requests = traces.read_trace(folder / "traces" / f"{name}.npz")
        arguments = judge.device_of(case), judge.controllers_of(case), requests
        yield Workload(
            f"Ramulator's {name}",
            "requests/s",
            len(requests),
            lambda a=arguments: evaluate(*a, wrap_addresses=True, threads=1, **ends),
            len(requests) / case["host_seconds"],
        )


def dramsys_workloads(folder: Path) -> Iterator[Workload]:
    """One design for each trace, until the last response, as the tool ends."""
    dram = importlib.import_module("cosearch_simulators.dram")
    judge, memspecs, traces = modules("dramsys")
    chosen = {case["trace"]: case for case in cases_of(folder)}
    for name, case in sorted(chosen.items()):
        requests = traces.read_trace(folder / "traces" / f"{name}.npz")
        memory = memspecs.read_memspec(
            folder / "memspecs" / case["memspec"], folder / "mappings" / case["address_mapping"]
        )
        arguments = memory, judge.memspec_controllers([case["controller"]]), requests
        period = round(1_000_000 / case["trace_clock_mhz"])
        yield Workload(
            f"DRAMSys' {name}",
            "requests/s",
            len(requests),
            lambda a=arguments, tck=period: dram.simulate(
                *a, wrap_addresses=True, threads=1, trace_tck_ps=tck
            ),
            len(requests) / case["sim_seconds"],
        )


def modules(tool: str) -> tuple[Any, Any, Any]:
    """Judge, memspecs and trace formats, where they lie now or where they lay before."""
    now = (f"engines.{tool}.validation", "common.memspecs.memspec", "common.traces.formats")
    before = (f"validation.{tool}", "memspecs.memspec", "traces.formats")
    for names in (now, before):
        try:
            first, second, third = (importlib.import_module(f"cosearch_simulators.dram.{n}") for n in names)
        except ModuleNotFoundError:
            continue
        return first, second, third
    raise SystemExit(f"no DRAM simulator in {Path.cwd()}")


def cases_of(folder: Path) -> list[dict[str, Any]]:
    """The cases of one tool."""
    read: list[dict[str, Any]] = json.loads((folder / "cases.json").read_text())
    return read


def answer(cases: Path, only: str) -> None:
    """A tree's side: say what there is, then time what is asked for, a line a run."""
    ready = list(workloads(cases, only))
    told = [[work.title, work.unit, work.amount, work.tool_rate] for work in ready]
    print(json.dumps(told), flush=True)
    for line in sys.stdin:
        run = ready[int(line)].run
        start = time.process_time_ns()
        run()
        print(time.process_time_ns() - start, flush=True)


class Tree:
    """The process of one tree."""

    def __init__(self, root: Path, cases: Path, only: str) -> None:
        path = os.pathsep.join(str(root / source) for source in SOURCES)
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--answer", "--cases", str(cases), "--only", only],
            cwd=root,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def told(self) -> Any:
        """Its next line."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a tree's process has ended; its last words are above")
        return json.loads(line)

    def seconds(self, which: int) -> float:
        """Processor time of one run."""
        assert self._process.stdin
        print(which, file=self._process.stdin, flush=True)
        return float(self.told()) / 1e9

    def end(self) -> None:
        """Let it go."""
        self._process.communicate()


def measure(
    before: Path, cases: Path, only: str, seconds: float, starts: int
) -> tuple[list[list[Any]], list[list[tuple[float, float]]]]:
    """Descriptions of the workloads, and of each the seconds before and now of all pairs of runs."""
    pairs: list[list[tuple[float, float]]] = []
    for start in range(starts):
        trees = [Tree(before, cases, only), Tree(ROOT, cases, only)]
        listed = [tree.told() for tree in trees]
        if [row[0] for row in listed[0]] != [row[0] for row in listed[1]]:
            raise SystemExit(f"the trees do not measure the same: {listed}")
        pairs = pairs or [[] for _ in listed[1]]
        for which, mine in enumerate(pairs):
            runs, end = 0, time.monotonic() + seconds / starts
            while time.monotonic() < end or runs < 3:
                took = {turn: trees[turn].seconds(which) for turn in ((0, 1), (1, 0))[runs % 2]}
                mine.append((took[0], took[1]))
                runs += 1
        for tree in trees:
            tree.end()
        print(f"start {start + 1} of {starts} is measured", file=sys.stderr)
    return listed[1], pairs


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", type=Path, help="the root of the other tree")
    parser.add_argument("--cases", type=Path, default=ROOT / "tests" / "reference" / "dram")
    parser.add_argument("--only", default="*", help="of the titles in the table, such as 'Ramulator*'")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row")
    parser.add_argument(
        "--starts", type=int, default=4, help="of both processes, among which these are shared"
    )
    parser.add_argument("--write", action="store_true", help="write the table into simulators/README.md")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        answer(options.cases, options.only)
        return
    if options.before is None or not (options.before / "simulators").is_dir():
        parser.error("--before must name the root of a tree of this repository")
    lines = ["| what | unit | the tool | before | now | now to before |", "|---|---|--:|--:|--:|--:|"]
    listed, pairs = measure(
        options.before.resolve(), options.cases.resolve(), options.only, options.seconds, options.starts
    )
    for (title, unit, amount, tool), of_pairs in zip(listed, pairs, strict=True):
        middle = (statistics.median(seconds) for seconds in zip(*of_pairs, strict=True))
        then, today = (amount * s if unit == "ms" else amount / s for s in middle)
        ratio = statistics.median(before / now for before, now in of_pairs)
        shown = [f"{value:,.2f}" if unit == "ms" else f"{value:,.0f}" for value in (then, today)]
        beside = "" if tool is None else f"{tool:,.0f}"
        lines.append(f"| {title} | {unit} | {beside} | {shown[0]} | {shown[1]} | {ratio:.3f} |")
        print(lines[-1], f"  ({len(of_pairs)} runs each)", flush=True)
    if options.write:
        sys.path.insert(0, str(ROOT / "tests" / "support"))
        from readme_table import write_table

        readme = ROOT / "simulators" / "README.md"
        table = (
            readme.read_text().partition("<!-- engine-speed -->")[2].partition("<!-- /engine-speed -->")[0]
        )
        new = {line.split("|")[1]: line for line in lines}  # rows that were not measured stay
        kept = {line.split("|")[1]: line for line in table.split("\n") if "|" in line}
        write_table(readme, "engine-speed", [*(kept | new).values(), ""])


if __name__ == "__main__":
    main()
