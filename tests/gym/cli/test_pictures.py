"""`report --html` and `describe --html`: the pages that have a problem's pictures."""

from __future__ import annotations

import json
import re
import time

import pytest

import pictured_problem
from cosearch.cli import progress
from cosearch.registry import registry


@pytest.fixture(autouse=True)
def pictured_plugin():
    if "pictured-cache" not in registry().problems:
        registry().register(pictured_problem, "pictured-problem")


SEARCH = ("search", "pictured-cache", "--agent", "random", "--budget", 20, "--quiet")
DESIGN = {"sets": 64, "tile": 8, "write_buffer": True, "buffer_entries": 4}


def test_a_report_has_the_pictures_unless_they_are_not_wanted(builtin, tmp_path):
    assert builtin(*SEARCH, "--store", tmp_path / "s.db").code == 0
    assert builtin("report", tmp_path / "s.db", "--html", tmp_path / "r.html").code == 0
    assert "Miss rate over the product" in (tmp_path / "r.html").read_text()
    without = builtin("report", tmp_path / "s.db", "--html", tmp_path / "r.html", "--force", "--no-pictures")
    assert without.code == 0
    assert "Miss rate over the product" not in (tmp_path / "r.html").read_text()
    both = builtin("report", tmp_path / "s.db", "--html", tmp_path / "r.html", "--force", "--json")
    assert "Miss rate" not in json.dumps(both.json)
    assert "Miss rate" in (tmp_path / "r.html").read_text()


def test_a_problem_as_a_page(builtin, tmp_path):
    page = tmp_path / "p.html"
    said = builtin("describe", "pictured-cache", "--html", page)
    assert (said.code, said.out, said.err) == (0, f"wrote {page}\n", "")
    text = page.read_text()
    for fragment in (
        "pictured-cache v0", "Every access of the product is simulated.", "The default design",
        "Miss rate over the product", "of one 64-byte line each", "write_buffer in true",
        "sets * tile &gt; 8192", "cache misses of the product", "matmul-32",
        "what goes wrong when pictures are drawn: <code>raise</code>", "cosearch/mo-PicturedCache-v0",
    ):  # fmt: skip
        assert fragment in text
    builtin("describe", "pictured-cache", "--html", page).assert_error("p.html is already there", "--force")
    assert (
        builtin("describe", "pictured-cache", "--html", page, "--force", "--json").json["kind"] == "problem"
    )


def test_a_page_of_a_design_that_is_chosen(builtin, tmp_path):
    page = tmp_path / "p.html"
    assert builtin("describe", "pictured-cache", "--html", page, "--design", json.dumps(DESIGN)).code == 0
    evaluated = builtin("evaluate", "pictured-cache", "--design", json.dumps(DESIGN), "--json").json["rows"][
        0
    ]
    text = page.read_text()
    assert "The design</h2>" in text
    assert f"<dt>misses</dt><dd>{evaluated['metrics']['misses']:,.0f}</dd>" in text
    assert "<dt>sets</dt><dd>64</dd>" in text


def test_a_problem_without_pictures_has_a_page_too(builtin, tmp_path):
    assert builtin("describe", "two-spheres", "--html", tmp_path / "p.html").code == 0
    assert "<figure" not in (tmp_path / "p.html").read_text()


def test_a_design_that_cannot_be_evaluated_is_said_so(builtin, tmp_path):
    page = tmp_path / "p.html"
    bad = json.dumps({"sets": 512, "tile": 32, "write_buffer": False})
    assert builtin("describe", "pictured-cache", "--html", page, "--design", bad).code == 0
    assert re.search(r"infeasible: .*sets \* tile &gt; 8192", page.read_text())
    assert "Miss rate" not in page.read_text()


def test_a_mistake_is_one_line_and_writes_nothing(builtin, tmp_path):
    page = tmp_path / "p.html"
    describe = ("describe", "pictured-cache")
    builtin(*describe, "--design", "{}").assert_error("--design is for the page: add --html FILE")
    builtin("describe", "random", "--html", page).assert_error("random is an agent")
    builtin(*describe, "--html", page, "--design", "[{}, {}]").assert_error("expected one design, not 2")
    two = json.dumps([DESIGN, DESIGN])
    builtin(*describe, "--html", page, "--design", two).assert_error("expected one design, not 2")
    wrong = json.dumps(DESIGN | {"sets": 63})
    builtin(*describe, "--html", page, "--design", wrong).assert_error("sets", "63")
    builtin(*describe, "--html", tmp_path / "no" / "p.html").assert_error("p.html")
    assert not list(tmp_path.iterdir())


def test_blank_names_and_stores_are_one_line(builtin, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    builtin(*SEARCH, "--name", "  ").assert_error("the name of a study must not be blank")
    builtin(*SEARCH, "--store", "").assert_error("expected the path of a store, not ''")
    assert not list(tmp_path.iterdir())


def test_what_takes_long_is_said(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SLOW_S", 0.01)
    with progress.said_if_slow() as say:
        say("drawing \x1b[31m")
        time.sleep(0.5)
    with progress.said_if_slow():
        pass
    assert capsys.readouterr().err == "drawing \\x1b[31m\n"
