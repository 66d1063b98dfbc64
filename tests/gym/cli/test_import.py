"""`import`: past evaluations become what a search starts from; units are checked."""

from __future__ import annotations

import csv
import re
import sqlite3

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from cosearch import Study, make_problem
from cosearch.store import Store

SEARCH = ("search", "two-spheres", "--agent", "uniform", "--quiet", "--seed", 5)
HEADS = ["x", "y", "shape", "left [m2]", "right [m2]"]


def rows_of(n=30):
    """Designs along a line, with numbers that no simulator made."""
    return [[x - 15, 3, "round", 1000.5 + x, 500.25 - x] for x in range(n)]


def write(path, heads, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([heads, *rows])
    return path


def read(path, name):
    with Store.open(path) as store:
        return store.read(store.study(name))


@pytest.fixture
def past(tmp_path):
    return write(tmp_path / "past.csv", HEADS, rows_of())


def test_a_search_starts_from_what_was_imported_at_no_cost(builtin, past, tmp_path):
    store = tmp_path / "s.db"
    said = builtin("import", past, "two-spheres", "--store", store)
    assert said.code == 0
    assert "imported 30 evaluations of two-spheres, 30 ok" in said.out
    assert "sum" in said.err  # which the table does not have
    imported = read(store, "past")
    assert imported.outcomes["left"].tolist() == [1000.5 + x for x in range(30)]
    assert np.isnan(imported.outcomes["sum"]).all()
    searched = builtin(*SEARCH, "--budget", 10, "--store", store)
    assert "starts from 30 evaluations of import past, at no cost" in searched.err
    assert re.search(r"10 designs in .* s, and 30 that it started from: 40 feasible", searched.out)
    study = read(store, "two-spheres-uniform-5")
    assert study.record.evaluations == 10
    assert len(study.designs) == 40
    assert study.outcomes["left"][:30].tolist() == imported.outcomes["left"].tolist()
    builtin(*SEARCH, "--budget", 10, "--store", store, "--name", "cold", "--no-imports")
    assert len(read(store, "cold").designs) == 10
    listed = builtin("studies", store, "--json").json
    assert (listed[0]["name"], listed[0]["agent"], listed[0]["evaluations"]) == ("past", "imported", 30)
    builtin("resume", store, "past").assert_error("was imported", "cosearch search")


def test_a_resumed_search_keeps_what_it_started_from(builtin, past, tmp_path):
    store = tmp_path / "s.db"
    builtin("import", past, "two-spheres", "--store", store)
    builtin(*SEARCH, "--budget", 10, "--store", store)
    assert builtin("resume", store, "two-spheres-uniform-5", "--budget", 25, "--quiet").code == 0
    builtin(*SEARCH, "--budget", 25, "--store", store, "--name", "whole")
    one, other = read(store, "two-spheres-uniform-5"), read(store, "whole")
    assert len(one.designs) == 55
    assert one.designs == other.designs


@pytest.mark.parametrize(
    ("head", "times"),
    [("left [m2]", 1), ("left [cm2]", 10_000), ("left [mm^2]", 10**6), ("left_cm2", 10_000)],
)
def test_another_unit_that_fits_is_converted(builtin, tmp_path, head, times):
    rows = [[x, y, s, a * times, b] for x, y, s, a, b in rows_of()]
    path = write(tmp_path / "p.csv", [*HEADS[:3], head, HEADS[4]], rows)
    said = builtin("import", path, "two-spheres", "--store", tmp_path / "s.db", "--json").json
    assert any(note.startswith(f"{head}: converted from") for note in said["notes"]) == (times != 1)
    found = read(tmp_path / "s.db", "p").outcomes["left"]
    np.testing.assert_allclose(found, [1000.5 + x for x in range(30)], rtol=1e-15)


@pytest.mark.parametrize(
    ("heads", "says"),
    [
        (["x", "y", "shape", "left", "right [m2]"], ["'left' has no unit", "'left [m2]'"]),
        (["x", "y", "shape", "left [ns]", "right [m2]"], ["'left [ns]' is in ns", "left in m2", "cm2"]),
        (
            ["x", "y", "shape", "left [m2]", "rigth [m2]"],
            ["no column for right", "'right [m2]'", "did you mean"],
        ),
        (["x", "why", "shape", "left [m2]", "right [m2]"], ["no column for parameter 'y'"]),
        (["x", "y", "shape", "left [m2]", "left_cm2"], ["both left"]),
    ],
)
def test_a_column_that_cannot_be_meant_is_refused(builtin, tmp_path, heads, says):
    path = write(tmp_path / "p.csv", heads, rows_of(3))
    builtin("import", path, "two-spheres", "--store", tmp_path / "s.db").assert_error("p.csv", *says)
    with pytest.raises(AssertionError):
        assert builtin("studies", tmp_path / "s.db").code == 0  # nothing was begun


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ([1, 3, "round", "quick", 2], ["row 3", "'quick' is no number"]),
        ([99, 3, "round", 1, 2], ["'x'", "99", "row 3"]),
        ([1, 3, "rund", 1, 2], ["rund", "the nearest is 'round'"]),
        ([20, 20, "round", 1, 2], ["row 3", "forbids", "x + y > 35"]),
        ([1, 3, "round", 1], ["line 4 has 4 cells"]),
    ],
)
def test_a_wrong_row_is_named(builtin, tmp_path, row, says):
    path = write(tmp_path / "p.csv", HEADS, [*rows_of(2), row])
    builtin("import", path, "two-spheres", "--store", tmp_path / "s.db").assert_error("p.csv", *says)


def test_empty_cells_are_failed_designs_and_repeats_count_once(builtin, tmp_path):
    rows = [*rows_of(4), [9, 9, "square", "", ""], [-15, 3, "round", 7.0, 7.0]]
    path = write(tmp_path / "p.csv", HEADS, rows)
    said = builtin("import", path, "two-spheres", "--store", tmp_path / "s.db", "--json").json
    assert said["ok"] == 4
    assert any("1 row repeat" in note and "1 of them with other numbers" in note for note in said["notes"])
    data = read(tmp_path / "s.db", "p")
    assert data.outcomes.status.tolist() == ["ok"] * 4 + ["failed"]
    assert data.outcomes.reason[-1] == "no value in the table"
    assert data.outcomes["left"][0] == 1000.5


def test_a_parquet_column_may_say_its_unit_in_its_metadata(builtin, tmp_path):
    columns = dict(zip(["x", "y", "shape", "left", "right"], zip(*rows_of(), strict=True), strict=True))
    table = pyarrow.table(columns)
    fields = [
        field.with_metadata({"unit": "cm2"}) if field.name in ("left", "right") else field
        for field in table.schema
    ]
    pyarrow.parquet.write_table(table.cast(pyarrow.schema(fields)), tmp_path / "p.parquet")
    assert builtin("import", tmp_path / "p.parquet", "two-spheres", "--store", tmp_path / "s.db").code == 0
    assert read(tmp_path / "s.db", "p").outcomes["left"][0] == 0.10005
    pyarrow.parquet.write_table(table, tmp_path / "bare.parquet")
    bare = builtin("import", tmp_path / "bare.parquet", "two-spheres", "--store", tmp_path / "s.db")
    bare.assert_error("'left' has no unit")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_export_imports_as_it_was(builtin, tmp_path, suffix):
    first, second, file = tmp_path / "a.db", tmp_path / "b.db", tmp_path / f"t.{suffix}"
    builtin(*SEARCH, "--budget", 40, "--store", first)
    builtin("export", first, "-o", file)
    assert builtin("import", file, "--store", second).code == 0  # which problem it is of, the file says
    one, other = read(first, "two-spheres-uniform-5"), read(second, "t")
    assert one.designs == other.designs
    for name, column in one.outcomes.metrics.items():
        np.testing.assert_array_equal(column, other.outcomes[name])
    again = builtin(*SEARCH, "--budget", 40, "--store", second).err
    assert "starts from 40 evaluations" in again


def test_an_import_of_other_settings_is_left_out(builtin, tmp_path):
    problem = make_problem("dram-controller", workload="random:requests=200")
    with Store.open(tmp_path / "a.db", create=True) as store:
        Study.create(problem, "random", budget=5, store=store, name="past").run()
    builtin("export", tmp_path / "a.db", "-o", tmp_path / "t.csv")
    other = ("dram-controller", "--set", "workload=stream")
    builtin("import", tmp_path / "t.csv", *other, "--store", tmp_path / "b.db").assert_error(
        "nothing of dram-controller with these settings"
    )
    said = builtin("import", tmp_path / "t.csv", "--store", tmp_path / "b.db")
    assert said.code == 0
    assert "cosearch search dram-controller --set workload=random:requests=200 --store" in said.out
    options = ("--agent", "random", "--budget", 2, "--quiet", "--store", tmp_path / "b.db")
    assert "import t is left out: it is of other settings" in builtin("search", *other, *options).err


def test_a_half_written_import_is_left_out_and_can_be_completed(builtin, past, tmp_path):
    """Killed after its study was made and before a row was in it, or after the rows and before the end."""
    store = tmp_path / "s.db"
    builtin("import", past, "two-spheres", "--store", store)
    for n, damage in enumerate(("DELETE FROM blocks; DELETE FROM tells;", "")):
        with sqlite3.connect(store) as database:
            database.executescript(f"{damage} UPDATE studies SET status = 'running' WHERE name = 'past'")
        assert builtin("studies", store, "--json").json[0]["status"] == "interrupted"
        said = builtin(*SEARCH, "--budget", 2, "--store", store, "--name", f"search-{n}").err
        assert "import past is half-written and left out; run `cosearch import` again" in said
        assert len(read(store, f"search-{n}").designs) == 2
        assert builtin("import", past, "two-spheres", "--store", store).code == 0
        assert len(read(store, "past").designs) == 30
    builtin("import", past, "two-spheres", "--store", store).assert_error("already has past.csv")
    write(past, HEADS, rows_of(3))
    builtin("import", past, "two-spheres", "--store", store).assert_error("another with --name")


def test_what_is_no_table_is_one_line(builtin, past, tmp_path):
    store = ("--store", tmp_path / "s.db")
    builtin("import", past, "two-spheres").assert_error("--store PATH")
    builtin("import", past, *store).assert_error("name the PROBLEM")
    builtin("import", tmp_path / "no.csv", "two-spheres", *store).assert_error("no.csv", "No such file")
    builtin("import", tmp_path / "p.xlsx", "two-spheres", *store).assert_error(".csv or .parquet")
    (tmp_path / "p.parquet").write_text("dear diary")
    builtin("import", tmp_path / "p.parquet", "two-spheres", *store).assert_error("not a Parquet file")
    (tmp_path / "e.csv").write_text("")
    builtin("import", tmp_path / "e.csv", "two-spheres", *store).assert_error("no design")
    builtin("import", past, "two-sphere", *store).assert_error("did you mean 'two-spheres'")
    builtin("import", past, "two-spheres", "--fidelity", "x", *store).assert_error("fidelity")
