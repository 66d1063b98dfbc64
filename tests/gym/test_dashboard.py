"""The dashboard's server: what it answers, whom it answers, and what it says of bad stores and ports."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import sys
import time
import urllib.parse

import pytest

from cosearch import Study
from cosearch.cli import run
from cosearch.store import Store, live
from dashboards import served
from stored_studies import written

pytest.importorskip("uvicorn")

DRAM = {"workload": "random:requests=200"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two studies that can be compared, and one of another problem."""
    from cosearch import make_problem

    path = tmp_path_factory.mktemp("dashboard") / "s.db"
    for seed in (0, 1):
        Study.create(
            make_problem("dram-controller", **DRAM), "random", budget=30, seed=seed, store=path
        ).run()
    Study.create(make_problem("gpu-platform"), "random", budget=20, store=path).run()
    return path


@pytest.fixture(scope="module")
def dashboard(store):
    with served(store) as found:
        yield found


def viewed(dashboard, *names):
    pairs = [("study", name) for name in names]
    for _ in range(300):
        status, found = dashboard.ask(f"/api/view?{urllib.parse.urlencode(pairs)}")
        assert status == 200
        if not found.get("building"):
            return found
        time.sleep(0.1)
    raise AssertionError("it is never built")


def test_studies_are_listed_with_how_far_they_are(dashboard):
    _, found = dashboard.ask("/api/studies")
    assert [s["name"] for s in found["studies"]] == [
        "gpu-platform-random-0", "dram-controller-random-1", "dram-controller-random-0",
    ]  # fmt: skip
    assert {s["evaluations"] for s in found["studies"]} == {20, 30}
    assert {s["status"] for s in found["studies"]} == {"finished"}
    assert found["error"] == ""


def test_what_can_be_compared_is_one_section_and_the_figures_are_the_reports(dashboard, store):
    from cosearch.report.comparison import compare
    from cosearch.report.curves import hypervolume_figure
    from cosearch.report.parallel import parallel_figure

    names = ["dram-controller-random-0", "dram-controller-random-1"]
    view = viewed(dashboard, *names, "gpu-platform-random-0")
    assert [section["studies"] for section in view["sections"]] == [names, ["gpu-platform-random-0"]]
    with Store.open(store) as opened:
        (comparison,) = compare([opened.read(opened.study(name)) for name in names])
    drawn = {
        p["title"]: f for p, f in zip(*(view["sections"][0][k] for k in ("places", "figures")), strict=True)
    }
    volume, parallel = hypervolume_figure(comparison), parallel_figure(comparison)
    assert drawn[volume.title]["traces"] == json.loads(json.dumps(volume.traces))
    assert drawn[parallel.title]["controls"] == json.loads(json.dumps(parallel.controls))
    assert "Evaluations in each second" in drawn
    again = dashboard.ask(f"/api/view?study={names[0]}&study={names[1]}&study=gpu-platform-random-0&seen=1")
    assert again[1] == {"version": 1, "same": True}


def test_a_design_is_shown_with_its_metrics_and_its_pictures(dashboard, store):
    with Store.open(store) as opened:
        data = opened.read(opened.study("dram-controller-random-1"))
    _, found = dashboard.ask("/api/design?study=dram-controller-random-1&row=7")
    assert found["design"] == json.loads(json.dumps(data.designs[7]))
    assert len(found["figures"]) == len(found["places"]) >= 1
    assert data.designs[7]["scheduler"] in found["html"]
    key = ".".join(map(str, data.designs.index[7]))
    assert (
        dashboard.ask(f"/api/design?study=dram-controller-random-1&key={key}")[1]["design"] == found["design"]
    )
    for wrong in ("row=999", "key=1.2", "key=x", "key="):
        assert dashboard.ask(f"/api/design?study=dram-controller-random-1&{wrong}")[0] == 404
    status, refused = dashboard.ask("/api/design?study=dram-controller-random-9&row=0")
    assert (status, "did you mean" in refused["error"]) == (404, True)


def test_a_design_can_be_enqueued_and_wrong_ones_are_refused(dashboard, store):
    def ask(design, study="dram-controller-random-0", **headers):
        body = {"study": study, "design": design}
        return dashboard.ask("/api/enqueue", body, **{"origin": dashboard.origin, **headers})

    with Store.open(store) as opened:
        data = opened.read(opened.study("dram-controller-random-0"))
    design = dict(data.space.default())
    status, said = ask(design)
    assert status == 200
    assert "when the study goes on (cosearch resume --budget N" in said["said"]
    assert ask({**design, "scheduler": "fastest"})[0] == 400
    assert "did you mean 'scheduler'" in ask({**design, "schedular": "fcfs"})[1]["error"]
    assert ask(design, study="nobody")[0] == 400
    assert ask(design, origin="http://evil.example")[0] == 403
    assert dashboard.ask("/api/enqueue", {"study": "x", "design": {}})[0] == 403  # a form of another site
    assert dashboard.ask("/api/enqueue", b"{", origin=dashboard.origin)[0] == 400
    long = {"origin": dashboard.origin, "content_length": str(2 << 20)}
    assert dashboard.ask("/api/enqueue", b"{}", **long)[0] == 413
    assert dashboard.ask("/api/enqueue", b"a=1", origin=dashboard.origin, content_type="text/plain")[0] == 415
    assert "known already: evaluation 4 of" in ask(data.designs[3])[1]["said"]
    with Store.open(store) as opened:
        (wish,) = live.asked(opened, opened.study("dram-controller-random-0"))
    assert wish.design == json.loads(json.dumps(design))


def test_only_a_loopback_name_is_answered(dashboard):
    assert dashboard.ask("/api/studies", host="evil.example")[0] == 403  # a name that points here
    assert dashboard.ask("/api/studies", host="localhost:1")[0] == 200
    assert dashboard.ask("/static/../app.py")[0] == 404
    assert dashboard.ask("/static/app.py")[0] == 404
    assert dashboard.ask("/nothing")[0] == 404


def test_elsewhere_every_request_needs_the_token(store):
    with served(store, "--host", "0.0.0.0") as dashboard:
        token = urllib.parse.parse_qs(urllib.parse.urlsplit(dashboard.url).query)["token"][0]
        assert len(token) >= 20
        local = dashboard.url.replace(urllib.parse.urlsplit(dashboard.url).hostname, "127.0.0.1")
        dashboard.url = local
        assert dashboard.ask("/api/studies")[0] == 401
        assert dashboard.ask("/static/page.js")[0] == 401
        assert dashboard.ask("/?token=wrong")[0] == 403
        assert dashboard.ask("/api/studies", cookie=f"cosearch_token={token}")[0] == 200
        assert dashboard.ask("/api/studies", cookie="cosearch_token=")[0] == 401
    with served(store, env={"COSEARCH_DASHBOARD_TOKEN": "a long secret"}) as dashboard:
        assert dashboard.ask("/api/studies")[0] == 401
        assert dashboard.ask("/api/studies", cookie="cosearch_token=a long secret")[0] == 200


def test_a_store_that_goes_away_or_is_replaced_is_said_and_followed(tmp_path):
    path = tmp_path / "s.db"
    written(path, 20).close()
    with served(path, "--read-only") as dashboard:
        assert dashboard.ask("/api/studies")[1]["studies"][0]["evaluations"] == 20
        assert (
            dashboard.ask("/api/enqueue", {"study": "study", "design": {}}, origin=dashboard.origin)[0] == 403
        )
        path.unlink()
        for text, says in (("dear diary" * 100, "not a cosearch store"), (None, "there is no store")):
            if text:
                path.write_text(text)
            time.sleep(1.5)
            found = dashboard.ask("/api/studies")[1]
            assert says in found["error"]
            assert [study["name"] for study in found["studies"]] == ["study"]
            path.unlink(missing_ok=True)
        shutil.rmtree(tmp_path / "none", ignore_errors=True)
        written(path, 33, name="another").close()
        time.sleep(1.5)
        found = dashboard.ask("/api/studies")[1]
        assert [(s["name"], s["evaluations"]) for s in found["studies"]] == [("another", 33)]
        assert found["error"] == ""


@pytest.fixture
def refused(capsys):
    """What a command that must not begin to serve says; it runs in this process."""

    def invoke(*words):
        code = run([str(word) for word in ("dashboard", *words)])
        said = capsys.readouterr()
        assert code == 2, said
        assert said.out == ""
        assert said.err.count("\n") == 1
        return said.err

    return invoke


def test_what_cannot_be_served_is_one_line(store, tmp_path, refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in refused(store, "--port", port)
    newer, foreign = tmp_path / "newer.db", tmp_path / "foreign.db"
    Store.open(newer, create=True).close()
    with sqlite3.connect(newer) as database:
        database.execute("UPDATE cosearch_meta SET value = '99'")
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE albums (title TEXT)")
    free = ("--port", 0)
    assert "newer cosearch" in refused(newer, *free)
    assert "not a cosearch store" in refused(foreign, *free)
    assert "there is no store" in refused(tmp_path / "none.db", *free)
    assert "no address of this machine" in refused(store, *free, "--host", "no.such.host.invalid")
    assert "at least 8 characters" in refused(store, *free, "--token", "short")


def test_ctrl_c_is_the_usual_end(store):
    with served(store) as dashboard:
        dashboard.ask("/api/studies")
        dashboard.process.send_signal(signal.SIGINT)
        assert dashboard.process.wait(20) == 0


def test_without_the_extra_one_line_says_which(store, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "cosearch[dashboard]" in refused(store, "--port", 0)
