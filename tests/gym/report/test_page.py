"""The page as a file; what a browser makes of it is in tests/browser."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch.outcomes import Outcomes
from cosearch.report import write_report
from cosearch.report.page import report_page
from cosearch.report.points import escape
from cosearch.report.rendering import embedded_json
from report_studies import ALL_OBJECTIVES, METRICS, SPACE, make_study

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Nesting(HTMLParser):
    """Fails on a tag that is closed out of order."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.figures = [], [], 0

    def handle_starttag(self, tag, attributes):
        self.ids += [value for name, value in attributes if name == "id"]
        self.figures += tag == "figure"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("n_objectives", [1, 2, 4])
def test_page_is_well_formed(n_objectives):
    parser = Nesting()
    parser.feed(
        report_page([make_study(60, ALL_OBJECTIVES[:n_objectives]), make_study(60, ["top1:max"], seed=3)])
    )
    assert parser.open == []
    assert len(set(parser.ids)) == len(parser.ids)
    assert parser.figures > 4


def test_the_same_studies_give_the_same_page():
    assert report_page([make_study(40)]) == report_page([make_study(40)])


def test_page_of_an_empty_store_says_so():
    assert "The store holds no study yet." in report_page([])


def test_page_is_written_as_utf8(tmp_path):
    write_report([make_study(20, name="Studie für \ud800 λ")], tmp_path / "r.html")
    assert "Studie für \\ud800 λ" in (tmp_path / "r.html").read_text("utf-8")


def test_every_shared_column_is_there():
    page = report_page([make_study(60, ALL_OBJECTIVES)])
    data = json.loads(re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.S)[1])
    named = set(re.findall(r'\{"\$ref": "(\w+)"\}', json.dumps(data["figures"])))
    assert named == set(data["columns"])


@given(st.text())
def test_no_text_ends_the_embedded_json(text):
    embedded = embedded_json({"text": text, text: [text]})
    assert not set("<>&") & set(embedded)
    assert embedded.isascii()
    assert json.loads(embedded) == {"text": text, text: [text]} | ({"text": [text]} if text == "text" else {})


@given(st.text())
def test_no_text_is_markup_for_plotly(text):
    escaped = escape(text)
    assert not set("<>") & set(escaped)
    assert "&" not in re.sub(r"&(amp|lt|gt);", "", escaped)


def test_importing_reports_does_not_import_plotly():
    code = "import sys, cosearch.report; print(sorted({'plotly', 'moocore', 'torch'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_of_designs_with_equal_objectives_one_is_shown():
    designs = SPACE.sample(30, 4)
    outcomes = Outcomes.of({metric["name"]: np.full(30, 2.0) for metric in METRICS})
    page = report_page([make_study(30, designs=designs, outcomes=outcomes)])
    (table,) = re.findall(r'<table class="pareto">.*?</table>', page)
    assert table.count("<tr>") == 2  # the head and one design
    assert "and 29 more with the same values" in table
    assert len(unquote(re.search(r'href="data:text/csv[^,]*,([^"]*)"', page)[1]).splitlines()) == 31
