from __future__ import annotations

import asyncio
import pickle

import numpy as np
import pytest

from cosearch import Constraint, DesignSpace, Integer, Metric, Objective, Outcomes, Problem, make_problem
from cosearch.errors import ArgumentError, DesignError, ProblemError, UnknownNameError
from cosearch.outcomes import CONTRACT
from cosearch.settings import Settings
from small_problems import Trouble, TwoSpheres


def test_a_batch_keeps_its_order_and_equals_its_rows():
    problem = TwoSpheres()
    designs = problem.space.sample(200, 1)
    batch = problem.evaluate(designs)
    for i in range(len(designs)):
        alone = problem.evaluate(designs[i : i + 1])
        assert alone.row(0) == batch.row(i)


@pytest.mark.parametrize(
    "form",
    [
        [{"x": 5, "y": 0, "shape": "round"}],
        {"x": 5, "y": 0, "shape": "round"},
        {"x": [5], "y": [0], "shape": ["round"]},
    ],
    ids=["list of dicts", "dict", "dict of columns"],
)
def test_a_batch_is_taken_in_every_form_that_its_space_takes(form):
    problem = TwoSpheres()
    assert problem.evaluate(form).row(0) == {"left": 100.0, "right": 0.0, "sum": 5.0}


def test_what_is_no_batch_is_one_clear_line():
    with pytest.raises(DesignError, match="expected a dict, a list of dicts or a dict of columns"):
        TwoSpheres().evaluate("round")
    with pytest.raises(DesignError, match="unknown parameter 'shap'; did you mean 'shape'"):
        TwoSpheres().evaluate([{"x": 5, "y": 0, "shap": "round"}])


def test_a_problem_with_a_held_parameter_gives_the_same_numbers():
    class Positions(Problem):
        name = "positions"
        space = DesignSpace([Integer("x", 5, 9), Integer("y", 0, 9, when={"x": [5, 6]})])
        metrics = (Metric("at", "1"), Metric("y", "1"))
        objectives = (Objective("at"),)

        def simulate(self, designs, *, fidelity, seed):
            assert designs.space == self.space
            return {"at": designs.index[:, 0], "y": designs["y"]}  # where y is inactive, its default

    whole = Positions()
    for values in ({"x": 6}, {"x": 9}, {"y": 7}):
        held = whole.hold(values)
        designs = held.space.enumerate()
        assert len(designs) < whole.space.cardinality()
        assert held.evaluate(designs)["at"].tolist() == [design["x"] - 5 for design in designs]
        assert held.evaluate(designs)["y"].tolist() == whole.evaluate(list(designs))["y"].tolist()
    assert whole.hold({"x": 6}).hold({"y": 7}).space.enumerate().to_dicts() == [{"x": 6, "y": 7}]
    assert whole.space is Positions.space


def test_a_problem_with_a_held_parameter_goes_to_a_worker():
    held = TwoSpheres().hold({"x": 3})
    copy = pickle.loads(pickle.dumps(held))
    designs = held.space.sample(20, 0)
    assert copy.evaluate(designs)["left"].tolist() == held.evaluate(designs)["left"].tolist()


def test_a_forbidden_design_is_infeasible_and_spoils_no_other():
    problem = TwoSpheres()
    fine = {"x": 5, "y": 0, "shape": "round"}
    outcomes = problem.evaluate(problem.space.designs([fine, {**fine, "x": 20, "y": 20}, fine]))
    assert outcomes.status.tolist() == ["ok", "infeasible", "ok"]
    assert "x + y > 35" in outcomes.reason[1]
    np.testing.assert_array_equal(outcomes["left"], [100.0, np.nan, 100.0])


def test_one_bad_design_never_spoils_its_batch():
    problem = Trouble()
    rows = [{"kind": kind, "x": i} for i, kind in enumerate(["fine", "raise", "nan", "reject", "fine"])]
    outcomes = problem.evaluate(problem.space.designs(rows))
    assert outcomes.status.tolist() == ["ok", "failed", "failed", "infeasible", "ok"]
    assert outcomes.reason[1] == "RuntimeError: the pipe burst"
    assert outcomes.reason[2] == "metric value is nan"
    assert outcomes.reason[3] == "no such pipe"
    np.testing.assert_array_equal(outcomes["value"], [0.0, np.nan, np.nan, np.nan, 4.0])


def test_an_unknown_fidelity_names_those_that_there_are():
    with pytest.raises(UnknownNameError, match="unknown fidelity .* 'analytic'; did you mean 'analytical'"):
        TwoSpheres().evaluate(TwoSpheres.space.sample(1, 0), fidelity="analytic")


@pytest.mark.parametrize("returned", [{"a": [1.0]}, {"loss": [1.0, 2.0]}, {"loss": [1.0], "more": [1.0]}])
def test_a_simulator_that_returns_other_metrics_breaks_the_contract(returned):
    class Broken(Problem):
        name = "broken"
        space = DesignSpace([Integer("x", 0, 9)])
        metrics = (Metric("loss", "1"),)
        objectives = (Objective("loss"),)

        def simulate(self, designs, *, fidelity, seed):
            return returned

    outcomes = Broken().evaluate(Broken.space.sample(1, 0))
    assert outcomes.status.tolist() == ["failed"]
    assert outcomes.reason[0].startswith(f"{CONTRACT}it returned ")


def test_objectives_and_constraints_can_be_set_and_are_checked():
    problem = make_problem("two-spheres", objectives=["sum:max"], constraints=["left<=50"])
    assert problem.objectives == (Objective("sum", "max"),)
    assert problem.constraints == (Constraint("left", "<=", 50.0),)
    with pytest.raises(UnknownNameError, match="unknown metric 'lef'; did you mean 'left'"):
        make_problem("two-spheres", constraints=["lef<=50"])
    with pytest.raises(ArgumentError, match="only once"):
        make_problem("two-spheres", objectives=["sum:max", "sum:min"])
    with pytest.raises(ArgumentError, match="at least one objective"):
        make_problem("two-spheres", objectives=[])


def test_a_problem_remembers_its_arguments_and_survives_pickling():
    class SizedSettings(Settings):
        size: int = 3
        label: str = ""

    class Sized(TwoSpheres):
        name = "sized"
        Settings = SizedSettings

    problem = Sized(label="a", size=7, objectives=["sum:max"])
    assert problem.arguments == {"size": 7, "label": "a"}
    assert Sized(**problem.arguments).settings == Sized(problem.settings).settings == problem.settings
    again = pickle.loads(pickle.dumps(TwoSpheres(constraints=["sum<=3"])))
    assert again.constraints == (Constraint("sum", "<=", 3.0),)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown problem 'two-sphere'; did you mean 'two-spheres'"):
        make_problem("two-sphere")
    with pytest.raises(UnknownNameError, match="unknown argument of problem two-spheres 'workload'"):
        make_problem("two-spheres", workload="a")


def test_the_environment_id_is_the_name_in_camel_case():
    assert TwoSpheres.env_id() == "cosearch/TwoSpheres-v0"
    assert TwoSpheres.env_id(multi_objective=True) == "cosearch/mo-TwoSpheres-v0"


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ProblemError, match="columns of one length"):
        Outcomes.of({"a": [1.0], "b": [1.0, 2.0]})
    with pytest.raises(ProblemError, match="not a column of numbers"):
        Outcomes.of({"a": ["fast"]})


def test_outcomes_that_an_author_built_by_hand_are_put_right():
    class ByHand(TwoSpheres):
        name = "by-hand"

        def simulate(self, designs, *, fidelity, seed):
            left = np.array([1, 2, 3])
            return Outcomes(
                {"left": left, "right": np.array([1.0, np.nan, 3.0]), "sum": np.zeros(3)},
                np.array(["ok", "ok", "infeasible"]),
                np.array(["", "", "too\x00big"]),
            )

    outcomes = ByHand().evaluate(TwoSpheres.space.sample(3, 0))
    assert outcomes.status.tolist() == ["ok", "failed", "infeasible"]
    assert outcomes.reason.tolist() == ["", "metric right is nan", "too big"]
    assert outcomes["left"].dtype == np.float64
    np.testing.assert_array_equal(outcomes["left"], [1.0, np.nan, np.nan])


def test_a_simulator_that_returns_nothing_is_told_so():
    class Forgetful(TwoSpheres):
        name = "forgetful"

        def simulate(self, designs, *, fidelity, seed):
            {"left": designs["x"]}

    reason = Forgetful().evaluate(TwoSpheres.space.sample(1, 0)).reason[0]
    assert reason == f"{CONTRACT}it returned nothing; return the metrics"


@pytest.mark.parametrize("error", [BaseException("no licence"), GeneratorExit(), asyncio.CancelledError()])
def test_whatever_a_simulator_raises_fails_its_design_only(error):
    class Raises(TwoSpheres):
        name = ""

        def simulate(self, designs, *, fidelity, seed):
            if (designs["x"] == 3).any():
                raise error
            return super().simulate(designs, fidelity=fidelity, seed=seed)

    found = Raises().evaluate({"x": [1, 3, 5], "y": [0, 0, 0], "shape": ["round"] * 3})
    assert found.status.tolist() == ["ok", "failed", "ok"]
    assert found.reason[1].startswith(type(error).__name__)


def test_ctrl_c_is_no_failed_design():
    class Interrupted(TwoSpheres):
        name = ""

        def simulate(self, designs, *, fidelity, seed):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted().evaluate({"x": 1, "y": 0, "shape": "round"})


def test_a_masked_number_is_none():
    found = Outcomes.of({"m": np.ma.masked_array([1, 2, 3], mask=[False, True, False])})
    assert found.status.tolist() == ["ok", "failed", "ok"]
    assert found["m"][[0, 2]].tolist() == [1.0, 3.0]
