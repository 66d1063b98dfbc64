"""Writing a study: what is appended is there, whatever happens next."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cosearch import Store
from cosearch.errors import StoreError, StudyLockedError
from cosearch.store import durability
from stored_studies import append, assert_counts_up, designs, outcomes, record, written

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


def blocks_of(path):
    with sqlite3.connect(path) as connection:
        return connection.execute("SELECT n FROM blocks ORDER BY block").fetchall()


def count_blocks(store):
    with store.reading() as session:
        return session.execute("SELECT COUNT(*) FROM blocks").fetchone()[0]


def test_every_column_is_read_back(place):
    rng = np.random.default_rng(0)
    order = rng.permutation(50)
    fidelity = np.where(order % 3, "exact", "rough")
    noisy = outcomes(0, 50, bad=True)
    noisy.standard_error = {"latency_ns": rng.random(50)}
    noisy.seconds = rng.random(50)
    with Store.open(place, create=True) as store:
        study = store.create_study(record())
        with store.writer(study) as writer:
            writer.append(order, designs(0, 50), noisy, order % 4 > 0, fidelity, order * 7, order / 10)
    with Store.open(place) as store:
        found = store.evaluations(store.study())
    assert found.designs == designs(0, 50)
    np.testing.assert_array_equal(found.number, order)
    np.testing.assert_array_equal(found.charged, order % 4 > 0)
    np.testing.assert_array_equal(found.fidelity, fidelity)
    np.testing.assert_array_equal(found.seed, order * 7)
    np.testing.assert_array_equal(found.seconds, order / 10)
    np.testing.assert_array_equal(found.outcomes["energy_pj"], noisy["energy_pj"])
    np.testing.assert_array_equal(
        found.outcomes.standard_error["latency_ns"], noisy.standard_error["latency_ns"]
    )
    np.testing.assert_array_equal(found.outcomes.seconds, noisy.seconds)
    assert found.outcomes.status.tolist() == noisy.status.tolist()
    assert found.outcomes.reason.tolist() == noisy.reason.tolist()


@pytest.mark.parametrize("batches", [[1] * 9000, [1, 100] * 300, [63] * 400, [3000] * 7, [5000, 1] * 5])
def test_small_blocks_become_large_ones_and_nothing_moves(path, batches):
    with Store.open(path, create=True) as store:
        study = store.create_study(record())
        with store.writer(study) as writer:
            for n in batches:
                writer.tell(append(writer, n))
        assert_counts_up(store.evaluations(study), at_least=sum(batches))
        assert store.told(study).tolist() == list(range(sum(batches)))
    sizes = [n for (n,) in blocks_of(path)]
    assert sum(sizes) == sum(batches)
    assert sum(n < 64 for n in sizes) < 64
    assert sum(n < 4096 for n in sizes) < 128
    assert max(sizes) < 2 * 8192


@pytest.mark.parametrize("batch", [1, 10_000])
def test_an_evaluation_takes_at_most_60_bytes(path, batch):
    """Here 3 positions of 2 bytes and 2 metrics of 8, so 38 of the 60 that are for 11 parameters."""
    with written(path, n=20_000, batch=batch):
        pass
    assert path.stat().st_size / 20_000 < 38 + 8 * (batch == 1)


def test_a_study_is_taken_up_where_it_stopped_whatever_its_blocks_are(place):
    written(place, n=150, batch=1).close()
    for _ in range(100):
        with Store.open(place) as store, store.writer(store.study()) as writer:
            writer.tell(append(writer, 1))
    with Store.open(place) as store:
        assert_counts_up(store.evaluations(store.study()), at_least=250)
        assert store.told(store.study()).tolist() == list(range(250))
        assert count_blocks(store) < 70


def test_tells_and_the_agents_state_are_stored_together(place):
    with Store.open(place, create=True) as store:
        study = store.create_study(record())
        assert store.agent_state(study) == {}
        with store.writer(study) as writer:
            first, second = append(writer, 4), append(writer, 4)
            writer.tell(second, {"told": 4})
            writer.tell(first[::-1], {"told": 8})
            writer.tell(first[:1])
            writer.flush()
            assert store.told(study).tolist() == [4, 5, 6, 7, 3, 2, 1, 0, 0]
            assert store.agent_state(study) == {"told": 8}
            writer.forget_tells(5, {"told": 5})
            assert store.told(study).tolist() == [4, 5, 6, 7, 3]
            writer.tell([7])
        assert store.told(study).tolist() == [4, 5, 6, 7, 3, 7]
        assert store.agent_state(study) == {"told": 5}
        data = store.read(study)
        assert data.designs == designs(0, 8)[[4, 5, 6, 7, 3, 0, 1, 2]]
        assert data.told.tolist() == [0, 1, 2, 3, 4, 3]


def test_thousands_of_tells_out_of_order_are_read_back(place):
    rng = np.random.default_rng(1)
    told = []
    with Store.open(place, create=True) as store:
        study = store.create_study(record())
        with store.writer(study) as writer:
            for _ in range(30):
                rows = rng.permutation(append(writer, 500))
                writer.tell(rows)
                told += rows.tolist()
        assert store.told(study).tolist() == told
        assert store.read(study).designs == designs(0, 15_000)[told]


def test_status_seconds_and_budget_are_stored(place):
    with Store.open(place, create=True) as store:
        study = store.create_study(record())
        with store.writer(study) as writer:
            append(writer, 3, charged=np.array([True, False, True]))
            writer.set_record(replace(study, budget=500))
            writer.set_seconds(12.5)
            assert store.study().status == "running"
            writer.set_status("interrupted", "Ctrl-C")
        found = store.study()
    assert (found.budget, found.seconds, found.status, found.stopped_because) == (
        500,
        12.5,
        "interrupted",
        "Ctrl-C",
    )
    assert found.evaluations == 2
    assert found.options == {"deterministic": True}


def test_a_study_has_one_writer(path):
    says = "being written by another process"
    with written(path) as store, store.writer(store.study()), pytest.raises(StudyLockedError, match=says):
        store.writer(store.study())
    assert not list(path.parent.glob("*.lock"))


CHILD = """
import sys
import numpy as np
from cosearch import Store
from stored_studies import append
store = Store.open({path!r})
with store.writer(store.study()) as writer:
    print("open", flush=True)
    while True:
        rows = append(writer, {batch})
        print(rows[-1] + 1, flush=True)
        writer.tell(rows, {{"told": int(rows[-1]) + 1}})
"""


@pytest.mark.parametrize("batch", [1, 7])
def test_what_was_appended_survives_kills(place, batch, kills):
    """Kills at random moments, for each kind of store and size of batch; the study goes on after each."""
    path = str(place)
    with Store.open(path, create=True) as store:
        store.create_study(record())
    chance = random.Random(batch)
    reported = 0
    for _ in range(kills):
        code = CHILD.format(path=path, batch=batch)
        child = subprocess.Popen(
            [sys.executable, "-c", code], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "open\n"
        time.sleep(chance.uniform(0.0, 0.25))
        child.send_signal(signal.SIGKILL)
        said = child.communicate()[0].splitlines()
        complete = said if not said or said[-1].isdigit() else said[:-1]
        reported = int(complete[-1]) if complete else reported
        with Store.open(path) as store:
            study = ended(store)
            assert study.stopped_because == "the process ended without a word"
            stored = store.evaluations(study)
            assert_counts_up(stored, at_least=reported)
            assert len(stored) <= reported + batch
            reported = len(stored)  # the next may be killed before it says anything
            told = store.told(study)
            assert len(told) == len(set(told.tolist())) <= len(stored)
            state = store.agent_state(study)
            assert state.get("told", 0) == (told[-1] + 1 if len(told) else 0)
    if isinstance(place, Path):
        assert not list(place.parent.glob("*.lock"))


def ended(store):
    """The study, once its store has noticed that the process which wrote it was killed."""
    until = time.monotonic() + 5
    while (study := store.study()).status != "interrupted" and time.monotonic() < until:
        time.sleep(0.01)  # a server does so a moment later
    assert study.status == "interrupted"
    return study


@pytest.fixture
def flushes(monkeypatch):
    """When each fsync was, from the beginning of the test."""
    seen = []
    original = os.fsync

    def counted(descriptor):
        seen.append(time.monotonic())
        original(descriptor)

    monkeypatch.setattr(durability.os, "fsync", counted)
    return seen


def test_a_slow_design_is_on_the_disk_before_append_returns(path, flushes):
    with Store.open(path, create=True) as store, store.writer(store.create_study(record())) as writer:
        for _ in range(3):
            time.sleep(0.12)
            before = len(flushes)
            append(writer, 1)
            assert len(flushes) > before


def test_fast_designs_share_a_flush_and_none_waits_longer_than_a_tenth_of_a_second(path, flushes):
    with Store.open(path, create=True) as store, store.writer(store.create_study(record())) as writer:
        append(writer, 1)
        before = len(flushes)
        for _ in range(20):
            append(writer, 1)
        appended = time.monotonic()
        assert len(flushes) - before < 5
        time.sleep(0.3)  # nothing more comes
        assert any(appended - 0.1 < flush for flush in flushes)
        assert max(flushes) - appended < 0.2


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved", "wal deleted"])
def test_a_store_that_vanishes_is_noticed_and_what_it_held_is_saved(path, how):
    store = Store.open(path, create=True)
    with store.writer(store.create_study(record())) as writer:
        writer.tell(append(writer, 50), {"told": 50})
        if how == "deleted":
            path.unlink()
        elif how == "replaced":
            path.unlink()
            path.write_bytes(b"something else")
        elif how == "moved":
            path.rename(path.with_name("other.db"))
        else:
            path.with_name("study.db-wal").unlink()
        with pytest.raises(
            StoreError, match=r"deleted or replaced .*resume .*study\.rescued-1\.db study`"
        ) as caught:
            append(writer, 5)
        assert "\n" not in str(caught.value)
        with pytest.raises(StoreError, match=r"study\.rescued-1\.db"):
            writer.set_status("interrupted", "")
    store.close()
    if how == "replaced":
        assert path.read_bytes() == b"something else"
    with Store.open(path.with_name("study.rescued-1.db")) as rescued:
        study = rescued.study()
        assert study.status == "interrupted"
        assert_counts_up(rescued.evaluations(study), at_least=55)
        assert rescued.told(study).tolist() == list(range(50))
        assert rescued.agent_state(study) == {"told": 50}
        with rescued.writer(study) as writer:
            append(writer, 5)
    assert not path.with_name("study.rescued-2.db").exists()


def test_a_store_that_vanishes_with_its_folder_is_saved_in_a_private_one(tmp_path, monkeypatch):
    import shutil
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "runs").mkdir()
    store = Store.open(tmp_path / "runs" / "study.db", create=True)
    writer = store.writer(store.create_study(record()))
    append(writer, 50)
    shutil.rmtree(tmp_path / "runs")
    with pytest.raises(StoreError, match=r"all that it held is in .*cosearch-.*study\.rescued-1\.db"):
        writer.close()
    (saved,) = tmp_path.glob("cosearch-*/study.rescued-1.db")
    assert saved.parent.stat().st_mode & 0o777 == 0o700
    with Store.open(saved) as rescued:
        assert_counts_up(rescued.evaluations(rescued.study()), at_least=50)


def test_a_forked_worker_that_lives_on_does_not_hold_the_study(path):
    with written(path) as store:
        with store.writer(store.study()):
            child = os.fork()
            if not child:
                time.sleep(5)
                os._exit(0)
        try:
            with store.writer(store.study()) as writer:
                append(writer, 1)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
