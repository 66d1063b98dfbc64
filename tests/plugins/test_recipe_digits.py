"""The problem recipe-digits: networks and recipes that are trained for real."""

from __future__ import annotations

import pytest

from cosearch.errors import ArgumentError
from cosearch.testing import check_problem
from cosearch_plugins.networks.recipe_digits import RecipeDigits


def test_it_keeps_the_contract_of_a_problem():
    check_problem(RecipeDigits(most_steps=10), designs=2)


def test_more_steps_are_better_and_momentum_is_only_sgds():
    problem = RecipeDigits(most_steps=160)
    design = problem.space.default()
    assert "recipe.momentum" not in design
    short, long = (problem.evaluate([design], fidelity=name) for name in ("eighth", "full"))
    assert long["validation_top1"][0] > short["validation_top1"][0] + 10
    assert long["validation_top1"][0] > 85
    assert problem.features(problem.space.designs([design]))["macs"][0] == long["macs"][0]


def test_a_file_that_is_not_there_is_refused_at_once(tmp_path):
    with pytest.raises(ArgumentError, match=r"data: cannot read .*none\.npz"):
        RecipeDigits(data=str(tmp_path / "none.npz"))
