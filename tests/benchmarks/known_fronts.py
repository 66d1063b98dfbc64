"""Finds the fronts that agents are measured by, and keeps them beside the problems.

    python tests/benchmarks/known_fronts.py [REGULAR EXPRESSION]

A space of up to 50,000 allowed designs is listed, so its front is exact; a larger one is searched by
`--agents`, `--seeds` times with `--budget` evaluations each, beginning with the front that is kept already:
run it again with a larger budget or better agents, and a front only grows. About ten minutes on one core with
the defaults.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import suite
from cosearch.comparison.finding import find_front, keep_front, kept_entry
from cosearch.comparison.fronts import new_front_file
from cosearch.registry import registry


def main() -> int:
    """Find the fronts of the suite's problems whose name matches."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "problems", nargs="?", default="", help="regular expression; default all of the suite"
    )
    parser.add_argument("--cheap-ms", type=float, default=5.0, help="problems that take longer are left out")
    parser.add_argument("--list-up-to", type=int, default=50_000)
    parser.add_argument("--budget", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--agents", default="nsga2,random")
    arguments = parser.parse_args()
    agents = [name for name in arguments.agents.split(",") if name in registry().agents]
    for subject in suite.subjects(arguments.cheap_ms):
        if not re.search(arguments.problems, str(subject)):
            continue
        began, problem = time.monotonic(), subject.build()
        path = new_front_file(type(problem))
        entry = find_front(
            problem,
            list_up_to=arguments.list_up_to,
            budget=arguments.budget,
            agents=agents,
            seeds=arguments.seeds,
            known=kept_entry(problem, path),
            made_by="tests/benchmarks/known_fronts.py",
        )
        keep_front(entry, path)
        kind = "exact" if entry["exact"] else "best known"
        print(
            f"{subject}: {kind}, {entry['front_size']} points, {time.monotonic() - began:.0f} s", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
