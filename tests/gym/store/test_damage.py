"""A damaged store is said in a line that names the study; the rest stays readable."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from cosearch import Store
from cosearch.errors import StoreError
from stored_studies import assert_counts_up, written

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import damage_stores


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "study.db"
    written(path, name="hurt").close()
    written(path, name="other").close()
    return path


def change(path, sql, *values):
    with sqlite3.connect(path) as connection:
        connection.execute(sql, values)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("{}", "its description lacks 'problem'"),
        ('{"problem": ', "its description is no JSON"),
        ("[]", "its description is no JSON object"),
        (b"\xff\xfe", "its description is no JSON"),
    ],
)
def test_a_study_without_a_description_does_not_hide_the_others(path, value, says):
    change(path, "UPDATE studies SET description = ? WHERE name = 'hurt'", value)
    with Store.open(path) as store:
        assert [study.name for study in store.studies()] == ["other"]
        assert [(study.name, study.reason) for study in store.damaged] == [("hurt", says)]
        assert_counts_up(store.evaluations(store.study("other")), at_least=30)
        with pytest.raises(StoreError, match=f"study 'hurt' in .*study.db is damaged: {says}"):
            store.study("hurt")
        with pytest.raises(StoreError, match="holds 2 studies: other, hurt; name one"):
            store.study()


def test_a_wrong_type_in_a_description_is_named(path):
    change(
        path, "UPDATE studies SET description = json_set(description, '$.seed', 'three') WHERE name = 'hurt'"
    )
    with Store.open(path) as store, pytest.raises(StoreError, match="study 'hurt' .* its seed is no int"):
        store.study("hurt")


def test_unknown_fields_are_ignored_and_missing_ones_have_their_defaults(path):
    change(path, "UPDATE studies SET description = json_set(description, '$.mood', 1) WHERE name = 'hurt'")
    change(path, "UPDATE studies SET description = json_remove(description, '$.options') WHERE name = 'hurt'")
    with Store.open(path) as store:
        assert store.study("hurt").options == {}
        assert store.damaged == []


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (
            "UPDATE blocks SET payload = substr(payload, 1, 100) WHERE study_id = 1",
            "block 0 is damaged: its checksum",
        ),
        ("UPDATE blocks SET payload = 'text' WHERE study_id = 1 AND block = 2", "block 2 is damaged"),
        (
            "UPDATE blocks SET first = first + 1 WHERE study_id = 1 AND block = 2",
            "block 2 is damaged: its checksum",
        ),
        (
            "UPDATE tells SET payload = x'00' WHERE study_id = 1",
            "part 0 of its tells is damaged: its checksum",
        ),
        (
            "DELETE FROM blocks WHERE study_id = 1 AND block = 2",
            "evaluation 16, which the agent was told, is missing",
        ),
    ],
)
def test_damage_inside_a_study_is_named_and_the_other_is_read(path, sql, says):
    change(path, sql)
    with Store.open(path) as store:
        assert [study.name for study in store.studies()] == ["hurt", "other"]
        assert_counts_up(store.evaluations(store.study("other")), at_least=30)
        with pytest.raises(StoreError, match=f"study 'hurt' in .*{says}") as caught:
            store.read(store.study("hurt"))
        assert "\n" not in str(caught.value)


def test_a_study_with_a_gap_does_not_go_on(path):
    change(path, "DELETE FROM blocks WHERE study_id = 1 AND block = 2")
    change(path, "DELETE FROM tells WHERE study_id = 1")
    with Store.open(path) as store:
        assert len(store.read(store.study("hurt")).designs) == 22
        with pytest.raises(StoreError, match="evaluations are missing after 16"):
            store.writer(store.study("hurt"))


def test_damaged_stores_end_in_one_line_or_are_read_as_they_were():
    """A short run of the benchmark, which damages thousands."""
    found = sum(damage_stores.counted(12, seed=7, every=4).values(), damage_stores.Counter())
    assert found.total() > 100
    assert found["traceback"] == found["wrong"] == 0
    assert found["as it was"] > 10
    assert found["said, other read"] > 25
