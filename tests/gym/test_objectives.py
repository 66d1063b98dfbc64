from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch import Constraint, DesignSpace, Integer, Metric, Objective, Outcomes, Problem
from cosearch.errors import ArgumentError, UnknownNameError
from cosearch.objectives import check_constraints, check_metrics, feasible, minimised, violations

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)


@given(names, st.sampled_from(["min", "max"]), st.none() | finite, st.none() | finite)
def test_an_objective_is_read_back_from_its_text(metric, direction, target, reference):
    objective = Objective(metric, direction, target, reference)
    assert Objective.parse(str(objective)) == objective


@given(names, st.sampled_from(["<=", ">="]), finite)
def test_a_constraint_is_read_back_from_its_text(metric, operator, bound):
    constraint = Constraint(metric, operator, bound)
    assert Constraint.parse(str(constraint)) == constraint


def test_a_metric_without_a_direction_is_refused_unless_that_is_known():
    with pytest.raises(ArgumentError, match="Say bandwidth:min or bandwidth:max"):
        Objective.parse("bandwidth")
    with pytest.raises(ArgumentError, match="Say bandwidth:min"):
        Objective.parse("bandwidth:target=5")
    known = {"bandwidth": "max"}
    assert Objective.parse("bandwidth:target=5", known) == Objective("bandwidth", "max", target=5)
    assert Objective.parse("bandwidth:min", known) == Objective("bandwidth", "min")


def test_a_metric_may_say_which_way_is_better():
    class Link(Problem):
        """One parameter."""

        name = "link"
        space = DesignSpace([Integer("lanes", 1, 4)])
        metrics = (Metric("bandwidth", "GB/s", direction="max"), Metric("wires", "1"))
        objectives = (Objective("wires", "min"),)

        def simulate(self, designs, *, fidelity, seed):
            return {"bandwidth": 8.0 * designs["lanes"], "wires": designs["lanes"]}

    link = Link(objectives=["bandwidth", "wires"])
    assert [str(o) for o in link.objectives] == ["bandwidth:max", "wires:min"]
    with pytest.raises(ArgumentError, match="must be min or max"):
        Metric("bandwidth", "GB/s", direction="up")


def test_constraints_that_exclude_each_other_are_refused():
    check_constraints([Constraint("x", "<=", 5), Constraint("x", ">=", 5), Constraint("y", ">=", 9)])
    with pytest.raises(ArgumentError, match="no design can meet both x<=5 and x>=9"):
        check_constraints([Constraint("x", ">=", 9), Constraint("x", "<=", 5)])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("latency_ns:down", "must be min or max, not 'down'"),
        ("latency_ns:min:goal=3", "expected target=X or reference=X, found 'goal=3'"),
        ("latency_ns:min:target=soon", "target must be a number, not 'soon'"),
        ("latency_ns:min:target=nan", "must be a finite number"),
    ],
)
def test_a_wrong_objective_says_what_is_wrong(text, says):
    with pytest.raises(ArgumentError, match=says):
        Objective.parse(text)


@pytest.mark.parametrize("text", ["area", "area<2", "area==2", "<=2", "area<=", "area<=wide", "area<=inf"])
def test_a_wrong_constraint_is_refused(text):
    with pytest.raises(ArgumentError, match="constraint"):
        Constraint.parse(text)


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown metric 'latency'; did you mean 'latency_ns'"):
        check_metrics([Objective("latency")], [Metric("latency_ns", "ns"), Metric("energy_pj", "pJ")])


def test_a_maximised_metric_is_negated_and_a_failed_design_has_no_value():
    outcomes = Outcomes.of({"a": [1.0, 2.0, np.inf], "b": [3.0, 4.0, 5.0]})
    values = minimised([Objective("a", "min"), Objective("b", "max")], outcomes)
    np.testing.assert_array_equal(values, [[1, -3], [2, -4], [np.nan, np.nan]])


def test_violations_are_shares_of_the_bound():
    outcomes = Outcomes.of({"a": [1.0, 3.0, np.nan], "b": [5.0, 5.0, 5.0]})
    constraints = [Constraint("a", "<=", 2.0), Constraint("b", ">=", 10.0)]
    np.testing.assert_array_equal(
        violations(constraints, outcomes), [[0.0, 0.5], [0.5, 0.5], [np.inf, np.inf]]
    )
    np.testing.assert_array_equal(feasible(constraints[:1], outcomes), [True, False, False])
    np.testing.assert_array_equal(feasible([], outcomes), [True, True, False])
