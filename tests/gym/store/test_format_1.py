"""Stores of format 1: `format_1.sqlite` was written by the last cosearch that wrote them.

`format_1.json` is what that cosearch read from it: keys, tells (by the ids of evaluations), metrics, states.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from cosearch import Store, Study
from cosearch.errors import StoreError, StudyLockedError
from small_problems import TwoSpheres
from stored_studies import record

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "format_1.json").read_text())
FIRST_ID = {"finished": 1, "stopped": 31}


@pytest.fixture
def path(tmp_path):
    return Path(shutil.copy(HERE / "format_1.sqlite", tmp_path / "study.db"))


def assert_as_it_was(store, name):
    expected, study = EXPECTED[name], store.study(name)
    assert (study.status, study.stopped_because, study.budget) == tuple(
        expected[key] for key in ("status", "stopped_because", "budget")
    )
    assert study.evaluations == len(expected["keys"])
    stored = store.evaluations(study)
    assert [key.hex() for key in stored.designs.keys()] == expected["keys"]
    assert stored.outcomes["left"].tolist() == expected["left"]
    assert (stored.outcomes.status == "ok").all()
    assert set(stored.fidelity.tolist()) == {"analytical"}
    assert stored.row.tolist() == stored.number.tolist() == list(range(len(stored)))
    assert store.told(study).tolist() == [id_ - FIRST_ID[name] for id_ in expected["told"]]
    assert store.agent_state(study) == expected["state"]
    data = store.read(study)
    assert data.at_study_fidelity.all()
    assert (np.diff(data.seconds) >= 0).all()
    assert data.space == TwoSpheres.space


@pytest.mark.parametrize("name", ["finished", "stopped"])
def test_a_store_of_format_1_is_read_and_left_as_it_is(path, name):
    before = path.read_bytes()
    with Store.open(path) as store:
        assert [study.name for study in store.studies()] == ["finished", "stopped"]
        assert_as_it_was(store, name)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["finished", "stopped"])
def test_writing_to_a_store_of_format_1_makes_it_one_of_format_2(path, name):
    with Store.open(path) as store:
        with store.writer(store.study(name)) as writer:
            assert writer.stored == len(EXPECTED[name]["keys"])
        for each in EXPECTED:
            assert_as_it_was(store, each)
    with sqlite3.connect(path) as connection:
        tables = {
            table for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        (form,) = connection.execute("SELECT value FROM cosearch_meta WHERE key = 'format'").fetchone()
    assert tables == {"cosearch_meta", "studies", "progress", "blocks", "tells"}
    assert form == "2"
    with Store.open(path) as store:
        study = store.create_study(record("third"))
        assert [each.name for each in store.studies()] == ["finished", "stopped", "third"]
        assert study.id == 3


def test_a_store_of_format_1_is_not_changed_under_a_study_that_runs(path):
    says = "study 'stopped' .* is being written"
    with (
        Store.open(path) as store,
        store.lock(store.study("stopped")),
        pytest.raises(StudyLockedError, match=says),
    ):
        store.writer(store.study("finished"))
    with Store.open(path) as store:
        assert_as_it_was(store, "stopped")


def test_a_store_of_format_1_that_is_damaged_is_not_changed(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE evaluations SET metrics = '{\"left\": ' WHERE id = 33")
    before = path.read_bytes()
    with Store.open(path) as store:
        assert_as_it_was(store, "finished")
        with pytest.raises(StoreError, match="study 'stopped' in .*evaluations 31 to 46 is damaged"):
            store.read(store.study("stopped"))
        with pytest.raises(StoreError, match="study 'stopped' is damaged"):
            store.writer(store.study("finished"))
    assert path.read_bytes() == before


def test_a_study_of_format_1_is_resumed_and_ends_as_it_would_have(path):
    data = Study.resume(path, "stopped").run()
    assert [key.hex() for key in data.designs.keys()] == EXPECTED["stopped"]["whole"]
    assert data.record.status == "finished"


def test_a_study_of_format_1_is_resumed_although_its_digest_is_of_another_kind(path):
    with sqlite3.connect(path) as connection:
        connection.execute(
            "UPDATE studies SET description = json_set(description, '$.workload_digest', 'ab')"
        )
    assert Study.resume(path, "stopped").run().record.status == "finished"
    data = Study.resume(path, "stopped", budget=EXPECTED["stopped"]["budget"] + 5).run()
    assert data.record.evaluations == EXPECTED["stopped"]["budget"] + 5
