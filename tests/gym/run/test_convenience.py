"""What people do with a study in Python: enqueue, warm start, stop, look at what was found."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import RunOptions, Study, Task
from cosearch.errors import ArgumentError, DesignError, ProblemError, UnknownNameError
from cosearch.objectives import minimised
from cosearch.pareto import pareto_mask
from small_problems import TwoSpheres
from timed_problems import Rough, Unhurried, Watcher

DESIGN = {"x": 3, "y": 4, "shape": "round"}


def test_enqueued_designs_come_first_and_the_agent_is_informed():
    watcher = Watcher(Task.of(TwoSpheres()))
    study = Study.create(TwoSpheres(), watcher, budget=20)
    study.enqueue([DESIGN, {**DESIGN, "x": 5}])
    study.enqueue(DESIGN)
    data = study.run()
    assert [data.designs[0], data.designs[1]] == [DESIGN, {**DESIGN, "x": 5}]
    assert len(data.designs) == 20
    assert [len(results) for results in watcher.informed] == [2, 1]
    assert (np.concatenate([results.number for results in watcher.informed]) < 0).all()


@pytest.mark.parametrize("agent", ["random", "nsga2", "uniform"])
def test_a_study_with_enqueued_designs_resumes_to_the_same_end(agent, tmp_path):
    def begun(store=None):
        study = Study.create(TwoSpheres(), agent, budget=90, seed=2, store=store)
        study.enqueue([DESIGN, {**DESIGN, "x": 5}])
        return study

    def stop(progress):
        if progress.evaluations >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        begun(tmp_path / "study.db").run(stop)
    whole, resumed = begun().run(), Study.resume(tmp_path / "study.db").run()
    assert resumed.designs == whole.designs
    assert resumed.told.tolist() == whole.told.tolist()


def test_an_enqueued_design_must_be_one():
    study = Study.create(TwoSpheres(), "random", budget=5)
    with pytest.raises(DesignError):
        study.enqueue({"x": 3})
    with pytest.raises(UnknownNameError, match="fidelity"):
        study.enqueue(DESIGN, fidelity="cycle")


def test_a_warm_start_costs_nothing_and_is_not_asked_again():
    first = Study.create(TwoSpheres(), "random", budget=50, seed=1)
    first.run()
    second = Study.create(TwoSpheres(), "random", budget=50, seed=1)
    assert second.warm_start(first) == 50
    data = second.run()
    assert len(data.designs) == len(set(data.designs.keys())) == 100
    assert data.record.evaluations == 50


def test_a_warm_start_reads_tables():
    found = TwoSpheres().evaluate([DESIGN, {**DESIGN, "x": 6}])
    table = {"x": [3, 6], "y": [4, 4], "shape": ["round"] * 2, **found.metrics}
    study = Study.create(TwoSpheres(), "random", budget=10)
    assert study.warm_start(table) == 2
    data = study.run()
    assert len(data.designs) == 12
    np.testing.assert_array_equal(data.outcomes["left"][:2], found["left"])
    with pytest.raises(ArgumentError, match="the table has no column 'sum'"):
        study.warm_start({name: column for name, column in table.items() if name != "sum"})
    with pytest.raises(ArgumentError, match="columns must have one length"):
        study.warm_start({**table, "x": [3]})
    with pytest.raises(ArgumentError, match="searched another design space"):
        study.warm_start(Study.create(Rough(), "random", budget=3).run())


def test_a_time_limit_stops_and_resume_goes_on(tmp_path):
    study = Study.create(Unhurried(), "watcher", budget=500, time_limit_s=0.5, store=tmp_path / "study.db")
    data = study.run()
    assert data.record.stopped_because == "the time limit of 0.5 s is reached"
    assert 0 < len(data.designs) < 500
    more = Study.resume(tmp_path / "study.db", time_limit_s=0.5).run()
    assert len(more.designs) > len(data.designs)
    assert more.designs[: len(data.designs)] == data.designs


def test_a_target_stops_at_the_first_design_that_meets_it():
    data = Study.create(TwoSpheres(), "uniform", budget=1000, seed=1, targets=["left<=100"]).run()
    assert data.record.stopped_because == "the target is reached: left<=100"
    assert data.outcomes["left"].min() <= 100
    assert (data.outcomes["left"][:-8] > 100).all()  # it asks eight at a time


def test_a_target_hypervolume_needs_reference_points():
    with pytest.raises(ArgumentError, match="target hypervolume needs a reference point"):
        Study.create(TwoSpheres(), "random", budget=5, targets=["hypervolume>=3"])
    problem = TwoSpheres(objectives=["left:min:reference=900", "right:min:reference=900"])
    data = Study.create(problem, "random", budget=1000, targets=["hypervolume>=300000"]).run()
    assert data.record.stopped_because == "the target hypervolume of 300000 is reached"
    assert len(data.designs) < 1000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"targets": ["wrong<=3"]}, "unknown metric of a target 'wrong'"),
        ({"targets": ["left"]}, "target 'left': expected METRIC<=NUMBER"),
        ({"targets": ["hypervolume<=3"]}, "expected hypervolume>=NUMBER"),
        ({"targets": "left<=3"}, "targets must be a list of texts"),
        ({"time_limit_s": 0}, "time_limit_s must be a number above 0, not 0"),
        ({"time_limit_s": "soon"}, "time_limit_s must be a number above 0"),
        ({"time_limit_s": float("inf")}, "time_limit_s must be a number above 0, not inf"),
        ({"evaluation_seed": -1}, "evaluation_seed must be at least 0"),
        ({"worker": 2}, "unknown option of a study 'worker'; did you mean 'workers'"),
        (
            {"backend": "slurm"},
            "unknown backend 'slurm'; valid: .*; others come with plugins: pip install one",
        ),
        ({"backend": "proceses"}, r"unknown backend 'proceses'; did you mean 'processes'\?$"),
        ({"backend": "inline", "workers": 2}, "backend inline cannot have several workers"),
    ],
)
def test_wrong_options_are_told_in_words(changes, words):
    with pytest.raises((ArgumentError, UnknownNameError), match=words):
        Study.create(TwoSpheres(), "random", **{"budget": 5, **changes}).run()


def test_a_study_needs_a_budget():
    with pytest.raises(ArgumentError, match="a study needs a budget"):
        Study.create(TwoSpheres(), "random")


def test_a_callback_can_stop_a_study():
    told = []

    def callback(study, results):
        told.append(len(results))
        if sum(told) >= 24:
            study.stop("enough")

    data = Study.create(TwoSpheres(), "uniform", budget=100).run(callbacks=[callback])
    assert data.record.stopped_because == "enough"
    assert sum(told) == len(data.told) == 24


def test_options_can_be_kept_and_changed():
    options = RunOptions(budget=12, batch_size=4)
    study = Study.create(TwoSpheres(), "uniform", options, seed=2, budget=20)
    assert study.options == RunOptions(budget=20, batch_size=4)
    assert RunOptions(**study.record.options) == study.options
    assert len(study.run().designs) == 20


def test_the_best_and_the_front_are_those_of_a_brute_force_look():
    study = Study.create(TwoSpheres(), "uniform", budget=200, seed=3)
    data = study.run()
    front = study.pareto_front()
    values = minimised(data.objectives, data.outcomes)
    expected = {tuple(v) for v in values[pareto_mask(values)]}
    assert {tuple(v) for v in minimised(data.objectives, front.outcomes)} == expected
    with pytest.raises(ArgumentError, match="has 2 objectives, so no design is the best"):
        _ = study.best
    alone = Study.create(TwoSpheres(objectives=["sum:max"]), "uniform", budget=50, seed=3)
    assert alone.best is None
    found = alone.run()
    assert alone.best.metrics["sum"] == found.outcomes["sum"][found.outcomes.ok].max()
    assert TwoSpheres().evaluate(alone.best.design)["sum"][0] == alone.best.metrics["sum"]


def test_a_data_frame_has_units():
    pytest.importorskip("pandas")
    study = Study.create(TwoSpheres(), "uniform", budget=30, seed=3)
    data = study.run()
    frame = study.to_dataframe()
    assert len(frame) == len(data.designs)
    assert frame.attrs["units"]["left"] == "m2"
    assert frame["x"].tolist() == data.designs["x"].tolist()
    np.testing.assert_array_equal(frame["right"], data.outcomes["right"])


def test_pictures_are_plotly_figures():
    import plotly.graph_objects as go

    study = Study.create(TwoSpheres(), "uniform", budget=60, seed=3)
    study.run()
    for figure in (study.plot_front(), study.plot_history(), study.plot_importance()):
        assert isinstance(figure, go.Figure)
        assert figure.data


class Careless(TwoSpheres):
    """Breaks the contract of `simulate` for designs that the test chooses."""

    name = "careless"
    spoilt = 20

    def simulate(self, designs, *, fidelity, seed):
        metrics = dict(super().simulate(designs, fidelity=fidelity, seed=seed))
        if (designs["x"] <= self.spoilt).any():
            return {name: column[:-1] for name, column in metrics.items()}
        return metrics


def test_a_problem_that_breaks_its_contract_on_every_first_design_stops_the_study():
    study = Study.create(Careless(), "uniform", budget=100)
    with pytest.raises(
        ProblemError, match="problem careless: breaks the contract of simulate: it returned 0 rows"
    ):
        study.run()
    assert len(study.data.designs) >= 8


def test_a_design_that_breaks_the_contract_costs_itself_alone():
    problem = Careless()
    problem.spoilt = -15
    data = Study.create(problem, "uniform", budget=100, seed=1).run()
    spoilt = data.designs["x"] <= -15
    assert 0 < spoilt.sum() < 100
    assert (data.outcomes.status[spoilt] == "failed").all()
    allowed = TwoSpheres.space.allowed(data.designs)
    assert data.outcomes.ok.tolist() == (allowed & ~spoilt).tolist()


def test_a_callback_that_enqueues_what_is_known_keeps_no_agent_waiting():
    study = Study.create(TwoSpheres(), "random", budget=100, time_limit_s=20)
    data = study.run(callbacks=[lambda study, results: study.enqueue(DESIGN)])
    assert data.record.stopped_because == "the budget is spent"
    assert data.record.evaluations == 100


def test_a_study_that_is_stopped_before_it_runs_does_not_run():
    study = Study.create(TwoSpheres(), "random", budget=100)
    study.stop("not today")
    data = study.run()
    assert data.record.stopped_because == "not today"
    assert len(data.designs) == 0


def test_a_problem_may_be_given_by_name_and_nothing_else():
    assert Study.create("two-spheres", "random", budget=3).problem.name == "two-spheres"
    with pytest.raises(ArgumentError, match="3 is no problem; expected a Problem or a name"):
        Study.create(3, "random", budget=3)
    with pytest.raises(ArgumentError, match="is no agent; expected a name, a class or an Agent"):
        Study.create(TwoSpheres(), int, budget=3)
    with pytest.raises(ArgumentError, match="store=3: expected a Store, a path or a URL"):
        Study.create(TwoSpheres(), "random", budget=3, store=3)


def test_a_warm_start_reads_stores_and_refuses_what_is_no_table(tmp_path):
    Study.create(TwoSpheres(), "random", budget=30, seed=1, store=tmp_path / "study.db").run()
    study = Study.create(TwoSpheres(), "random", budget=10, seed=1)
    assert study.warm_start(tmp_path / "study.db") == 30
    assert len(study.run().designs) == 40
    with pytest.raises(ArgumentError, match="3 is no study and no table of columns"):
        study.warm_start(3)
