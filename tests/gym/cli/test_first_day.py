"""Small things that a new user meets on the first day: each is one clear line."""

from __future__ import annotations

import pytest

from cosearch import Store

SEARCH = ("search", "toy-cache", "--agent", "toy-walk", "--budget", 12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--objective", "energy_pj"), ("energy_pj",)),
        (("--objective", "area_mm2"), ("Say area_mm2:min or area_mm2:max",)),
        (("--seed", 2**32), ("seed must be at most 4294967295, not 4294967296",)),
        (("--memory-mb", 10**30), ("memory_mb must be at most", str(10**30))),
        (("--constraint", "area_mm2<=5", "--constraint", "area_mm2>=9"), ("no design can meet both",)),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(cli, arguments, words):
    cli(*SEARCH, *arguments).assert_error(*words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("export", "-o", "-"), ("name a file",)),
        (("export", "-o", ""), ("the name of a file",)),
        (("export", "-o", "FOLDER"), ("is a folder; name a file in it",)),
        (("export", "-o", "FOLDER/none/x.csv"), ("there is no folder",)),
        (("report", "--html", "FOLDER"), ("is a folder; name a file in it",)),
        (("report", "--html", "FOLDER", "--force"), ("is a folder; name a file in it",)),
        (("report", "--html", ""), ("the name of a file",)),
    ],
)
def test_a_file_that_is_none_is_one_line(cli, tmp_path, arguments, words):
    store = tmp_path / "s.db"
    cli(*SEARCH, "--store", store)
    command, *rest = (str(a).replace("FOLDER", str(tmp_path)) for a in arguments)
    cli(command, store, *rest).assert_error(*words)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_export_that_the_system_refuses_says_so_in_its_words(cli, tmp_path, suffix):
    store = tmp_path / "s.db"
    cli(*SEARCH, "--store", store)
    long = tmp_path / f"{'x' * 300}.{suffix}"
    cli("export", store, "-o", long).assert_error("File name too long")


def test_a_search_needs_no_agent(builtin):
    found = builtin("search", "two-spheres", "--budget", 12, "--json").json
    assert found["study"]["agent"] in ("auto", "nsga2")


def test_resume_takes_what_search_took(cli, tmp_path):
    store = tmp_path / "s.db"
    cli(*SEARCH, "--store", store)
    changes = ("--workers", 2, "--timeout-s", 30, "--memory-mb", 4000, "--backend", "processes")
    cli("resume", store, "--budget", 20, *changes, "--deterministic", "--json")
    with Store.open(store) as opened:
        options = opened.study().options
    assert (options["workers"], options["timeout_s"], options["memory_mb"]) == (2, 30.0, 4000)
    assert (options["backend"], options["deterministic"]) == ("processes", True)


def test_a_study_of_another_version_of_the_problem_says_so(cli, tmp_path, monkeypatch):
    from cosearch.registry import registry

    store = tmp_path / "s.db"
    cli(*SEARCH, "--store", store)
    monkeypatch.setattr(registry().problems["toy-cache"], "version", 9)
    cli("resume", store, "--budget", 20).assert_error("(v3, here v9)", "start a new study")
    assert cli("report", store).code == 0
