"""Runs every misbehaving problem in a real worker, beside a design that does nothing wrong, and counts.

    python tests/benchmarks/misbehave.py [--write]

Each deed has a worker of its own with a time limit of 1 s and a memory limit of 300 MB. The innocent design
must be ok, and no marked process and no scratch folder may stay. `--write` puts the table into gym/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch.outcomes import Outcomes
from cosearch.run import keeper
from cosearch.run.backend import BackendOptions
from cosearch.run.processes import Processes
from cosearch.run.trial import Piece
from misbehaving_problems import DEEDS, Misbehaving
from readme_table import ROOT, write_table

COLUMNS = (
    "problems",
    "failed with a reason",
    "harmed nobody",
    "innocent designs lost",
    "processes left",
    "folders left",
)


def marked(name: str) -> int:
    """Processes that a backend's workers started and that are still there."""
    mark, found = f"{keeper.MARK}{name}".encode(), 0
    for one in keeper.processes():
        try:
            found += mark in Path(f"/proc/{one.pid}/environ").read_bytes()
        except OSError:  # it is gone, or another user's
            continue
    return found


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the table into gym/README.md")
    options = parser.parse_args()
    failed = harmless = lost = left = folders = 0
    for number, deed in enumerate(sorted(DEEDS)):
        backend = Processes(Misbehaving(), BackendOptions(timeout_s=1.0, memory_mb=300))
        designs = backend.problem.space.designs([{"deed": d, "x": 90_000 + number} for d in (deed, "fine")])
        backend.submit(Piece(np.arange(2), designs, "analytical", 0))
        name, folder = backend._workshop._name, backend._workshop.folder
        assert folder is not None
        done = []
        while found := backend.poll():
            done += found
        backend.close()
        order = np.argsort(np.concatenate([one.numbers for one in done]))
        guilty, innocent = Outcomes.concat([one.outcomes for one in done]).take(order).status.tolist()
        failed, harmless, lost = (
            failed + (guilty != "ok"),
            harmless + (guilty == "ok"),
            lost + (innocent != "ok"),
        )
        left, folders = left + marked(name), folders + Path(folder).exists()
        print(f"{deed}: {guilty}", flush=True)
    row = " | ".join(map(str, (len(DEEDS), failed, harmless, lost, left, folders)))
    lines = [f"| {' | '.join(COLUMNS)} |", "|--:" * len(COLUMNS) + "|", f"| {row} |"]
    print("\n".join(lines))
    if options.write:
        write_table(ROOT / "gym" / "README.md", "misbehaving", lines)


if __name__ == "__main__":
    main()
