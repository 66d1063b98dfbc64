"""What the disk refuses waits beside the store, and the next writer takes it up."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile

import numpy as np
import pytest

from cosearch import Store
from cosearch.errors import StoreError
from cosearch.store import blocks, packing
from cosearch.store.store import REFUSED
from stored_studies import append, assert_counts_up, designs, outcomes, record, written


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "study.db"


def fill(path, batch=200):
    """Append until the database may not grow; the error, and what was appended."""
    with Store.open(path) as store, store.writer(store.study()) as writer:
        pages = writer._session.execute("PRAGMA page_count").fetchone()[0]
        writer._session.execute(f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(StoreError) as caught:
            append_for_ever(writer, batch)
        return str(caught.value), writer.stored


def append_for_ever(writer, batch):
    while True:
        writer.tell(append(writer, batch))


def test_a_writer_has_room_beside_the_store_while_it_is_open(path):
    with written(path) as store:
        with store.writer(store.study()):
            (reserve,) = path.parent.glob("study.db.*.reserve")
            assert reserve.stat().st_blocks * 512 >= 2**20
            assert reserve.stat().st_mode & 0o777 == 0o600
        assert not list(path.parent.glob("*.reserve"))


@pytest.mark.parametrize("batch", [1, 200])
def test_what_a_full_disk_refuses_waits_and_is_taken_up(path, batch):
    with written(path) as store, store.writer(store.study()) as writer:
        writer.set_status("running")
    said, stored = fill(path, batch)
    assert "is full" in said
    assert "make room, then resume" in said
    assert "study.db.1.reserve for `resume`" in said
    assert "\n" not in said
    with Store.open(path) as store:
        assert store.study().stopped_because == REFUSED
        assert_counts_up(store.evaluations(store.study()), at_least=stored)
        with store.writer(store.study()) as writer:
            assert writer.stored == stored + batch
            append(writer, 5)
        assert store.study().stopped_because != REFUSED
        assert_counts_up(store.evaluations(store.study()), at_least=stored + batch + 5)
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["study.db"]


def test_what_is_stored_already_is_not_taken_up_twice(path):
    written(path).close()
    fill(path)
    reserve = path.with_name("study.db.1.reserve")
    content = reserve.read_bytes()
    for _ in range(2):  # killed between taking it up and removing it
        with Store.open(path) as store, store.writer(store.study()) as writer:
            stored = writer.stored
        reserve.write_bytes(content)
    with Store.open(path) as store, store.writer(store.study()) as writer:
        assert writer.stored == stored
        assert_counts_up(store.evaluations(store.study()), at_least=stored)


def test_what_has_no_room_in_the_reserve_waits_in_a_private_folder(path, monkeypatch):
    written(path).close()
    from cosearch.store import reserve

    original = os.pwrite
    monkeypatch.setattr(
        reserve.os, "pwrite", lambda d, b, at: original(d, b, at) if len(b) < 1000 else _no_space()
    )
    said, stored = fill(path)
    (folder,) = (path.parent / "temporary").iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert str(folder) in said
    with Store.open(path) as store, store.writer(store.study()) as writer:
        assert writer.stored == stored + 200
        assert_counts_up(store.evaluations(store.study()), at_least=stored + 200)
    assert not folder.exists()


def test_a_folder_that_others_may_write_is_not_trusted(path, monkeypatch):
    written(path).close()
    from cosearch.store import reserve

    original = os.pwrite
    monkeypatch.setattr(
        reserve.os, "pwrite", lambda d, b, at: original(d, b, at) if len(b) < 1000 else _no_space()
    )
    fill(path)
    (folder,) = (path.parent / "temporary").iterdir()
    folder.chmod(0o777)
    with Store.open(path) as store, pytest.raises(StoreError, match="no private folder; delete"):
        store.writer(store.study())


def test_where_nothing_can_say_what_waits_elsewhere_nothing_is_promised(path, monkeypatch):
    written(path).close()
    from cosearch.store import reserve

    monkeypatch.setattr(reserve.os, "pwrite", lambda d, b, at: _no_space())
    said, stored = fill(path)
    assert "200 evaluations are not kept and will be run again" in said
    assert not list((path.parent / "temporary").iterdir())
    with Store.open(path) as store, store.writer(store.study()) as writer:
        assert writer.stored == stored


def _no_space():
    raise OSError(28, "No space left on device")


def forged(path, **changes):
    """A reserve as a writer leaves it, with some things changed."""
    with Store.open(path) as store:
        study = store.study()
    said = {
        "study": study.id,
        "name": study.name,
        "created_at": study.created_at,
        **changes.get("header", {}),
    }
    block = blocks.Block(designs(500, 3).packed(), outcomes(500, 3), 500, True, "exact", 0, 9.0)
    block = changes.get("block", lambda each: each)(block)
    payload = packing.pack(block, 30, "exact")
    frame = np.array([len(payload), 30], dtype="<u8").tobytes()
    content = b"cosearch reserve 1\n" + json.dumps(said).encode() + b"\n" + frame + payload
    return changes.get("content", lambda each: each)(content)


def of_a_forbidden_position(block):
    block.designs[0, 0] = 1000
    return block


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"header": {"created_at": "1999"}}, "of another study"),
        ({"header": {"study": 7}}, "of another study"),
        ({"block": of_a_forbidden_position}, "a design that is none of its space"),
        ({"content": lambda c: c[:-1]}, "is damaged"),
        ({"content": lambda c: c[:-9] + b"\1" + c[-8:]}, "checksum"),
        ({"content": lambda c: b"#!/bin/sh\n" + c}, "is damaged"),
    ],
)
def test_a_reserve_is_checked_like_an_import(path, changes, says):
    written(path).close()
    reserve = path.with_name("study.db.1.reserve")
    reserve.write_bytes(forged(path, **changes))
    with Store.open(path) as store:
        with pytest.raises(StoreError, match=says) as caught:
            store.writer(store.study())
        assert "study.db.1.reserve" in str(caught.value)
        assert_counts_up(store.evaluations(store.study()), at_least=30)
        reserve.write_bytes(forged(path))
        with store.writer(store.study()) as writer:
            assert writer.stored == 33


def test_a_link_or_pipe_in_the_place_of_a_reserve_is_refused(path):
    written(path).close()
    reserve, precious = path.with_name("study.db.1.reserve"), path.with_name("precious")
    precious.write_bytes(b"mine")
    reserve.symlink_to(precious)
    with Store.open(path) as store, pytest.raises(StoreError, match="cannot read .*reserve"):
        store.writer(store.study())
    assert precious.read_bytes() == b"mine"
    reserve.unlink()
    os.mkfifo(reserve)
    with Store.open(path) as store, pytest.raises(StoreError, match="was not written for this store"):
        store.writer(store.study())


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], capture_output=True
    ).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("batch", [50, 2000])
def test_a_disk_that_is_really_full_loses_and_doubles_nothing(small_disk, batch):
    path = small_disk / "study.db"
    filler = small_disk / "filler"
    with Store.open(path, create=True) as store:
        with store.writer(store.create_study(record())) as writer:
            filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 2**19))
            says = r"make room, then resume.*wait in .*study\.db\.1\.reserve"
            with pytest.raises(StoreError, match=says) as caught:
                append_for_ever(writer, batch)
            with contextlib.suppress(StoreError):
                writer.close()
        assert "\n" not in str(caught.value)
        stored = writer.stored
    with Store.open(path) as store:
        assert_counts_up(store.evaluations(store.study()), at_least=stored)
    filler.unlink()
    with Store.open(path) as store:
        with store.writer(store.study()) as writer:
            assert writer.stored == stored + batch
        assert_counts_up(store.evaluations(store.study()), at_least=stored + batch)


def test_a_store_whose_making_met_a_full_disk_is_completed(small_disk):
    path = small_disk / "study.db"
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free)
    with pytest.raises(StoreError, match="make room, then begin the study again"):
        Store.open(path, create=True)
    with pytest.raises(StoreError, match="begin the study again with `--store"):
        Store.open(path)
    filler.unlink()
    with written(path) as store:
        assert_counts_up(store.evaluations(store.study()), at_least=30)


def test_an_empty_file_is_completed_by_the_next_study_only(path):
    path.touch()
    with pytest.raises(
        StoreError, match="is not a cosearch store: it is empty; .*begin the study again with"
    ):
        Store.open(path)
    assert path.stat().st_size == 0
    written(path).close()
