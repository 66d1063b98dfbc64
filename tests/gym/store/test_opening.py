"""What is no store, or one that cannot be opened, is said in a line and left alone."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from cosearch import Store
from cosearch.errors import StoreError, UnknownNameError
from stored_studies import append, assert_counts_up, record, written


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name,age\nada,36\n", "is not a cosearch store, or it is damaged \\(file is not a database\\)"),
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
    assert os.listdir(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "socket", "another database", "text"])
def test_what_is_no_store_is_refused_whether_one_is_to_be_made_or_not(tmp_path, kind, create):
    path, says = tmp_path / "study.db", "is a device, pipe or socket; a cosearch store is a file"
    if kind == "device":
        path.symlink_to("/dev/null")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        import socket

        socket.socket(socket.AF_UNIX).bind(str(path))
    elif kind == "folder":
        path.mkdir()
        says = "is a folder, not a cosearch store"
    elif kind == "text":
        path.write_text("a" * 5000)
        says = "file is not a database"
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE birds (name TEXT)")
        says = r"is not a cosearch store \(it has no cosearch tables\)"
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=says):
        Store.open(path, create=create)
    assert before is None or path.read_bytes() == before
    assert os.listdir(tmp_path) == ["study.db"]


def test_dev_null_is_no_store_and_nothing_appears_beside_it():
    before = set(os.listdir("/dev"))
    with pytest.raises(StoreError, match="/dev/null is a device"):
        Store.open("/dev/null", create=True)
    assert set(os.listdir("/dev")) == before


@pytest.mark.parametrize("value", ["99", "3", "two", "", "-1", "\u0662", "9" * 5000])
def test_a_store_of_a_newer_cosearch_or_of_none_is_refused(tmp_path, value):
    path = tmp_path / "study.db"
    written(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cosearch_meta SET value = ? WHERE key = 'format'", (value,))
    says = "written by a newer cosearch .*upgrade" if value in ("99", "3") else "it states no format"
    with pytest.raises(StoreError, match=says):
        Store.open(path)


def test_a_missing_store_or_folder_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"there is no store at .*nothing\.db"):
        Store.open(tmp_path / "nothing.db")
    with pytest.raises(StoreError, match="there is no folder .*missing"):
        Store.open(tmp_path / "missing" / "study.db", create=True)
    with pytest.raises(StoreError, match="cannot open .*File name too long"):
        Store.open("x" * 5000, create=True)


def test_a_study_is_found_by_name_or_as_the_only_one(tmp_path):
    with Store.open(tmp_path / "study.db", create=True) as store:
        with pytest.raises(StoreError, match="holds no study"):
            store.study()
        store.create_study(record("alpha"))
        assert store.study().name == "alpha"
        store.create_study(record("beta"))
        with pytest.raises(StoreError, match="holds 2 studies: alpha, beta; name one"):
            store.study()
        with pytest.raises(UnknownNameError, match="unknown study 'alpah'; did you mean 'alpha'"):
            store.study("alpah")
        with pytest.raises(StoreError, match="already has a study named 'alpha'; resume it"):
            store.create_study(record("alpha"))


def test_a_store_on_read_only_media_can_be_read_but_not_written(tmp_path):
    if os.geteuid() == 0 and not shutil.which("chattr"):
        pytest.skip("root writes everywhere, and chattr is not here to forbid it")
    folder = tmp_path / "media"
    folder.mkdir()
    path = folder / "study.db"
    written(path).close()
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
            assert_counts_up(store.evaluations(store.study()), at_least=30)
            with pytest.raises(StoreError, match="make it writable, or choose another store"):
                store.create_study(replace(store.study(), name="another"))
            with pytest.raises(StoreError, match="cannot write to"):
                store.writer(store.study())
    finally:
        for command in allow:
            subprocess.run(command, check=False)


def test_a_path_with_a_question_mark_is_a_path(tmp_path):
    written(tmp_path / "what?.db").close()
    assert os.listdir(tmp_path) == ["what?.db"]
    assert Store.open(tmp_path / "what?.db").study().status == "finished"


def test_another_store_of_this_process_does_not_take_a_writers_locks_away(tmp_path):
    """A file that is opened and closed drops its process's locks, and then others delete the WAL."""
    path = tmp_path / "study.db"
    code = (
        f"from cosearch import Store; store = Store.open({str(path)!r}); "
        "print(len(store.read(store.study()).designs)); store.close()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with Store.open(path, create=True) as store, store.writer(store.create_study(record())) as writer:
        append(writer, 10)
        with Store.open(path) as again:
            again.studies()
        for n in (10, 20):
            other = subprocess.run(
                [sys.executable, "-c", code], env=environment, capture_output=True, text=True
            )
            assert other.stdout.strip() == str(n), other.stderr
            append(writer, 10)
        assert path.with_name("study.db-wal").exists()
    with Store.open(path) as store:
        assert_counts_up(store.evaluations(store.study()), at_least=30)
