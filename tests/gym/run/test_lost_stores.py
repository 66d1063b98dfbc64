"""Studies whose disk is full or read-only, or whose store vanishes: nothing that was told is lost."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess

import pytest

from cosearch import Study
from cosearch.cli import run as cli
from cosearch.errors import StoreError
from timed_problems import Brief
from watched_stores import read

OPTIONS = [{}, {"backend": "processes", "workers": 2}]
NAMES = ["inline", "two workers"]
BUDGET = 300


@pytest.fixture
def disk(tmp_path):
    """A disk of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root, where the system lets it, can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def search(path, harm, **options):
    """Search into a store, harm it after some results, and go on to the end; the error, and what was told."""
    told = []
    study = Study.create(Brief(), "random", budget=BUDGET, seed=5, store=path, **options)

    def note(_, results):
        told.extend(results.designs.keys())
        if len(told) >= 60 and not harmed:
            harmed.append(harm())

    harmed = []
    with study.store, pytest.raises(StoreError) as caught:
        study.run(callbacks=[note])
    assert "\n" not in str(caught.value)
    return str(caught.value), told


def assert_goes_on(path, told, options):
    """Resumed, it has all that was told, each once, and one that was told in order ends as if nothing was."""
    before = read(path).designs.keys()
    assert set(told) <= set(before)
    data = Study.resume(path).run()
    assert data.record.evaluations == len(set(data.designs.keys())) == BUDGET
    assert data.designs[: len(before)].keys() == before or options
    if not options:
        assert data.designs == Study.create(Brief(), "random", budget=BUDGET, seed=5).run().designs


@pytest.mark.parametrize("options", OPTIONS, ids=NAMES)
def test_a_full_disk(disk, options):
    filler = disk / "filler"

    def fill():
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free)

    said, told = search(disk / "study.db", fill, **options)
    assert "make room, then resume" in said
    filler.unlink()
    assert_goes_on(disk / "study.db", told, options)


@pytest.mark.parametrize("options", OPTIONS, ids=NAMES)
def test_a_store_that_vanishes(tmp_path, options):
    path = tmp_path / "study.db"
    said, told = search(path, path.unlink, **options)
    command = re.search(r"go on with `cosearch (resume .*)`", said)[1]
    rescued = shlex.split(command)[1]
    assert_goes_on(rescued, told, options)


def test_a_read_only_folder_is_said_before_anything_runs(disk, capsys):
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    words = ["search", "dram-controller", "--agent", "random", "--budget", "5", "--store", str(disk / "s.db")]
    assert cli(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "make it writable, or choose another store" in err
