from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosearch import Constraint, Metric, Objective, Outcomes
from cosearch.errors import ArgumentError, UnknownNameError
from cosearch.objectives import check_metrics, feasible, minimised, violations

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


def test_a_bare_metric_is_minimised():
    assert Objective.parse("latency_ns") == Objective("latency_ns", "min")


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
