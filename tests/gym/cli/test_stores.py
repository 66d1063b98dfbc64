"""`studies`, `export` and `report`, and stores that are wrong, newer, read-only or on a full disk."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from cosearch.objectives import feasible
from cosearch.store import Store

SEARCH = ("search", "toy-cache", "--agent", "toy-walk", "--quiet")


@pytest.fixture
def store(cli, tmp_path):
    """Two studies: outcomes of every status, inactive parameters, values of every type."""
    path = tmp_path / "s.db"
    for seed in (0, 1):
        options = ("--budget", 40 + seed, "--seed", seed, "--set", "nan_above_banks=55", "--store", path)
        assert cli(*SEARCH, *options).code == 0
    return path


def read(path, name="toy-cache-toy-walk-0"):
    with Store.open(path) as opened:
        return opened.read(opened.study(name))


# ------------------------------------------------------------------------------------------------ studies


def test_studies_are_listed_with_everything_that_repeats_them(cli, store):
    listed = cli("studies", store, "--json").json
    assert [study["name"] for study in listed] == ["toy-cache-toy-walk-0", "toy-cache-toy-walk-1"]
    assert listed[0]["evaluations"] == 40
    assert listed[0]["versions"]["cosearch"]
    assert listed[0]["command"].startswith("cosearch search toy-cache")
    assert {"problem_version", "host", "seed", "agent_settings", "problem_arguments"} <= listed[0].keys()
    table = cli("studies", store).out
    for fragment in ("toy-cache-toy-walk-1", "41/41", "finished"):
        assert fragment in table


def test_a_hostile_name_is_shown_and_not_obeyed(cli, tmp_path):
    name = "[bold red]\x1b[2J\nnext [/nothing] \u202eltr"
    path = tmp_path / "s.db"
    shown = [cli(*SEARCH, "--budget", 5, "--store", path, "--name", name), cli("studies", path)]
    shown.append(cli("resume", path, name + "?"))
    for result in shown[:2]:
        assert result.code == 0
        assert "[bold red]\\x1b[2J\\nnext [/nothing] \\u202eltr" in result.out
    for result in shown:
        assert not {"\x1b", "\u202e"} & set(result.out + result.err)
    assert cli("studies", path, "--json").json[0]["name"] == name
    assert cli("export", path, "-o", tmp_path / "t.csv").code == 0


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("UPDATE studies SET description = '' WHERE id = 1", "its description is no JSON"),
        ("UPDATE blocks SET payload = x'00' WHERE study_id = 1", "block 0 is damaged"),
    ],
)
def test_a_damaged_study_is_named_and_the_others_are_shown(cli, store, tmp_path, damage, says):
    with sqlite3.connect(store) as connection:
        connection.execute(damage)
    listed = cli("studies", store)
    assert "toy-cache-toy-walk-1" in listed.out
    shown = [cli("report", store), cli("export", store, "-o", tmp_path / "t.csv")]
    if "studies" in damage:
        shown.append(listed)
    for result in shown:
        assert result.code == 0
        assert result.err.count("\n") == 1
        assert "toy-cache-toy-walk-0" in result.err
        assert says in result.err
    cli("report", store, "toy-cache-toy-walk-0").assert_error("toy-cache-toy-walk-0", says)


# ------------------------------------------------------------------------------------------------- export


def test_parquet_gives_back_what_the_store_holds(cli, store, tmp_path):
    path = tmp_path / "t.parquet"
    said = cli("export", store, "toy-cache-toy-walk-0", "-o", path, "--json").json
    assert said == {"output": str(path), "format": "parquet", "studies": 1, "rows": 40}
    data, table = read(store), pyarrow.parquet.read_table(path)
    assert table.column_names == [
        "study", "position", *data.space.names, "latency_ns", "gain", "area_mm2",
        "status", "reason", "feasible", "pareto", "fidelity", "evaluation_seed", "seconds",
    ]  # fmt: skip
    rows = table.to_pylist()
    assert [row["position"] for row in rows] == list(range(40))
    for i, (row, design) in enumerate(zip(rows, data.designs, strict=True)):
        for name in ("policy", "ways", "banks", "voltage_v"):
            assert row[name] == design.get(name)
        assert json.loads(row["order"]) == list(design["order"])
        prefetch = design["prefetch"]
        assert row["prefetch"] == (prefetch if isinstance(prefetch, str) else json.dumps(prefetch))
        assert (row["status"], row["reason"]) == (data.outcomes.status[i], data.outcomes.reason[i])
        for metric, value in data.outcomes.row(i).items():
            assert row[metric] == (None if np.isnan(value) else value)
    assert {row["status"] for row in rows} == {"ok", "infeasible", "failed"}
    assert [row["feasible"] for row in rows] == feasible(data.constraints, data.outcomes).tolist()
    assert any(row["ways"] is None for row in rows)


def test_the_pareto_column_marks_the_designs_that_no_other_one_beats(cli, store, tmp_path):
    cli("export", store, "-o", tmp_path / "t.parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "t.parquet").to_pylist()
    for study in ("toy-cache-toy-walk-0", "toy-cache-toy-walk-1"):
        mine = [row for row in rows if row["study"] == study]
        good = [(row["latency_ns"], -row["gain"]) for row in mine if row["feasible"]]
        for row in mine:
            point = (row["latency_ns"], -row["gain"]) if row["feasible"] else None
            beaten = point is None or any(
                other[0] <= point[0] and other[1] <= point[1] and other != point for other in good
            )
            assert row["pareto"] == (not beaten)


def test_parquet_has_the_units_and_the_studies_in_its_metadata(cli, store, tmp_path):
    cli("export", store, "-o", tmp_path / "t.parquet")
    schema = pyarrow.parquet.read_schema(tmp_path / "t.parquet")
    assert schema.field("gain").metadata == {b"role": b"metric", b"unit": b"dB"}
    assert schema.field("banks").metadata == {b"role": b"parameter"}
    studies = json.loads(schema.metadata[b"cosearch"])["studies"]
    assert [study["seed"] for study in studies] == [0, 1]


def test_csv_gives_back_what_the_store_holds(cli, store, tmp_path):
    path = tmp_path / "t.csv"
    cli("export", store, "toy-cache-toy-walk-0", "-o", path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    data = read(store)
    assert len(rows) == 40
    for i, (row, design) in enumerate(zip(rows, data.designs, strict=True)):
        assert float(row["voltage_v"]) == design["voltage_v"]
        assert row["ways"] == str(design.get("ways", ""))
        for column, metric in (("latency_ns", "latency_ns"), ("gain [dB]", "gain"), ("area_mm2", "area_mm2")):
            value = data.outcomes[metric][i]
            assert row[column] == "" if np.isnan(value) else float(row[column]) == value


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_was_exported_can_be_evaluated_again_to_the_same_numbers(cli, store, tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    cli("export", store, "toy-cache-toy-walk-0", "-o", path)
    rows = cli(
        "evaluate", "toy-cache", "--designs", path, "--set", "nan_above_banks=55", "--json"
    ).json["rows"]  # fmt: skip
    data = read(store)
    assert [row["design"] for row in rows] == json.loads(json.dumps(list(data.designs)))
    for i, row in enumerate(rows):
        assert row["status"] == data.outcomes.status[i]
        assert row["metrics"]["gain"] == (data.outcomes["gain"][i] if row["status"] == "ok" else None)


def test_studies_of_several_problems_share_one_table(cli, store, tmp_path):
    cli(*SEARCH, "--budget", 3, "--store", store, "--name", "third", "--objective", "gain:max")
    assert cli("export", store, "-o", tmp_path / "t.parquet").code == 0
    table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
    assert table.num_rows == 40 + 41 + 3


def test_an_export_without_a_file_goes_beside_the_store_and_says_where(cli, store):
    one = cli("export", store, "toy-cache-toy-walk-0", "--json", "--force").json
    folder = Path(store).parent
    assert one["output"] == str(folder / "toy-cache-toy-walk-0.parquet")
    every = cli("export", store, "--format", "csv", "--force")
    assert f"to {folder / Path(store).stem}.csv" in every.out
    assert (folder / f"{Path(store).stem}.csv").is_file()
    cli("export", store, "--format", "csv").assert_error("is already there", "--force")


def test_an_export_never_replaces_a_file_unasked(cli, store, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("mine")
    cli("export", store, "-o", path).assert_error("t.csv is already there", "--force")
    assert path.read_text() == "mine"
    assert cli("export", store, "-o", path, "--force").code == 0
    assert path.read_text().startswith('"study"')


def test_an_export_that_cannot_be_written_is_one_line(cli, store, tmp_path):
    cli("export", store, "-o", tmp_path / "t.xlsx").assert_error(
        "unknown format 'xlsx'", "csv, minari, optuna, parquet"
    )
    cli("export", store, "-o", tmp_path / "t.csv", "--format", "parket").assert_error(
        "did you mean 'parquet'?"
    )
    cli("export", store, "-o", tmp_path / "no" / "t.csv").assert_error("there is no folder")
    cli("export", store, "nothing-like-it", "-o", tmp_path / "t.csv").assert_error("unknown study")


def test_an_export_that_the_disk_has_no_room_for_leaves_the_old_file(cli, command, tmp_path):
    cli(*SEARCH, "--budget", 600, "--batch", 100, "--store", tmp_path / "s.db")
    (tmp_path / "old.csv").write_text("mine")

    def limit_file_size() -> None:  # SQLite's shared memory needs 32 KiB
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    limited = command("export", "s.db", "-o", "old.csv", "--force", preexec_fn=limit_file_size)
    limited.assert_error("cannot write old.csv", "File too large")
    assert (tmp_path / "old.csv").read_text() == "mine"
    assert not list(tmp_path.glob(".*.part"))


# ------------------------------------------------------------------------------------------------- report


def test_a_report_is_one_page_json_or_text(cli, store, tmp_path):
    page = tmp_path / "r.html"
    assert cli("report", store, "--html", page).code == 0
    assert "toy-cache-toy-walk-1" in page.read_text()
    cli("report", store, "--html", page).assert_error("r.html is already there", "--force")
    assert cli("report", store, "--json").json
    shown = cli("report", store)
    assert shown.code == 0
    assert "toy-cache-toy-walk-1" in shown.out


def test_a_report_may_be_of_some_studies_only(cli, store, tmp_path):
    cli(*SEARCH, "--budget", 3, "--store", store, "--name", "third")
    one, other = "toy-cache-toy-walk-1", "toy-cache-toy-walk-0"
    (group,) = cli("report", store, one, "--json").json
    assert [study["name"] for study in group["studies"]] == [one]
    shown = cli("report", store, "third", one, one).out
    assert one in shown
    assert "third" in shown
    assert other not in shown
    assert cli("report", store, one, "--html", tmp_path / "r.html").code == 0
    assert one in (tmp_path / "r.html").read_text()
    assert other not in (tmp_path / "r.html").read_text()
    wrong = cli("report", store, one, "thrid", "--html", tmp_path / "w.html")
    wrong.assert_error("unknown study 'thrid'", "did you mean 'third'?")
    assert not (tmp_path / "w.html").exists()


# ----------------------------------------------------------------------------------- stores that are wrong

READERS = [("studies",), ("resume",), ("report",), ("export", "-o", "t.csv")]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader[0])
@pytest.mark.parametrize(
    ("kind", "fragment"),
    [
        ("missing", "there is no store at"),
        ("folder", "is a folder"),
        ("text", "is not a cosearch store"),
        ("other", "is not a cosearch store"),
        ("newer", "newer cosearch"),
        ("url", "nosql"),
    ],
)
def test_what_is_no_store_is_one_line(cli, tmp_path, reader, kind, fragment):
    path = tmp_path / "s.db"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("dear diary\n" * 100)
    elif kind == "other":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE albums (title TEXT)")
    elif kind == "newer":
        Store.open(path, create=True).close()
        with sqlite3.connect(path) as database:
            changed = database.execute("UPDATE cosearch_meta SET value = '999' WHERE key = 'format'")
            assert changed.rowcount == 1
    location = "nosql://host/base" if kind == "url" else path
    cli(reader[0], location, *reader[1:]).assert_error(fragment)


def test_a_search_does_not_touch_what_is_no_store(command, tmp_path):
    (tmp_path / "diary.txt").write_text("dear diary\n")
    command(*SEARCH, "--budget", 5, "--store", "diary.txt").assert_error(
        "diary.txt: it is not a cosearch store"
    )
    assert (tmp_path / "diary.txt").read_text() == "dear diary\n"
    with sqlite3.connect(tmp_path / "music.db") as database:
        database.execute("CREATE TABLE albums (title TEXT)")
    command(*SEARCH, "--budget", 5, "--store", "music.db").assert_error("music.db is not a cosearch store")
    command(*SEARCH, "--budget", 5, "--store", "no/s.db").assert_error("there is no folder no")


def test_an_empty_store_says_so(cli, tmp_path):
    Store.open(tmp_path / "s.db", create=True).close()
    assert cli("studies", tmp_path / "s.db", "--json").json == []
    cli("report", tmp_path / "s.db").assert_error("holds no study")
    cli("resume", tmp_path / "s.db").assert_error("holds no study")


def test_a_study_is_found_by_name_only(cli, store):
    cli("resume", store).assert_error("holds 2 studies", "toy-cache-toy-walk-0", "name one")
    cli("resume", store, "toy-cache-toy-walk-3").assert_error("unknown study", "did you mean")


def test_a_study_whose_plugin_is_gone_can_be_read_but_not_resumed(command, store, tmp_path):
    without = {"COSEARCH_PLUGINS": "broken"}
    assert len(command("studies", store, "--json", env=without).json) == 2
    assert command("export", store, "-o", "t.csv", env=without).code == 0
    command("resume", store, "toy-cache-toy-walk-0", env=without).assert_error("unknown problem 'toy-cache'")


# ---------------------------------------------------------------------------------- disks that refuse


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own; what it returns mounts it, with `mount`'s options."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(words, capture_output=True).returncode:
            pytest.skip("mounting a file system is not allowed here")

    yield folder, mount
    subprocess.run(["umount", str(folder)], capture_output=True)


def test_a_full_disk_is_one_line_and_loses_nothing(cli, command, small_disk, tmp_path):
    folder, mount = small_disk
    mount("size=300k")
    filled = command(*SEARCH, "--budget", 1500, "--batch", 25, "--store", folder / "s.db")
    filled.assert_error("cannot write to", "disk", "make room, then resume")
    before = read(folder / "s.db")
    assert 0 < len(before.designs) < 1500
    subprocess.run(["mount", "-o", "remount,size=50m", str(folder)], check=True)
    assert command("resume", folder / "s.db", "--quiet").code == 0
    after = read(folder / "s.db")
    cli(*SEARCH, "--budget", 1500, "--batch", 25, "--store", tmp_path / "whole.db")
    assert list(after.designs) == list(read(tmp_path / "whole.db").designs)


def test_a_disk_quota_is_one_line_and_loses_nothing(command, tmp_path):
    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    filled = command(
        *SEARCH, "--budget", 1000, "--batch", 25, "--store", "s.db", preexec_fn=limit_file_size
    )  # fmt: skip
    filled.assert_error("cannot write to s.db", "then resume")
    before = read(tmp_path / "s.db")
    assert 0 < len(before.designs) < 1000
    assert command("resume", "s.db", "--quiet").code == 0
    after = read(tmp_path / "s.db")
    assert len(after.designs) == 1000
    assert list(after.designs)[: len(before.designs)] == list(before.designs)


def test_a_read_only_disk_can_be_read_but_not_written(cli, command, store, small_disk, tmp_path):
    folder, mount = small_disk
    path = folder / "s.db"
    if os.geteuid() == 0:  # whom permissions do not stop
        mount("size=10m")
        shutil.copy(store, path)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    else:
        shutil.copy(store, path)
        path.chmod(0o444)
        folder.chmod(0o555)
    try:
        assert len(cli("studies", path, "--json").json) == 2
        assert cli("report", path, "--json").code == 0
        assert cli("export", path, "-o", tmp_path / "t.csv").code == 0
        cli("export", path, "-o", folder / "t.csv").assert_error("cannot write", "t.csv")
        cli("report", path, "--html", folder / "r.html").assert_error("r.html")
        command(*SEARCH, "--budget", 5, "--store", path).assert_error("cannot", "s.db")
        cli(*SEARCH, "--budget", 5, "--store", folder / "new.db").assert_error("cannot", "new.db")
        cli("resume", path, "toy-cache-toy-walk-0", "--budget", 90).assert_error("cannot", "s.db")
    finally:
        if os.geteuid() != 0:
            folder.chmod(0o755)
