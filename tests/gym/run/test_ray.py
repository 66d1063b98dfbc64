"""The backend `ray`: what it shares with the others, lost workers and coordinators, resources, addresses."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import clustered_problems
from clustered_problems import Absent, Fatal, Large, Licensed, Traced
from cosearch import Resources, Store, Study
from cosearch.cli import run as cli
from cosearch.errors import ArgumentError, ProblemError
from cosearch.registry import registry
from cosearch.run.backend import BackendOptions
from cosearch.run.ray_backend import Ray, backend, cluster
from cosearch.run.trial import Piece
from cosearch.run.worker_process import THREADS
from cosearch.testing import check_backend
from small_problems import TwoSpheres
from timed_problems import Brief, Unhurried
from watched_stores import read, wait_for_evaluations

pytest.importorskip("ray", reason="Ray is not installed: pip install 'cosearch[ray]'")

SEARCH = """
import sys
import timed_problems
from cosearch import Study, register
register(timed_problems)
if __name__ == "__main__":
    path, address, budget = sys.argv[1], sys.argv[2] or None, int(sys.argv[3])
    Study.create(timed_problems.Unhurried(), "random", budget=budget, seed=5, workers=2, store=path,
                 backend="ray", ray_address=address).run()
"""


# Ray starts five processes and takes every core; where it hangs, in its C++, no time limit of a test ends it.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def problems() -> None:
    if "traced" not in registry().problems:
        registry().register(clustered_problems, "clustered-problems")


def coordinator(folder: Path, address: str = "", budget: int = 400) -> subprocess.Popen[bytes]:
    """A process that searches into `folder`/study.db."""
    script = folder / "search.py"
    script.write_text(SEARCH)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(folder)}
    words = [sys.executable, str(script), str(folder / "study.db"), address, str(budget)]
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE)


def processes_with(word: str) -> list[str]:
    """The commands on this machine that have this in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if word in command:
                found.append(command)
    return found


# ------------------------------------------------- first, while there is no other: a Ray of the study's own


@pytest.mark.slow
def test_a_killed_coordinator_takes_its_own_ray_with_it_and_the_study_goes_on(tmp_path, monkeypatch):
    short = Path(f"/tmp/cr{os.getpid()}")  # Ray's sockets need a short path
    short.mkdir()
    try:
        process = coordinator(short)
        wait_for_evaluations(short / "study.db", 20)
        assert processes_with(f"{short}/cosearch-")
        process.kill()
        assert process.wait() == -signal.SIGKILL
        before = read(short / "study.db")
        assert 20 <= len(before.designs) < 400
        until = time.monotonic() + 20
        while (left := processes_with(f"{short}/cosearch-") or list(short.glob("cosearch-*"))) and (
            time.monotonic() < until
        ):
            time.sleep(0.1)
        assert not left
        data = Study.resume(short / "study.db", backend="processes").run()
        assert len(set(data.designs.keys())) == data.record.evaluations == 400
        assert set(before.designs.keys()) <= set(data.designs.keys())
    finally:
        subprocess.run(["rm", "-rf", str(short)], check=True)


def test_it_starts_and_ends_one_of_its_own_and_signals_stay_the_studys(capfd):
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    study = Study.create(Traced(), "random", budget=30, workers=2, backend="ray", seed=0)
    data = study.run(callbacks=[lambda *_: handlers.append(signal.getsignal(signal.SIGTERM))])
    assert data.outcomes.ok.all()
    assert len(data.designs) == 30
    assert {*handlers[2:]} == {handlers[0]}
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == handlers[:2]
    assert cluster.Cluster._folder is None
    assert not cluster._is_connected()
    with pytest.raises(ProblemError, match=r"needs 2 CPU, .* 1 licence for each evaluation, more than this"):
        Study.create(Licensed(), "random", budget=3, backend="ray").run()
    assert not cluster._is_connected()
    out, _ = capfd.readouterr()
    assert out == ""


# ------------------------------------------------------------------------------ from here on, all share one


@pytest.fixture(scope="module")
def shared() -> Iterator[str]:
    """The address of a cluster of four CPUs and one licence."""
    ray = cluster._quiet()
    ray.init(
        num_cpus=4,
        resources={"licence": 1},
        object_store_memory=200 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


MACHINES = """
import sys, timed_problems
import ray
from ray.cluster_utils import Cluster
from cosearch import Study, register
register(timed_problems)
head = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=head)
other = cluster.add_node(num_cpus=2, object_store_memory=100 * 2**20)
ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
told = []

def lose(study, results):
    told.append(len(results))
    if sum(told) > 30 and cluster.worker_nodes:
        cluster.remove_node(other, allow_graceful=False)

study = Study.create(timed_problems.Unhurried(), "random", budget=120, workers=3, backend="ray", seed=0)
data = study.run(callbacks=[lose])
assert not cluster.worker_nodes
print("OK", int(data.outcomes.ok.sum()), len(set(data.designs.keys())))
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
def test_a_machine_that_goes_away_costs_no_design():
    """Two machines as Ray simulates them on this one, of which that with most workers is killed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", MACHINES]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
    assert "OK 120 120" in done.stdout, done.stderr[-2000:]


@pytest.fixture
def no_threads_named(monkeypatch):
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)


def test_it_keeps_the_contract(shared):
    check_backend(Ray)


def test_two_workers_run_a_study_as_one_process_does(shared):
    options = {"budget": 60, "seed": 3}
    inline = Study.create(Traced(), "nsga2", **options, agent_settings={"population": 20}).run()
    ray = Study.create(
        Traced(), "nsga2", **options, agent_settings={"population": 20}, workers=2, backend="ray"
    ).run()
    assert ray.designs == inline.designs
    np.testing.assert_array_equal(ray.outcomes["loss"], inline.outcomes["loss"])
    assert os.getpid() not in ray.outcomes["pid"]


def test_results_are_streamed(shared):
    """A slow design keeps nobody waiting: the others are told while it runs."""
    told = []
    study = Study.create(Unhurried(), "random", budget=12, workers=2, backend="ray", seed=1)
    study.enqueue([{"milliseconds": 1, "x": i} for i in range(4)])  # the workers are up
    study.enqueue([{"milliseconds": 40, "x": 1}, *[{"milliseconds": 0, "x": i} for i in range(20)]])
    study.run(callbacks=[lambda _, results: told.append(results.designs["milliseconds"].tolist())])
    slow = next(i for i, group in enumerate(told) if 40 in group)
    assert len(told) > 3
    assert slow > 1


def test_an_evaluation_has_one_thread_or_as_many_as_its_problem_asks_cpus(shared, no_threads_named):
    one = Study.create(Traced(), "random", budget=4, workers=2, backend="ray").run()
    two = Study.create(Licensed(), "random", budget=4, workers=2, backend="ray").run()
    assert set(one.outcomes["threads"]) == {1}
    assert set(two.outcomes["threads"]) == {2}


def test_a_resource_that_there_is_once_is_used_by_one_trial_at_a_time(shared):
    data = Study.create(Licensed(), "random", budget=8, workers=4, backend="ray", timeout_s=30).run()
    order = np.argsort(data.outcomes["began_s"])
    began, ended = data.outcomes["began_s"][order], data.outcomes["ended_s"][order]
    assert data.outcomes.ok.all()
    assert (ended[:-1] <= began[1:]).all()


def test_a_cluster_without_a_machine_that_is_large_enough_is_not_waited_for_long(shared, monkeypatch):
    monkeypatch.setattr(backend, "PLACE_S", 0.5)
    problem = Traced()
    problem.resources = Resources(gpus=1, custom={"vcs": 2})
    says = (
        r"needs 1 CPU, 1 GPU, 2 vcs for each evaluation, more than any machine of the cluster has \(at most"
    )
    began = time.monotonic()
    with pytest.raises(ProblemError, match=says) as caught:
        Study.create(problem, "random", budget=4, backend="ray").run()
    assert time.monotonic() - began < 10
    assert "4 CPU, 0 GPU, 0 vcs" in str(caught.value)


def test_a_large_problem_is_put_once_and_loaded_once_by_each_worker(shared, tmp_path):
    problem = Large(str(tmp_path / "notes"))
    data = Study.create(problem, "random", budget=60, workers=2, backend="ray").run()
    assert data.outcomes.ok.all()
    notes = (tmp_path / "notes").read_text().splitlines()
    assert notes.count(f"packed {os.getpid()}") == 1
    unpacked = [note for note in notes if note.startswith("unpacked")]
    assert sorted(unpacked) == sorted(f"unpacked {pid:.0f}" for pid in set(data.outcomes["pid"]))


def test_lost_workers_cost_no_design(shared):
    """Each of them is killed as soon as something came from it, until ten were."""
    killed = set()

    def kill(study, results):
        for pid in set(results.outcomes["pid"].astype(int)) - killed:
            if len(killed) < 4 and results.outcomes.ok.all():
                killed.add(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    study = Study.create(Unhurried(), "random", budget=150, workers=2, backend="ray", seed=2)
    data = study.run(callbacks=[kill])
    assert len(killed) == 4
    assert data.outcomes.ok.all()
    assert len(set(data.designs.keys())) == data.record.evaluations == 150
    np.testing.assert_array_equal(data.outcomes["loss"], (data.designs["x"] - 500.0) ** 2)


def test_a_design_that_ends_its_worker_every_time_fails_alone(shared):
    problem = Fatal()
    one = Ray(problem, BackendOptions(workers=2))
    try:
        designs = problem.space.designs([{"x": x} for x in range(12)])
        one.submit(Piece(np.arange(12), designs, "analytical", 0))
        found = {}
        while done := one.poll(30.0):
            for part in done:
                reasons = part.outcomes.reason.tolist()
                found |= dict(zip(part.numbers.tolist(), reasons, strict=True))
    finally:
        one.close()
    assert found.pop(7).startswith("its Ray worker was lost 3 times: The worker died unexpectedly")
    assert found == dict.fromkeys(set(range(12)) - {7}, "")


def test_what_the_cluster_cannot_load_is_said(shared):
    study = Study.create(Absent(), "random", budget=4, backend="ray")
    with pytest.raises(ProblemError, match="a Ray worker could not load it: .*No module named 'vendor_sim"):
        study.run()


def test_a_lost_coordinator_of_a_cluster_resumes_from_the_store(shared, tmp_path):
    process = coordinator(tmp_path, shared)
    wait_for_evaluations(tmp_path / "study.db", 10)
    process.kill()
    process.wait()
    before = read(tmp_path / "study.db")
    assert Study.resume(tmp_path / "study.db", backend="processes").options.ray_address is None
    data = Study.resume(tmp_path / "study.db", budget=450).run()
    assert data.record.options["ray_address"] == shared
    assert len(set(data.designs.keys())) == data.record.evaluations == 450
    assert data.designs[: len(before.told)].keys() == before.designs[: len(before.told)].keys()


# ---------------------------------------------------------------------------------------------- addresses


@pytest.fixture
def alone(monkeypatch):
    """As if this process had joined no cluster."""
    monkeypatch.setattr(cluster, "_is_connected", lambda: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nonsense", "expected auto, or HOST:PORT such as 10.0.0.1:6379"),
        ("127.0.0.1:99999", "expected auto, or HOST:PORT"),
        ("ray://127.0.0.1:10001", "run it on one of the cluster's machines .*--ray-address auto"),
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1 .Connection refused.; start one there with"),
        ("no.such.host.invalid:6379", "no Ray cluster answers at no.such.host.invalid:6379"),
    ],
)
def test_an_address_where_no_cluster_answers_is_said_before_there_is_a_study(alone, tmp_path, address, says):
    began = time.monotonic()
    with pytest.raises(ArgumentError, match=says) as caught:
        Study.create(TwoSpheres(), "random", budget=4, ray_address=address, store=tmp_path / "study.db")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 30
    assert not (tmp_path / "study.db").exists()


def test_what_answers_and_is_no_ray_is_given_up_in_time(alone, monkeypatch):
    monkeypatch.setattr(cluster, "ANSWER_S", 3.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ArgumentError, match="what is there did not answer Ray within 3 s"):
            Ray(TwoSpheres(), BackendOptions(address=address))
    assert time.monotonic() - began < 10


def test_the_command_says_it_in_a_line(alone, capsys):
    words = ["search", "two-spheres", "--agent", "random", "--budget", "5", "--ray-address", "127.0.0.1:1"]
    assert cli(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "no Ray cluster answers at 127.0.0.1:1" in err


def test_another_cluster_than_that_of_this_process_is_refused(shared):
    with pytest.raises(ArgumentError, match=f"belongs to the Ray cluster at {shared} already"):
        Ray(TwoSpheres(), BackendOptions(address="127.0.0.1:2"))
    Ray(TwoSpheres(), BackendOptions(address=shared)).close()


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"backend ray needs Ray: pip install 'cosearch\[ray\]'"):
        Study.create(TwoSpheres(), "random", budget=4, backend="ray")


@pytest.mark.parametrize("wrong", [{"cpus": -1}, {"gpus": 1.5}, {"custom": {"CPU": 1}}, {"memory_mb": True}])
def test_resources_that_nobody_can_have_are_refused(wrong):
    with pytest.raises(ArgumentError, match="resources: "):
        Resources(**wrong)


def test_a_study_notes_the_address_and_the_command_repeats_it(shared, tmp_path):
    with Store.open(tmp_path / "s.db", create=True) as store:
        Study.create(Brief(), "random", budget=3, ray_address=shared, store=store)
        assert f"--ray-address {shared}" in store.study().command
