"""`study.run(progress=True)` shows how it goes: in a notebook in one cell, else on stderr."""

from __future__ import annotations

import re
import sys
import types

import pytest
from rich.console import Console

from cosearch import Study, make_problem, progress_display


class Cell:
    """What a notebook shows of one `display` call."""

    def __init__(self, shown, *, raw, display_id):
        assert raw
        assert display_id
        self.shown = [shown]

    def update(self, shown, *, raw):
        assert raw
        self.shown.append(shown)


@pytest.fixture
def notebook(monkeypatch):
    """Make this process a notebook's; the cells that it shows."""
    cells = []

    def display(*arguments, **options):
        cells.append(Cell(*arguments, **options))
        return cells[-1]

    module = types.ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(progress_display, "console", lambda **_: Console(force_jupyter=True, width=100))
    return cells


def test_a_notebook_shows_the_panel_in_one_cell_and_keeps_its_last_state(notebook):
    study = Study.create(make_problem("two-spheres"), "random", budget=40, name="<b>mine</b>")
    study.run(progress=True)
    (cell,) = notebook
    last = cell.shown[-1]
    assert "40/40" in last["text/plain"]
    assert re.search(r"Pareto front +\d+ designs?", last["text/plain"])
    assert "40/40" in last["text/html"]
    assert last["text/html"].startswith("<pre")
    assert "<b>mine" not in last["text/html"]


def test_a_notebook_is_not_drawn_more_often_than_anybody_sees(notebook):
    Study.create(make_problem("two-spheres"), "random", budget=400).run(progress=True)
    (cell,) = notebook
    assert len(cell.shown) < 20


def test_without_a_terminal_it_is_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(progress_display, "LINE_EVERY_S", 0.0)
    Study.create(make_problem("two-spheres"), "random", budget=20, batch_size=10).run(progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].startswith("20/20 evaluations")


def test_without_progress_nothing_is_printed(capsys):
    Study.create(make_problem("two-spheres"), "random", budget=20).run()
    assert capsys.readouterr() == ("", "")
