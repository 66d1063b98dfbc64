"""Simulators that crash, hang, print, eat memory, leave processes: it costs one design, nothing stays."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cosearch import Designs, Problem
from cosearch.errors import ProblemError
from cosearch.outcomes import Outcomes
from cosearch.run import keeper
from cosearch.run.backend import BackendOptions
from cosearch.run.isolated_call import call_isolated
from cosearch.run.processes import Processes
from cosearch.run.trial import Piece
from misbehaving_problems import Misbehaving, UnfitForWorkers, Unsendable, does

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# Seconds that a test's `sleep` sleeps, by which it is known.
SLEEP = random.Random(os.getpid()).randrange(10_000, 99_999)

Start = Callable[..., Processes]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a backend; afterwards nothing of it may be left."""
    started: list[Processes] = []

    def start(problem: Problem | None = None, **options: object) -> Processes:
        started.append(Processes(problem or Misbehaving(), BackendOptions(**options)))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for backend in started:
        folder, keeper_process = backend._workshop.folder, backend._workshop._folder._keeper
        began = time.monotonic()
        backend.close()
        assert time.monotonic() - began < 2.5
        assert_nothing_left(backend._workshop._name)
        assert folder is None or not folder.exists()
        assert keeper_process is None or keeper_process.poll() is not None


def assert_nothing_left(name: str = "") -> None:
    mark = f"{keeper.MARK}{name}".encode()
    for one in keeper.processes():
        try:
            environment = Path(f"/proc/{one.pid}/environ").read_bytes()
            command = Path(f"/proc/{one.pid}/cmdline").read_bytes()
        except OSError:
            continue
        assert not name or mark not in environment, command
        assert f"sleep\0{SLEEP}\0".encode() not in command


def designs_of(backend: Processes, *deeds: str) -> Designs:
    return backend.problem.space.designs([{"deed": deed, "x": SLEEP} for deed in deeds])


def run(backend: Processes, *deeds: str, together: bool = False) -> Outcomes:
    """The outcomes of designs that do these deeds."""
    piece = Piece(np.arange(len(deeds)), designs_of(backend, *deeds), "analytical", 0)
    for part in [piece] if together else [piece.take([i]) for i in range(len(piece))]:
        backend.submit(part)
    done = []
    while found := backend.poll():
        done += found
    numbers = np.concatenate([one.numbers for one in done])
    assert sorted(numbers) == list(range(len(deeds)))
    return Outcomes.concat([one.outcomes for one in done]).take(np.argsort(numbers))


FAILING = {
    "closes_all_files": ".*the simulator closed the channel",
    "closes_all_files_and_sleeps": "the simulator closed the channel",
    "dies_and_leaves_a_child_on_the_pipe": r"the worker process died \(exit code 3\)",
    "waits_for_a_child": "took longer than 1 s",
    "waits_beside_a_session": "took longer than 1 s",
    "waits_beside_a_session_without_environment": "took longer than 1 s",
    "leaves_a_daemon_and_dies": r"the worker process died \(exit code 4\)",
    "leaves_a_daemon_without_environment": "took longer than 1 s",
    "starts_many_sessions": "took longer than 1 s",
    "ignores_sigterm": "took longer than 1 s",
    "stops_itself": "took longer than 1 s",
    "holds_the_interpreter": "took longer than 1 s",
    "leaves_with_success": r"the worker process died \(exit code 0\)",
    "reads_address_zero": r"the worker process died \(signal SIGSEGV\)",
    "aborts": r"the worker process died \(signal SIGABRT\)",
    "kills_itself": r"the worker process died \(signal SIGKILL\), perhaps because .* ran out of memory",
    "prints_and_dies": r"the worker process died \(exit code 9\); it last printed: licence server: no answer",
    "prints_without_end": "took longer than 1 s",
    "writes_into_every_file": "the worker process sent what is no answer",
    "calls_sys_exit": "SystemExit: no licence",
    "raises_keyboard_interrupt": "KeyboardInterrupt",
    "raises_without_a_text": r"Textless: \(a Textless that has no text\)",
    "raises_what_cannot_be_sent": "Unpicklable: holds a lock",
    "raises_what_is_no_text": r"RuntimeError: \?\?  and more",
    "raises_ten_megabytes": r"RuntimeError: x{1000,}\.\.\. \(\d+ more characters are cut\)",
    "recurses_without_end": "RecursionError: maximum recursion depth exceeded",
    "reads_stdin": "EOFError: EOF when reading a line",
}


@pytest.mark.parametrize("deed", FAILING)
def test_it_costs_its_own_design_and_says_why(start, deed, capfd):
    backend = start(timeout_s=1.0)
    began = time.monotonic()
    outcomes = run(backend, deed, "fine")
    assert time.monotonic() - began < 5
    assert outcomes.status.tolist() == ["failed", "ok"]
    assert re.match(FAILING[deed], outcomes.reason[0]), outcomes.reason[0]
    assert capfd.readouterr() == ("", "")


HARMLESS = [
    "uses_multiprocessing",
    "forks_and_both_return",
    "interrupts_itself",
    "prints_megabytes",
    "prints_surrogates",
    "closes_stdout",
    "changes_the_directory",
    "leaves_a_locked_folder",
    "hangs_at_exit",
]


def test_what_harms_nobody_is_no_failure(start, capfd):
    backend = start(isolated=True)
    outcomes = run(backend, *[deed for harmless in HARMLESS for deed in (harmless, "prints_surrogates")])
    assert outcomes.ok.all(), outcomes.reason
    assert len(backend._workers) == 1
    assert capfd.readouterr() == ("", "")


def test_an_alarm_is_not_the_next_designs(start):
    assert run(start(isolated=True), "leaves_an_alarm", "sleeps_a_little").ok.all()


def test_one_of_many_that_share_a_trip_costs_one(start):
    outcomes = run(start(workers=2), *["fine"] * 9, "leaves_with_success", *["fine"] * 6, together=True)
    assert np.flatnonzero(~outcomes.ok).tolist() == [9]
    assert outcomes.reason[9] == "the worker process died (exit code 0)"


def test_memory_that_does_not_fit_is_refused_to_the_simulator(start):
    reason = run(start(memory_mb=200), "takes_memory").reason[0]
    assert re.match(r"MemoryError.*the memory limit is 200 MB, and \d+ MB were in use beside the", reason)


def test_the_memory_of_children_counts(start):
    reason = run(start(memory_mb=250), "children_take_memory", "fine").reason[0]
    used = re.match(
        r"used (\d+) MB of memory with the processes that it started; the limit is 250 MB", reason
    )
    assert used is not None
    assert 250 <= int(used[1]) < 600


def test_memory_that_children_share_counts_once(start):
    assert run(start(memory_mb=60), "children_share_memory").ok.all()


def test_a_limit_beyond_all_memory_is_none(start):
    assert run(start(memory_mb=10**30), "fine").ok.all()


def test_a_time_limit_beyond_all_time_is_none(start):
    assert run(start(timeout_s=1e300), "fine").ok.all()


def test_the_time_counts_though_nobody_looks(start):
    backend = start(timeout_s=0.2)
    run(backend, "fine")
    backend.submit(Piece(np.arange(1), designs_of(backend, "sleeps_a_little"), "analytical", 0))
    time.sleep(1.0)
    (done,) = backend.poll()
    assert done.outcomes.reason.tolist() == ["took longer than 0.2 s"]


def test_the_log_of_a_worker_stays_short(start):
    backend = start(timeout_s=1.5)
    backend.submit(Piece(np.arange(1), designs_of(backend, "prints_without_end"), "analytical", 0))
    sizes = []
    while not backend.poll(0.05):
        sizes += [log.stat().st_size for log in backend._workshop.folder.glob(f"*/{keeper.LOG}")]
    assert max(sizes) > keeper.LONGEST_LOG
    assert any(later < earlier for earlier, later in pairwise(sizes))  # it was cut


def test_what_runs_when_the_backend_closes_ends_at_once(start):
    backend = start(workers=2)
    for i, deed in enumerate(["ignores_sigterm", "waits_beside_a_session"]):
        backend.submit(Piece(np.arange(i, i + 1), designs_of(backend, deed), "analytical", 0))
    until = time.monotonic() + 60  # on a busy machine a worker takes its time to start
    while not all(worker.piece for worker in backend._workers) and time.monotonic() < until:
        assert not backend.poll(0.2)
    assert not backend.poll(1.5)
    assert all(worker.piece for worker in backend._workers)


def test_a_worker_that_cannot_start_says_why(start):
    with pytest.raises(
        ProblemError, match="unfit-for-workers: a worker process could not start: RuntimeError: no lic"
    ):
        run(start(UnfitForWorkers(), workers=2), "fine", "fine")


def test_a_problem_that_cannot_be_sent_says_why():
    with pytest.raises(
        ProblemError, match="problem unsendable cannot be sent to a worker process: TypeError"
    ):
        Processes(Unsendable(), BackendOptions())


SCRIPT = """
import numpy as np, sys
from cosearch.run.backend import BackendOptions
from cosearch.run.isolated_call import call_isolated
from cosearch.run.processes import Processes
from cosearch.run.trial import Piece
from misbehaving_problems import Misbehaving

print("a line of the script")

class Mine(Misbehaving):
    "Defined in the script."
    name = "mine"

if __name__ == "__main__":
    backend = Processes(Mine(), BackendOptions())
    designs = backend.problem.space.designs([{"deed": sys.argv[1], "x": int(sys.argv[2])}])
    backend.submit(Piece(np.arange(1), designs, "analytical", 0))
    if sys.argv[1] == "fine":
        print(backend.poll()[0].outcomes["value"][0])
    else:
        print(backend.poll(1.5), backend._workshop.folder, backend._workshop._name, flush=True)
        backend.poll()
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my_search.py"
    path.write_text(SCRIPT)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the script finds the misbehaving problem
    return path


def test_a_problem_of_the_users_script_runs(script):
    done = subprocess.run(
        [sys.executable, script, "fine", str(SLEEP)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["a line of the script", f"{SLEEP}.0"]
    assert done.stderr == ""


@pytest.mark.parametrize("deed", ["waits_beside_a_session", "ignores_sigterm", "prints_without_end"])
def test_nothing_outlives_a_study_that_was_killed(script, deed):
    with subprocess.Popen(
        [sys.executable, script, deed, str(SLEEP)], stdout=subprocess.PIPE, text=True
    ) as study:
        study.stdout.readline()
        done, folder, name = study.stdout.readline().split()
        assert done == "[]"
        assert Path(folder).exists()
        study.send_signal(signal.SIGKILL)
        study.wait()
    until = time.monotonic() + 5
    while Path(folder).exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(folder).exists()
    assert_nothing_left(name)


def test_a_script_that_searches_when_it_is_imported_is_told_so(script):
    script.write_text(SCRIPT.replace('if __name__ == "__main__":', "if True:"))
    done = subprocess.run([sys.executable, script, "fine", "7"], capture_output=True, text=True, timeout=60)
    assert "could not start: ProblemError: the script starts a search whenever it is imported" in done.stderr
    assert done.returncode == 1


def test_a_script_that_does_not_define_the_problem_is_not_run_again(script, tmp_path):
    script.write_text(
        SCRIPT.replace('if __name__ == "__main__":', "if True:").replace("Mine()", "Misbehaving()")
    )
    done = subprocess.run(
        [sys.executable, script, "fine", "7"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["a line of the script", "7.0"]


def test_workers_live_on_when_the_thread_that_started_them_ends(start):
    backend = start()
    thread = threading.Thread(target=run, args=(backend, "fine"))
    thread.start()
    thread.join()
    (worker,) = backend._workers
    time.sleep(0.1)
    assert run(backend, "fine").ok.all()
    assert backend._workers == [worker]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("waits_beside_a_session", "took longer than 1 s"),
        ("leaves_a_daemon_and_dies", r"the worker process died \(exit code 4\)"),
        ("raises_what_cannot_be_sent", "Unpicklable: holds a lock"),
        ("closes_all_files_and_sleeps", "the simulator closed the channel"),
    ],
)
def test_a_call_in_a_process_of_its_own_misbehaves_as_little(name, why):
    with pytest.raises(ProblemError, match=why):
        call_isolated(Misbehaving(), does, name, SLEEP, timeout_s=1.0)
    assert_nothing_left()


def test_a_call_in_a_process_of_its_own_returns_what_it_returns():
    assert call_isolated(Misbehaving(), does, "prints_megabytes", SLEEP) == "prints_megabytes: done"
