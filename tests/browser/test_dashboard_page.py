"""The dashboard in headless Chromium: a live search, a click and a wish, a million rows, hostile names."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from cosearch.errors import CosearchError
from cosearch.outcomes import Outcomes
from cosearch.space import Categorical, DesignSpace, Integer
from cosearch.store import Store
from dashboards import many, served
from stored_studies import record

pytestmark = pytest.mark.browser
pytest.importorskip("uvicorn")

# A search that takes its time and hardly any of the processor's.
SEARCH = """
import sys, time
from cosearch import Study, make_problem

problem = make_problem("dram-controller", workload="random:requests=200", search_device=True)
simulate = problem.simulate
problem.simulate = lambda designs, **how: (time.sleep(0.05 * len(designs)), simulate(designs, **how))[1]
Study.create(problem, "random", budget=100_000, store=sys.argv[1], name="live", batch_size=4).run()
"""
HOSTILE = (
    "<script>window.owned = 1</script>",
    "<img src=x onerror='window.owned = 2'>",
    "\"' autofocus onfocus=window.owned=3 x='",
    "</td></table><b>%{customdata[0]} {{7*7}} ${window.owned = 4}",
    "javascript:window.owned=5",
)


def wait(page, condition, seconds=60):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(page.driver, seconds, 0.1).until(lambda _: page.run(condition))


def show(page, dashboard):
    page.driver.get("about:blank")  # what an earlier test had open asks a server that is gone
    for kind in ("browser", "performance"):
        page.driver.get_log(kind)
    page.driver.get(dashboard.url)
    wait(page, "Boolean(document.documentElement.dataset.version)", 120)


def others(page, dashboard):
    """What the page asked of anybody but its own server."""
    return [url for url in page.requests() if not url.startswith(dashboard.url)]


def evaluations(page):
    text = page.run("document.querySelector('#studies .meter').textContent")
    return int(text.partition(" of ")[0].replace(",", ""))


MARKS = "document.querySelectorAll('#sections .scatterlayer .point').length"


def test_a_live_search_is_followed_and_takes_a_design_from_the_page(page, tmp_path):
    store = tmp_path / "s.db"
    search = subprocess.Popen([sys.executable, "-c", SEARCH, store])
    try:
        while not begun(store):
            time.sleep(0.2)
        with served(store) as dashboard:
            show(page, dashboard)
            first, version = evaluations(page), int(page.run("document.documentElement.dataset.version"))
            assert page.run("document.querySelector('#studies .status').textContent") == "running"
            wait(page, "document.querySelectorAll('#running tr').length > 0")
            running = page.run("document.querySelector('#running tr').cells[4].textContent")
            assert "scheduler=" in running
            wait(page, f"Number(document.documentElement.dataset.version) > {version + 1}")
            assert evaluations(page) > first
            assert page.run(MARKS) > 20
            # the zoom that a reader has set outlives the next data
            wait(page, "document.querySelector('.controls').textContent.includes('Zoom')")
            page.button("Zoom to the front").click()
            zoomed = page.run("document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range")
            seen = int(page.run("document.documentElement.dataset.version"))
            wait(page, f"Number(document.documentElement.dataset.version) > {seen + 1}")
            assert page.button("Zoom to the front").get_attribute("aria-pressed") == "true"
            assert zoomed
            # pick a design, ask for another one
            page.run("document.querySelector('tr[data-pick]').click()")
            wait(page, "!document.getElementById('wish').hidden")
            assert page.run("document.querySelectorAll('#design .plot').length") >= 1
            wanted = {"read_queue": 64, "write_queue": 8, "scheduler": "fcfs", "row_policy": "open"}
            for name, value in wanted.items():
                field = page.driver.find_element("css selector", f"[data-name={name}]")
                page.run(
                    "(() => { const f = arguments[0]; f.value = String(Array.from(f.options)"
                    ".findIndex(o => o.text === arguments[1])); })()",
                    field,
                    str(value),
                )
            page.button("Enqueue", "#wish").click()
            wait(page, "document.getElementById('wish-said').textContent !== ''")
            said = page.run("document.getElementById('wish-said').textContent")
            assert said.startswith("wish 1: evaluated as soon as a worker is free")
            deadline = time.monotonic() + 60
            while not wished(store, wanted):
                assert time.monotonic() < deadline
                time.sleep(0.3)
            assert page.complaints() == []
            assert others(page, dashboard) == []
    finally:
        search.terminate()
        search.wait(30)


def begun(store):
    """Whether the study has evaluated something."""
    try:
        with Store.open(store) as opened:
            return opened.study("live").evaluations > 20
    except CosearchError:
        return False


def wished(store, wanted):
    """Whether the study has evaluated what nobody but the page asked for."""
    with Store.open(store) as opened:
        stored = opened.evaluations(opened.study("live"))
    rows = np.flatnonzero(stored.number < 0)
    return any(
        all(stored.designs[row][name] == value for name, value in wanted.items()) for row in rows.tolist()
    )


def test_a_million_evaluations_do_not_freeze_the_page(page, tmp_path):
    many(tmp_path / "big.db", 1_000_000)
    with served(tmp_path / "big.db") as dashboard:
        page.driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        show(page, dashboard)
        time.sleep(1)
        metrics = page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        spent = {metric["name"]: metric["value"] for metric in metrics}
        page.driver.execute_cdp_cmd("Performance.disable", {})
        assert evaluations(page) == 1_000_000
        assert page.run("document.querySelector('#sections .lead').textContent").startswith("random found")
        assert 1_000 < page.run(MARKS) < 4_000
        assert spent["TaskDuration"] < 8, spent  # seconds of its own processor time, all scripts included
        assert page.complaints() == []


def hostile_store(path):
    space = DesignSpace([Categorical("choice", HOSTILE), Integer("x", 0, 99)], name=HOSTILE[0])
    metrics = [HOSTILE[0], HOSTILE[1]]
    designs = space.sample(60, 0)
    reasons = [HOSTILE[i % 5] if i % 6 == 0 else "" for i in range(60)]
    x = designs["x"].astype(float)
    outcomes = Outcomes.of({metrics[0]: x, metrics[1]: 99 - x}, errors=reasons)
    with Store.open(path, create=True) as store:
        for name in HOSTILE[:2]:
            made = record(
                name,
                problem=HOSTILE[3],
                problem_arguments={HOSTILE[2]: HOSTILE[4]},
                agent=HOSTILE[1],
                objectives=[f"{metric}:min" for metric in metrics],
                constraints=[],
                metrics=[{"name": m, "unit": HOSTILE[3], "description": HOSTILE[0]} for m in metrics],
                space=space.to_dict(),
                space_hash=space.hash(),
            )
            with store.writer(store.create_study(made)) as writer:
                rows = writer.append(np.arange(60), designs, outcomes, seconds=1.0)
                writer.tell(rows, {})
                writer.set_status("interrupted", HOSTILE[0])


def test_hostile_names_are_shown_and_not_obeyed(page, tmp_path):
    hostile_store(tmp_path / "s.db")
    with served(tmp_path / "s.db") as dashboard:
        show(page, dashboard)
        for box in page.driver.find_elements("css selector", "#studies input")[1:]:
            box.click()
        wait(page, "document.querySelectorAll('table.studies tbody tr').length === 2")
        shown = page.run("document.body.textContent")
        for text in HOSTILE:
            assert text in shown
        page.run("document.querySelector('tr[data-pick]').click()")
        wait(page, "!document.getElementById('wish').hidden")
        assert HOSTILE[1] in page.run("document.getElementById('design').textContent")
        assert page.run("window.owned === undefined")
        assert page.run("document.querySelectorAll('img, #sections script, b').length") == 0
        assert page.complaints() == []
        assert others(page, dashboard) == []
