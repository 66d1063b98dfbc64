"""A problem's pictures in headless Chromium: a tab for each design of a report, and a problem's page."""

from __future__ import annotations

import numpy as np
import pytest

import pictured_problem
from cosearch import Study
from cosearch.pictures import PALETTE
from cosearch.registry import registry
from cosearch.report import write_problem_page
from cosearch.report.comparison import compare
from cosearch.report.design_pictures import chosen_designs

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
PANEL = "document.querySelector('[role=tabpanel]:not([hidden])')"


@pytest.fixture(scope="module")
def study():
    if "pictured-cache" not in registry().problems:
        registry().register(pictured_problem, "pictured-problem")
    return Study.create(pictured_problem.PicturedCache(), "random", budget=40, seed=1).run()


@pytest.fixture
def open_problem(page, tmp_path):
    def write_and_open(problem):
        write_problem_page(problem, tmp_path / "problem.html")
        page.open(tmp_path / "problem.html")
        return page

    return write_and_open


def tabs(page):
    return page.driver.find_elements("css selector", "[role=tab]")


def shown_misses(page):
    """The misses that the heatmap of the panel in sight shows, as Plotly holds them."""
    gaps = "Array.from(row, v => v === null || Number.isNaN(v) ? 0 : v)"
    maps = f"Array.from({PANEL}.querySelectorAll('.plot'), p => p.data[0]).find(t => t.type === 'heatmap')"
    return np.sum(page.run(f"Array.from({maps}.z, row => {gaps})"))


def drawn(page):
    from selenium.webdriver.support.ui import WebDriverWait

    plots = f"Array.from({PANEL}.querySelectorAll('.plot'))"
    WebDriverWait(page.driver, 20, 0.05).until(
        lambda _: page.run(f"{plots}.every(p => p.querySelector('.main-svg') && p.clientWidth > 0)")
    )
    return page.run(f"{plots}.length")


def test_a_tab_shows_its_design_and_no_other(open_report, study):
    page = open_report(study)
    (comparison,) = compare([study])
    chosen = chosen_designs(comparison)
    assert len(tabs(page)) == len(chosen) == 3
    for tab, (row, why) in zip(tabs(page), chosen, strict=True):
        tab.click()
        assert drawn(page) == 3
        assert tab.text.lower() == why
        assert page.run("document.querySelectorAll('[role=tabpanel]:not([hidden])').length") == 1
        assert page.run("Array.from(document.querySelectorAll('[role=tab]'), t => t.ariaSelected)").count(
            "true"
        ) == 1  # fmt: skip
        assert shown_misses(page) == comparison.outcomes["misses"][row]
        assert f"\n{comparison.designs[row]['sets']}\n" in page.run(f"{PANEL}.innerText")
    assert page.complaints() == []
    assert page.requests() == []


def test_arrow_keys_go_from_tab_to_tab(open_report, study):
    from selenium.webdriver.common.keys import Keys

    page = open_report(study)
    tabs(page)[0].send_keys(Keys.ARROW_LEFT)
    assert drawn(page) == 3
    assert tabs(page)[-1].get_attribute("aria-selected") == "true"
    assert page.run("document.activeElement") == tabs(page)[-1]
    tabs(page)[-1].send_keys(Keys.ARROW_RIGHT)
    assert tabs(page)[0].get_attribute("aria-selected") == "true"


def test_a_panel_that_was_hidden_while_the_window_changed_fits_it(open_report, page, study):
    open_report(study)
    tabs(page)[1].click()
    drawn(page)
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**PHONE, "width": 700})
    tabs(page)[0].click()
    drawn(page)
    fits = f"Array.from({PANEL}.querySelectorAll('.plot'), p => p._fullLayout.width - p.clientWidth)"
    assert page.run(f"new Promise(done => setTimeout(() => done({fits}), 500))") == [0, 0, 0]


def test_phone_scrolls_a_wide_picture_and_nothing_else(open_report, page, study):
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    open_report(study)
    drawn(page)
    assert page.run("document.documentElement.scrollWidth") <= 390
    frames = f"Array.from({PANEL}.querySelectorAll('.plot-frame'), f => f.scrollWidth > f.clientWidth)"
    assert page.run(frames) == [True, False, False]  # the first picture has a least width
    assert page.complaints() == []


def test_pictures_without_colours_have_those_of_the_page(open_problem, page):
    colours = "Array.from(document.querySelectorAll('#figure-0 .scatterlayer .js-line'), l => l.style.stroke)"

    def rgb(colour):
        return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"

    open_problem(pictured_problem.PicturedCache())
    assert page.run(colours) == [rgb(colour) for colour in PALETTE[:3]]
    scale = "document.getElementById('figure-1')._fullData[0].colorscale[0][1]"
    light = page.run(scale)
    page.emulate(prefers_color_scheme="dark")
    open_problem(pictured_problem.PicturedCache())
    on_dark = page.run(colours)
    assert len(set(on_dark)) == 3
    assert not set(on_dark) & {rgb(colour) for colour in PALETTE[:3]}
    assert page.run(scale) != light
    assert page.complaints() == []


def test_the_page_of_a_problem_is_silent_and_asks_for_nothing(open_problem):
    page = open_problem(pictured_problem.PicturedCache())
    assert page.complaints() == []
    assert page.requests() == []
    plots = page.run("Array.from(document.querySelectorAll('.plot'), p => p.clientHeight * p.clientWidth)")
    assert len(plots) == 3
    assert min(plots) > 10_000
    rows = page.run("Array.from(document.querySelectorAll('tbody tr'), r => r.cells[0].innerText)")
    assert rows[:4] == list(pictured_problem.PicturedCache.space.names)
    levels = page.run("Array.from(document.querySelectorAll('h1, h2, h3'), h => Number(h.tagName[1]))")
    assert levels[:5] == [1, 2, 3, 3, 3]


def test_a_picture_that_plotly_cannot_draw_is_a_line_and_the_others_are_drawn(open_problem):
    page = open_problem(pictured_problem.PicturedCache(trouble="plotly"))
    assert page.run("document.getElementById('figure-3').innerText").startswith(
        "This picture cannot be drawn"
    )
    assert page.run("document.querySelectorAll('.plot .main-svg').length") >= 3
    assert page.requests() == []


def test_a_legend_does_not_cover_the_plot(open_problem):
    page = open_problem(pictured_problem.PicturedCache())
    for figure in ("figure-0", "figure-2"):
        box = f"document.querySelector('#{figure} SELECTOR').getBoundingClientRect()"
        legend = page.run(box.replace("SELECTOR", ".legend"))
        plot = page.run(box.replace("SELECTOR", ".nsewdrag"))
        assert legend["bottom"] <= plot["top"] + 1
