"""Several processes on one store: each on a study of its own, or all on one."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cosearch import Store
from stored_studies import assert_counts_up, record

PROCESSES = 8

# Forks a process for each line that it is sent, so that the imports are paid for once. Each opens the store,
# makes its study or goes on with it, says how much it has stored, and at the end how it ended.
FORKER = """
import os, signal, sys, time, traceback
import numpy
from cosearch import Store
from cosearch.errors import StoreError, StudyLockedError
from stored_studies import append, record

def write(place, name, target):
    with Store.open(place, create=True) as store:
        try:
            study = store.create_study(record(name))
        except StoreError as error:
            if "already has a study" not in str(error):
                raise
            study = store.study(name)
        with store.writer(study) as writer:
            while writer.stored < target:
                writer.tell(append(writer, min(7, target - writer.stored)), {"told": writer.stored})
                print(writer.stored, flush=True)
            writer.set_status("finished", "enough")

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    place, name, target, begin, output = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        continue
    sys.stdout = open(output, "w")
    time.sleep(max(0.0, float(begin) - time.time()))
    try:
        write(place, name, int(target))
        print("done", flush=True)
    except StudyLockedError:
        print("locked", flush=True)
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        sys.stdout.flush()
    os._exit(0)
"""


@pytest.fixture(scope="module")
def forker():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", FORKER],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.stdin.close()
    process.wait()


class Child:
    """A process that writes a study."""

    def __init__(self, forker, folder, place, name, target=400, begin=0.0):
        self.output = folder / f"{name}-{time.monotonic_ns()}"
        forker.stdin.write("\t".join(map(str, (place, name, target, begin, self.output))) + "\n")
        forker.stdin.flush()
        self.pid = int(forker.stdout.readline())

    def said(self) -> list[str]:
        """The lines that are complete."""
        return self.output.read_text().split("\n")[:-1] if self.output.exists() else []

    @property
    def stored(self) -> int:
        return max((int(line) for line in self.said() if line.isdigit()), default=0)

    def wait_for(self, stored: int) -> None:
        until = time.monotonic() + 60
        while self.stored < stored and time.monotonic() < until:
            time.sleep(0.005)
        assert self.stored >= stored, self.said()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> str:
        """How it ended."""
        until = time.monotonic() + 120
        while Path(f"/proc/{self.pid}").exists() and time.monotonic() < until:
            time.sleep(0.01)
        return (self.said() or [""])[-1]


@pytest.fixture
def start(forker, tmp_path):
    def start(*arguments, **options):
        return Child(forker, tmp_path, *arguments, **options)

    return start


def test_eight_processes_write_eight_studies_of_one_store(start, place):
    """They also make it together; half of them are killed on the way and started again."""
    begin = time.time() + 0.5
    names = [f"study-{i}" for i in range(PROCESSES)]
    children = {name: start(place, name, target=4000, begin=begin) for name in names}
    chance = random.Random(8)
    for name in names[::2]:
        children[name].wait_for(7)
        time.sleep(chance.uniform(0.0, 0.1))
        children[name].kill()
    with Store.open(place) as store:  # while the others write
        for name in names[::2]:
            assert_counts_up(store.evaluations(store.study(name)), at_least=children[name].stored)
    again = {name: start(place, name, target=4000) for name in names[::2]}
    for name in names:
        assert (again.get(name) or children[name]).wait() == "done", children[name].said()
    with Store.open(place) as store:
        for name in names:
            study = store.study(name)
            assert (study.status, study.evaluations) == ("finished", 4000)
            assert_counts_up(store.evaluations(study), at_least=4000)
            told = store.told(study).tolist()
            assert told == sorted(set(told))
            assert told[-1] == 3999
            assert store.agent_state(study)["told"] == 4000


def test_of_two_processes_on_one_study_one_is_told_that_the_other_writes(start, place):
    with Store.open(place, create=True) as store:
        study = store.create_study(record())
        first = start(place, study.name, target=10**6)
        first.wait_for(7)
        assert start(place, study.name, target=10**6).wait() == "locked"
        assert store.study().status == "running"
        first.kill()
        assert start(place, study.name, target=first.stored + 100).wait() == "done"
        assert_counts_up(store.evaluations(study), at_least=first.stored + 100)


def test_a_store_that_is_written_can_be_read(start, place):
    """A reader sees a state that was: no half of a block, and never less than before."""
    child, seen = start(place, "study", target=3000), []
    child.wait_for(7)
    with Store.open(place) as store:
        while Path(f"/proc/{child.pid}").exists():
            stored = store.evaluations(store.study())
            assert_counts_up(stored)
            seen.append(len(stored))
            time.sleep(0.02)
    assert child.wait() == "done"
    assert seen == sorted(seen)
    assert seen
