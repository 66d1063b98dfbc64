"""The same suite over every kind of store, and what SQLite files can suffer."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from cosearch import Categorical, DesignSpace, Forbidden, Integer, Store
from cosearch.errors import StoreError, StudyLockedError, UnknownNameError
from cosearch.registry import registry
from cosearch.study import Study
from small_problems import TwoSpheres


def url_of(kind, tmp_path):
    if kind == "file":
        return tmp_path / "study.db"
    url = os.environ.get("COSEARCH_TEST_POSTGRESQL")
    if not url:
        pytest.skip("COSEARCH_TEST_POSTGRESQL names no database (see README, Tests)")
    return url


@pytest.fixture(params=["file", "memory", "postgresql"])
def store(request, tmp_path):
    if request.param == "memory":
        opened = Store.in_memory()
    else:
        opened = Store.open(url_of(request.param, tmp_path), create=True)
    with opened:
        yield opened
        if request.param == "postgresql":
            from cosearch.store import tables

            tables.metadata.drop_all(opened._engine)


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


def test_a_study_is_found_by_name_or_as_the_only_one(store):
    with pytest.raises(StoreError, match="holds no study"):
        store.study()
    study_in(store, name="alpha")
    assert store.study().name == "alpha"
    study_in(store, name="beta")
    with pytest.raises(StoreError, match="holds 2 studies: alpha, beta; name one"):
        store.study()
    with pytest.raises(UnknownNameError, match="unknown study 'alpah'; did you mean 'alpha'"):
        store.study("alpah")


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
        "from cosearch.study import Study\n"
        f"Study.resume({str(path)!r}).run()\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with study.store.lock(study.record):
        other = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert other.returncode == 1
    assert "StudyLockedError" in other.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name,age\nada,36\n", r"is not a cosearch store \(not an SQLite database\)"),
        (b"SQLite format 3\x00" + b"rubbish" * 1000, "not a cosearch store"),
        (b"", "is not a cosearch store"),
    ],
)
def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path, content, says):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=says):
        Store.open(path)
    assert path.read_bytes() == content


def test_another_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")
    before = path.read_bytes()
    for create in (False, True):
        with pytest.raises(StoreError, match="is not a cosearch store \\(it has no cosearch tables\\)"):
            Store.open(path, create=create)
    assert path.read_bytes() == before


def test_a_store_of_a_newer_cosearch_is_refused(tmp_path):
    path = tmp_path / "study.db"
    study_in(path).store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cosearch_meta SET value = '99' WHERE key = 'format'")
    with pytest.raises(StoreError, match="written by a newer cosearch .*format 99.*upgrade"):
        Store.open(path)


def test_a_missing_store_or_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"there is no store at .*nothing\.db"):
        Store.open(tmp_path / "nothing.db")
    with pytest.raises(StoreError, match="there is no folder .*missing"):
        Store.open(tmp_path / "missing" / "study.db", create=True)
    with pytest.raises(StoreError, match="is a folder, not a cosearch store"):
        Store.open(tmp_path, create=True)


@pytest.mark.parametrize("limit_bytes", [110_000, 125_000, 140_000, 155_000])
def test_evaluations_that_a_full_disk_refuses_wait_for_resume(tmp_path, monkeypatch, limit_bytes):
    """A real limit on the file's size stands in for the full disk; which write meets it is chance."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "study.db"
    code = (
        "import resource, signal, sys, small_problems\n"
        "from cosearch.registry import registry\n"
        "registry().register(small_problems, 'small')\n"
        "from cosearch.study import Study\n"
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
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert run.returncode == 2, run.stderr
    assert len(run.stdout.splitlines()) == 1
    assert "cannot write to" in run.stdout
    assert "make room" in run.stdout

    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", None)
    waiting = list((tmp_path / "elsewhere").glob("cosearch-rescue-*.jsonl"))
    assert len(waiting) == ("evaluations wait in" in run.stdout)
    rescued = [
        bytes.fromhex(json.loads(line)["key"]) for file in waiting for line in file.open() if line.strip()
    ]
    study = Study.resume(path)
    stored = study.store.evaluations(study.record).keys
    assert 0 < len(stored) + len(rescued) < 600
    assert not set(stored) & set(rescued)
    data = study.run()
    assert not any(file.exists() for file in waiting)
    assert set(rescued) <= set(data.designs.keys())
    whole = Study.create(TwoSpheres(), "uniform", budget=600, seed=1).run()
    assert data.designs == whole.designs


def test_a_store_on_read_only_media_can_be_read_but_not_written(tmp_path):
    if os.geteuid() == 0 and not shutil.which("chattr"):
        pytest.skip("root writes everywhere, and chattr is not here to forbid it")
    folder = tmp_path / "media"
    folder.mkdir()
    path = folder / "study.db"
    data = study_in(path, name="kept").run()
    if os.geteuid() == 0:
        forbid = [["chattr", "+i", str(path)], ["chattr", "+i", str(folder)]]
        allow = [["chattr", "-i", str(folder)], ["chattr", "-i", str(path)]]
    else:
        forbid = [["chmod", "a-w", str(path)], ["chmod", "a-w", str(folder)]]
        allow = [["chmod", "u+w", str(folder)], ["chmod", "u+w", str(path)]]
    if any(subprocess.run(command, capture_output=True).returncode for command in forbid):
        pytest.skip("this file system has no way to forbid writing")
    try:
        with Store.open(path) as store:
            assert store.read(store.study("kept")).designs == data.designs
            with pytest.raises(StoreError, match="make it writable, or choose another store"):
                store.create_study(replace(data.record, name="another"))
        with pytest.raises(StoreError, match="cannot"):
            study_in(path)
    finally:
        for command in allow:
            subprocess.run(command, check=False)


def test_a_store_has_one_lock_by_whatever_name_it_is_opened(tmp_path):
    study = study_in(tmp_path / "study.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "study.db")
    with study.store.lock(study.record):
        for name in (tmp_path / "link.db", f"sqlite:///{tmp_path}/study.db"):
            with pytest.raises(StudyLockedError):
                Study.resume(name).run()


def test_a_path_with_a_question_mark_is_a_path(tmp_path):
    study_in(tmp_path / "what?.db").run()
    assert (tmp_path / "what?.db").exists()
    assert Store.open(tmp_path / "what?.db").study().status == "finished"


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
        with store._engine.connect() as connection:
            connection.invalidate()  # what SQLAlchemy does at Ctrl-C
        assert store.study().evaluations == 40
