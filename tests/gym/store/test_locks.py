"""Who may write: one at a time, and nothing is left beside a store that nobody writes."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from cosearch import Store
from cosearch.errors import StudyLockedError
from stored_studies import record, written


def test_a_lock_that_a_kill_left_is_no_lock_and_the_next_look_removes_it(tmp_path):
    path = tmp_path / "study.db"
    with Store.open(path, create=True) as store:
        store.create_study(record())
        lock = tmp_path / "study.db.1.lock"
        lock.touch()
        assert store.study().status == "interrupted"
        assert not lock.exists()
        lock.touch()
        with store.lock(store.study()):
            assert lock.exists()
        assert not lock.exists()


def test_many_that_take_and_release_one_lock_never_hold_it_together(tmp_path):
    """The file is removed at each release, which is when two could come to hold one lock."""
    path = tmp_path / "study.db"
    written(path).close()
    code = (
        "import os, sys\n"
        "from cosearch import Store\n"
        "from cosearch.errors import StudyLockedError\n"
        f"store, mark = Store.open({str(path)!r}), {str(tmp_path / 'mark')!r}\n"
        "study, held = store.study(), 0\n"
        "while held < 100:\n"
        "    try:\n"
        "        with store.lock(study):\n"
        "            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))\n"
        "            os.unlink(mark)\n"
        "            held += 1\n"
        "    except StudyLockedError:\n"
        "        pass\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    for child in children:
        assert child.communicate(timeout=120)[1] == b""
    assert not list(tmp_path.glob("*.lock"))


def test_two_threads_do_not_hold_one_study(tmp_path):
    with written(tmp_path / "study.db") as store:
        study = store.study()
        refused = []

        def other():
            try:
                store.writer(study)
            except StudyLockedError as error:
                refused.append(error)

        with store.writer(study):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        assert len(refused) == 1


def test_a_link_to_a_store_has_the_lock_of_the_store(tmp_path):
    path, link = tmp_path / "study.db", tmp_path / "link.db"
    with written(path) as store:
        link.symlink_to(path)
        says = "is being written by another process"
        with (
            store.lock(store.study()),
            Store.open(link) as again,
            pytest.raises(StudyLockedError, match=says),
        ):
            again.writer(again.study())
