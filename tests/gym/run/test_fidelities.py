"""Fidelities and evaluation seeds belong to the trial: cache, budget, store and agent know them."""

from __future__ import annotations

import numpy as np
import pytest

from cosearch import Fidelity, Proposals, Store, Study, Task
from cosearch.errors import AgentError, ArgumentError, UnknownNameError
from small_problems import TwoSpheres
from timed_problems import Noisy, Rough, Watcher


def test_the_budget_counts_relative_costs():
    data = Study.create(Rough(), "screener", budget=9, seed=1).run()
    rough = data.fidelity == "sketch"
    assert rough.sum() * 0.1 + (~rough).sum() == pytest.approx(9, abs=0.8)
    assert 4 <= (~rough).sum() <= 6  # a round is eight sketches and one whole design, 1.8 together
    assert data.record.stopped_because == "the budget is spent"


def test_the_same_design_at_another_fidelity_is_another_evaluation(tmp_path):
    data = Study.create(Rough(), "screener", budget=20, seed=1, store=tmp_path / "study.db").run()
    keys = list(zip(data.designs.keys(), data.fidelity.tolist(), strict=True))
    assert len(keys) == len(set(keys))
    whole = data.at_study_fidelity
    x, y = data.designs["x"].astype(float), data.designs["y"].astype(float)
    loss = (x - 40) ** 2 + y
    np.testing.assert_array_equal(data.outcomes["loss"][whole], loss[whole])
    np.testing.assert_array_equal(data.outcomes["loss"][~whole], np.round(loss, -1)[~whole])


def test_only_the_studys_own_fidelity_counts_as_found():
    study = Study.create(Rough(), "screener", budget=20, seed=1)
    data = study.run()
    at_best = data.outcomes["loss"][data.at_study_fidelity]
    assert study.best.metrics["loss"] == at_best.min()


def test_a_study_at_several_fidelities_resumes_to_the_same_end(tmp_path):
    whole = Study.create(Rough(), "screener", budget=20, seed=1).run()

    def stop(progress):
        if progress.proposals > 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Study.create(Rough(), "screener", budget=20, seed=1, store=tmp_path / "study.db").run(stop)
    data = Study.resume(tmp_path / "study.db").run()
    assert data.designs == whole.designs
    assert data.fidelity.tolist() == whole.fidelity.tolist()


def test_a_search_may_be_judged_at_the_rough_fidelity():
    data = Study.create(Rough(), "random", budget=30, fidelity="sketch").run()
    assert len(data.designs) == 30
    assert set(data.fidelity) == {"sketch"}
    assert Task.of(Rough(), "sketch").cost("whole") == pytest.approx(10)


def test_a_fidelity_that_the_problem_lacks_is_refused(tmp_path):
    with pytest.raises(
        UnknownNameError, match="unknown fidelity of problem rough 'wholl'; did you mean 'whole'"
    ):
        Study.create(Rough(), "random", budget=5, fidelity="wholl", store=tmp_path / "study.db")
    assert not list(tmp_path.iterdir())

    class Wrong(Watcher):
        """Proposes a fidelity that there is not."""

        name = "wrong"

        def ask(self, n):
            return Proposals(self.space.sample(n, self.rng), "cycle")

    with pytest.raises(UnknownNameError, match="fidelity of problem rough 'cycle'"):
        Study.create(Rough(), Wrong, budget=5).run()


def test_seeds_make_evaluations_of_their_own(tmp_path):
    data = Study.create(Noisy(), "repeater", budget=12, store=tmp_path / "study.db").run()
    assert data.seed.tolist() == list(range(12))
    assert len(set(data.outcomes["loss"].tolist())) == 12
    assert data.outcomes.standard_error["loss"].tolist() == [1.0] * 12
    expected = Noisy().evaluate([{"x": 7}], seed=5)["loss"][0]
    assert data.outcomes["loss"][5] == expected
    more = Study.resume(tmp_path / "study.db", budget=15).run()
    assert more.seed.tolist() == list(range(15))


def test_the_evaluation_seed_is_the_studys_choice():
    first = Study.create(Noisy(), "random", budget=10, evaluation_seed=1).run()
    second = Study.create(Noisy(), "random", budget=10, evaluation_seed=2).run()
    assert first.designs == second.designs
    assert (first.outcomes["loss"] != second.outcomes["loss"]).all()


def test_a_problem_that_draws_nothing_takes_no_seed():
    with pytest.raises(ArgumentError, match="draws no random numbers"):
        Study.create(TwoSpheres(), "random", budget=5, evaluation_seed=1)

    class Seeding(Watcher):
        """Proposes seeds."""

        name = "seeding"

        def ask(self, n):
            return Proposals(self.space.sample(n, self.rng), seed=4)

    with pytest.raises(AgentError, match="evaluation seed 4 means nothing to problem two-spheres"):
        Study.create(TwoSpheres(), Seeding, budget=5).run()


def test_fidelities_are_declared_well():
    with pytest.raises(ArgumentError, match="cost must be finite and above 0"):
        Fidelity("cycle", 0.0)

    class Doubled(Rough):
        """One name twice."""

        fidelities = ("cycle", "cycle")

    with pytest.raises(ArgumentError, match="differ by name"):
        Doubled()


def test_the_store_names_the_fidelities(tmp_path):
    Study.create(Rough(), "random", budget=3, store=tmp_path / "study.db").run()
    with Store.open(tmp_path / "study.db") as store:
        record = store.study()
    assert [(f["name"], f["cost"]) for f in record.fidelities] == [("sketch", 0.1), ("whole", 1.0)]
    assert record.fidelity == "whole"
