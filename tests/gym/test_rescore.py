"""A second judge for a front: kept, shown in the report, and a hole of the first one is flagged."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import pytest

from cosearch import Metric, Objective, Problem, Real, Study, make_problem
from cosearch.cli import run
from cosearch.fidelity import Fidelity
from cosearch.hookspecs import hookimpl
from cosearch.registry import registry
from cosearch.report import report_data, write_report
from cosearch.run.options import RunOptions
from cosearch.settings import Settings, setting
from cosearch.space import Categorical, DesignSpace
from cosearch.store import Store

SPACE = DesignSpace([Real("x", 0, 1), Categorical("kind", ("plain", "odd"))])


class BeliefSettings(Settings):
    engine: Literal["holed", "honest"] = setting("holed", "whose rules")


class Belief(Problem):
    """Time against size; the engine `holed` forgets the time of kind=odd, and so does its fidelity rough."""

    Settings = BeliefSettings
    name = "belief"
    space = SPACE
    metrics = (Metric("time_ns", "ns"), Metric("size", "1"))
    objectives = (Objective("time_ns", "min"), Objective("size", "min"))
    fidelities = (Fidelity("rough", 0.1), Fidelity("exact", 1.0))
    default_fidelity = "rough"

    def simulate(self, designs, *, fidelity, seed):
        """Odd designs take the longest, if anybody looks."""
        x, odd = designs["x"], designs["kind"] == "odd"
        looked = self.settings.engine == "honest" or fidelity == "exact"
        time = np.where(odd, 9.0 + x if looked else x - 5.0, 1.0 - x)
        return {"time_ns": time, "size": np.where(odd & ~np.bool_(looked), x - 5, x + odd)}


@pytest.fixture(scope="module", autouse=True)
def _registered():
    class Plugin:
        @staticmethod
        @hookimpl
        def cosearch_problems():
            return (Belief,)

    registry().register(Plugin, "belief-problems")


def _searched(path, **settings) -> str:
    store = str(path / "studies.db")
    study = Study.create(Belief(**settings), "random", RunOptions(budget=60), seed=0, store=store)
    with study.store:
        study.run()
    return store


def _json(capsys, *arguments):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "judge", [("--fidelity", "exact"), ("--engine", "honest"), ("--set", "engine=honest")]
)
def test_a_front_in_a_hole_of_the_simulator_is_flagged(tmp_path, capsys, judge):
    store = _searched(tmp_path)
    (found,) = _json(capsys, "rescore", store, *judge)
    assert found["stay"] == 0
    assert "only one judge believes in this front" in found["doubt"]
    (group,) = _json(capsys, "report", store)
    assert group["studies"][0]["second_judges"] == [found]
    assert run(["report", store]) == 0
    assert "DOUBTED" in capsys.readouterr().out


def test_a_real_front_holds_and_the_page_says_so(tmp_path, capsys):
    store = _searched(tmp_path, engine="honest")
    (found,) = _json(capsys, "rescore", store, "--fidelity", "exact")
    assert found["stay"] == found["designs"] > 3
    assert found["doubt"] == ""
    assert found["correlations"] == pytest.approx({"time_ns": 1.0, "size": 1.0})
    with Store.open(store) as opened:
        write_report(opened, tmp_path / "page.html")
        told = report_data([opened.read(opened.study())])[0]["studies"][0]["second_judges"]
    assert json.loads(json.dumps(told)) == [found]
    page = (tmp_path / "page.html").read_text()
    assert "Fronts under a second judge" in page
    assert "holds" in page


def test_the_same_judge_again_replaces_what_it_said_and_another_adds(tmp_path, capsys):
    store = _searched(tmp_path)
    for judge in (("--fidelity", "exact"), ("--fidelity", "exact", "--others", "3"), ("--engine", "honest")):
        _json(capsys, "rescore", store, *judge)
    with Store.open(store) as opened:
        kept = opened.read(opened.study()).rescores
    assert [one.judge for one in kept] == ["exact", "engine=honest"]
    assert kept[0].front.count(False) == 3


@pytest.mark.parametrize(
    ("judge", "says"),
    [
        ((), "name the second judge"),
        (("--fidelity", "rough"), "was judged by that itself"),
        (("--fidelity", "exat"), "did you mean 'exact'"),
        (("--engine", "honst"), "'honest'"),
    ],
)
def test_a_judge_that_is_none_is_one_clear_line(tmp_path, capsys, judge, says):
    store = _searched(tmp_path)
    assert run(["rescore", store, *judge]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


def test_of_all_studies_those_that_the_judge_does_not_know_are_left_out_with_a_line(tmp_path, capsys):
    store = _searched(tmp_path)
    study = Study.create(make_problem("two-spheres"), "random", RunOptions(budget=5), seed=0, store=store)
    with study.store:
        study.run()
    assert run(["rescore", store, "--fidelity", "exact"]) == 0
    said = capsys.readouterr()
    assert "belief-random-0" in said.out
    assert "left out: two-spheres-random-0" in said.err
    assert run(["rescore", store, study.record.name, "--fidelity", "exact"]) == 2
