"""Studies that are killed at random moments and taken up again, on every backend: what is lost or doubled."""

from __future__ import annotations

import ast
import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosearch import Store
from cosearch.errors import StoreError
from cosearch.run.memory import tree
from cosearch.store import StudyData

BUDGET = 500
SEARCH = """
import sys
import timed_problems
from cosearch import Study, register
register(timed_problems)
if __name__ == "__main__":
    path, options = sys.argv[1], eval(sys.argv[2])
    try:
        study = Study.resume(path)
    except Exception as error:
        if "there is no" not in str(error) and "holds no study" not in str(error):
            raise
        study = Study.create(timed_problems.Brief(), "random", seed=5, store=path, **options)
    print("[]", flush=True)
    study.run(callbacks=[lambda study, results: print(results.designs.keys(), flush=True)])
"""


@dataclass
class Count:
    """What became of the kills of one backend.

    Attributes:
        kills: of studies.
        while_running: those that found the study running.
        workers_killed: workers, or other processes of a study, that were killed besides.
        lost: evaluations that were told and are not in the store.
        doubled: evaluations that are in the store twice.
        unfinished: studies that were resumed and did not spend their budget.
        other_end: studies with one worker that ended with other designs than without kills.
    """

    kills: int = 0
    while_running: int = 0
    workers_killed: int = 0
    lost: int = 0
    doubled: int = 0
    unfinished: int = 0
    other_end: int = 0


class Killing:
    """Kills studies that run with some options.

    Args:
        folder: where they are kept.
        options: of `Study.create`: the backend, its workers, the address of a cluster.
        seed: of the moments.
    """

    def __init__(self, folder: Path, options: dict[str, object], seed: int) -> None:
        self.folder, self.options, self.rng = (
            folder,
            {"budget": BUDGET, **options},
            np.random.default_rng(seed),
        )
        self.count = Count()
        (folder / "search.py").write_text(SEARCH)
        began = time.monotonic()
        process, _ = self._start(folder / "whole.db")
        self.seconds = min(time.monotonic() - began, 20.0)  # until it says something
        began = time.monotonic()
        assert process.wait() == 0, process.stderr.read()  # type: ignore[union-attr]
        self.seconds = time.monotonic() - began
        self.whole = read(folder / "whole.db")

    def kill(self, kills: int, each: int = 8) -> Count:
        """Kill studies until there were so many kills, each study at most `each` times; then end it."""
        until, number = self.count.kills + kills, 0
        while self.count.kills < until:
            path = self.folder / f"killed-{number}.db"
            number += 1
            told: list[bytes] = []
            for _ in range(min(each, until - self.count.kills)):
                process, output = self._start(path)
                self._wait(0.3)
                if self.rng.random() < 0.5:
                    self._kill_a_worker(process.pid)
                    self._wait(0.3)
                self.count.while_running += process.poll() is None
                process.kill()
                assert process.wait() in (0, -9), process.stderr.read()  # type: ignore[union-attr]
                self.count.kills += 1
                told += said(output)
                self._check(path, told)
            process, output = self._start(path)
            assert process.wait() == 0, process.stderr.read()  # type: ignore[union-attr]
            told += said(output)
            self._check(path, told)
            self._check_end(read(path))
        return self.count

    def _wait(self, share: float) -> None:
        time.sleep(self.rng.uniform(0, share * self.seconds))

    def _start(self, path: Path) -> tuple[subprocess.Popen[str], Path]:
        """A study that has begun."""
        output = self.folder / "output"
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, str(self.folder / "search.py"), str(path), repr(self.options)],
                stdout=file,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
        while process.poll() is None and not output.stat().st_size:
            time.sleep(0.01)
        return process, output

    def _kill_a_worker(self, pid: int) -> None:
        workers = ray_workers() if self.options.get("backend") == "ray" else tree(pid)[1:]
        if workers:
            with contextlib.suppress(OSError):
                os.kill(int(self.rng.choice(workers)), 9)
                self.count.workers_killed += 1

    def _check(self, path: Path, told: list[bytes]) -> None:
        try:
            with Store.open(path) as store:
                kept = store.evaluations(store.study()).designs.keys()
        except StoreError:  # killed before there was a study
            kept = []
        self.count.lost += len(set(told) - set(kept))
        self.count.doubled += len(kept) - len(set(kept))

    def _check_end(self, end: StudyData) -> None:
        self.count.unfinished += end.record.evaluations != BUDGET
        same = end.designs == self.whole.designs and end.told.tolist() == self.whole.told.tolist()
        self.count.other_end += self.options.get("workers", 1) == 1 and not same


def ray_workers() -> list[int]:
    """The Ray workers of this machine that run a trial."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(b"ray::cosearch"):
                found.append(int(path.parts[2]))
    return found


def said(output: Path) -> list[bytes]:
    """What a study was told, by its output up to the last complete line."""
    lines = [line for line in output.read_text().splitlines() if line.endswith("]")]
    return [key for line in lines for key in ast.literal_eval(line)]


def read(path: Path) -> StudyData:
    """The only study of a store."""
    with Store.open(path) as store:
        return store.read(store.study())
