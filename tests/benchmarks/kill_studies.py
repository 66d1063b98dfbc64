"""Kills studies with SIGKILL at random moments, resumes them, and counts what was lost or doubled.

    python tests/benchmarks/kill_studies.py [--kills 100] [--write]

Every built-in agent takes its share of the kills, with one worker and with two. What an agent was told is
printed by a callback; all of it must be in the store, each evaluation once, and with one worker the study
must end with the same designs, told in the same order, as one that was never killed. `--write` puts the table
between the `<!-- kills -->` markers of gym/README.md.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np

from cosearch import Store
from cosearch.errors import StoreError
from cosearch.store import StudyData
from readme_table import ROOT, write_table

AGENTS = {
    "random": (400, {}),
    "sobol": (400, {}),
    "nsga2": (400, {"population": 20}),
    "qlognehvi": (40, {"initial": 10, "samples": 16, "starts": 32}),
    "ppo": (400, {"episodes": 20, "minibatch": 20}),
    "maskable-ppo": (200, {"episodes": 20, "minibatch": 20}),
}

SEARCH = """
import sys
import timed_problems
from cosearch import Study, register
register(timed_problems)
if __name__ == "__main__":
    path, agent, budget, workers, settings = sys.argv[1], sys.argv[2], *map(eval, sys.argv[3:6])
    try:
        study = Study.resume(path)
    except Exception as error:
        if "there is no" not in str(error) and "holds no study" not in str(error):
            raise
        study = Study.create(timed_problems.Brief(), agent, budget=budget, seed=5, workers=workers,
                             agent_settings=settings, store=path)
    print("[]", flush=True)
    study.run(callbacks=[lambda study, results: print(results.designs.keys(), flush=True)])
"""


@dataclass
class Count:
    """What became of one agent's kills."""

    kills: int = 0
    while_running: int = 0
    lost: int = 0
    doubled: int = 0
    other_end: str = "no"


def killed(agent: str, workers: int, kills: int, rng: np.random.Generator) -> Count:
    """Kill studies of an agent until there were enough kills; each study is resumed until it is done."""
    count = Count()
    budget, settings = AGENTS[agent]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "search.py"
        script.write_text(SEARCH)

        def command(path: Path) -> list[str]:
            return [sys.executable, str(script), str(path), agent, str(budget), str(workers), repr(settings)]

        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        began = time.monotonic()
        subprocess.run(command(folder / "whole.db"), check=True, capture_output=True, env=environment)
        seconds = time.monotonic() - began
        whole = read(folder / "whole.db")
        study = 0
        while count.kills < kills:
            path = folder / f"killed-{study}.db"
            study += 1
            told: list[bytes] = []
            for _ in range(min(10, kills - count.kills)):
                output = folder / "output"
                with output.open("wb") as file:
                    process = subprocess.Popen(
                        command(path), stdout=file, stderr=subprocess.PIPE, env=environment
                    )
                    while process.poll() is None and not output.stat().st_size:
                        time.sleep(0.01)
                    time.sleep(rng.uniform(0, 0.3 * seconds))
                    count.while_running += process.poll() is None
                    process.kill()
                    assert process.wait() in (0, -9), process.stderr.read().decode()  # type: ignore[union-attr]
                count.kills += 1
                for line in output.read_text().splitlines():
                    if line.endswith("]"):
                        told += ast.literal_eval(line)
                check(path, told, count)
            subprocess.run(command(path), check=True, capture_output=True, env=environment)
            check(path, told, count)
            end = read(path)
            same = end.designs == whole.designs and end.told.tolist() == whole.told.tolist()
            if workers == 1 and not same:
                count.other_end = "yes"
            if end.record.evaluations != budget:
                count.other_end = "yes"
    return count


def check(path: Path, told: list[bytes], count: Count) -> None:
    try:
        with Store.open(path) as store:
            kept = store.evaluations(store.study()).designs.keys()
    except StoreError:  # killed before there was a study
        kept = []
    count.lost += len(set(told) - set(kept))
    count.doubled += len(kept) - len(set(kept))


def read(path: Path) -> StudyData:
    with Store.open(path) as store:
        return store.read(store.study())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="for one worker, and again for two")
    parser.add_argument("--write", action="store_true", help="write the table into gym/README.md")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    lines = [
        "| agent | workers | kills | while it ran | lost | doubled | another end |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for workers in (1, 2):
        for agent in AGENTS:
            count = killed(agent, workers, -(-options.kills // len(AGENTS)), rng)
            cells = (count.kills, count.while_running, count.lost, count.doubled, count.other_end)
            lines.append(f"| `{agent}` | {workers} | {' | '.join(map(str, cells))} |")
            print(lines[-1], flush=True)
    if options.write:
        note = "Written by `python tests/benchmarks/kill_studies.py --write`."
        write_table(ROOT / "gym" / "README.md", "kills", [note, "", *lines])


if __name__ == "__main__":
    main()
