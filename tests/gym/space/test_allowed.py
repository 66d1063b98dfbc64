"""What is allowed is found out once for each batch, and rules that are looked up mean what they say."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosearch.space import Categorical, Designs, DesignSpace, Forbidden, Integer
from cosearch.space import rule_tables as module
from space_strategies import Case, any_designs, cases

asked: list[int] = []


def outgrows(columns: Any) -> Any:
    asked.append(len(columns["a"]))
    return columns["a"] > 3 * columns["b"]


SPACE = DesignSpace([Integer("a", 0, 2000, default=1), Integer("b", 1, 2000)], [Forbidden(outgrows, "grows")])


def test_a_batch_is_checked_once_and_passes_it_on() -> None:
    designs = any_designs(SPACE, 0, n=30)
    asked.clear()
    allowed = SPACE.allowed(designs)
    assert not allowed.all()
    assert asked == [30]
    parts = [designs[3:9], designs[[1, 2]], designs[allowed], Designs.concat([designs, designs[:2]])]
    assert [SPACE.allowed(part).tolist() for part in parts] == [
        allowed[3:9].tolist(),
        allowed[[1, 2]].tolist(),
        [True] * int(allowed.sum()),
        [*allowed, *allowed[:2]],
    ]
    assert SPACE.allowed(designs) is allowed
    assert asked == [30]
    drawn = SPACE.sample(5, 0)
    asked.clear()
    assert SPACE.allowed(drawn).all()
    assert asked == []
    with pytest.raises(ValueError, match="read-only"):
        allowed[0] = True


@given(cases(), st.integers(0, 999))
@settings(deadline=None, max_examples=60)
def test_rules_looked_up_agree_with_rules_computed(case: Case, seed: int) -> None:
    index = any_designs(case.space, seed).index
    for table in case.space.rules:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "MAX_TABLE", 0)
            patch.setattr(module, "EAGER_TABLE", -1)
            computed = module.RuleTable(table.rule, case.space.parameters, table.columns)
        for _ in range(3):
            assert (table.holds(index) == computed.holds(index)).all()
        assert computed._table is None


def test_a_function_that_knows_some_combinations_only_is_asked_about_those() -> None:
    known = {"ab", "aa"}

    def strict(columns: Any) -> Any:
        pairs = np.char.add(columns["x"].astype(str), columns["y"].astype(str))
        if not set(pairs.tolist()) <= known:
            raise LookupError(pairs)
        return pairs == "ab"

    parameters = [Categorical("x", ["a", "b"]), Categorical("y", ["a", "b"])]
    space = DesignSpace(parameters, [Forbidden(strict, "ab", reads=["x", "y"])])
    for _ in range(100):
        assert space.allowed([{"x": "a", "y": "a"}, {"x": "a", "y": "b"}]).tolist() == [True, False]
