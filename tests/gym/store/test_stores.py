"""The same suite over every kind of store, and what SQLite files can suffer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from cosearch import Categorical, DesignSpace, Forbidden, Integer, Store, Study
from cosearch.errors import StoreError, StudyLockedError
from cosearch.registry import registry
from small_problems import TwoSpheres
from stored_studies import append, assert_counts_up, record


@pytest.fixture(params=["file", "memory", "postgresql"])
def store(request, tmp_path):
    if request.param == "memory":
        opened = Store.in_memory()
    elif request.param == "file":
        opened = Store.open(tmp_path / "study.db", create=True)
    else:
        opened = Store.open(request.getfixturevalue("postgresql").new_database(), create=True)
    with opened:
        yield opened


def study_in(store, **options):
    return Study.create(TwoSpheres(), "uniform", **{"budget": 40, "seed": 3, "store": store, **options})


def test_a_study_is_read_back_as_it_was(store):
    data = study_in(store, name="first").run()
    again = store.read(store.study("first"))
    assert again.record == data.record
    assert again.record.status == "finished"
    assert again.record.evaluations == len(again.designs)
    assert again.space == TwoSpheres.space
    assert again.designs == data.designs
    expected = TwoSpheres().evaluate(again.designs)
    for metric in ("left", "right", "sum"):
        np.testing.assert_array_equal(again.outcomes[metric], expected[metric])
    assert again.outcomes.status.tolist() == expected.status.tolist()
    assert again.outcomes.reason.tolist() == expected.reason.tolist()
    assert (np.diff(again.seconds) >= 0).all()


def test_every_kind_of_store_takes_and_gives_back_the_same(store):
    study = store.create_study(record("direct"))
    with store.writer(study) as writer:
        for n in (1,) * 130 + (700,):
            writer.tell(append(writer, n), {"told": writer.stored})
        writer.forget_tells(800, {"told": 800})
        writer.set_status("finished", "enough")
    assert_counts_up(store.evaluations(study), at_least=830)
    assert store.told(study).tolist() == list(range(800))
    assert store.agent_state(study) == {"told": 800}
    found = store.study("direct")
    assert (found.evaluations, found.status, found.stopped_because) == (830, "finished", "enough")
    with store.writer(found) as writer:
        append(writer, 5)
    assert_counts_up(store.evaluations(found), at_least=835)
    assert store.read(found).record == found
    assert len(store.read(found).designs) == 835


def test_repeats_are_told_but_evaluated_once(store):
    data = Study.create(TwoSpheres(), "stubborn", budget=40, store=store).run()
    assert len(data.designs) == 1
    assert len(data.told) == 1000 + 1
    assert data.record.stopped_because == "the agent asked for no new design in 1000 proposals"


class Ruled(TwoSpheres):
    """Has a rule that is a function."""

    name = "ruled"
    space = DesignSpace(
        [Integer("x", -20, 20), Integer("y", -20, 20), Categorical("shape", ["round", "square"])],
        forbidden=[
            Forbidden(lambda columns: columns["x"] > columns["y"] ** 2, reason="x above the parabola")
        ],
    )


def test_a_space_with_a_rule_that_is_a_function_is_stored_and_resumed(store):
    registry().problems.setdefault("ruled", Ruled)
    data = Study.create(Ruled(), "uniform", budget=30, store=store).run()
    assert (data.designs["x"] <= data.designs["y"] ** 2).all()
    assert Study.resume(store).run().designs == data.designs


def test_default_names_count_up_and_a_taken_name_is_refused(store):
    assert study_in(store).record.name == "two-spheres-uniform-3"
    assert study_in(store).record.name == "two-spheres-uniform-3-2"
    with pytest.raises(StoreError, match="already has a study named 'two-spheres-uniform-3'; resume it"):
        study_in(store, name="two-spheres-uniform-3")


def test_a_study_can_be_written_by_one_at_a_time(tmp_path):
    path = tmp_path / "study.db"
    first, second = study_in(path), None
    with first.store.lock(first.record):
        second = Study.resume(path)
        assert second.record.status == "running"
        with pytest.raises(StudyLockedError, match="being written by another process"):
            second.run()
    assert Store.open(path).study().status == "interrupted"
    assert second.run().record.status == "finished"


def test_another_process_is_locked_out_too(tmp_path):
    path = tmp_path / "study.db"
    study = study_in(path)
    code = (
        "import sys, small_problems\n"
        "from cosearch.registry import registry\n"
        "registry().register(small_problems, 'small')\n"
        "from cosearch import Study\n"
        f"Study.resume({str(path)!r}).run()\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with study.store.lock(study.record):
        other = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert other.returncode == 1
    assert "StudyLockedError" in other.stderr.splitlines()[-1]


@pytest.mark.parametrize("limit_bytes", [60_000, 75_000, 90_000, 105_000])
def test_evaluations_that_a_full_disk_refuses_wait_for_resume(tmp_path, limit_bytes):
    """A real limit on the file's size stands in for the full disk; which write meets it is chance."""
    path = tmp_path / "study.db"
    code = (
        "import resource, signal, sys, small_problems\n"
        "from cosearch.registry import registry\n"
        "registry().register(small_problems, 'small')\n"
        "from cosearch import Study\n"
        "from cosearch.errors import StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "problem = small_problems.TwoSpheres()\n"
        f"study = Study.create(problem, 'uniform', budget=600, seed=1, store={str(path)!r})\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes}, {limit_bytes}))\n"
        "try:\n"
        "    study.run()\n"
        "except StoreError as error:\n"
        "    print(error)\n"
        "    sys.exit(2)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert run.returncode == 2, run.stderr
    assert len(run.stdout.splitlines()) == 1
    assert "cannot write to" in run.stdout
    assert "make room" in run.stdout
    study = Study.resume(path)
    before = study.store.evaluations(study.record).designs.keys()
    assert 0 < len(before) < 600
    data = study.run()
    assert data.designs.keys()[: len(before)] == before
    assert data.designs == Study.create(TwoSpheres(), "uniform", budget=600, seed=1).run().designs
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) in (
        ["study.db"],
        ["study.db", "study.db-shm", "study.db-wal"],
    )


def test_a_store_has_one_lock_by_whatever_name_it_is_opened(tmp_path):
    study = study_in(tmp_path / "study.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "study.db")
    with study.store.lock(study.record):
        for name in (tmp_path / "link.db", f"sqlite:///{tmp_path}/study.db"):
            with pytest.raises(StudyLockedError):
                Study.resume(name).run()


def test_a_running_study_can_be_read_from_elsewhere(tmp_path):
    study = study_in(tmp_path / "study.db", budget=800)
    writer = threading.Thread(target=study.run)
    writer.start()
    seen = []
    while writer.is_alive():
        with Store.open(tmp_path / "study.db") as store:
            seen.append(len(store.read(store.study()).designs))
    writer.join()
    assert seen == sorted(seen)
    assert len(seen) > 0
    with Store.open(tmp_path / "study.db") as store:
        assert store.study().evaluations == 800


def test_a_study_in_memory_runs_in_another_thread():
    with Store.in_memory() as store:
        writer = threading.Thread(target=study_in(store, budget=40).run)
        writer.start()
        writer.join()
        assert store.study().evaluations == 40


def test_a_store_in_memory_survives_a_connection_that_an_interrupt_dropped():
    with Store.in_memory() as store:
        study_in(store, budget=40).run()
        with store.engine.connect() as connection:
            connection.invalidate()  # what SQLAlchemy does at Ctrl-C
        assert store.study().evaluations == 40
