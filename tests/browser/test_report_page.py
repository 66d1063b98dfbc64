"""The report page in headless Chromium: no complaint, no request, right numbers, nothing injected."""

from __future__ import annotations

import csv
import io
import json
import shlex
from itertools import pairwise
from urllib.parse import unquote

import moocore
import numpy as np
import pytest

from cosearch.objectives import feasible, minimised
from cosearch.outcomes import Outcomes
from cosearch.space import Categorical, DesignSpace, Real
from report_studies import ALL_OBJECTIVES, METRICS, make_study

pytestmark = pytest.mark.browser

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    '"onmouseover="alert(4)',
    "' autofocus onfocus='alert(5)",
    "<a href='javascript:alert(6)'>x</a>",
    "%{customdata[0]} &lt;b&gt; ${alert(7)} {{7*7}}",
    "--><!--<script>",
    "\x00\x1b[31m\u202e\ud800",
)


def brute_force_front(study):
    """The distinct designs of a study that no other feasible design dominates."""
    points = minimised(study.objectives, study.outcomes)
    meets = feasible(study.constraints, study.outcomes)
    rows = np.flatnonzero(meets)
    return [
        i
        for i in rows
        if not any((points[j] <= points[i]).all() and (points[j] < points[i]).any() for j in rows)
    ]


def drawn_points(page, figure="figure-0"):
    """The number of marks in the picture itself, not in its data."""
    return page.run(f"document.querySelectorAll('#{figure} .scatterlayer .point').length")


def plotted_columns(page, figure, axis):
    marks = f"document.getElementById('{figure}').data.filter(t => t.mode === 'markers')"
    traces = page.run(f"{marks}.map(t => Array.from(t.{axis}))")
    return np.concatenate([np.array(trace, dtype=float) for trace in traces if trace])


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_page_is_silent_and_asks_for_nothing(open_report, n_objectives):
    page = open_report(make_study(120, ALL_OBJECTIVES[:n_objectives]))
    assert page.complaints() == []
    assert page.requests() == []
    plots = page.run(
        "Array.from(document.querySelectorAll('.plot')).map(p => p.clientHeight * p.clientWidth)"
    )
    # pairs of objectives (or the best so far), hypervolume, parallel coordinates, importances
    pairs = n_objectives * (n_objectives - 1) // 2 or 1
    assert len(plots) == pairs + (n_objectives > 1) + 1 + n_objectives
    assert min(plots) > 10_000


def test_every_evaluation_that_ran_is_a_mark(open_report):
    study = make_study(400, constraints=["area_mm2<=4"])
    page = open_report(study)
    ran = study.outcomes.ok
    assert 0 < feasible(study.constraints, study.outcomes).sum() < ran.sum() < 400
    assert drawn_points(page) == ran.sum()
    for axis, metric, factor, title in (
        ("x", "latency_ns", 1e6, "latency [ms]"),
        ("y", "energy_pj", 1e6, "energy [uJ]"),
    ):
        shown = np.sort(plotted_columns(page, "figure-0", axis))
        assert shown * factor == pytest.approx(np.sort(study.outcomes[metric][ran]), rel=1e-5)
        drawn = page.run(f"document.getElementById('figure-0')._fullLayout.{axis}axis.title.text")
        assert drawn.startswith(title)


def test_table_and_csv_hold_the_pareto_designs(open_report):
    study = make_study(300)
    page = open_report(study)
    front = brute_force_front(study)
    rows = page.driver.find_elements("css selector", "table.pareto tbody tr")
    assert len(rows) == len(front) > 3
    heads = page.run("Array.from(document.querySelectorAll('table.pareto th'), th => th.innerText)")
    assert heads[:3] == ["latency\nms", "energy\nuJ", "area_mm2\nmm2"]
    href = page.run("document.querySelector('a[download]').href")
    assert href.startswith("data:text/csv")
    table = list(csv.DictReader(io.StringIO(unquote(href.split(",", 1)[1]))))
    expected = sorted(float(study.outcomes["latency_ns"][i]) for i in front)
    assert [float(row["latency_ns [ns]"]) for row in table] == expected  # full precision, the best first


def test_copied_command_evaluates_the_design(open_report):
    study = make_study(200)
    page = open_report(study)
    page.run(
        "(window.copied = [], navigator.clipboard.writeText = async (text) => { window.copied.push(text); })"
    )
    page.driver.find_element("css selector", "table.pareto button[data-copy]").click()
    words = shlex.split(page.run("window.copied[0]"))
    assert words[:3] == ["cosearch", "evaluate", "test-chip"]
    assert "workload=resnet18" in words
    design = json.loads(words[words.index("--design") + 1])
    front = brute_force_front(study)
    best = min(front, key=lambda i: study.outcomes["latency_ns"][i])
    assert study.space.designs(design) == study.designs[[best]]


def test_a_heading_sorts_the_table(open_report):
    page = open_report(make_study(300))
    rows = "document.querySelectorAll('table.pareto tbody tr')"
    column = f"Array.from({rows}, r => Number(r.cells[1].dataset.value))"
    page.driver.find_elements("css selector", "table.pareto th button")[1].click()
    ascending = page.run(column)
    assert ascending == sorted(ascending)
    page.driver.find_elements("css selector", "table.pareto th button")[1].click()
    assert page.run(column) == ascending[::-1] != ascending


def test_hypervolume_curves_end_at_their_share(open_report):
    studies = [make_study(150, seed=s) for s in range(2)]
    page = open_report(*studies)
    points = [
        minimised(study.objectives, study.outcomes)[feasible(study.constraints, study.outcomes)]
        for study in studies
    ]
    pooled = np.concatenate(points)
    front = pooled[moocore.is_nondominated(pooled)]
    reference = front.max(axis=0) + 0.1 * np.ptp(front, axis=0)
    whole = moocore.hypervolume(pooled, ref=reference)
    shares = [100 * moocore.hypervolume(part, ref=reference) / whole for part in points]
    ends = page.run("document.getElementById('figure-1').data.map(t => t.y[t.y.length - 1])")
    assert ends == pytest.approx(shares, rel=1e-5)


def test_many_seeds_become_a_median_and_a_band(open_report):
    studies = [make_study(60, agent=a, seed=s) for a in ("random", "evolution") for s in range(10)]
    page = open_report(*studies)
    names = page.run(
        "document.getElementById('figure-1').data.filter(t => t.showlegend !== false).map(t => t.name)"
    )
    assert names == ["random (10 seeds)", "evolution (10 seeds)"]
    filled = page.run("document.querySelectorAll('#figure-1 .scatterlayer .fills path').length")
    assert filled >= 2
    assert page.complaints() == []


def test_log_axis_and_zoom(open_report):
    page = open_report(make_study(200))
    axis = "document.getElementById('figure-0')._fullLayout.xaxis"
    before = page.run(f"{axis}.type")
    page.button("Log x", "#figure-0-controls").click()
    assert {before, page.run(f"{axis}.type")} == {"log", "linear"}
    whole = page.run(f"{axis}.range")
    page.button("Zoom to the front", "#figure-0-controls").click()
    part = page.run(f"{axis}.range")
    assert part[1] - part[0] < whole[1] - whole[0]
    page.button("Zoom to the front", "#figure-0-controls").click()
    assert page.run(f"{axis}.range") == whole


def test_missing_hypervolume_is_shown_on_a_log_axis(open_report):
    page = open_report(*(make_study(100, seed=s) for s in range(2)))
    page.button("What is missing", "#figure-1-controls").click()
    figure = "document.getElementById('figure-1')"
    assert page.run(f"{figure}._fullLayout.yaxis.type") == "log"
    assert page.run(f"Math.min(...{figure}.data.flatMap(t => t.y.filter(y => y !== null)))") > 0


def test_hover_shows_the_design_with_its_units(open_report):
    study = make_study(50)
    page = open_report(study)
    last = page.run("document.getElementById('figure-0').data.length") - 1
    page.run(f"Plotly.Fx.hover('figure-0', [{{curveNumber: {last}, pointNumber: 0}}])")
    text = page.run("document.querySelector('#figure-0 .hoverlayer').textContent")
    assert "random · seed 0 · evaluation" in text
    assert " ms" in text
    assert " uJ" in text
    assert " mm2" in text
    for name in study.space.names:
        assert f"{name}: " in text


def test_parallel_coordinates_keep_the_lines_within_a_brush(open_report):
    study = make_study(200, constraints=[])
    page = open_report(study)
    from selenium.webdriver.common.action_chains import ActionChains

    plot = page.driver.find_element("css selector", ".parallel")
    words = "document.querySelector('.parallel').closest('figure').lastElementChild.textContent"
    ran = int(study.outcomes.ok.sum())
    assert page.run(words) == f"{ran} of {ran} designs are kept."
    handle = plot.find_elements("css selector", ".handle")[0]  # rows: 4, 8, 16, 32, 64
    height = handle.size["height"]
    page.run("arguments[0].scrollIntoView({block: 'center'})", plot)
    ActionChains(page.driver, 20).move_to_element_with_offset(
        handle, 0, int(-height / 2) + 2
    ).click_and_hold().move_by_offset(0, int(height * 0.22)).release().perform()
    largest = int((study.designs["rows"][study.outcomes.ok] == 64).sum())
    assert page.run(words) == f"{largest} of {ran} designs are kept."
    ActionChains(page.driver, 20).move_to_element(handle).click().perform()
    assert page.run(words) == f"{ran} of {ran} designs are kept."
    ink = page.run(
        "(() => { const c = document.querySelector('.parallel canvas');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"
    )
    assert ink > 10_000


def test_parallel_coordinates_of_the_front_only(open_report):
    study = make_study(200)
    page = open_report(study)
    page.button("Front only").click()
    kept = page.run("document.querySelector('.parallel').closest('figure').lastElementChild.textContent")
    assert kept.startswith(f"{len(brute_force_front(study))} of ")


def hostile_study():
    n = len(HOSTILE) * 8
    space = DesignSpace([Categorical("choice", HOSTILE), Real("x", 0, 1)], name=HOSTILE[0])
    designs = space.sample(n, 0)
    x = designs["x"]
    errors = [HOSTILE[i % len(HOSTILE)] if i % 5 == 0 else "" for i in range(n)]
    names = [HOSTILE[0], HOSTILE[3]]
    goals = [f"{name}:min" for name in names]
    outcomes = Outcomes.of({names[0]: x + 0.1, names[1]: 1.2 - x}, errors=errors)
    metrics = [{"name": name, "unit": HOSTILE[2], "description": HOSTILE[1]} for name in names]
    return make_study(
        n,
        goals,
        agent=HOSTILE[1],
        space=space,
        designs=designs,
        outcomes=outcomes,
        constraints=[],
        metrics=metrics,
        name=HOSTILE[4],
        problem=HOSTILE[0],
        problem_arguments={HOSTILE[3]: HOSTILE[1], "path": HOSTILE[2]},
        agent_settings={HOSTILE[2]: HOSTILE[0]},
        status=HOSTILE[2],
        stopped_because=HOSTILE[1],
        command=f"cosearch search {HOSTILE[1]}",
        versions={HOSTILE[0]: HOSTILE[3]},
        host={HOSTILE[2]: HOSTILE[1]},
        created_at=HOSTILE[0],
    )


def test_hostile_names_stay_text(open_report):
    from selenium.common.exceptions import NoAlertPresentException

    page = open_report(hostile_study(), make_study(30))
    points = drawn_points(page)
    page.run("Plotly.Fx.hover('figure-0', [{curveNumber: 1, pointNumber: 0}])")
    for button in page.driver.find_elements("css selector", "button[data-copy]")[:3]:
        button.click()
    with pytest.raises(NoAlertPresentException):
        _ = page.driver.switch_to.alert.text
    assert points > 0
    assert page.complaints() == []  # a blocked script would be reported here
    assert page.requests() == []
    # parallel, page, data and plotly.js; no image but plotly's own, no link but the page's own, no handler
    assert page.run("document.scripts.length") == 4
    assert page.run("document.querySelectorAll('img, iframe, object, embed, [autofocus]').length") == 0
    links = page.run("Array.from(document.links, a => a.protocol)")
    assert not [link for link in links if link not in ("data:", "file:")]
    handlers = page.run(
        "Array.from(document.querySelectorAll('*')).filter(e => Array.from(e.attributes)"
        ".some(a => a.name.startsWith('on'))).length"
    )
    assert handlers == 0
    text = page.run("document.body.innerText")
    for shown in ("<script>alert(1)</script>", "<img src=x onerror=alert(3)>", '"onmouseover="alert(4)'):
        assert shown in text


def test_no_feasible_design(open_report):
    page = open_report(make_study(80, constraints=["area_mm2<=0.01"]))
    lead = page.run("document.querySelector('.lead').innerText")
    assert lead.startswith("No feasible design in 80 evaluations. Most frequent reason: ")
    assert "area_mm2<=0.01 is not met" in lead
    assert page.complaints() == []
    assert page.run("document.querySelectorAll('table.pareto').length") == 0


def test_no_evaluation_at_all(open_report):
    page = open_report(make_study(0))
    assert page.run("document.querySelector('.lead').innerText") == "No design has been evaluated yet."
    assert page.complaints() == []


def test_groups_have_sections_of_their_own(open_report):
    page = open_report(make_study(60), make_study(60, ALL_OBJECTIVES[:1]), make_study(60, seed=1))
    assert page.run("document.querySelectorAll('main > section').length") == 2
    links = page.run("Array.from(document.querySelectorAll('nav a'), a => a.getAttribute('href'))")
    assert links == ["#group-0", "#group-1"]
    assert page.run("document.querySelectorAll('#group-0 table.studies tbody tr').length") == 2
    assert page.complaints() == []


def test_few_designs_are_said_to_be_few(open_report):
    page = open_report(make_study(60))
    assert "13 parameters" in page.run("document.querySelector('.caution').innerText")


def test_page_follows_the_readers_colours(open_report, page):
    page.emulate(prefers_color_scheme="dark")
    open_report(make_study(60))
    dark = page.run("getComputedStyle(document.body).backgroundColor")
    label = "getComputedStyle(document.querySelector('#figure-0 .xtick text')).fill"
    on_dark = page.run(label)
    page.emulate(prefers_color_scheme="light")
    assert page.run("getComputedStyle(document.body).backgroundColor") != dark
    assert page.run(f"new Promise(done => setTimeout(() => done({label}), 1500))") != on_dark


def test_phone_needs_no_sideways_scrolling(open_report, page):
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True},
    )
    open_report(make_study(60, ALL_OBJECTIVES[:3]))
    assert page.run("document.documentElement.scrollWidth") <= 390
    plot = page.run("document.getElementById('figure-0').clientWidth")
    assert 300 < plot <= 390
    assert page.complaints() == []


def test_headings_and_pictures_can_be_read_aloud(open_report):
    page = open_report(make_study(60))
    levels = page.run("Array.from(document.querySelectorAll('h1, h2, h3, h4'), h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    labels = page.run(
        "Array.from(document.querySelectorAll('[role=img]'), e => e.getAttribute('aria-label'))"
    )
    assert len(labels) >= 4
    assert all(len(label) > 20 for label in labels)


def test_five_thousand_evaluations(open_report, tmp_path):
    study = make_study(5000, metrics=METRICS)
    page = open_report(study)
    assert (tmp_path / "report.html").stat().st_size < 8_000_000
    assert drawn_points(page) == study.outcomes.ok.sum()
    assert page.complaints() == []
