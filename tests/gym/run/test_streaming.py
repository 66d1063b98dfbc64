"""Several workers and an agent that can be told out of order: trials are kept going one by one."""

from __future__ import annotations

import ast
import collections
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cosearch import Store, Study, Task
from timed_problems import Unhurried, Watcher


def streamed(budget: int, **options) -> tuple[Watcher, Study]:
    watcher = Watcher(Task.of(Unhurried()), seed=3)
    return watcher, Study.create(Unhurried(), watcher, budget=budget, workers=2, **options)


def test_results_are_told_as_they_come_and_each_once():
    watcher, study = streamed(60)
    data = study.run()
    told = np.concatenate([results.number for results in watcher.results])
    assert sorted(told.tolist()) == list(range(len(told)))
    assert told.tolist() != sorted(told.tolist())  # designs take from 0 to 40 ms
    assert len(data.designs) == 60
    assert len(set(data.designs.keys())) == 60
    assert len({pid for results in watcher.results for pid in results.outcomes["pid"]}) == 2


def test_the_agent_knows_what_is_under_way():
    watcher, study = streamed(30, isolated=True)  # so each piece is one design
    study.run()
    assert set(watcher.pending_at_ask[1:]) <= {0, 1}  # of two workers one is free when it is asked
    assert collections.Counter(watcher.pending_at_ask)[1] > 20


def test_deterministic_workers_search_like_one():
    alone = Study.create(Unhurried(), "watcher", budget=40, seed=3).run()
    together = Study.create(Unhurried(), "watcher", budget=40, seed=3, workers=2, deterministic=True).run()
    assert together.designs == alone.designs
    assert together.told.tolist() == alone.told.tolist()


def test_what_was_under_way_is_run_again(tmp_path):
    watcher, study = streamed(40, store=tmp_path / "study.db")

    def stop(progress):
        if progress.evaluations >= 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(stop)
    asked = sum(watcher.sizes_asked)
    with Store.open(tmp_path / "study.db") as store:
        kept = store.read(store.study())
    assert 15 <= len(kept.designs) < asked
    again = Watcher(Task.of(Unhurried()), seed=3)
    restored = []
    again.restore = lambda state, history, pending: restored.append((len(history), len(pending)))
    data = Study.resume(tmp_path / "study.db", problem=Unhurried(), agent=again).run()
    assert restored[0][1] == asked - len(kept.designs)
    assert data.designs[: len(kept.designs)] == kept.designs
    assert len(data.designs) == len(set(data.designs.keys())) == 40


def test_a_study_may_be_resumed_with_more_workers(tmp_path):
    Study.create(Unhurried(), "random", budget=20, store=tmp_path / "study.db").run()
    data = Study.resume(tmp_path / "study.db", budget=40, workers=2).run()
    assert len(set(data.designs.keys())) == 40
    alone = Study.resume(tmp_path / "study.db", budget=50, workers=1).run()
    assert len(set(alone.designs.keys())) == 50


SEARCH = """
import sys
from cosearch import Store, Study, register
import timed_problems
register(timed_problems)
if __name__ == "__main__":
    path, budget = sys.argv[1], int(sys.argv[2])
    try:
        study = Study.resume(path)
    except Exception:
        problem = timed_problems.Unhurried()
        study = Study.create(problem, "random", budget=budget, seed=5, workers=2, store=path)
    study.run(callbacks=[lambda study, results: print(results.designs.keys(), flush=True)])
"""


def test_killed_again_and_again_with_two_workers_nothing_is_lost_or_doubled(kills, tmp_path):
    script, path = tmp_path / "search.py", tmp_path / "study.db"
    script.write_text(SEARCH)
    rng = np.random.default_rng(7)
    command = [sys.executable, str(script), str(path), "400"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told: list[bytes] = []
    for _ in range(kills):
        output = tmp_path / "output"
        with output.open("wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, env=environment)
            deadline = time.monotonic() + 20
            while process.poll() is None and not output.stat().st_size and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.4))
            process.kill()
            assert process.wait() in (-signal.SIGKILL, 0), process.stderr.read().decode()
        lines = output.read_text().splitlines()
        told += [key for line in lines if line.endswith("]") for key in ast.literal_eval(line)]
        kept = _keys(path)
        assert set(told) <= set(kept)
        assert len(kept) == len(set(kept))
    subprocess.run(command, check=True, capture_output=True, env=environment)
    kept = _keys(path)
    assert len(kept) == len(set(kept)) == 400
    assert set(told) <= set(kept)


def _keys(path: Path) -> list[bytes]:
    with Store.open(path) as store:
        stored = store.evaluations(store.study())
    return stored.designs.keys()
